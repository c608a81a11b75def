"""Lesson 05, Improved performance: a limit on how many at once, a limit on the rate, computing while others wait."""

import asyncio
import json
from collections.abc import Awaitable, Callable
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
from asyncviz.simulate import busy
from asyncviz.words import plural

Fetch = Callable[[str], Awaitable[Any]]


def _country(name: str) -> str:
    return str(json.loads(data_path("capitals", f"{name}.json").read_text(encoding="utf-8"))["country"])


def _with(names: str, expectation: Expectation) -> Expectation:
    """The same of another list of names, and said so: a report with two different times would be a riddle."""
    return expectation._replace(right=f"with {names}: {expectation.right}") if names else expectation


class Refused(Exception):
    """The service answered 429: too many requests."""


def _nobody() -> Expectation:
    """A refusal that is caught, and tried again, is one too many."""

    def fault(run: Run) -> str:
        refused = run.arguments[0].__self__.refused
        said = plural(len(refused), "request")
        return f"the service refused {said}: wait before you ask, so that none is refused at all" if refused else ""

    return Expectation("nobody is refused", fault)


class Limited:
    """A service that refuses whoever comes while `number` others are being answered."""

    def __init__(self, number: int, seconds: dict[str, float]) -> None:
        self._number, self._seconds, self._busy_with = number, seconds, 0
        self.refused: list[str] = []

    async def fetch(self, name: str) -> str:
        if self._busy_with >= self._number:
            self.refused.append(name)
            await asyncio.sleep(0.1)  # so that the picture shows how many came at once
            raise Refused(f"429 Too Many Requests: {self._number} are being answered already")
        self._busy_with += 1
        try:
            await asyncio.sleep(self._seconds[name])
        finally:
            self._busy_with -= 1
        return _country(name)


def _crowd(seconds: dict[str, float], together: float, other: str = "") -> Case:
    return Case(
        (
            _nobody(),
            returns([_country(name) for name in seconds], "all countries, in the order of the names"),
            _with(other, takes(at_least=together, at_most=together)),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Limited(3, seconds).fetch, list(seconds)),
    )


AT_MOST_THREE = Exercise(
    id="05.1",
    title="Three at once",
    statement="""\
`fetch_all` downloads all capitals at once. This service answers **three at once** and refuses a fourth. Change
`fetch_all` so that never more than three are under way, and a next one starts as soon as one of them is done. The six
need 0.6, 0.2, 0.2, 0.2, 0.4 and 0.4 s, in this order, and 0.8 s together. Return the countries in the order of the
names.""",
    function="fetch_all",
    starter="""\
async def fetch_all(fetch, names):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    solution="""\
async def fetch_all(fetch, names):
    slots = asyncio.Semaphore(3)

    async def fetch_one(name):
        async with slots:
            return await fetch(name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch_one(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    cases=(
        _crowd({"oslo": 0.6, "lima": 0.2, "bern": 0.2, "rome": 0.2, "cairo": 0.4, "tokyo": 0.4}, 0.8),
        _crowd({"paris": 0.2, "quito": 0.2}, 0.2, "two names"),
    ),
    hints=(
        "A semaphore with three slots lets three tasks through. All tasks must share the same one.",
        "Write a coroutine `fetch_one(name)` that waits for a slot, downloads, and gives the slot back. Make one task "
        "of it for each name.",
        "`slots = asyncio.Semaphore(3)` at the top of `fetch_all`, and in `fetch_one`: `async with slots:` around "
        "`return await fetch(name)`.",
    ),
)


def _strict(number: int) -> Fetch:
    """A service with a rate limit: `number` at once after a rest, and so many a second. A refusal closes it for 2 s."""
    tokens, filled, closed = float(number), 0.0, 0.0

    async def fetch(name: str) -> str:
        nonlocal tokens, filled, closed
        now = asyncio.get_running_loop().time()
        if now < closed - EXACT:
            raise Refused("429 Too Many Requests: closed, because of a request that came too early")
        tokens, filled = min(float(number), tokens + (now - filled) * number), now
        if tokens < 1 - EXACT:
            tokens, filled, closed = 0.0, now + 1.0, now + 2.0  # full again when it opens
            raise Refused("429 Too Many Requests: this one came too early")
        tokens -= 1
        await asyncio.sleep(0.1)
        return _country(name)

    return fetch


def _rated(names: list[str], at_least: float, at_most: float, other: str = "") -> Case:
    return Case(
        (
            returns([_country(name) for name in names], "all countries, in the order of the names"),
            _with(other, takes(at_least=at_least, at_most=at_most)),
            never_holds(),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (_strict(4), list(names)),
    )


TEN = ["oslo", "lima", "bern", "rome", "cairo", "tokyo", "paris", "quito", "dakar", "hanoi"]

FOUR_A_SECOND = Exercise(
    id="05.2",
    title="Four a second",
    statement="""\
This service answers in 0.1 s, but has a rate limit: four requests may come at once, and after that four a second.
Whoever comes too early is refused, and then the service is closed for two seconds. `fetch_all` has a semaphore, and is
refused all the same: why? Change it so that nobody is refused, and ten capitals are there in 2.3 s at most.""",
    function="fetch_all",
    starter="""\
async def fetch_all(fetch, names):
    slots = asyncio.Semaphore(4)

    async def fetch_one(name):
        async with slots:
            return await fetch(name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch_one(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    solution="""\
async def fetch_all(fetch, names):
    slots = asyncio.Semaphore(4)

    async def fetch_one(name):
        await slots.acquire()
        try:
            return await fetch(name)
        finally:
            asyncio.get_running_loop().call_later(1.0, slots.release)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch_one(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    cases=(_rated(TEN, 1.5, 2.3), _rated(TEN[:3], 0.1, 0.1, "three names")),
    hints=(
        "With `async with slots:` each slot is free again after 0.1 s, so four slots let forty through in a second. "
        "When should a slot come back, and must the task stay until then?",
        "A slot may come back one second after its answer. Nobody needs to wait for that: the loop "
        "can give it back later, as in section 3.",
        "Instead of `async with slots:` write `await slots.acquire()`, then `try:` and `return await fetch(name)`, and "
        "under `finally:` `asyncio.get_running_loop().call_later(1.0, slots.release)`.",
    ),
)


class Computer:
    """Counts letters, for `seconds`. It notes what is computed where no loop runs."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.elsewhere: list[str] = []

    def compute(self, country: str) -> int:
        if asyncio._get_running_loop() is None:
            self.elsewhere.append(country)
        busy(self._seconds)
        return len(country)


def _meanwhile(seconds: dict[str, float], computing: float, together: float, other: str = "") -> Case:
    async def fetch(name: str) -> str:
        await asyncio.sleep(seconds[name])
        return _country(name)

    def fault(run: Run) -> str:
        elsewhere = run.arguments[1].__self__.elsewhere
        return "compute() is called in another thread, and here one thread is enough" if elsewhere else ""

    return Case(
        (
            returns([len(_country(name)) for name in seconds], "all results, in the order of the names"),
            _with(other, takes(at_least=together, at_most=together)),
            _with(other, overlaps(at_least=len(seconds))),
            Expectation("all is computed in one thread", fault),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (fetch, Computer(computing).compute, list(seconds)),
    )


MEANWHILE = Exercise(
    id="05.3",
    title="Compute while others wait",
    statement="""\
`report` downloads three records at once, `await fetch(name)`, and then computes something from each,
`compute(record)`: an ordinary function that keeps the thread for 0.2 s. It takes 1.2 s. The answers come after 0.2,
0.4 and 0.6 s. Change `report` so that it takes **0.8 s**, in one thread. Return the results in the order of the
names.""",
    function="report",
    starter="""\
async def report(fetch, compute, names):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name), name=name) for name in names]
    return [compute(task.result()) for task in tasks]""",
    solution="""\
async def report(fetch, compute, names):
    async def one(name):
        record = await fetch(name)
        return compute(record)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    cases=(
        _meanwhile({"oslo": 0.6, "lima": 0.2, "bern": 0.4}, 0.2, 0.8),
        _meanwhile({"rome": 0.1, "cairo": 0.1, "tokyo": 0.8, "paris": 0.5}, 0.2, 1.0, "four names"),
    ),
    hints=(
        "Look at the thread in the picture: it does nothing for 0.6 s, and then computes. Which record is there after "
        "0.2 s?",
        "Let each task do both: wait for its record, and compute from it at once, while the others still wait.",
        "Inside `report`: `async def one(name):` with `record = await fetch(name)` and `return compute(record)`. Make "
        "the tasks of `one(name)`.",
    ),
)

EXERCISES = (AT_MOST_THREE, FOUR_A_SECOND, MEANWHILE)
