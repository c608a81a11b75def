"""Forty slow calls share the default pool, which has a thread for each core and four more, 32 at most."""

import asyncio
import time

EXPECTED = "pool exhausted"


def scan(number: int) -> int:
    time.sleep(0.06)
    return number


async def main() -> None:
    await asyncio.gather(*(asyncio.to_thread(scan, number) for number in range(40)))  # <- fault
