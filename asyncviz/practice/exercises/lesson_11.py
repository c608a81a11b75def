"""Lesson 11, Timeouts, cancellation and errors: nothing left behind, cleaning up, retries that can be stopped."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from asyncviz import span
from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    Expectation,
    Run,
    ends_when_cancelled,
    leaves_nothing_running,
    never_holds,
    returns,
    takes,
)

OSLO = json.loads(data_path("capitals", "oslo.json").read_text(encoding="utf-8"))


def _answered(value: Any, seconds: float, latency: float) -> Case:
    return Case(
        (
            returns(value),
            never_holds(),
            takes(at_least=seconds, at_most=seconds),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (service.fetch,),
        service={"latency": latency},
    )


IN_TIME = Exercise(
    id="11.1",
    title="Nothing left behind",
    statement="""\
`in_time` gives the record of Oslo or, after 0.5 s without an answer, `"too late"`. It does so already, but then the
download goes on though nobody wants it any more. Change `in_time` so that it leaves nothing running. (It need not make
a task.)""",
    function="in_time",
    starter="""\
async def in_time(fetch):
    download = asyncio.create_task(fetch("oslo"), name="download")
    _, pending = await asyncio.wait([download], timeout=0.5)
    if pending:
        return "too late"
    return download.result()""",
    solution="""\
async def in_time(fetch):
    try:
        async with asyncio.timeout(0.5):
            return await fetch("oslo")
    except TimeoutError:
        return "too late\"""",
    cases=(_answered("too late", 0.5, 2.0), _answered(OSLO, 0.2, 0.2)),
    hints=(
        "`asyncio.wait` looks at the time, and cancels nobody. Which of the tools in section 2 does?",
        "`async with asyncio.timeout(0.5):` cancels what is awaited inside it, then raises an error for you to catch.",
        "Around the `with` block `try:`, inside it `return await fetch(…)`, and at the end `except TimeoutError:`.",
    ),
)


class Connection:
    """Gives a line every 0.1 s, with hiccups; closing it takes 0.2 s."""

    def __init__(self) -> None:
        self._reads = 0

    async def read(self) -> str:
        self._reads += 1
        await asyncio.sleep(0.1)
        if self._reads in (2, 3):
            raise ConnectionError("a hiccup")
        return f"line {self._reads}"

    async def close(self) -> None:
        await asyncio.sleep(0.2)
        with span("closed"):
            pass


def closes_once() -> Expectation:
    """The connection is closed when all is over, and once."""

    def fault(run: Run) -> str:
        number = sum(s.name == "closed" for s in run.trace.spans)
        if number == 0:
            return "the connection was never closed, or not to the end"
        return f"the connection was closed {number} times" if number > 1 else ""

    return Expectation("the connection is closed", fault)


def _served() -> Case:
    def fault(run: Run) -> str:
        reads = run.arguments[0]._reads
        return "" if reads > 3 else f"it began {reads} reads until it was cancelled: does it go on after a hiccup?"

    return Case(
        (
            ends_when_cancelled(within=0.2),
            closes_once(),
            never_holds(),
            Expectation("it reads until it is cancelled", fault),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Connection(),),
        cancel_at=0.65,
    )


CLEAN_UP = Exercise(
    id="11.2",
    title="Stop, but close the door",
    statement="""\
`serve` reads lines from a connection for ever. A read may fail with a `ConnectionError`; then it just reads on. When
`serve` is cancelled, it shall close the connection with `await connection.close()`, which takes 0.2 s, and then end,
*as cancelled*. It does none of that: nothing can stop it.""",
    function="serve",
    starter="""\
async def serve(connection):
    while True:
        try:
            await connection.read()
        except (ConnectionError, asyncio.CancelledError):
            continue  # a hiccup: read on""",
    solution="""\
async def serve(connection):
    try:
        while True:
            try:
                await connection.read()
            except ConnectionError:
                continue  # a hiccup: read on
    finally:
        await connection.close()""",
    cases=(_served(),),
    hints=(
        "One of the two errors that are caught is a hiccup. What is the other one? Catch the hiccup, and no more.",
        "Whatever ends the loop, `finally` runs. It may `await`, and afterwards the error goes on its way by itself.",
        "Put the whole loop into `try:` … `finally: await connection.close()`, and in the loop write "
        "`except ConnectionError:`.",
    ),
)


class Moody:
    """Answers as it was told: each attempt takes some seconds, and fails or does not."""

    def __init__(self, *moods: tuple[float, bool]) -> None:
        self._moods: Iterator[tuple[float, bool]] = iter(moods)
        self._cut = 0.0  # seconds that an attempt would have taken that was cut off too early

    async def fetch(self, name: str) -> str:
        mood = next(self._moods, None)
        if mood is None:
            why = f": an attempt that takes only {self._cut:g} s was cut off" if self._cut else ""
            raise LookupError(f"{name} was asked for once too often{why}")
        try:
            await asyncio.sleep(mood[0])
        except asyncio.CancelledError:
            self._cut = mood[0] if mood[0] < 0.5 else self._cut
            raise
        if not mood[1]:
            raise ConnectionError("the service is busy")
        return name


def lets_out(kind: type[Exception]) -> Expectation:
    """An error of this kind comes out."""

    def fault(run: Run) -> str:
        if isinstance(run.result, kind):
            return ""
        return f"when `fetch` raises {kind.__name__}, that has to come out: catch only the two errors that are meant"

    return Expectation("other errors come out", fault)


def _moods(value: Any, seconds: float, *moods: tuple[float, bool]) -> Case:
    return Case(
        (
            returns(value),
            never_holds(),
            takes(at_least=seconds, at_most=seconds, short="are the pauses as long as asked for?"),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Moody(*moods).fetch,),
    )


PATIENT = Exercise(
    id="11.3",
    title="Patient, but not for ever",
    statement="""\
`patient` asks up to four times. Three things are wrong. The pauses before the second, third and fourth attempt shall be
0.1, 0.2 and 0.4 s, and there is none after the last. An attempt of more than 0.5 s shall count as failed, like one that
raises `ConnectionError`. And whoever cancels it shall be obeyed at once. After four failures it returns `None`. Other
errors come out. (No pause by lot here, so that the check can measure them. Its answers take 0.05 s or 0.3 s.)""",
    function="patient",
    starter="""\
async def patient(fetch):
    for attempt in range(4):
        try:
            return await fetch("oslo")
        except BaseException:
            await asyncio.sleep(0.1)
    return None""",
    solution="""\
async def patient(fetch):
    for attempt in range(4):
        if attempt > 0:
            await asyncio.sleep(0.1 * 2 ** (attempt - 1))
        try:
            async with asyncio.timeout(0.5):
                return await fetch("oslo")
        except (ConnectionError, TimeoutError):
            continue
    return None""",
    cases=(
        _moods("oslo", 0.7, (0.05, False), (0.05, False), (0.3, True)),
        _moods("oslo", 0.9, (60.0, True), (0.3, True)),
        _moods(None, 0.9, (0.05, False), (0.05, False), (0.05, False), (0.05, False)),
        Case(
            (ends_when_cancelled(within=0.0), leaves_nothing_running()),
            arguments=lambda service: (Moody((60.0, True), (60.0, True), (60.0, True), (60.0, True)).fetch,),
            cancel_at=0.25,
        ),
        Case(
            (ends_when_cancelled(within=0.0), leaves_nothing_running()),
            arguments=lambda service: (Moody(*[(0.05, False)] * 4).fetch,),
            cancel_at=0.1,
        ),
        Case(
            (lets_out(LookupError), leaves_nothing_running()),
            arguments=lambda service: (Moody().fetch,),
            comes_out=LookupError,
        ),
    ),
    hints=(
        "Take one thing at a time. First the pauses: before attempt number 1, 2 and 3 (counted from 0), each twice as "
        "long as the one before it.",
        "Inside `try:`, put `async with asyncio.timeout(0.5):` around the attempt, and catch the two errors by name, "
        "`except (ConnectionError, TimeoutError):`. `CancelledError` is neither.",
        "At the top of the loop: `if attempt > 0: await asyncio.sleep(0.1 * 2 ** (attempt - 1))`. After `except …:` "
        "just `continue`.",
    ),
)

EXERCISES = (IN_TIME, CLEAN_UP, PATIENT)
