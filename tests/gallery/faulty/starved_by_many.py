"""Two hundred short tasks are set going at once; none is long, but the heartbeat waits for all of them."""

import asyncio
import time

EXPECTED = "starved loop"


def parse() -> None:
    begin = time.thread_time()
    while time.thread_time() - begin < 0.001:
        sum(range(500))


async def item() -> None:
    parse()


async def heartbeat() -> None:
    for _ in range(5):
        await asyncio.sleep(0.01)


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat())
        await asyncio.sleep(0.005)
        for _ in range(200):
            group.create_task(item())  # <- fault
