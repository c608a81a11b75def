"""Lesson 01, Asynchronous functions: two forgotten awaits, a chain beside a task, driving coroutines by hand."""

import time
import types
from collections.abc import Coroutine, Generator
from typing import Any

from asyncviz import span
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import Expectation, Run, leaves_nothing_running, never_holds, overlaps, returns, takes
from asyncviz.words import enumeration


def waits_in_order(*texts: str) -> Expectation:
    """The run's waits for these reasons begin in this order."""

    def fault(run: Run) -> str:
        _, start, _, reason = run.trace.waits
        begun = [run.trace.reasons[reason[i]].text for i in start.argsort(kind="stable")]
        seen = [text for text in begun if text in texts]
        if not seen:
            return f"it does not wait for {', '.join(texts)}: is `await` missing?"
        return "" if seen == list(texts) else f"it waits for {enumeration(seen)}, in this order"

    return Expectation(f"it waits for {enumeration(texts)}, in this order", fault)


def turns(*names: str) -> Expectation:
    """The spans of these names follow each other in this order."""

    def fault(run: Run) -> str:
        seen = [s.name for s in sorted(run.trace.spans, key=lambda s: s.start)]
        if seen == list(names):
            return ""
        if len(seen) < len(names):
            return f"only {len(seen)} of {len(names)} turns are taken: {', '.join(seen) or 'none'}"
        return f"the turns are {', '.join(seen)}, where {', '.join(names)} is asked for"

    return Expectation("they take turns", fault)


FORGOTTEN = Exercise(
    id="01.1",
    title="The forgotten awaits",
    statement="""\
`breakfast` shall lay the table, make tea, and boil an egg. It forgets two of the three. Repair it, so that it does all
three in this order and returns `["tea", "egg"]`, after 0.2 s + 0.3 s + 0.4 s = 0.9 s.""",
    function="breakfast",
    starter="""\
async def lay_table():
    await asyncio.sleep(0.2)

async def tea():
    await asyncio.sleep(0.3)
    return "tea"

async def egg():
    await asyncio.sleep(0.4)
    return "egg"

async def breakfast():
    lay_table()
    cup = await tea()
    food = egg()
    return [cup, food]""",
    solution="""\
async def lay_table():
    await asyncio.sleep(0.2)

async def tea():
    await asyncio.sleep(0.3)
    return "tea"

async def egg():
    await asyncio.sleep(0.4)
    return "egg"

async def breakfast():
    await lay_table()
    cup = await tea()
    food = await egg()
    return [cup, food]""",
    cases=(
        Case(
            (
                returns(["tea", "egg"]),
                never_holds(),
                takes(at_least=0.9, at_most=0.9, short="are the three done one after the other, and awaited?"),
                waits_in_order("sleep 0.2", "sleep 0.3", "sleep 0.4"),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "Three lines of `breakfast` call an async function. For which of the three does the timeline show a wait?",
        "A call alone runs nothing, whether you use its result or not. `await` runs it and gives its result.",
        "Write `await lay_table()`, and `food = await egg()`.",
    ),
)

CHAIN = Exercise(
    id="01.2",
    title="What must wait, and what need not",
    statement="""\
The tea needs the water, so `brew` has to come after `boil`. The toast needs neither. Change `breakfast` so that the
toast is made meanwhile: it shall still return the same list, but after 0.6 s instead of 1.1 s.""",
    function="breakfast",
    starter="""\
async def boil():
    await asyncio.sleep(0.3)
    return "water"

async def brew(water):
    await asyncio.sleep(0.3)
    return "tea from " + water

async def toast():
    await asyncio.sleep(0.5)
    return "toast"

async def breakfast():
    cup = await brew(await boil())
    return [cup, await toast()]""",
    solution="""\
async def boil():
    await asyncio.sleep(0.3)
    return "water"

async def brew(water):
    await asyncio.sleep(0.3)
    return "tea from " + water

async def toast():
    await asyncio.sleep(0.5)
    return "toast"

async def breakfast():
    toasting = asyncio.create_task(toast())
    cup = await brew(await boil())
    return [cup, await toasting]""",
    cases=(
        Case(
            (
                returns(["tea from water", "toast"]),
                never_holds(),
                takes(at_least=0.6, at_most=0.6, short="are boil and brew done one after the other, and awaited?"),
                overlaps(at_least=2),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "Awaits in a row are right where one needs what the other gives. Which of the three does not?",
        "Start the toast before the first `await`, as a task, and wait for it at the end.",
        "First line: `toasting = asyncio.create_task(toast())`. Then the tea as before. At the end: `await toasting`.",
    ),
)


@types.coroutine
def _pause(reason: str) -> Generator[str, Any, Any]:
    return (yield reason)


async def _prepare(what: str, steps: int) -> str | None:
    for _ in range(steps):
        with span(what):
            time.sleep(0.1)  # noqa: ASYNC251 - no loop drives it
        await _pause("my next turn")
    return what if steps else None  # None is a result too


def _case(asked: list[tuple[str, int]], order: str) -> Case:
    def coroutines(service: Any) -> tuple[list[Coroutine[Any, Any, str | None]]]:
        return ([_prepare(what, steps) for what, steps in asked],)

    names = [what if steps else None for what, steps in asked]
    result = returns(names, "all results, in the order of the list")
    return Case((turns(*order.split()), result), arguments=coroutines)


TAKE_TURNS = Exercise(
    id="01.3",
    title="Let them take turns",
    statement="""\
`take_turns` is an ordinary function. It is given a list of coroutine objects like those of section 4 and drives each
to its end before it begins the next. Change it, so that in every round each coroutine that has not yet ended gets one
`send(None)`. It shall still return all results in the order of the list, whichever ends first. In the timeline the
red outline stays, in a right answer too: the work keeps the thread, whoever drives.""",
    function="take_turns",
    starter="""\
def take_turns(coroutines):
    results = []
    for coroutine in coroutines:
        while True:
            try:
                coroutine.send(None)
            except StopIteration as end:
                results.append(end.value)
                break
    return results""",
    solution="""\
def take_turns(coroutines):
    results = {}
    while len(results) < len(coroutines):
        for number, coroutine in enumerate(coroutines):
            if number not in results:
                try:
                    coroutine.send(None)
                except StopIteration as end:
                    results[number] = end.value
    return [results[number] for number in range(len(coroutines))]""",
    cases=(
        _case([("tea", 2), ("toast", 3), ("egg", 1)], "tea toast egg tea toast toast"),
        _case([("salt", 0), ("tea", 2), ("toast", 2)], "tea toast tea toast"),
        _case([("stew", 12)], 12 * "stew "),
        _case([], ""),
    ),
    hints=(
        "The loop inside gives one coroutine all its turns. Which of the two loops must be the outer one?",
        "Go through the list again and again: one `send(None)` for each that has not ended. Who raises `StopIteration` "
        "has ended, and the rounds are over when all have.",
        "Keep the results in a dictionary, by the place in the list, until there are as many as coroutines: then you "
        "know who has ended, and can put the results in order.",
    ),
)

EXERCISES = (FORGOTTEN, CHAIN, TAKE_TURNS)
