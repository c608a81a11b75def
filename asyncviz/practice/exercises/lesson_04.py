"""Lesson 04, Non-blocking I/O: what goes into a thread, one trip instead of twelve, a stream answered in order."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    leaves_nothing_running,
    never_holds,
    overlaps,
    returns,
    takes,
)
from asyncviz.words import plural


def _record(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(data_path("capitals", f"{name}.json").read_text(encoding="utf-8"))
    return record


def _from_disk(field: str, seconds: float, only: str = "") -> Callable[[str], Any]:
    """What `read(name)` gives: one fact about a capital, from a file on a disk that needs so many seconds."""

    def read(name: str) -> Any:
        if only and name != only:
            raise LookupError(f"this disk has {only}, and not {name}")
        time.sleep(seconds)
        return _record(name)[field]

    return read


def _from_web(service: Any, only: str) -> Callable[[str], Awaitable[str]]:
    async def fetch(name: str) -> str:
        if name != only:
            raise LookupError(f"this service has {only}, and not {name}")
        return str((await service.fetch(name))["country"])

    return fetch


def _both_under_way(seconds: float) -> Expectation:
    """As `overlaps`, but a call in a thread need not have a task of its own."""
    plain = overlaps(at_least=2)

    def fault(run: Run) -> str:
        if run.stats is not None and not run.stats.requests:
            return "`fetch` is never called"
        return "" if run.trace.work and run.trace.makespan <= seconds + EXACT else plain.fault(run)

    return Expectation("both are under way at once", fault)


THREAD_OR_NOT = Exercise(
    id="04.1",
    title="Who goes into a thread?",
    statement="""\
`report` is given two functions. `read(name)` is an ordinary function: it reads a file from a slow disk, in 0.4 s.
`fetch` is a coroutine function, one written with `async def`: `fetch(name)` downloads, in 0.4 s. Change `report` so
that both are under way at the same time and the loop is never held. It shall still return the two countries, but after
0.4 s.""",
    function="report",
    starter="""\
async def report(read, fetch):
    here = read("oslo")
    there = await fetch("lima")
    return [here, there]""",
    solution="""\
async def report(read, fetch):
    async with asyncio.TaskGroup() as group:
        here = group.create_task(asyncio.to_thread(read, "oslo"))
        there = group.create_task(fetch("lima"))
    return [here.result(), there.result()]""",
    cases=(
        Case(
            (
                returns(["Norway", "Peru"]),
                never_holds(),
                takes(at_least=0.4, at_most=0.4),
                _both_under_way(0.4),
                leaves_nothing_running(),
            ),
            arguments=lambda service: (_from_disk("country", 0.4, "oslo"), _from_web(service, "lima")),
            service={"latency": 0.4},
        ),
    ),
    hints=(
        "Is there a red outline? Then a function has the thread all the time, although it only waits. If there is "
        "none: has the second one been started when you wait for the first?",
        "`read` knows no `await`, so another thread has to do its waiting: `asyncio.to_thread(read, …)`. `fetch` gives "
        "the thread back by itself.",
        "In a TaskGroup, `group.create_task(asyncio.to_thread(read, …))` beside `group.create_task(fetch(…))`; after "
        "the block, the two results.",
    ),
)


def _one_trip() -> Expectation:
    """One call is handed to a thread."""

    def fault(run: Run) -> str:
        number = len(run.trace.work)
        if number == 0:
            return "no call went to a thread, and one trip for all is asked for"
        return f"{plural(number, 'call')} went to a thread, and 1 is enough" if number > 1 else ""

    return Expectation("one trip to a thread", fault)


TWELVE = ("oslo", "lima", "bern", "paris", "rome", "cairo", "tokyo", "quito", "dakar", "hanoi", "riga", "accra")

ONE_TRIP = Exercise(
    id="04.2",
    title="One trip",
    statement="""\
`total` adds up the inhabitants of twelve capitals. Each `read(name)`, an ordinary function, needs only 0.01 s, and each
one makes a trip to a thread and back. Change `total` so that it makes **one** trip for all twelve. It shall return the
same sum after 0.12 s, and the loop shall never be held.""",
    function="total",
    starter="""\
async def total(read, names):
    people = 0
    for name in names:
        people += await asyncio.to_thread(read, name)
    return people""",
    solution="""\
async def total(read, names):
    def add_up():
        return sum(read(name) for name in names)

    return await asyncio.to_thread(add_up)""",
    cases=(
        Case(
            (
                returns(sum(int(_record(name)["population"]) for name in TWELVE), "the sum is right"),
                never_holds(),
                takes(at_least=0.12, at_most=0.12, short="is the work shared by several threads, or not done?"),
                _one_trip(),
                leaves_nothing_running(),
            ),
            arguments=lambda service: (_from_disk("population", 0.01), list(TWELVE)),
        ),
    ),
    hints=(
        "What is handed over is a function. It may do more than one thing.",
        "Write an ordinary function inside `total` that reads all the files and gives back the sum.",
        "`def add_up(): return sum(read(name) for name in names)`, and then `await asyncio.to_thread(add_up)`: the "
        "function itself, without calling it.",
    ),
)


class Lines:
    """What a client sends, as a stream's reader gives it: a line of bytes every tenth of a second, read or not."""

    def __init__(self, names: list[str]) -> None:
        self._names = iter(names)
        self._due: float | None = None  # when the next one is sent

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        name = next(self._names, None)
        if name is None:
            raise StopAsyncIteration
        now = asyncio.get_running_loop().time()
        self._due = (now if self._due is None else self._due) + 0.1
        wait = round(self._due - now, 9)
        if wait > 0:  # else it lies there already
            await asyncio.sleep(wait)
        return f"{name}\n".encode()

    async def readline(self) -> bytes:
        return await anext(self, b"")


NEEDED = {"oslo": 0.8, "lima": 0.2, "bern": 0.4}


async def _look_up(name: Any) -> str:
    if not isinstance(name, str) or name.strip() != name:
        raise LookupError(f"no capital is called {name!r}")
    await asyncio.sleep(NEEDED.get(name, 0.3))
    return str(_record(name)["country"])


def _conversation(names: list[str], seconds: float) -> Case:
    countries = [_record(name)["country"] for name in names]
    expectations = [returns(countries, "all answers, in the order of the lines")]
    if names:
        expectations += [never_holds(), takes(at_least=seconds, at_most=seconds)]
    return Case((*expectations, leaves_nothing_running()), arguments=lambda service: (Lines(list(names)), _look_up))


IN_ORDER = Exercise(
    id="04.3",
    title="Answers in order",
    statement="""\
A client sends a line every 0.1 s, with the name of a capital, and does not wait for answers. `answers` reads the lines
from a stream and looks each name up, which takes up to 0.8 s. Meanwhile the next lines lie unread. Start each look-up
as soon as its line is there, and return the answers in the order of the lines: for the three in the picture after 0.9 s
instead of 1.5 s. There may be any number of lines, also none.""",
    function="answers",
    starter="""\
async def answers(reader, look_up):
    countries = []
    async for line in reader:
        name = line.decode().strip()
        countries.append(await look_up(name))
    return countries""",
    solution="""\
async def answers(reader, look_up):
    tasks = []
    async with asyncio.TaskGroup() as group:
        async for line in reader:
            name = line.decode().strip()
            tasks.append(group.create_task(look_up(name)))
    return [task.result() for task in tasks]""",
    cases=(
        _conversation(["oslo", "lima", "bern"], 0.9),
        _conversation(["bern", "paris", "oslo", "bern", "oslo", "oslo"], 1.4),
        _conversation([], 0.0),
    ),
    hints=(
        "The loop waits for an answer before it reads on. What could it do with the line instead?",
        "Make a task of each look-up inside the loop, and keep the tasks in a list. Ask for results after the loop.",
        "Around the loop `async with asyncio.TaskGroup() as group:`, in it `tasks.append(group.create_task(…))`, and "
        "after the block `[task.result() for task in tasks]`.",
    ),
)

EXERCISES = (THREAD_OR_NOT, ONE_TRIP, IN_ORDER)
