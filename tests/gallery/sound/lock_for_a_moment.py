"""The slow part is outside the lock; inside there is one short await."""

import asyncio

balance = 100


async def withdraw(lock: asyncio.Lock) -> None:
    global balance
    await asyncio.sleep(0.03)
    async with lock:
        amount = balance
        await asyncio.sleep(0)
        balance = amount - 10


async def main() -> None:
    lock = asyncio.Lock()
    await asyncio.gather(*(withdraw(lock) for _ in range(10)))
