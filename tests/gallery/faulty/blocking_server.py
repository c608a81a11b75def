"""A request handler asks a slow neighbour with a blocking socket; meanwhile no other client is served."""

import asyncio
import socket

EXPECTED = "blocking call"


def ask_neighbour() -> bytes:
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(0.2)
        try:
            return near.recv(100)  # <- fault
        except TimeoutError:
            return b"no answer"


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readline()
    writer.write(ask_neighbour() if request == b"price\n" else b"hello")
    writer.close()
    await writer.wait_closed()


async def client(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def main() -> None:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(client(port, b"price\n"), client(port, b"hello\n"), client(port, b"hello\n"))
