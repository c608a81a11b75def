"""gather() does not stop the others when one fails: an order is charged although it was refused."""

import asyncio

EXPECTED = "outlived its parent"


async def check_stock() -> None:
    await asyncio.sleep(0.02)
    raise LookupError("sold out")


async def charge_card() -> None:
    await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)


async def order() -> None:
    await asyncio.gather(check_stock(), charge_card())  # <- fault


async def main() -> None:
    task = asyncio.create_task(order())
    await asyncio.wait([task])
    assert isinstance(task.exception(), LookupError)
    await asyncio.sleep(0.2)
