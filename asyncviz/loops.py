"""What was seen of one event loop and its tasks: the raw record that hooks.py writes and trace.py reads.

One step of a task is one row of six numbers: ready, start, stop (seconds on the recorder's clock), task, waker,
reason. Rows are collected in a plain list, the cheapest thing to append to, and packed into arrays, 48 bytes a step,
while the loop selects.
"""

from __future__ import annotations

import struct
import threading
import weakref
from array import array
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import waits

if TYPE_CHECKING:
    from .recorder import Session

COLUMNS = 6  # numbers in the row of a step
ROWS = 4096  # steps collected before they are packed
NEVER = float("inf")

# Wakers that are no task (a task is its own number, 0 or more). THREAD - k is the k-th other thread.
# Numbers are floats throughout: a row is packed twice as fast when all its entries are.
UNKNOWN, TIMER, IO, THREAD = -1.0, -2.0, -3.0, -10.0


class TaskInfo(weakref.ref):  # type: ignore[type-arg]
    """A weak reference to a task with what is known of it: a recording must not keep a task alive."""

    __slots__ = (
        "again", "born", "by", "code", "error", "finished", "key", "made", "n", "name", "outcome", "parent",
        "ready", "reason", "waker", "watch",
    )  # fmt: skip


class Watch:
    """The record of one loop. It outlives the loop's runs; each run hooks and unhooks it once."""

    def __init__(self, session: Session, loop: Any, name: str) -> None:
        self.session = session
        self.name = name
        self.kind = f"{type(loop).__module__.partition('.')[0]}.{type(loop).__name__}"
        self.loop = weakref.ref(loop)
        self.thread = threading.get_ident()
        self.known: dict[int, TaskInfo] = {}  # by id(task), while the task is alive and not done
        self.chunks: deque[array[float]] = deque()  # packed rows, oldest first
        self.steps = 0  # in the chunks
        self.fixed: dict[tuple[int, int, int], tuple[float, Any]] = {}  # reasons that a place alone decides
        self.idle: list[float] = []  # enter, leave, enter, leave … of the selector
        self.sees_idle = False
        self.runs: list[list[float]] = []  # [hooked, unhooked] of each run
        self.long: deque[tuple[float, float, float, int | None]] = deque(maxlen=100_000)  # start, stop, CPU s, switches
        self.callbacks: deque[tuple[float, float, str, waits.Place | None]] = deque(maxlen=100_000)  # long ones
        self.unhook: Callable[[], None] | None = None
        self.flush: Callable[[], None] = lambda: None
        self.probe: Callable[[], tuple[float, float]] = lambda: (UNKNOWN, NEVER)  # who has the thread, since when
        self.cause: Callable[[], float] = lambda: UNKNOWN

    def meet(self, task: Any, cause: float, frame: Any, born: float | None, n: float | None = None) -> TaskInfo:
        """Note a task not seen before; `born` None: it existed before the recording."""
        info = TaskInfo(task, self.lost)
        info.n = n = next(self.session.numbers) if n is None else n
        info.key = key = id(task)
        info.parent = info.waker = cause
        info.born = info.ready = born
        info.again = False
        info.reason = 0.0
        coro = task.get_coro()
        try:
            info.code = coro.cr_code
        except AttributeError:
            info.code = getattr(coro, "gi_code", None)
        info.made = waits.user_place(frame)
        info.outcome = info.name = None
        info.watch = self
        self.known[key] = self.session.tasks[n] = info
        return info

    def lost(self, info: Any) -> None:
        """The task was collected; one that was not done is gone for good."""
        if self.known.get(info.key) is info:
            del self.known[info.key]
            info.outcome, info.finished = "lost", self.session.clock()

    def finish(self, info: TaskInfo, task: Any, stop: float) -> None:
        """Note how a task ended. Reads `_exception`: the public method would mark the error as retrieved."""
        del self.known[info.key]
        info.name = task.get_name()
        info.finished = stop
        if task._state == "CANCELLED":
            info.outcome = "cancelled"
            return
        error = task._exception
        if error is None:
            info.outcome = "returned"
            return
        info.outcome = "raised"
        text = error.args[0] if error.args and isinstance(error.args[0], str) else ""
        info.error = f"{type(error).__name__}: {text}" if text else type(error).__name__

    def describe(self, info: TaskInfo, task: Any) -> None:
        """Note the reason for which a suspended task waits."""
        if info.name is None:
            info.name = task.get_name()
        place = waits.fixed_caller(task)
        if place is None:
            info.reason = self.session.reason(waits.describe(task, self.number))
            return
        function, caller, offset = place
        key = function, id(caller), offset
        known = self.fixed.get(key)
        if known is None:
            known = self.session.reason(waits.describe(task, self.number)), caller  # the caller's identity is kept
            if len(self.fixed) < 10_000:
                self.fixed[key] = known
        info.reason = known[0]

    def number(self, task: Any) -> float | None:
        info = self.known.get(id(task))
        return info.n if info is not None else None

    def pack(self, rows: list[float]) -> None:
        """Move the collected rows into a packed chunk; beyond the limit the oldest chunk is dropped."""
        if not rows:
            return
        self.chunks.append(array("d", struct.pack(f"{len(rows)}d", *rows)))  # in half the time of array("d", rows)
        self.steps += len(rows) // COLUMNS
        rows.clear()
        while self.steps > self.session.limit and len(self.chunks) > 1:
            self.session.drop(self, self.chunks.popleft())
