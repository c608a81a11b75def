"""A home-made sleep that yields in a loop spins a core; `asyncio.sleep` sets a timer and costs nothing."""

from __future__ import annotations

import asyncio
import time


async def home_made(seconds: float) -> int:
    loop, turns = asyncio.get_running_loop(), 0
    end = loop.time() + seconds
    while loop.time() < end:
        turns += 1
        await asyncio.sleep(0)
    return turns


async def main() -> tuple[int, float, float]:
    start = time.thread_time()
    turns = await home_made(0.2)
    between = time.thread_time()
    await asyncio.sleep(0.2)
    return turns, between - start, time.thread_time() - between


def test_it_turns_the_loop_all_the_time() -> None:
    turns, spinning, sleeping = asyncio.run(main())
    assert turns > 100
    assert spinning > 2 * sleeping
