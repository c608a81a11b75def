"""Lesson 12, Build it: go on where it stopped, workers that try again, keep what came."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from asyncviz import span
from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Arguments, Case, Exercise
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
FETCH = 0.1  # seconds, in 12.3


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
        self._records[name] = record


def _gone_on(*there: str) -> Case:
    missing = len(FIVE) - len(there)
    return Case(
        (
            returns(sorted(FIVE), "all five are stored"),
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


def _fails_now_and_then(service: Any) -> Fetch:
    async def fetch(name: str) -> dict[str, Any]:
        try:
            record: dict[str, Any] = await service.fetch(name)
        except ServiceFailed:
            raise ConnectionError("the service failed") from None
        return record

    return fetch


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
    cases=(
        Case(
            (
                returns({name: _record(name) for name in TEN}, "all ten records"),
                in_flight(at_least=3, at_most=3),
                asks(at_least=15, at_most=15),
                takes(at_least=1.0, at_most=1.3),
                never_holds(),
                leaves_nothing_running(),
            ),
            arguments=lambda service: (_fails_now_and_then(service), TEN),
            service={"latency": 0.2, "failure_rate": 0.3, "seed": 4},
        ),
    ),
    hints=(
        "A task for each record is too many. Make three tasks that each take one name after another from a common "
        "iterator, `todo = iter(names)`, as the workers of step 3 do.",
        "In the worker, `for name in todo:` gives each name to one worker only. Inside it, repeat until the record is "
        "there: `while name not in records:`.",
        "In the `while`: `try:`, `records[name] = await fetch(name)`, `except ConnectionError:`, "
        "`await asyncio.sleep(0.1)`. Start it three times in the task group.",
    ),
)


async def _fetch(name: str) -> str:
    await asyncio.sleep(FETCH)
    return name


async def _save(rows: Iterable[str]) -> None:
    rows = list(rows)
    await asyncio.sleep(0.05)
    with span("saved " + " ".join(rows)):
        pass


def saves(*, at_once: int) -> Expectation:
    """All that has come is saved, each record once, and never more than so many in one go."""

    def fault(run: Run) -> str:
        _, start, stop, _ = run.trace.waits
        names = TEN[: sum(abs(seconds - FETCH) < EXACT for seconds in stop - start)]  # a cut off wait is shorter
        calls = [s.name.split()[1:] for s in run.trace.spans if s.name.startswith("saved")]
        saved = [name for call in calls for name in call]
        twice = next((name for name in saved if saved.count(name) > 1), None)
        if twice is not None:
            return f"{twice} is saved twice"
        missing = [name for name in names if name not in saved]
        if missing:
            return f"{len(saved)} records are saved, and {len(names)} had come: {missing[0]} is lost"
        most = max(map(len, calls), default=0)
        return f"{most} records are saved in one go, and {at_once} are allowed" if most > at_once else ""

    return Expectation("all that came is saved, each record once", fault)


def _for_ten(service: Any) -> tuple[Any, ...]:
    return _fetch, _save, TEN


def _kept(*expectations: Expectation, cancel_at: float | None = None, arguments: Arguments = _for_ten) -> Case:
    return Case((*expectations, never_holds(), leaves_nothing_running()), arguments=arguments, cancel_at=cancel_at)


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
        _kept(ends_when_cancelled(within=0.05), saves(at_once=4), cancel_at=0.72),
        _kept(ends_when_cancelled(within=0.05), saves(at_once=4), cancel_at=0.35),
        _kept(saves(at_once=4), takes(at_least=1.15, at_most=1.15)),
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
