"""Waits for an event; and yields a few times on purpose, which is no polling."""

import asyncio


async def work(done: asyncio.Event) -> None:
    for _ in range(100):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    done.set()


async def main() -> None:
    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(work(done))
        await done.wait()
