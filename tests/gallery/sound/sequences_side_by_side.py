"""Each of three workers does its jobs one after another, but the three work at the same time."""

import asyncio


async def job() -> None:
    await asyncio.sleep(0.03)


async def worker() -> None:
    for _ in range(4):
        await asyncio.create_task(job())


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        for name in ("ada", "grace", "linus"):
            group.create_task(worker(), name=name)
