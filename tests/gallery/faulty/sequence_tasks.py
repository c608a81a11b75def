"""Each task is awaited as soon as it is made: they run one after another all the same."""

import asyncio

EXPECTED = "awaits in sequence"


async def brew(what: str) -> str:
    await asyncio.sleep(0.05)
    return what


async def main() -> None:
    for what in ("tea", "coffee", "cocoa", "soup"):
        await asyncio.create_task(brew(what), name=what)  # <- fault
