"""A conversation whose parts are awaited one after another, in each of three tasks that run at the same time."""

import asyncio


async def say(text: str) -> None:
    await asyncio.sleep(0.03)


async def talk() -> None:
    await say("hello")
    await say("how are you?")
    await say("goodbye")


async def main() -> None:
    await asyncio.gather(talk(), talk(), talk())
