"""Ten accounts with a lock each; two transfers meet at each, never more. All the locks have the same name."""

import asyncio


class Account:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()

    async def book(self) -> None:
        async with self.lock:
            await asyncio.sleep(0.04)


async def main() -> None:
    accounts = [Account() for _ in range(10)]
    async with asyncio.TaskGroup() as group:
        for account in accounts * 2:
            group.create_task(account.book())
