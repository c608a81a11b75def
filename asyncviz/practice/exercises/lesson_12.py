"""Lesson 12, Build it: go on where it stopped, workers that try again, keep what came."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from asyncviz import span
from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    asks,
    ends_when_cancelled,
    in_flight,
    leaves_nothing_running,
    never_holds,
    returns,
    takes,
)
from asyncviz.practice.pretend import ServiceFailed

Fetch = Callable[[str], Awaitable[dict[str, Any]]]
FIVE = ("oslo", "lima", "bern", "rome", "cairo")
TEN = (*FIVE, "tokyo", "quito", "paris", "hanoi", "accra")
PAUSE = 0.1  # seconds, in 12.2


def _record(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(data_path("capitals", f"{name}.json").read_text(encoding="utf-8"))
    return record


class Store:
    """Keeps records. What is there cannot be added once more."""

    def __init__(self, *names: str) -> None:
        self._records: dict[str, Any] = {name: _record(name) for name in names}

    def names(self) -> list[str]:
        """What is stored, in alphabetical order."""
        return sorted(self._records)

    def add(self, name: str, record: Any) -> None:
        if name in self._records:
            raise ValueError(f"{name} is stored already")
        if not isinstance(record, dict):
            raise TypeError(f"a record is a dict, and this is a {type(record).__name__}")
        if record != _record(name):
            raise ValueError(f"this is not the record of {name}, but {record.get('capital', 'an empty one')}")
        self._records[name] = record


def _gone_on(*there: str) -> Case:
    missing = len(FIVE) - len(there)

    def fault(run: Run) -> str:
        stored = run.arguments[1].names()
        lost = [name for name in FIVE if name not in stored]
        return f"{lost[0]} is not in the store" if lost else ""

    return Case(
        (
            returns(sorted(FIVE)),
            Expectation("all five are stored", fault),
            asks(at_least=missing, at_most=missing),
            takes(at_most=0.2),
            never_holds(),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (service.fetch, Store(*there), FIVE),
        service={"latency": 0.2},
    )


GO_ON = Exercise(
    id="12.1",
    title="Go on where it stopped",
    statement="""\
`go_on` was stopped: some of the five records are in the `store` already. `store.names()` gives a list of them;
`store.add` raises an error for a record that is there. Change `go_on` so that it asks for what is missing and nothing
else, and for all of it at the same time: each `fetch` takes 0.2 s, and so shall the whole.""",
    function="go_on",
    starter="""\
async def go_on(fetch, store, names):
    for name in names:
        record = await fetch(name)
        store.add(name, record)
    return store.names()""",
    solution="""\
async def go_on(fetch, store, names):
    async def get(name):
        record = await fetch(name)
        store.add(name, record)

    there = store.names()
    async with asyncio.TaskGroup() as group:
        for name in names:
            if name not in there:
                group.create_task(get(name), name=name)
    return store.names()""",
    cases=(_gone_on("lima", "rome"), _gone_on(), _gone_on(*FIVE)),
    hints=(
        "First the error: which names must not be fetched again? `store.names()` tells.",
        "Then the time: put the two lines for one record into a coroutine function of their own, and start a task of "
        "it for each missing name.",
        "`async with asyncio.TaskGroup() as group:`, in it the loop with `if name not in store.names():` and "
        "`group.create_task(get(name), name=name)`. Return after the block.",
    ),
)


class Call(NamedTuple):
    name: str
    start: float
    stop: float
    ok: bool


class Line:
    """A connection to the service, which keeps a list of the calls."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self.calls: list[Call] = []  # in the order in which they ended

    async def fetch(self, name: str) -> dict[str, Any]:
        now = asyncio.get_running_loop().time
        start = now()
        try:
            record: dict[str, Any] = await self._service.fetch(name)
        except ServiceFailed:
            self.calls.append(Call(name, start, now(), False))
            raise ConnectionError("the service failed") from None
        self.calls.append(Call(name, start, now(), True))
        return record


def _three_workers() -> Case:
    def pauses(run: Run) -> str:
        calls = run.arguments[0].__self__.calls
        for number, call in enumerate(calls):
            again = next((c.start for c in calls[number + 1 :] if c.name == call.name), call.stop + PAUSE)
            if abs(again - call.stop - PAUSE) > EXACT and not call.ok:
                pause = run.say(again - call.stop)
                return f"{call.name} failed and was tried again after {pause}, and {PAUSE:g} s is asked for"
        return ""

    def busy(run: Run) -> str:
        begun: dict[str, float] = {}
        calls = run.arguments[0].__self__.calls
        for call in sorted(calls, key=lambda call: call.start):
            begun.setdefault(call.name, call.start)
        free = [0.0, 0.0, 0.0, *sorted(call.stop for call in calls if call.ok)]
        for (name, start), since in zip(begun.items(), free, strict=False):
            if start > since + EXACT:
                return f"{name} is begun at {run.say(start)}, and a worker is free since {run.say(since)}"
            if start < since - EXACT:
                return f"{name} is begun at {run.say(start)}, when three other names are not done yet"
        return ""

    return Case(
        (
            returns({name: _record(name) for name in TEN}, "all ten records"),
            in_flight(at_least=3, at_most=3),
            asks(at_least=15, at_most=15),
            never_holds(),
            Expectation(f"a pause of {PAUSE:g} s after each failure, then the same name", pauses),
            Expectation("three workers, none idle while a name is left", busy),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Line(service).fetch, TEN),
        service={"latency": 0.2, "failure_rate": 0.3, "seed": 6},
    )


WORKERS = Exercise(
    id="12.2",
    title="Three workers that try again",
    statement="""\
`collect` asks for ten records at once, and the service allows three requests at a time. Besides, a `fetch`, which
takes 0.2 s, may raise `ConnectionError`; then it shall be tried again after a pause of 0.1 s, as often as needed.
Change `collect`: three workers. After a failure a worker pauses and then tries the same name again; none ends while a
name is left. It shall return the dictionary with all ten records.""",
    function="collect",
    starter="""\
async def collect(fetch, names):
    records = {}

    async def get(name):
        records[name] = await fetch(name)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(get(name), name=name)
    return records""",
    solution="""\
async def collect(fetch, names):
    records, todo = {}, iter(names)

    async def work():
        for name in todo:
            while name not in records:
                try:
                    records[name] = await fetch(name)
                except ConnectionError:
                    await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(work(), name=f"worker {number + 1}")
    return records""",
    cases=(_three_workers(),),
    hints=(
        "A task for each record is too many. Make three tasks that each take one name after another from a common "
        "iterator, `todo = iter(names)`, as the workers of step 3 do.",
        "In the worker, `for name in todo:` gives each name to one worker only. Inside it, repeat until the record is "
        "there: `while name not in records:`.",
        "In the `while`: `try:`, `records[name] = await fetch(name)`, `except ConnectionError:`, "
        "`await asyncio.sleep(0.1)`. Start it three times in the task group.",
    ),
)


class Desk:
    """Fetching takes 0.1 s, saving 0.05 s. It knows what has come, and what was given to `save`."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.begun: list[int] = []  # how many records were given to each `save`

    async def fetch(self, name: str) -> dict[str, str]:
        await asyncio.sleep(0.1)
        self.came.append(name)
        return {"name": name}

    async def save(self, rows: Iterable[dict[str, str]]) -> None:
        rows = list(rows)
        for row in rows:
            if not isinstance(row, dict):
                raise TypeError(f"save() takes a list of what fetch() returned, and here is a {type(row).__name__}")
        self.begun += [len(rows)] if rows else []
        await asyncio.sleep(0.05)
        with span(" ".join(["saved", *(row["name"] for row in rows)])):
            pass


def _kept(*expectations: Expectation, cancel_at: float | None = None) -> Case:
    def arguments(service: Any) -> tuple[Any, ...]:
        desk = Desk()
        return desk.fetch, desk.save, TEN

    def fault(run: Run) -> str:
        """All that has come is saved, each record once, and four in one go, but for the last."""
        desk = run.arguments[0].__self__
        came, begun = desk.came, desk.begun
        saved = [name for s in run.trace.spans if s.name.startswith("saved") for name in s.name.split()[1:]]
        twice = next((name for name in saved if saved.count(name) > 1), None)
        if twice is not None:
            return f"{twice} is saved twice"
        if few := [number for number in begun[:-1] if number < 4]:
            return f"{few[0]} {'record is' if few[0] == 1 else 'records are'} saved in one go, and 4 are asked for"
        missing = [name for name in came if name not in saved]
        if missing:
            return f"{len(saved)} records are saved, and {len(came)} had come: {missing[0]} is lost"
        most = max(begun, default=0)
        return f"{most} records are saved in one go, and 4 are allowed" if most > 4 else ""

    kept = Expectation("all that came is saved, each record once", fault)
    first = () if cancel_at is None else (ends_when_cancelled(within=0.05),)
    return Case(
        (*first, kept, *expectations, never_holds(), leaves_nothing_running()), arguments=arguments, cancel_at=cancel_at
    )


KEEP = Exercise(
    id="12.3",
    title="Stopped, and nothing thrown away",
    statement="""\
`collect` fetches ten records, 0.1 s each, and saves them all at the end: whoever cancels it earlier throws
everything away. Change it so that it saves four at a time, with `await save(rows)`, which takes 0.05 s. When it is
cancelled it shall save what has come and is not saved yet, and then end, *as cancelled*. Nothing may be saved twice.
(It is cancelled during a `fetch`.)""",
    function="collect",
    starter="""\
async def collect(fetch, save, names):
    rows = []
    for name in names:
        rows.append(await fetch(name))
    await save(rows)""",
    solution="""\
async def collect(fetch, save, names):
    rows = []
    try:
        for name in names:
            rows.append(await fetch(name))
            if len(rows) == 4:
                batch, rows = rows, []
                await save(batch)
    finally:
        if rows:
            await save(rows)""",
    cases=(
        _kept(cancel_at=0.72),
        _kept(cancel_at=0.35),
        _kept(takes(at_least=1.15, at_most=1.15)),
    ),
    hints=(
        "Which block runs whatever ends the loop, a cancellation as well as the last name? In there you may `await`.",
        "`try:` around the loop, `finally:` with `await save(rows)`. In the loop, after each fourth record, save too, "
        "and go on with an empty list.",
        "In the loop: `if len(rows) == 4:`, `batch, rows = rows, []`, `await save(batch)`. In `finally:` save only "
        "`if rows:`. Catch nothing, so that the cancellation goes on its way.",
    ),
)

EXERCISES = (GO_ON, WORKERS, KEEP)
