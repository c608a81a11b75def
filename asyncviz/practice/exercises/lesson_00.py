"""Lesson 00, Start here: two waits at once, a loop that nobody holds, any number of downloads."""

import json
from typing import Any

from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    in_flight,
    leaves_nothing_running,
    never_holds,
    overlaps,
    returns,
    takes,
)

TWO_WAITS = Exercise(
    id="00.1",
    title="Two waits at once",
    statement="""\
`breakfast` waits for the tea, and only then for the toast: 0.3 s and 0.5 s. Change `breakfast`, and nothing else, so
that both are made at the same time. It shall still return `["tea", "toast"]`, but after 0.5 s.""",
    function="breakfast",
    starter="""\
async def tea():
    await asyncio.sleep(0.3)
    return "tea"

async def toast():
    await asyncio.sleep(0.5)
    return "toast"

async def breakfast():
    first = await tea()
    second = await toast()
    return [first, second]""",
    solution="""\
async def tea():
    await asyncio.sleep(0.3)
    return "tea"

async def toast():
    await asyncio.sleep(0.5)
    return "toast"

async def breakfast():
    async with asyncio.TaskGroup() as group:
        first = group.create_task(tea())
        second = group.create_task(toast())
    return [first.result(), second.result()]""",
    cases=(
        Case(
            (
                returns(["tea", "toast"]),
                never_holds(),
                takes(at_least=0.5, at_most=0.5),
                overlaps(at_least=2),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "`await tea()` waits until the tea is done. Who has started the toast by then?",
        "Start both before you wait for either. `asyncio.create_task(tea())` starts the tea and goes on at once.",
        "Make two tasks inside `async with asyncio.TaskGroup() as group:` with `group.create_task(…)`. When the block "
        "is left both are done, and each has its `result()`.",
    ),
)


def beats_on_time(seconds: float) -> Expectation:
    """The task called heartbeat ends after so many seconds, as it would alone."""

    def fault(run: Run) -> str:
        beat = run.trace.tasks.get("heartbeat")
        if beat is None or beat.finished is None:
            return "no task called heartbeat comes to its end"
        late = beat.finished > seconds + EXACT
        return f"the heartbeat needs {run.say(beat.finished)} instead of {seconds:g} s" if late else ""

    return Expectation("the heartbeat is never late", fault)


def _holds_at_no_moment() -> Expectation:
    """Not even a step too short to be called out keeps the thread."""

    def fault(run: Run) -> str:
        seconds = run.trace.longest_block
        if seconds <= EXACT:
            return ""
        return f"the loop is held, for {run.say(seconds)} at a time: a short block is one too"

    return Expectation("nobody keeps the thread", fault)


NOBODY_HOLDS = Exercise(
    id="00.2",
    title="Nobody holds the loop",
    statement="""\
In `work` a `heartbeat` shall beat every 0.1 s while `save` writes to a slow disk, for which `time.sleep(0.6)` stands.
It does not: run the check and look at its timeline. Change `save`, and nothing else: it shall still take its 0.6 s, but
never hold the loop. A wait that pauses counts as much as one in another thread.""",
    function="work",
    starter="""\
async def heartbeat():
    for beat in range(5):
        await asyncio.sleep(0.1)

async def save():
    time.sleep(0.6)  # stands for the slow disk
    return "saved"

async def work():
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat(), name="heartbeat")
        saving = group.create_task(save(), name="save")
    return saving.result()""",
    solution="""\
async def heartbeat():
    for beat in range(5):
        await asyncio.sleep(0.1)

async def save():
    await asyncio.to_thread(time.sleep, 0.6)  # stands for the slow disk
    return "saved"

async def work():
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat(), name="heartbeat")
        saving = group.create_task(save(), name="save")
    return saving.result()""",
    cases=(
        Case(
            (
                returns("saved"),
                never_holds()._replace(right="the loop is not held for long"),
                takes(at_least=0.6, at_most=0.6),
                beats_on_time(0.5),
                _holds_at_no_moment(),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "While `save` sleeps, who could run? Look at where the heartbeat is *ready* instead of running.",
        "`time.sleep` keeps the thread that all tasks share. There is a sleep that gives it to the others meanwhile.",
        "Write `await asyncio.sleep(0.6)`; or, for work that knows no `await`, `await asyncio.to_thread(time.sleep, "
        "0.6)`: the function and its arguments, without calling it.",
    ),
)

FEW = ["oslo", "lima", "bern"]
MANY = ["oslo", "lima", "bern", "paris", "rome", "cairo", "tokyo", "quito", "dakar", "hanoi", "riga", "accra"]


def _records(names: list[str]) -> list[dict[str, Any]]:
    return [json.loads(data_path("capitals", f"{name}.json").read_text(encoding="utf-8")) for name in names]


def _case(names: list[str]) -> Case:
    expectations = [returns(_records(names), "all results, in the order of the names")]
    if names:
        expectations += [never_holds(), in_flight(at_least=len(names)), takes(at_least=0.2, at_most=0.5)]
    return Case(
        (*expectations, leaves_nothing_running()),
        arguments=lambda service: (service.fetch, list(names)),
        service={"latency": 0.2, "jitter": 0.3, "seed": 2},
    )


ALL_AT_ONCE = Exercise(
    id="00.3",
    title="All at once, in order",
    statement="""\
`fetch_all` is given a coroutine function `fetch`, which needs up to 0.5 s for one capital, and a list of names: three,
twelve, or none. It fetches one after another. Make all downloads overlap, however many names there are, and return the
results in the order of the names, whichever comes first.""",
    function="fetch_all",
    starter="""\
async def fetch_all(fetch, names):
    capitals = []
    for name in names:
        capitals.append(await fetch(name))
    return capitals""",
    solution="""\
async def fetch_all(fetch, names):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    cases=(_case(FEW), _case(MANY), _case([])),
    hints=(
        "The loop waits inside each round. Start everything in a first loop, and collect in a second one.",
        "Keep the tasks in a list, in the order of the names. A task keeps its result until you ask for it.",
        "`tasks = [group.create_task(fetch(name)) for name in names]` inside a TaskGroup, and after the block "
        "`[task.result() for task in tasks]`. Or `await asyncio.gather(*…)`, which keeps the order too.",
    ),
)

EXERCISES = (TWO_WAITS, NOBODY_HOLDS, ALL_AT_ONCE)
