"""What an exercise may expect of a run: of its result, of its timeline, and of what the service saw.

Each function here makes an Expectation: what is said when it is met, and a function that says what is wrong
otherwise. On the virtual clock times are exact, and said so; on a real one bounds should leave a factor of two.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from asyncviz.practice.service import Stats
from asyncviz.simulate import THREAD
from asyncviz.trace import HELD, Trace
from asyncviz.words import approximately, enumeration, plural

EXACT = 1e-6  # seconds that make no difference
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlist = _short.maxtuple = _short.maxdict = 4


@dataclass(frozen=True)
class Run:
    """What became of the reader's function.

    arguments: what it was called with: things that the exercise makes anew for each run, and that may have noted what
        was done with them.
    cancelled_at: seconds after which the check cancelled it, if it did.
    """

    result: Any
    error: BaseException | None
    trace: Trace
    arguments: tuple[Any, ...] = ()
    stats: Stats | None = None
    cancelled_at: float | None = None

    def say(self, seconds: float) -> str:
        """A time as text: exact on the virtual clock, "≈ 0.31 s" on a real one."""
        return f"{seconds:.6g} s" if self.trace.simulated else approximately(seconds)


class Expectation(NamedTuple):
    """`right` is said when it is met; `fault` gives what is wrong with a run, or ""."""

    right: str
    fault: Callable[[Run], str]


def brief(value: Any) -> str:
    """A value on one short line."""
    text = " ".join(_short.repr(value).split())
    return text if len(text) <= 90 else text[:89] + "…"


def returns(value: Any, right: str = "the result is right") -> Expectation:
    """The function returns `value`."""

    def fault(run: Run) -> str:
        got = run.result
        if got == value and type(got) is type(value):
            return ""
        if got is None:
            return "it returns nothing: is there a `return`?"
        if type(got) is not type(value):
            return f"it returns {_a(got)}, {brief(got)}, where {_a(value)} is asked for"
        if isinstance(got, dict) and (lost := [str(key) for key in value if key not in got]):
            return f"it returns {brief(got)}, and {enumeration(lost)} {'is' if len(lost) == 1 else 'are'} missing"
        if isinstance(got, (list, tuple)) and len(got) != len(value):
            return f"it returns {plural(len(got), 'value')} where {len(value)} are asked for"
        if isinstance(got, (list, tuple)) and sorted(map(repr, got)) == sorted(map(repr, value)):
            return "it returns the right values, but in the wrong order"
        if isinstance(got, (list, tuple)) and brief(got) == brief(value):
            n = next(n for n, pair in enumerate(zip(got, value, strict=True)) if pair[0] != pair[1])
            return f"it returns {brief(got[n])} as value number {n + 1}, where {brief(value[n])} is asked for"
        return f"it returns {brief(got)} where {brief(value)} is asked for"

    return Expectation(right, fault)


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def takes(*, at_least: float = 0.0, at_most: float, short: str = "is all of it done, and awaited?") -> Expectation:
    """From the first start to the last end it takes so many seconds. `short`: what is said when it takes fewer."""

    def fault(run: Run) -> str:
        seconds = run.trace.makespan
        if seconds > at_most + EXACT:
            return f"it takes {run.say(seconds)}, and {at_most:g} s is enough"
        if seconds < at_least - EXACT:
            unknown = [name for name in run.trace.threads if name != THREAD] if run.trace.simulated else []
            if unknown:
                return (
                    f"it takes only {run.say(seconds)}: what {unknown[0]} does takes no time on this clock; "
                    "let asyncio hand it to a thread, with asyncio.to_thread"
                )
            return f"it takes only {run.say(seconds)}, and {at_least:g} s is asked for: {short}"
        return ""

    return Expectation(f"it takes no more than {at_most:g} s", fault)


def overlaps(*, at_least: int = 1, at_most: int | None = None) -> Expectation:
    """So many tasks are in flight at one moment."""

    def fault(run: Run) -> str:
        number = run.trace.overlap
        if number < at_least:
            most = "nothing overlaps" if number <= 1 else f"at most {plural(number, 'task')} overlap"
            return f"{most}, and {at_least} could"
        if at_most is not None and number > at_most:
            allowed = f"only {at_most} {'is' if at_most == 1 else 'are'} allowed"
            return f"{plural(number, 'task')} are in flight at once, and {allowed}"
        return ""

    number = f"at most {plural(at_most, 'task')}" if at_most else plural(at_least, "task")
    return Expectation(f"{number} in flight at once", fault)


def finishes_in_order(*names: str) -> Expectation:
    """The tasks of these names end in this order."""

    def fault(run: Run) -> str:
        missing = [name for name in names if name not in run.trace.tasks]
        if missing:
            there = enumeration(run.trace.tasks) or "none"
            return f"there is no task called {missing[0]!r} (there is: {there})"
        ends = {name: run.trace.tasks[name].finished for name in names}
        unfinished = [name for name, end in ends.items() if end is None]
        if unfinished:
            return f"{unfinished[0]} does not end"
        order = sorted(names, key=lambda name: ends[name] or 0.0)
        return "" if order == list(names) else f"the order of finishing is {', '.join(order)}"

    return Expectation(f"they finish in the order {', '.join(names)}", fault)


def never_holds(longest: float = HELD) -> Expectation:
    """No step holds the loop for longer than `longest` seconds."""

    def fault(run: Run) -> str:
        seconds = run.trace.longest_block
        if seconds <= longest + EXACT:
            return ""
        holds = sorted(run.trace.holds, key=lambda hold: -hold.seconds)
        line = f" in line {holds[0].line}" if holds and holds[0].line is not None else ""
        who = f"{holds[0].who} holds" if holds else "something holds"
        return f"{who} the loop for {run.say(seconds)}{line}: meanwhile nobody else can run"

    return Expectation("the loop is never held", fault)


def ends_when_cancelled(*, within: float) -> Expectation:
    """When the check cancels the function, it and all its tasks end within so many seconds, and as cancelled."""

    def fault(run: Run) -> str:
        assert run.cancelled_at is not None, "the exercise's case says when to cancel: Case(cancel_at=…)"
        tasks = list(run.trace.tasks.values())[1:]  # the first is the check's own
        end = tasks[0].finished if tasks else 0.0
        if end is not None and end < run.cancelled_at - EXACT:
            return "it ended before the check could cancel it"
        for task in tasks:
            if task.finished is None and task.born is not None and task.born >= run.cancelled_at - EXACT:
                return f"{task.label} was started when {tasks[0].label} was asked to stop, and nobody awaits it"
            seconds = (run.trace.duration if task.finished is None else task.finished) - run.cancelled_at
            if task.finished is None or seconds > within + EXACT:
                how = f"took {run.say(seconds)} for it" if task.finished is not None else "never did"
                why = "is CancelledError swallowed somewhere?"
                if task.outcome == "cancelled":
                    why = f"{within:g} s is enough"
                return f"{task.label} was asked to stop, but {how}: {why}"
        if tasks[0].outcome != "cancelled":
            return "it was cancelled, but ended as if nothing had happened: CancelledError was swallowed"
        return ""

    return Expectation(f"all is cancelled within {within:g} s", fault)


def leaves_nothing_running() -> Expectation:
    """When the function returns, all its tasks are done."""

    def fault(run: Run) -> str:
        left = [task.label for task in run.trace.tasks.values() if task.finished is None]
        verb = "was" if len(left) == 1 else "were"
        return f"{enumeration(left)} {verb} still running when your function returned" if left else ""

    return Expectation("nothing is left running", fault)


def in_flight(*, at_least: int = 0, at_most: int | None = None) -> Expectation:
    """So many requests are being answered by the service at one moment."""

    def fault(run: Run) -> str:
        number = _stats(run).most_in_flight
        if number < at_least:
            return f"the service got at most {plural(number, 'request')} at once, and {at_least} could be"
        if at_most is not None and number > at_most:
            allowed = "1 is" if at_most == 1 else f"{at_most} are"
            return f"the service got {plural(number, 'request')} at once, and only {allowed} allowed"
        return ""

    most = f"never more than {plural(at_most, 'request')} at once" if at_most is not None else ""
    return Expectation(most or f"{at_least} requests at once", fault)


def asks(*, at_least: int = 0, at_most: int) -> Expectation:
    """The service gets so many requests: no retry is missing, and none is too many."""

    def fault(run: Run) -> str:
        number = _stats(run).requests
        if number < at_least:
            return f"the service got {plural(number, 'request')}, and {at_least} were needed: is a failure tried again?"
        if number > at_most:
            return f"the service got {plural(number, 'request')}, and {at_most} were enough"
        return ""

    return Expectation("as many requests as needed", fault)


def _stats(run: Run) -> Stats:
    assert run.stats is not None, "the exercise's case has no service: Case(service=…)"
    return run.stats
