"""A connection is refused at first: it is tried again, a little later each time."""

import asyncio
import socket


async def fetch(port: int) -> bytes:
    for attempt in range(5):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02 * 2**attempt)
            continue
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer
    raise ConnectionError


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    writer.close()
    await writer.wait_closed()


async def main() -> None:
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        port = waiting.getsockname()[1]
        task = asyncio.create_task(fetch(port))
        await asyncio.sleep(0.1)  # bound, but nobody listens yet
        server = await asyncio.start_server(greet, sock=waiting)
        async with server:
            assert await task == b"hello"
