"""A task starts a service and hands it over; whoever got it stops it."""

import asyncio
import contextlib


async def service() -> None:
    while True:
        await asyncio.sleep(0.02)


async def start() -> "asyncio.Task[None]":
    await asyncio.sleep(0.01)
    return asyncio.create_task(service())


async def main() -> None:
    running = await asyncio.create_task(start())
    await asyncio.sleep(0.1)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
