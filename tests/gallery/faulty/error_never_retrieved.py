"""A background task fails; nobody awaits it, so nobody learns of it."""

import asyncio

EXPECTED = "error never retrieved"


async def send_mail(address: str) -> None:
    await asyncio.sleep(0.01)
    raise ConnectionError(address)


async def main() -> None:
    task = asyncio.create_task(send_mail("ada"), name="mail")  # <- fault
    await asyncio.sleep(0.05)
    print("sent" if task.done() else "not yet", end="")
