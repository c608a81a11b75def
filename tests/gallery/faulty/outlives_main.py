"""Fire and forget: main() ends first, and asyncio.run() cuts the upload off."""

import asyncio

EXPECTED = "outlived its parent"


async def upload(name: str) -> None:
    await asyncio.sleep(0.2)


async def main() -> None:
    tasks = [asyncio.create_task(upload("photo"))]  # <- fault
    await asyncio.sleep(0.02)
    assert not tasks[0].done()
