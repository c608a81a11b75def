"""A task waits for a future that nobody else holds: the garbage collector takes both."""

import asyncio
import gc

EXPECTED = "lost task"


async def wait_for_reply() -> str:
    reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    return await reply


async def main() -> None:
    asyncio.create_task(wait_for_reply(), name="reply")  # noqa: RUF006  # <- fault
    await asyncio.sleep(0.01)
    gc.collect()  # sooner or later it runs by itself
    await asyncio.sleep(0.01)
