"""Timeouts cancel, and take the request back: the program goes on rightly."""

import asyncio


async def answer() -> None:
    await asyncio.sleep(5)


async def main() -> None:
    for _ in range(2):
        try:
            async with asyncio.timeout(0.03):
                await answer()
        except TimeoutError:
            await asyncio.sleep(0.01)
    try:
        await asyncio.wait_for(answer(), 0.03)
    except TimeoutError:
        await asyncio.sleep(0.01)
