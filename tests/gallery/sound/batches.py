"""Requests in batches of five: one batch after another, on purpose."""

import asyncio


async def request(number: int) -> int:
    await asyncio.sleep(0.03)
    return number


async def main() -> None:
    for start in range(0, 20, 5):
        await asyncio.gather(*(request(n) for n in range(start, start + 5)))
