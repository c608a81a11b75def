"""A worker catches CancelledError with everything else, and works on."""

import asyncio

EXPECTED = "cancellation swallowed"


async def worker() -> None:
    for _ in range(6):
        try:
            await asyncio.sleep(0.04)  # <- fault
        except BaseException:
            continue


async def main() -> None:
    task = asyncio.create_task(worker(), name="worker")
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])
