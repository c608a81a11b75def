"""Blocking look-ups in threads, but each thread is awaited before the next one begins."""

import asyncio
import time

EXPECTED = "awaits in sequence"


def look_up(name: str) -> str:
    time.sleep(0.04)
    return name.upper()


async def main() -> None:
    for name in ("ada", "grace", "linus", "guido"):
        await asyncio.to_thread(look_up, name)  # <- fault
