"""A report is computed in the loop; the clock beside it stops for as long."""

import asyncio
import time

EXPECTED = "computing"


async def clock() -> None:
    for _ in range(10):
        await asyncio.sleep(0.02)


async def report() -> int:
    await asyncio.sleep(0.01)
    end = time.thread_time() + 0.15
    return sum(1 for _ in iter(lambda: time.thread_time() < end, False))  # <- fault


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(clock(), name="clock")
        group.create_task(report(), name="report")
