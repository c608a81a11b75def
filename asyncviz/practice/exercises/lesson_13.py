"""Lesson 13, asyncio.run() in a notebook: await instead, a library in a thread, and the way back to the loop."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from asyncviz.clocks import clocks
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import Expectation, Run, leaves_nothing_running, never_holds, overlaps, returns, takes

FROM_A_SCRIPT = Exercise(
    id="13.1",
    title="From a script into a running loop",
    statement="""\
`brunch` was copied out of a script, where it was a plain function; somebody only wrote `async` in front of it. Now a
loop runs already. Make it run there, with both waits at once, in 0.5 s: first the coffee, then the egg in the list.""",
    function="brunch",
    starter="""\
async def coffee():
    await asyncio.sleep(0.3)
    return "coffee"

async def egg():
    await asyncio.sleep(0.5)
    return "egg"

async def brunch():
    return [asyncio.run(coffee()), asyncio.run(egg())]""",
    solution="""\
async def coffee():
    await asyncio.sleep(0.3)
    return "coffee"

async def egg():
    await asyncio.sleep(0.5)
    return "egg"

async def brunch():
    return await asyncio.gather(coffee(), egg())""",
    cases=(
        Case(
            (
                returns(["coffee", "egg"]),
                never_holds(),
                overlaps(at_least=2),
                takes(at_least=0.5, at_most=0.5),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "What does a coroutine write where a script writes `asyncio.run(coffee())`? Look at section 2.",
        "`await` waits for one thing. For two at once, make tasks of both, or use `asyncio.gather`.",
        "`return await asyncio.gather(coffee(), egg())`: it gives a list of both results, in this order.",
    ),
)


def _has_loop() -> bool:
    """Whether a loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _held() -> bool:
    """Whether the program's loop does not answer. A step that waits for a thread of its own takes no virtual time."""
    loop = next((clock for clock in clocks.values() if isinstance(clock, asyncio.AbstractEventLoop)), None)
    answered = threading.Event()
    if loop is not None:
        loop.call_soon_threadsafe(answered.set)
    return loop is not None and not answered.wait(1.0)


class Library:
    """`download` blocks, and refuses where a loop runs, as a function with an asyncio.run() inside does."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.held = False  # whether the program's loop was held meanwhile

    def download(self, name: str) -> str:
        if _has_loop():
            raise RuntimeError("the asyncio.run() in download() cannot work here: in this thread a loop runs")
        self.called.append(name)
        self.held = self.held or _held()
        time.sleep(0.4)
        return name.title()

    download.__qualname__ = "download"  # for pictures and messages


def _downloads(names: list[str]) -> Case:
    never = never_holds()

    def holds(run: Run) -> str:
        held = run.arguments[0].__self__.held
        said = "your function holds the loop until download() is done: meanwhile nobody else can run" if held else ""
        return never.fault(run) or said

    def calls(run: Run) -> str:
        called = run.arguments[0].__self__.called
        if sorted(called) == sorted(names):
            return ""
        return f"download() is called {len(called)} times for {len(names)} names"

    expectations = [returns([name.title() for name in names], "all results, in the order of the names")]
    if names:
        expectations += [Expectation(never.right, holds), takes(at_most=0.4)]
    return Case(
        (*expectations, leaves_nothing_running(), Expectation("download() is called once for each name", calls)),
        arguments=lambda service: (Library().download, list(names)),
    )


A_LIBRARY = Exercise(
    id="13.2",
    title="A library that brings its own loop",
    statement="""\
`capitals` is given `download`, a plain function of a library, and a list of names. `download("oslo")` takes 0.4 s and
has an `asyncio.run()` inside, so it fails where a loop runs. Call it for all names at once, without holding the loop,
and return the results in the order of the names. There are three names, or none.""",
    function="capitals",
    starter="""\
async def capitals(download, names):
    return [download(name) for name in names]""",
    solution="""\
async def capitals(download, names):
    calls = [asyncio.to_thread(download, name) for name in names]
    return await asyncio.gather(*calls)""",
    cases=(_downloads(["oslo", "lima", "bern"]), _downloads([])),
    hints=(
        "`download` is not yours, so its `asyncio.run()` stays. But a loop runs in one *thread*: where else could you "
        "call it?",
        "`await asyncio.to_thread(download, name)` calls it in another thread, where no loop runs, and waits for it. "
        "You need all calls at once.",
        "Make a list of `asyncio.to_thread(download, name)`, without `await`, and hand it to "
        "`await asyncio.gather(*calls)`.",
    ),
)


class Kitchen:
    """A library that blocks, and a service that belongs to the loop of the thread in which this object is made.

    Two requests that are there at the same time are answered at once, a single one after 0.15 s.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._alone: asyncio.Event | None = None
        self.reports: list[str] = []

    def library(self, names: list[str], get: Callable[[str], str]) -> str:
        if threading.get_ident() == self._thread:
            raise RuntimeError("library() blocks, and the thread that called it is the one of your loop")
        report = " and ".join([get(name) for name in names])
        self.reports.append(report)
        return report

    async def fetch(self, name: str) -> str:
        if threading.get_ident() != self._thread:
            raise RuntimeError("fetch belongs to the loop of `reports`, and here another loop ran it")
        alone, self._alone = self._alone, None
        if alone is not None:
            alone.set()
            return name.title()
        self._alone = alone = asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.15):
                await alone.wait()
        if self._alone is alone:
            self._alone = None
        return name.title()


def _two_reports() -> Case:
    def arguments(service: Any) -> tuple[Any, ...]:
        kitchen = Kitchen()
        return kitchen.library, kitchen.fetch, ["oslo", "lima"], ["bern", "rome"]

    def fault(run: Run) -> str:
        made = len(run.arguments[0].__self__.reports)
        return "" if made == 2 else f"library() made {made} reports, and 2 are asked for"

    return Case(
        (
            returns(["Oslo and Lima", "Bern and Rome"], "both reports are right"),
            takes(at_most=0.3),
            leaves_nothing_running(),
            Expectation("library() made both", fault),
        ),
        arguments=arguments,
        real=True,
    )


BACK_TO_THE_LOOP = Exercise(
    id="13.3",
    title="And the way back",
    statement="""\
`reports` is given a plain function `library`: `library(first, get)` calls `get(name)` for each name in the list
`first`, one after the other, and joins the answers. The answers come from `fetch`, a coroutine function that belongs
to *your* loop: no other may run it. Two requests that come together it answers immediately; a single one only after
0.15 s. Return a list of two reports, on `first` and on `second`, made at the same time. This check uses a real
clock.""",
    function="reports",
    starter="""\
async def reports(library, fetch, first, second):
    def get(name):
        return asyncio.run(fetch(name))

    return [library(first, get), library(second, get)]""",
    solution="""\
async def reports(library, fetch, first, second):
    loop = asyncio.get_running_loop()

    def get(name):
        return asyncio.run_coroutine_threadsafe(fetch(name), loop).result()

    return await asyncio.gather(
        asyncio.to_thread(library, first, get),
        asyncio.to_thread(library, second, get),
    )""",
    cases=(_two_reports(),),
    hints=(
        "Two moves, as in section 4: the library into a thread; and each of its questions back to your loop.",
        "Take your loop with `asyncio.get_running_loop()` *before* you leave its thread. In `get`, hand it the "
        "coroutine with `asyncio.run_coroutine_threadsafe`, and wait for the `.result()`.",
        "In `get`: `return asyncio.run_coroutine_threadsafe(fetch(name), loop).result()`. At the end: "
        "`await asyncio.gather(asyncio.to_thread(library, first, get), asyncio.to_thread(library, second, get))`.",
    ),
)

EXERCISES = (FROM_A_SCRIPT, A_LIBRARY, BACK_TO_THE_LOOP)
