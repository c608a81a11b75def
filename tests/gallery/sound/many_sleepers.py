"""Five hundred timers: they cost nobody anything."""

import asyncio


async def remind(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def main() -> None:
    await asyncio.gather(*(remind(0.05 + n / 10_000) for n in range(500)))
