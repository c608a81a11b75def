"""Four requests to a local service, each with a connection of its own, one after another."""

import asyncio

EXPECTED = "awaits in sequence"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    await asyncio.sleep(0.04)
    writer.write(b"ok")
    writer.close()
    await writer.wait_closed()


async def fetch(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)  # <- fault
    writer.write(b"GET\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for _ in range(4):
            assert await fetch(port) == b"ok"
