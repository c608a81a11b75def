"""What does recording cost? ``make bench`` runs three programs with and without it, in turn, and shows the slowdown.

B1 is the worst case: nothing but switches. B2 is a small server and its clients on this machine. B3 is many short
tasks. The figure is the median over pairs of runs, each pair back to back, so that a busy machine disturbs both alike.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import asyncviz

Program = Callable[[], Awaitable[None]]


async def switches(tasks: int = 1_000, steps: int = 100) -> None:
    """B1: tasks that only hand the thread on."""

    async def hand_on() -> None:
        for _ in range(steps):
            await asyncio.sleep(0)

    await asyncio.gather(*(hand_on() for _ in range(tasks)))


async def round_trips(clients: int = 200, trips: int = 20) -> None:
    """B2: clients of an echo server on a free port of the loopback interface."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()

    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(trips):
            writer.write(b"ping\n")
            await reader.readline()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(echo, "127.0.0.1", 0, backlog=clients) as server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(*(client(port) for _ in range(clients)))


async def short_tasks(tasks: int = 10_000) -> None:
    """B3: tasks that end almost at once."""

    async def short() -> None:
        await asyncio.sleep(0)

    await asyncio.gather(*(short() for _ in range(tasks)))


PROGRAMS: dict[str, Program] = {"B1 switches": switches, "B2 round trips": round_trips, "B3 short tasks": short_tasks}


def seconds(program: Program, record: bool) -> float:
    """How long one run takes."""
    start = time.perf_counter()
    if record:
        with asyncviz.record(program.__name__):
            asyncio.run(program())
    else:
        asyncio.run(program())
    return time.perf_counter() - start


def main() -> None:
    """Measure and print one line a program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=11, help="pairs of runs a program (default: 11)")
    pairs = parser.parse_args().pairs
    for name, program in PROGRAMS.items():
        seconds(program, record=True)  # the first run imports and warms up
        ratios = [seconds(program, record=True) / seconds(program, record=False) for _ in range(pairs)]
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        print(f"{name:<16} {middle:5.2f} times as long   ({low:.2f} to {high:.2f} in {pairs} pairs)", flush=True)


if __name__ == "__main__":
    main()
