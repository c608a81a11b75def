"""Three hundred downloads, of which a semaphore lets twenty through at a time."""

import asyncio


def open_stream() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    asyncio.get_running_loop().call_later(0.01, reader.feed_eof)
    return reader


async def download(limit: asyncio.Semaphore) -> None:
    async with limit:
        await open_stream().read()


async def main() -> None:
    limit = asyncio.Semaphore(20)
    await asyncio.gather(*(download(limit) for _ in range(300)))
