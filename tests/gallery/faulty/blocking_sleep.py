"""A clerk waits with time.sleep: while it does, the heartbeat stands still."""

import asyncio
import time

EXPECTED = "blocking call"


async def heartbeat() -> None:
    for _ in range(10):
        await asyncio.sleep(0.02)


async def clerk() -> None:
    await asyncio.sleep(0.01)
    time.sleep(0.2)  # noqa: ASYNC251  # <- fault


async def main() -> None:
    await asyncio.gather(heartbeat(), clerk())
