"""Requests to cancel a task: when they came, from whom, and how many of them nobody has taken back.

`Task.cancel` of asyncio's own tasks cannot be replaced. But it cancels what the task waits for, and that makes a task
ready at once: so the request is seen when it is made, in the step that makes it. A task that was ready already is only
marked by it; that shows in `Task.cancelling` when the task waits the next time, and by whom it was asked is not known.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from .records import CLOSING
from .waits import behind

if TYPE_CHECKING:
    from .loops import TaskInfo
    from .session import Session

_CANCEL_ALL = asyncio.runners._cancel_all_tasks.__code__  # type: ignore[attr-defined]


class Request(NamedTuple):
    """The last one: its time, the waker that stands for who asked, and how many stand now."""

    time: float
    by: float
    standing: int


def note(info: TaskInfo, task: Any, by: float, time: float) -> bool:
    """Look how many requests stand. True: there are more than before, and the last is noted with `by` and `time`."""
    asked, count = info.watch.session.asked, getattr(task, "cancelling", int)()
    known = asked.get(info.n)
    if count > (known.standing if known is not None else 0):
        asked[info.n] = Request(time, by, count)
        return True
    if known is not None and count < known.standing:
        asked[info.n] = known._replace(standing=count)
    return False


def woken(info: TaskInfo, task: Any, current: Any, by: float, now: float) -> None:
    """The task is woken by something cancelled; `current` has the thread. Was it asked? And who waits for it, too?"""
    info.by = getattr(current, "by", by)  # who awaits a task that is cancelled is so by the same
    asked = [(info, task)]
    for one, its_task in asked:
        if note(one, its_task, by, now):
            above = ((info.watch.known.get(id(waiter)), waiter) for waiter in _waiters(its_task))
            asked += [(waiting, waiter) for waiting, waiter in above if waiting is not None]


def _waiters(future: Any) -> Iterator[Any]:
    """The tasks that wait for a future, through a gather as well."""
    for entry in getattr(future, "_callbacks", None) or ():
        owner = getattr(entry[0] if isinstance(entry, tuple) else entry, "__self__", None)
        if hasattr(owner, "get_coro"):
            yield owner
    gathered = behind(future, "gather.<locals>._done_callback", "outer")
    if gathered is not None:
        yield from _waiters(gathered)


def between_runs(session: Session) -> float:
    """The waker that stands for what this thread did while the loop did not run: asyncio.run's end, or other code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is _CANCEL_ALL:
            return float(CLOSING)
        frame = frame.f_back
    return session.thread_cause()
