"""A quick look-up queues behind a slow export, because both use the same small pool."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

EXPECTED = "pool exhausted"


def export() -> None:
    time.sleep(0.25)


def look_up() -> None:
    time.sleep(0.005)


async def customer(pool: ThreadPoolExecutor) -> None:
    await asyncio.sleep(0.02)
    await asyncio.get_running_loop().run_in_executor(pool, look_up)  # <- fault


async def main() -> None:
    with ThreadPoolExecutor(1, "office") as pool:
        await asyncio.gather(asyncio.get_running_loop().run_in_executor(pool, export), customer(pool))
