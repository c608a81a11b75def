"""A cancelled worker cleans up, which takes a while, and raises the cancellation again."""

import asyncio
import contextlib


async def worker() -> None:
    try:
        await asyncio.sleep(5)
    finally:
        await asyncio.sleep(0.03)


async def stubborn() -> None:
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        await asyncio.sleep(0.01)
        raise


async def main() -> None:
    tasks = [asyncio.create_task(worker()), asyncio.create_task(stubborn())]
    await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
