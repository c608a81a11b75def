"""Background tasks are kept in a set, as the manual advises, and waited for at the end."""

import asyncio

background: set[asyncio.Task[None]] = set()


async def log(text: str) -> None:
    await asyncio.sleep(0.03)


async def handle(number: int) -> None:
    task = asyncio.create_task(log(f"request {number}"))
    background.add(task)
    task.add_done_callback(background.discard)
    await asyncio.sleep(0.005)


async def main() -> None:
    await asyncio.gather(*(handle(number) for number in range(5)))
    await asyncio.sleep(0.01)
    await asyncio.gather(*background)
