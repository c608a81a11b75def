"""Forty calculations give way after each piece, but to each other: everybody else gets one turn in forty-one."""

import asyncio
import time

EXPECTED = "starved loop"


def piece() -> None:
    begin = time.thread_time()
    while time.thread_time() - begin < 0.003:
        sum(range(500))


async def calculate() -> None:
    for _ in range(2):
        piece()
        await asyncio.sleep(0)


async def answer() -> None:
    for _ in range(5):
        await asyncio.sleep(0.01)


async def main() -> None:
    await asyncio.gather(answer(), *(calculate() for _ in range(40)))  # <- fault
