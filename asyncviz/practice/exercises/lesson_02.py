"""Lesson 02, Awaitable objects: results as they come, a callback as a future, an awaitable that is shared."""

import json
from typing import Any

from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    asks,
    brief,
    in_flight,
    leaves_nothing_running,
    never_holds,
    overlaps,
    returns,
    takes,
)

DUE = {"lima": 0.2, "bern": 0.4, "oslo": 0.8}  # when each is there


def _sleeps(run: Run) -> list[tuple[float, str]]:
    """When the waits for `asyncio.sleep` begin, in order, and for how long."""
    _, start, _, reason = run.trace.waits
    named = [(float(at), run.trace.reasons[number]) for at, number in zip(start, reason, strict=True)]
    return sorted((at, why.text) for at, why in named if why.kind == "sleep")


def _stored_at_once() -> Expectation:
    """`store` begins for each capital when its download ends. Lima's own download is a sleep of 0.2 s too, at 0."""

    def fault(run: Run) -> str:
        stores = [at for at, text in _sleeps(run) if text == "sleep 0.2" and at > EXACT]
        for number, (name, due) in enumerate(DUE.items()):
            if number >= len(stores):
                return f"`store` runs {number} times only"
            if stores[number] > due + EXACT:
                return f"{name} is there after {due:g} s, but `store` begins only after {run.say(stores[number])}"
        return ""

    return Expectation("each is stored as soon as it is there", fault)


def _own_sleeps(at_most: int, right: str, instead: str) -> Expectation:
    """Nobody waits with `asyncio.sleep`, but for what is given."""

    def fault(run: Run) -> str:
        return f"it waits with asyncio.sleep: {instead}" if len(_sleeps(run)) > at_most else ""

    return Expectation(right, fault)


AS_THEY_COME = Exercise(
    id="02.1",
    title="As they come",
    statement="""\
`collect` downloads three capitals together and then stores one after another, which takes 0.2 s each: 1.4 s in all. But
Lima is there after 0.2 s, and waits for Oslo all the same. Change `collect` so that each capital is stored as soon as
it is there. Return the names in the order in which they were stored; all is done after 1 s.""",
    function="collect",
    starter="""\
SECONDS = {"oslo": 0.8, "lima": 0.2, "bern": 0.4}
async def download(name):
    await asyncio.sleep(SECONDS[name])
    return name

async def store(name):
    await asyncio.sleep(0.2)

async def collect():
    stored = []
    for name in await asyncio.gather(*map(download, SECONDS)):
        await store(name)
        stored.append(name)
    return stored""",
    solution="""\
SECONDS = {"oslo": 0.8, "lima": 0.2, "bern": 0.4}
async def download(name):
    await asyncio.sleep(SECONDS[name])
    return name

async def store(name):
    await asyncio.sleep(0.2)

async def collect():
    stored = []
    tasks = [asyncio.create_task(download(name), name=name) for name in SECONDS]
    for earliest in asyncio.as_completed(tasks):
        name = await earliest
        await store(name)
        stored.append(name)
    return stored""",
    cases=(
        Case(
            (
                returns(["lima", "bern", "oslo"]),
                never_holds(),
                overlaps(at_least=3),
                takes(at_least=1.0, at_most=1.0),
                _stored_at_once(),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "`gather` gives nothing back before the last one is done. Look at the table in section 3: what gives you each "
        "result as soon as it is there?",
        "`asyncio.as_completed` takes a list of tasks, and gives one thing after another to await.",
        "`for earliest in asyncio.as_completed(tasks):`, and in the loop `name = await earliest`, then store.",
    ),
)

CALLBACK = Exercise(
    id="02.2",
    title="From a callback to a future",
    statement="""\
`boil` is from an old library: it calls the function it is given when the tea is ready, after 0.25 s. `brew` looks ten
times a second whether that has happened. Change `brew`, and nothing else, so that it awaits a future instead, and
returns `"tea"` at the very moment: after 0.25 s.""",
    function="brew",
    starter="""\
def boil(when_ready):  # the old library
    asyncio.get_running_loop().call_later(0.25, when_ready, "tea")

async def brew():
    cups = []
    boil(cups.append)
    while not cups:
        await asyncio.sleep(0.1)
    return cups[0]""",
    solution="""\
def boil(when_ready):  # the old library
    asyncio.get_running_loop().call_later(0.25, when_ready, "tea")

async def brew():
    ready = asyncio.get_running_loop().create_future()
    boil(ready.set_result)
    return await ready""",
    cases=(
        Case(
            (
                returns("tea"),
                never_holds(),
                takes(at_least=0.25, at_most=0.25),
                _own_sleeps(0, "it waits without asyncio.sleep", "await a future instead, which `boil` ends"),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "`brew` needs an empty box to wait for, and `boil` needs a function that fills the box.",
        "`asyncio.get_running_loop().create_future()` makes the box; the method `set_result` fills it.",
        "Hand `ready.set_result` to `boil`, without brackets after it, and `return await ready`.",
    ),
)


def _record(name: str) -> Any:
    return json.loads(data_path("capitals", f"{name}.json").read_text(encoding="utf-8"))


def _both_get(record: Any) -> Expectation:
    """As `returns`, without showing two records that look alike."""
    plain = returns([record] * 2, "both readers get the record")

    def fault(run: Run) -> str:
        got = run.result
        if isinstance(got, list) and len(got) == 2 and got != [record] * 2 and record in got:
            other = got[1 - got.index(record)]
            return f"one reader gets the record, but the other gets {brief(other)}"
        return plain.fault(run)

    return Expectation(plain.right, fault)


SHARED = Exercise(
    id="02.3",
    title="Download once, await often",
    statement="""\
In `two_readers` the same `Lazy` object is awaited twice. It shall download when it is first awaited, not before, and
only **once**: the second reader gets the same result, at the same time. Now it downloads for each of them. Change
`Lazy`, and nothing else, so that `fetch` is called once, and all is done after 0.4 s. `_lima` is there as a test: it is
never awaited, so it must not be downloaded at all.""",
    function="two_readers",
    starter="""\
class Lazy:
    def __init__(self, fetch, name):
        self.fetch, self.name = fetch, name

    def __await__(self):
        return self.fetch(self.name).__await__()

async def read(lazy):
    return await lazy

async def two_readers(fetch):
    oslo, _lima = Lazy(fetch, "oslo"), Lazy(fetch, "lima")
    return await asyncio.gather(read(oslo), read(oslo))""",
    solution="""\
class Lazy:
    def __init__(self, fetch, name):
        self.fetch, self.name = fetch, name
        self.task = None

    def __await__(self):
        if self.task is None:
            self.task = asyncio.create_task(self.fetch(self.name))
        return self.task.__await__()

async def read(lazy):
    return await lazy

async def two_readers(fetch):
    oslo, _lima = Lazy(fetch, "oslo"), Lazy(fetch, "lima")
    return await asyncio.gather(read(oslo), read(oslo))""",
    cases=(
        Case(
            (
                _both_get(_record("oslo")),
                never_holds(),
                takes(at_least=0.4, at_most=0.4),
                in_flight(at_most=1),
                asks(at_least=1, at_most=1),
                _own_sleeps(1, "nobody keeps asking", "the second reader shall await the download, not look for it"),
                leaves_nothing_running(),
            ),
            arguments=lambda service: (service.fetch,),
            service={"latency": 0.4},
        ),
    ),
    hints=(
        "A coroutine can be awaited once only. What can be awaited as often as you like?",
        "Keep a task in the object. Make it in `__await__`, the first time, and not in `__init__`: the other object "
        "shall download nothing.",
        "`self.task = None` in `__init__`. In `__await__`, if it is None, make it with `asyncio.create_task(…)`. Then "
        "`return self.task.__await__()`.",
    ),
)

EXERCISES = (AS_THEY_COME, CALLBACK, SHARED)
