"""A long computation at the end, when nobody else has anything to do."""

import asyncio
import time


async def fetch() -> int:
    await asyncio.sleep(0.02)
    return 1


async def main() -> None:
    numbers = await asyncio.gather(*(fetch() for _ in range(5)))
    begin = time.thread_time()
    while time.thread_time() - begin < 0.15:
        sum(numbers)
