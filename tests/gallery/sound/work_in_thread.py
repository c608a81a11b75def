"""Blocking work goes into a thread; the heartbeat goes on beside it."""

import asyncio
import time


async def heartbeat() -> None:
    for _ in range(10):
        await asyncio.sleep(0.01)


async def main() -> None:
    await asyncio.gather(heartbeat(), asyncio.to_thread(time.sleep, 0.1))
