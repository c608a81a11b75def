"""Regular files have no readiness: aiofiles and aiosqlite use threads, and so does the look-up of names."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import aiofiles
import aiosqlite

import asyncviz as viz


async def read(path: Path) -> str:
    async with aiofiles.open(path) as file:
        return await file.read()


async def look_up() -> None:
    await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)


async def query() -> list[int]:
    seen: list[int] = []
    async with aiosqlite.connect(":memory:") as base:
        await base.create_function("note", 0, lambda: seen.append(threading.get_ident()))
        await base.execute("select note()")
    return seen


def test_aiofiles_reads_in_threads(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("hello")
    with viz.record() as trace:
        assert asyncio.run(read(path)) == "hello"
    assert len(trace.work) >= 2  # open, read …
    assert all(work.worker != threading.current_thread().name for work in trace.work)


def test_names_are_looked_up_in_a_thread() -> None:
    with viz.record() as trace:
        asyncio.run(look_up())
    assert len(trace.work) == 1


def test_aiosqlite_runs_queries_in_a_thread() -> None:
    (where,) = asyncio.run(query())
    assert where != threading.get_ident()
    assert sqlite3.threadsafety  # one thread at a time is all it needs
