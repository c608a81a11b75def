"""Eight equal calls and a pool of two threads, on purpose: the pool is the limit."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor


def convert(number: int) -> int:
    time.sleep(0.03)
    return number


async def main() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(2, "converter") as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, convert, n) for n in range(8)))
