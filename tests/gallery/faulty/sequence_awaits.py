"""Three reports, one after another: each call is awaited before the next one is made."""

import asyncio

EXPECTED = "awaits in sequence"


async def report(country: str) -> str:
    await asyncio.sleep(0.04)
    text = await asyncio.to_thread(str.upper, country)
    await asyncio.sleep(0.01)
    return text


async def collect() -> list[str]:
    norway = await report("norway")  # <- fault
    peru = await report("peru")
    japan = await report("japan")
    return [norway, peru, japan]


async def main() -> None:
    assert len(await collect()) == 3
