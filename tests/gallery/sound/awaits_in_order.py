"""Plain awaits one after another, as most coroutines have them: different steps, methods of one thing, a countdown."""

import asyncio


class Account:
    async def book(self, amount: int) -> None:
        await asyncio.sleep(0.03)


async def log_in(user: str) -> Account:
    await asyncio.sleep(0.04)
    return Account()


async def check(account: Account) -> bool:
    await asyncio.sleep(0.03)
    return True


async def tick(left: int) -> None:
    await asyncio.sleep(0.02)


async def main() -> None:
    account = await log_in("ada")
    if await check(account):
        await account.book(10)
        await account.book(20)
        await account.book(-30)
    await check(account)
    for left in range(5, 0, -1):
        await tick(left)
