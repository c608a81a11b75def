"""A commit is shielded from the cancellation of its request, and waited for."""

import asyncio
import contextlib


async def commit() -> None:
    await asyncio.sleep(0.06)


async def request(saving: "asyncio.Task[None]") -> None:
    await asyncio.shield(saving)


async def main() -> None:
    saving = asyncio.create_task(commit())
    task = asyncio.create_task(request(saving))
    await asyncio.sleep(0.02)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await saving
