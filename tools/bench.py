"""What does recording cost, and what do others cost? ``make bench`` prints one table, in about five minutes.

Three programs, each run in turn without and with a tool, pair by pair in one process, so that a machine whose speed
changes disturbs both alike. A figure is the median of these ratios; beside it the middle half of them. Each tool has a
process of its own. B1 is the worst case: nothing but switches. B2 is a small server and its clients on this machine.
B3 is many short tasks. Memory and drawing follow.
"""

import argparse
import asyncio
import contextlib
import functools
import io
import json
import logging
import platform
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import asyncviz

Decorator = Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]
Program = Callable[[Decorator], Awaitable[None]]


def plain(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """No decorator."""
    return function


async def switches(decorate: Decorator = plain, tasks: int = 1_000, steps: int = 100) -> None:
    """B1: tasks that only hand the thread on."""

    @decorate
    async def hand_on() -> None:
        for _ in range(steps):
            await asyncio.sleep(0)

    await asyncio.gather(*(hand_on() for _ in range(tasks)))


async def round_trips(decorate: Decorator = plain, clients: int = 200, trips: int = 20) -> None:
    """B2: clients of an echo server on a free port of the loopback interface."""

    @decorate
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()

    @decorate
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


async def short_tasks(decorate: Decorator = plain, tasks: int = 10_000) -> None:
    """B3: tasks that end almost at once."""

    @decorate
    async def short() -> None:
        await asyncio.sleep(0)

    await asyncio.gather(*(short() for _ in range(tasks)))


PROGRAMS: dict[str, Program] = {"B1": switches, "B2": round_trips, "B3": short_tasks}


def start_and_end(function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A tutorial's decorator: when did it begin, when did it end?"""
    times = []

    @functools.wraps(function)
    async def timed(*args: object) -> None:
        start = time.perf_counter()
        try:
            await function(*args)
        finally:
            times.append((function.__name__, start, time.perf_counter()))

    return timed


@contextlib.contextmanager
def viztracer(**options: bool) -> Iterator[None]:
    from viztracer import VizTracer

    tracer = VizTracer(log_async=True, verbose=0, tracer_entries=10_000_000, **options)
    tracer.start()
    yield
    tracer.stop()
    tracer.clear()


@contextlib.contextmanager
def yappi() -> Iterator[None]:
    import yappi

    yappi.set_clock_type("wall")
    yappi.start()
    yield
    yappi.stop()
    yappi.clear_stats()


@contextlib.contextmanager
def pyinstrument() -> Iterator[None]:
    from pyinstrument import Profiler

    profiler = Profiler(async_mode="enabled")
    profiler.start()
    yield
    profiler.stop()


# How each tool is switched on: a context around the run, a decorator for the program's coroutines, debug mode.
TOOLS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[object]], Decorator, bool]] = {
    "nothing": (contextlib.nullcontext, plain, False),
    "start and end (decorator)": (contextlib.nullcontext, start_and_end, False),
    "asyncviz, full record": (asyncviz.record, plain, False),
    "viztracer log_async, no C functions": (functools.partial(viztracer, ignore_c_function=True), plain, False),
    "viztracer log_async": (viztracer, plain, False),
    "yappi, wall clock": (yappi, plain, False),
    "pyinstrument, async": (pyinstrument, plain, False),
    "asyncio debug mode": (contextlib.nullcontext, plain, True),
}


def seconds(program: Program, tool: str) -> float:
    """How long one run takes, with a tool switched on."""
    context, decorate, debug = TOOLS[tool]
    with context():
        start = time.perf_counter()
        asyncio.run(program(decorate), debug=debug)
        return time.perf_counter() - start


def measure(tool: str, pairs: int) -> dict[str, list[float]]:
    """For each program the ratios of `pairs` pairs of runs."""
    logging.disable()  # debug mode writes about every slow step
    ratios: dict[str, list[float]] = {}
    for name, program in PROGRAMS.items():
        seconds(program, tool)  # the first run imports and warms up
        pair = ((seconds(program, tool), seconds(program, "nothing")) for _ in range(pairs))
        ratios[name] = [with_it / without for with_it, without in pair]
    return ratios


def table(pairs: int) -> None:
    """One line a tool; each tool is measured in a process of its own."""
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}, {pairs} pairs\n")
    print(f"{'slowdown: median (middle half)':<38}" + "".join(f"{name:>22}" for name in PROGRAMS))
    for tool in TOOLS:
        command = [sys.executable, __file__, "--tool", tool, "--pairs", str(pairs)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            print(f"{tool:<38} not measured: {(run.stderr.strip().splitlines() or ['it failed'])[-1]}", flush=True)
            continue
        cells = []
        for values in json.loads(run.stdout).values():
            low, middle, high = statistics.quantiles(values, n=4)
            cells.append(f"{middle:.2f} ({low:.2f}-{high:.2f})")
        print(f"{tool:<38}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def memory_and_drawing() -> None:
    """Bytes a step, and how long a recording takes to become a model and a picture."""
    tracemalloc.start()
    with asyncviz.record() as trace:
        before = tracemalloc.get_traced_memory()[0]
        asyncio.run(switches(plain, 100, 2_000))
        after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"\nmemory while recording: {(after - before) / len(trace.steps.start):.0f} bytes a step")

    with asyncviz.record(limit=2_000_000) as million:
        asyncio.run(switches(plain, 1_000, 1_000))
    start = time.perf_counter()
    count = len(million.steps.start)
    print(f"{count:,} steps become a Trace in {time.perf_counter() - start:.2f} s")

    with asyncviz.record() as thirty:
        asyncio.run(switches(plain, 30, 3))
    thirty.plot()  # the first picture finds the fonts
    for name, trace in (("30 tasks", thirty), (f"{count:,} steps", million)):
        for kind in ("png", "svg"):
            start, file = time.perf_counter(), io.BytesIO()
            trace.plot().figure.savefig(file, format=kind)
            taken, size = time.perf_counter() - start, file.tell()
            print(f"{name} to {kind.upper()}: {taken:.2f} s, {size / 1000:,.0f} kB", flush=True)


def main() -> None:
    """The whole table, or the ratios of one tool as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=21, help="pairs of runs a program and tool (default: 21)")
    parser.add_argument("--tool", choices=TOOLS, help="only this one, its ratios as JSON")
    options = parser.parse_args()
    if options.tool:
        print(json.dumps(measure(options.tool, options.pairs)))
    else:
        table(options.pairs)
        memory_and_drawing()


if __name__ == "__main__":
    main()
