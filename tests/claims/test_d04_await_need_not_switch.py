"""`await` hands control to the loop only if something below suspends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest


async def plain() -> int:
    return 1


async def finished_task() -> None:
    task = asyncio.create_task(plain())
    await asyncio.sleep(0)
    others.clear()
    await task


async def free_lock() -> None:
    async with asyncio.Lock():
        pass


async def queue_with_room() -> None:
    await asyncio.Queue[int]().put(1)


async def sleep_0() -> None:
    await asyncio.sleep(0)


others: list[str] = []


async def main(wait: Callable[[], Awaitable[object]]) -> list[str]:
    async def other() -> None:
        while True:
            others.append("ran")
            await asyncio.sleep(0)

    others.clear()
    task = asyncio.create_task(other())
    await wait()
    seen = list(others)
    task.cancel()
    return seen


@pytest.mark.parametrize("wait", [plain, finished_task, free_lock, queue_with_room])
def test_nobody_else_runs_meanwhile(wait: Callable[[], Awaitable[object]]) -> None:
    assert asyncio.run(main(wait)) == []


def test_but_sleep_0_suspends() -> None:
    assert asyncio.run(main(sleep_0)) == ["ran"]
