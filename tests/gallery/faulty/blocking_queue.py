"""A consumer takes from a thread's queue.Queue, whose get() blocks, instead of an asyncio.Queue."""

import asyncio
import queue

EXPECTED = "blocking call"


def next_order(orders: "queue.Queue[str]") -> str:
    try:
        return orders.get(timeout=0.2)  # <- fault
    except queue.Empty:
        return "nothing"


async def consumer(orders: "queue.Queue[str]") -> str:
    await asyncio.sleep(0.01)
    return next_order(orders)


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(consumer(queue.Queue()), name="consumer")
        group.create_task(asyncio.sleep(0.05), name="timer")
