"""A task group for each item: the group waits for its only task before the next one begins."""

import asyncio

EXPECTED = "awaits in sequence"


async def resize(name: str) -> None:
    await asyncio.sleep(0.05)


async def main() -> None:
    for name in ("a.png", "b.png", "c.png", "d.png"):
        async with asyncio.TaskGroup() as group:  # <- fault
            group.create_task(resize(name))
