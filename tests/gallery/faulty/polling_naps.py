"""Looks every millisecond whether an answer is there."""

import asyncio

EXPECTED = "busy polling"


async def fill(answers: list[str]) -> None:
    await asyncio.sleep(0.4)
    answers.append("yes")


async def main() -> None:
    answers: list[str] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(fill(answers))
        while not answers:
            await asyncio.sleep(0.001)  # <- fault
