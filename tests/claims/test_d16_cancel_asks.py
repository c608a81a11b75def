"""`cancel()` asks: the task learns of it at its next suspension, and who swallows it breaks timeouts."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

import asyncviz as viz


async def ask() -> list[str]:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            seen.append("learned")

    task = asyncio.create_task(work())
    await asyncio.sleep(1)
    task.cancel()
    seen.append("done" if task.done() else "not done yet")
    with suppress(asyncio.CancelledError):
        await task
    seen.append("done" if task.cancelled() else "?")
    return seen


async def polite() -> None:
    await asyncio.sleep(60)


async def deaf() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    await asyncio.sleep(60)


async def with_timeout(kind: str) -> None:
    async with asyncio.timeout(1):
        await (polite() if kind == "polite" else deaf())


def test_cancel_is_a_request() -> None:
    assert viz.simulate(ask())[0] == ["not done yet", "learned", "done"]


def test_who_swallows_it_breaks_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        viz.simulate(with_timeout("polite"))
    _, trace = viz.simulate(with_timeout("deaf"))  # no TimeoutError at all
    assert trace.makespan == 61
