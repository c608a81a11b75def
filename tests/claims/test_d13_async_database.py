"""A blocking database driver blocks, whatever `await` stands around it: it takes an async driver or a thread."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import asyncviz as viz


def query() -> None:
    base = sqlite3.connect(":memory:")
    base.create_function("slow", 0, lambda: time.sleep(0.5))
    base.execute("select slow()")
    base.close()


async def blocking() -> None:
    query()


async def in_a_thread() -> None:
    await asyncio.to_thread(query)


async def main(threaded: bool) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(in_a_thread() if threaded else blocking())


def test_the_loop_is_held_unless_a_thread_does_it() -> None:
    assert viz.simulate(main(False))[1].longest_block == 0.5
    assert viz.simulate(main(True))[1].longest_block == 0
