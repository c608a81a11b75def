"""One thread does not mean no races: read, await, write loses updates. Between awaits nothing switches."""

from __future__ import annotations

import asyncio


class Account:
    balance = 100


async def with_await(account: Account) -> None:
    balance = account.balance
    await asyncio.sleep(0)
    account.balance = balance - 10


async def without_await(account: Account) -> None:
    balance = account.balance
    account.balance = balance - 10


async def with_lock(account: Account, lock: asyncio.Lock) -> None:
    async with lock:
        await with_await(account)


async def ten(kind: str) -> int:
    account, lock = Account(), asyncio.Lock()
    jobs = {
        "await": lambda: with_await(account),
        "none": lambda: without_await(account),
        "lock": lambda: with_lock(account, lock),
    }
    await asyncio.gather(*(jobs[kind]() for _ in range(10)))
    return account.balance


def test_ten_withdrawals_of_10_from_100() -> None:
    assert [asyncio.run(ten(kind)) for kind in ("await", "none", "lock")] == [90, 0, 0]
