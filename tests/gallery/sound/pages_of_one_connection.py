"""Pages are read one after another, because each names the next; the server's handlers end with the program."""

import asyncio


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        await asyncio.sleep(0.02)
        writer.write(b"%d\n" % (int(line) + 1))
        await writer.drain()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    page = 0
    while page < 6:
        writer.write(b"%d\n" % page)
        page = int(await reader.readline())
    server.close()
    writer.close()
