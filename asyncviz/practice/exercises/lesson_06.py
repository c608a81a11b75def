"""Exercises of lesson 06: slices, calls that block, and a search that is out of date."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

from asyncviz.clocks import clocks
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    leaves_nothing_running,
    never_holds,
    returns,
    takes,
)
from asyncviz.simulate import busy
from asyncviz.trace import HELD


class Computer:
    """Shrinks pictures, each in `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.elsewhere: list[str] = []  # what was shrunk where no loop runs
        self.late: list[float] = []  # for how long one who is ready when a picture begins has to wait

    def shrink(self, picture: str) -> str:
        loop = asyncio._get_running_loop()
        if loop is None:
            self.elsewhere.append(picture)
        else:
            begun = loop.time()
            loop.call_soon(lambda: self.late.append(loop.time() - begun))
        busy(self._seconds)
        return f"small {picture}"


def _computed(number: int, seconds: float) -> Case:
    def one_thread(run: Run) -> str:
        elsewhere = run.arguments[0].__self__.elsewhere
        return "shrink() is called in another thread, and here all stays in one" if elsewhere else ""

    def others_run(run: Run) -> str:
        late = run.arguments[0].__self__.late
        if max(late, default=0.0) <= HELD + EXACT:
            return ""
        return (
            f"no step is long, but others wait for {run.say(max(late))}: tasks that are ready together run one after "
            "the other, before anybody else"
        )

    pictures = [f"picture {n}" for n in range(1, number + 1)]
    return Case(
        (
            returns([f"small {picture}" for picture in pictures], "all pictures, in order"),
            never_holds(),
            takes(at_least=number * seconds, at_most=number * seconds),
            Expectation("others run in between", others_run),
            Expectation("it stays in one thread", one_thread),
        ),
        arguments=lambda service: (Computer(seconds).shrink, pictures),
    )


IN_SLICES = Exercise(
    id="06.1",
    title="In slices",
    statement="""\
`shrink(picture)` is an ordinary function that computes for 0.02 s. `shrink_all` calls it thirty times, and holds the
loop for 0.6 s. Change `shrink_all` so that it never holds it for more than 0.05 s. It stays in one thread, returns the
small pictures in order, and takes 0.6 s in all, as before.""",
    function="shrink_all",
    starter="""\
async def shrink_all(shrink, pictures):
    small = []
    for picture in pictures:
        small.append(shrink(picture))
    return small""",
    solution="""\
async def shrink_all(shrink, pictures):
    small = []
    for picture in pictures:
        small.append(shrink(picture))
        await asyncio.sleep(0)
    return small""",
    cases=(_computed(30, 0.02), _computed(5, 0.02)),
    hints=(
        "Somebody else may run only while `shrink_all` is in an `await` that really pauses. Where could that be?",
        "Pause after each picture, and as briefly as possible: section 3 has the line, in `sliced`.",
        "After `small.append(…)`, still inside the loop: `await asyncio.sleep(0)`.",
    ),
)


class Gallery:
    """Loads pictures, each in `seconds`, in any thread, and shows them, in the loop's only."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.begun: list[str] = []
        self.shown: list[str] = []
        self.strange: list[str] = []  # loaded in threads of which the virtual clock does not know

    def load(self, name: str) -> str:
        self.begun.append(name)
        if threading.get_ident() not in clocks:
            self.strange.append(name)
        time.sleep(self._seconds)
        return f"picture of {name}"

    load.__qualname__ = "load"  # for pictures and messages

    def show(self, picture: Any) -> None:
        if inspect.iscoroutine(picture):
            picture.close()
        if not isinstance(picture, str):
            what = type(picture).__name__
            raise TypeError(f"show() is called with a {what}, and no picture: `await` it first")
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("show() was called from another thread: an interface does not bear that") from None
        self.shown.append(picture)


def _loaded(names: list[str], seconds: float, cancel_at: float | None = None) -> Case:
    def arguments(service: Any) -> tuple[Any, ...]:
        gallery = Gallery(seconds)
        return gallery.load, gallery.show, list(names)

    def known(run: Run) -> str:
        said = "load() runs in a thread of which the check's virtual clock knows nothing: use `asyncio.to_thread`"
        return said if run.arguments[0].__self__.strange else ""

    def at_once(run: Run) -> str:
        assert cancel_at is not None
        there = int(cancel_at / seconds)
        if len(run.arguments[1].__self__.shown) >= there:
            return ""
        return f"after {run.say(cancel_at)} picture {there} is loaded, and not shown: show each as soon as it is there"

    def in_order(run: Run) -> str:
        begun, shown = run.arguments[0].__self__.begun, run.arguments[1].__self__.shown
        wanted = [f"picture of {name}" for name in names]
        if shown == wanted:
            return "" if len(begun) == len(names) else f"load() was called for {len(begun)} of {len(names)} pictures"
        return f"show() was called {len(shown)} times, and {len(wanted)} pictures are asked for, in order"

    def heard(run: Run) -> str:
        assert cancel_at is not None
        most, begun = int(cancel_at / seconds) + 1, run.arguments[0].__self__.begun
        if len(begun) > most:
            return f"it was cancelled while it loaded picture {most}, and yet loaded {len(begun)} pictures"
        return ""

    total = len(names) * seconds
    if cancel_at is not None:
        return Case(
            (
                Expectation("after Cancel no further picture is loaded", heard),
                Expectation("each picture is shown as soon as it is there", at_once),
                leaves_nothing_running(),
            ),
            arguments=arguments,
            cancel_at=cancel_at,
        )
    return Case(
        (
            Expectation("its threads are known to the clock", known),
            never_holds(),
            Expectation("all pictures are shown, in order", in_order),
            takes(at_least=total, at_most=total, short="are the pictures loaded one after another?"),
            leaves_nothing_running(),
        ),
        arguments=arguments,
    )


IN_A_THREAD = Exercise(
    id="06.2",
    title="A thread, and nothing but the blocking call",
    statement="""\
`load(name)` blocks: it takes 0.2 s, and cannot be awaited. `show(picture)` draws, takes no time, and may be called in
the loop's thread only. Change `gallery` so that the loop is never held, the pictures are loaded one after another, and
each is shown as soon as it is there. When `gallery` is cancelled, no further picture is loaded.""",
    function="gallery",
    starter="""\
async def gallery(load, show, names):
    for name in names:
        picture = load(name)
        show(picture)""",
    solution="""\
async def gallery(load, show, names):
    for name in names:
        picture = await asyncio.to_thread(load, name)
        show(picture)""",
    cases=(_loaded(["oslo", "lima", "bern", "rome"], 0.2), _loaded(["oslo", "lima", "bern", "rome"], 0.2, 0.3)),
    hints=(
        "Section 3 moves a call to a thread. Which of the two calls here blocks, and which has to stay?",
        "`asyncio.to_thread` takes the function and its arguments, and must be awaited. It gives back the picture.",
        "`picture = await asyncio.to_thread(load, name)`; the rest stays as it is.",
    ),
)


class SearchEngine:
    """Each search takes `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.under_way: list[tuple[float, float]] = []  # from when to when, each search
        self.cancelled: list[str] = []

    async def search(self, text: str) -> str:
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled.append(text)
            raise
        finally:
            self.under_way.append((start, loop.time()))
        return f"found {text}"


def _typed(texts: list[tuple[float, str]], seconds: float, found: list[str], total: float) -> Case:
    async def typed() -> AsyncIterator[str]:
        for pause, text in texts:
            await asyncio.sleep(pause)
            yield text

    def one_at_a_time(run: Run) -> str:
        engine = run.arguments[1].__self__
        spans = sorted(engine.under_way)
        if any(stop > start + EXACT for (_, stop), (start, _) in pairwise(spans)):
            return "an old search goes on while the new one is under way: cancel it"
        return "" if engine.cancelled else "no search is cancelled, and one of them is typed over"

    return Case(
        (
            returns([f"found {text}" for text in found], "only results that nobody has typed over"),
            takes(at_least=total, at_most=total),
            Expectation("an old search is cancelled", one_at_a_time),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (typed(), SearchEngine(seconds).search),
    )


LATEST = Exercise(
    id="06.3",
    title="Only the latest counts",
    statement="""\
A search box: `typed` gives the text anew with each key, `async for text in typed`, and `await search(text)` takes
0.5 s. Change `search_box`: each new text begins its search at once, and cancels the search before it if that is still
under way. When `typed` ends, wait for the last one. Return the list of the results that came: if somebody types `o`,
`os`, `oslo` quickly, rests, and then types `lima`, there are two. (`async for` is a `for` that may wait for its next
element.)""",
    function="search_box",
    starter="""\
async def search_box(typed, search):
    found = []
    async for text in typed:
        found.append(await search(text))
    return found""",
    solution="""\
async def search_box(typed, search):
    found, running = [], None

    async def find(text):
        found.append(await search(text))

    async for text in typed:
        if running is not None:
            running.cancel()
        running = asyncio.create_task(find(text), name=text)
    if running is not None:
        await running
    return found""",
    cases=(
        _typed([(0.0, "o"), (0.1, "os"), (0.1, "oslo"), (1.0, "lima")], 0.5, ["oslo", "lima"], 1.7),
        _typed([(0.0, "b"), (0.6, "be"), (0.2, "bern")], 0.5, ["b", "bern"], 1.3),
    ),
    hints=(
        "As long as the loop over `typed` awaits a search, it cannot hear the next key. Let each search be a task.",
        "Write `async def find(text):` that awaits the search and appends its result to `found`. In the loop make a "
        "task of it, keep it in a variable, and cancel that one when the next text comes.",
        "Inside the loop: `if running is not None: running.cancel()`, then "
        "`running = asyncio.create_task(find(text), name=text)`. After the loop, await the last one.",
    ),
)

EXERCISES = (IN_SLICES, IN_A_THREAD, LATEST)
