"""One of a group fails: the group cancels the others and its own body, and the error is handled."""

import asyncio


async def fetch(seconds: float) -> None:
    await asyncio.sleep(seconds)
    if seconds < 0.03:
        raise ConnectionError


async def main() -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for seconds in (0.02, 5, 5):
                group.create_task(fetch(seconds))
            await asyncio.sleep(5)
    except* ConnectionError:
        pass
    for _ in range(3):
        await asyncio.sleep(0.02)
