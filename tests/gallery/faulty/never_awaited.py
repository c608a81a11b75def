"""The call of a coroutine function without `await`: it looks as if it saved, and does not."""

import asyncio

EXPECTED = "never awaited"


async def save(record: str) -> None:
    await asyncio.sleep(0.01)


async def main() -> None:
    for record in ("first", "second"):
        await asyncio.sleep(0.01)
        save(record)  # type: ignore[unused-coroutine]  # <- fault
