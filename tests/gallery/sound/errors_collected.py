"""Every task's error is asked for."""

import asyncio


async def fetch(number: int) -> int:
    await asyncio.sleep(0.02)
    if number % 2:
        raise ConnectionError(number)
    return number


async def main() -> None:
    results = await asyncio.gather(*(fetch(n) for n in range(4)), return_exceptions=True)
    assert sum(isinstance(r, ConnectionError) for r in results) == 2
    task = asyncio.create_task(fetch(1))
    await asyncio.wait([task])
    assert task.exception() is not None
