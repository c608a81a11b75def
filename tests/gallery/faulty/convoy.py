"""The whole request is made under a lock that is there to protect a counter."""

import asyncio

EXPECTED = "convoy"


class Shop:
    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self.sold = 0

    async def buy(self) -> None:
        async with self._lock:
            await self.ask_warehouse()
            self.sold += 1

    async def ask_warehouse(self) -> None:
        await asyncio.sleep(0.04)  # <- fault


async def main() -> None:
    shop = Shop()
    async with asyncio.TaskGroup() as group:
        for n in range(6):
            group.create_task(shop.buy(), name=f"buyer {n}")
