"""A clock ticks while a download is on; then a countdown on its own, whose steps must follow each other."""

import asyncio


async def tick(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0.01)


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(tick(12), name="clock")
        group.create_task(asyncio.sleep(0.1), name="download")
    await tick(10)
