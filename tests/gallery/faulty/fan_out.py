"""Three hundred downloads are started at once: the service at the other end gets them all in one moment."""

import asyncio

EXPECTED = "fan-out"


class Service:
    """Stands for one at the other end of a wire, without using up the machine's connections."""

    def open(self) -> asyncio.StreamReader:
        reader = asyncio.StreamReader()
        asyncio.get_running_loop().call_later(0.05, reader.feed_eof)
        return reader


async def download(service: Service, number: int) -> bytes:
    return await service.open().read()


async def main() -> None:
    service = Service()
    await asyncio.gather(*(download(service, number) for number in range(300)))  # <- fault
