"""A computation gives way every few milliseconds."""

import asyncio
import time


async def compute() -> None:
    for _ in range(20):
        begin = time.thread_time()
        while time.thread_time() - begin < 0.003:
            sum(range(500))
        await asyncio.sleep(0)


async def heartbeat() -> None:
    for _ in range(10):
        await asyncio.sleep(0.01)


async def main() -> None:
    await asyncio.gather(heartbeat(), compute())
