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
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from . import cancels, waits
from . import records as r

if TYPE_CHECKING:
    from .session import Session

COLUMNS = 6  # numbers in the row of a step
ROWS = 4096  # steps collected before they are packed
NEVER = float("inf")
MANY = 100_000  # things kept, of each kind that is no step

# Wakers that are no task (a task is its own number, 0 or more). CLOSING is asyncio.run, which cancels what is left at
# its end; THREAD - k is the k-th other thread.
# Numbers are floats throughout: a row is packed twice as fast when all its entries are.
UNKNOWN, TIMER, IO, CLOSING, THREAD = map(float, (r.UNKNOWN, r.TIMER, r.IO, r.CLOSING, r.THREAD))


def offset_of(clock: Callable[[], float], other: Callable[[], float]) -> float:
    """What must be added to the times of another clock; the best of a few looks: the core may be taken in one."""
    looks = [(clock(), other(), clock()) for _ in range(3)]
    before, there, after = min(looks, key=lambda look: look[2] - look[0])
    return (before + after) / 2 - there


class TaskInfo(weakref.ref):  # type: ignore[type-arg]
    """A weak reference to a task with what is known of it: a recording must not keep a task alive."""

    __slots__ = (
        "again", "born", "by", "code", "error", "finished", "key", "made", "n", "name", "outcome", "parent",
        "ready", "reason", "waker", "watch",
    )  # fmt: skip
    again: bool  # its step has scheduled the next one
    n: float
    key: int
    born: float | None
    ready: Any  # a float
    waker: float
    parent: float
    by: float  # who cancelled it
    reason: float | None  # None: to be found out
    name: str | None
    code: CodeType | None
    made: waits.Place | None
    watch: Watch
    outcome: str | None
    error: str
    finished: float


class Measured(NamedTuple):
    """A long step: from when to when, for how long it computed and had no core, and how often it was given one.

    In seconds; `queued` and `turns` are None where the system does not tell.
    """

    start: float
    stop: float
    cpu: float
    queued: float | None
    turns: int | None


class Watch:
    """The record of one loop. It outlives the loop's runs; each run hooks and unhooks it once."""

    def __init__(self, session: Session, loop: Any, name: str) -> None:
        self.session = session
        self.name = name
        self.kind = f"{type(loop).__module__.partition('.')[0]}.{type(loop).__name__}"
        self.loop = weakref.ref(loop)
        self.thread = threading.get_ident()
        self.known: dict[int, TaskInfo] = {}  # by id(task), while the task is alive and not done
        self.rows: list[float] = []  # of the steps that are not packed yet
        self.chunks: deque[memoryview[float]] = deque()  # packed rows, oldest first
        self.fixed: dict[tuple[int, int, int], tuple[float, Any]] = {}  # reasons that a place alone decides
        self.idle: list[float] = []  # enter, leave, enter, leave … of the selector, when there was nothing else to do
        self.idles: deque[array[float]] = deque()  # the same, packed
        self.sees_idle = False
        self.runs: deque[list[float]] = deque(maxlen=MANY)  # [hooked, unhooked] of each run
        self.since = 0.0  # of what was before, runs and idle time are not kept
        self.long: deque[Measured] = deque(maxlen=MANY)
        self.callbacks: deque[tuple[float, float, str, waits.Place | None]] = deque(maxlen=MANY)  # long ones
        self.unhook: Callable[[bool], None] | None = None
        self.flush: Callable[[], None] = lambda: None
        self.probe: Callable[[], tuple[float, float]] = lambda: (UNKNOWN, NEVER)  # who has the thread, since when
        self.cause: Callable[[], float] = lambda: UNKNOWN

    def meet(
        self, task: Any, cause: float, frame: Any, born: float | None, n: float | None = None, coro: Any = None
    ) -> TaskInfo:
        """Note a task not seen before; `born` None: it existed before the recording."""
        info = TaskInfo(task, self.lost)
        info.n = n = next(self.session.numbers) if n is None else n
        info.key = key = id(task)
        info.parent = info.waker = cause
        info.born = info.ready = born
        info.again = False
        info.reason = 0.0
        coro = coro or task.get_coro()  # which, of an eager task that is done, crashes Python 3.12.1
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
        known: Any = self.known.get(info.key)
        if known is info:
            del self.known[info.key]
            info.outcome, info.finished = "lost", self.session.clock()

    def finish(self, info: TaskInfo, task: Any, stop: float) -> None:
        """Note how a task ended. Reads `_exception`: the public method would mark the error as retrieved."""
        del self.known[info.key]
        info.name = task.get_name()
        info.finished = stop
        if info.n in self.session.asked:
            cancels.note(info, task, UNKNOWN, stop)
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
        if getattr(task, "cancelling", int)() or info.n in self.session.asked:
            # a request not seen when it was made came before the step that has just ended
            rows = self.rows
            last = (rows[i + 1] for i in range(len(rows) - COLUMNS, -1, -COLUMNS) if rows[i + 3] == info.n)
            cancels.note(info, task, UNKNOWN, next(last, self.session.clock()))
        place = waits.fixed_caller(task)
        if place is None:
            info.reason = self.session.reason(waits.describe(task, self))
            return
        function, caller, offset = place
        key = function, id(caller), offset
        known = self.fixed.get(key)
        if known is None:
            wait = waits.describe(task, self)._replace(callers=0)  # may differ from call to call
            known = self.session.reason(wait), caller  # the caller's identity is kept
            if len(self.fixed) < MANY:
                self.fixed[key] = known
        info.reason = known[0]

    def look(self, ready: deque[Any]) -> None:
        """Note where one of the tasks in the queue has let the others go first; to ask at every step would be dear."""
        try:
            handle = ready[int(self.session.clock() * 1e6) % len(ready)]
            info = getattr(handle, "_mark", None)
            if not isinstance(info, TaskInfo) or info.waker != info.n or handle._args:
                return  # woken by another, or by a future, which is told: that may be the task's own doing too
            if (task := info()) is not None:
                wait = waits.describe(task, self)
                text = wait.detail if wait.kind == "sleep" else "yield"
                info.reason = self.session.reason(waits.Wait("yield", text, wait.place))
        except Exception as error:
            self.session.failed(error)

    def number(self, task: Any) -> float | None:
        info = self.known.get(id(task))
        return info.n if info is not None else None

    def work(self, future: Any) -> str:
        """The name of the work that a pool's future stands for, if it is known."""
        work = self.session.works.get(future)
        return work.name if work is not None else ""

    def called(self, start: float, stop: float, callback: Any) -> None:
        """A callback held the loop for a while."""
        try:
            code = getattr(callback, "__code__", None)
            self.callbacks.append((start, stop, waits.call_name(callback), (code, 0) if code else None))
        except Exception as error:
            self.session.failed(error)

    def original(self, name: str, *args: Any, context: Any) -> Any:
        """Call the loop's own method, for somebody who kept the one that replaced it beyond the recording."""
        loop: Any = self.loop()
        return getattr(type(loop), name)(loop, *args, context=context)

    def run_begins(self, now: float) -> None:
        if len(self.runs) == MANY:
            self.since = self.runs[0][1]
        self.runs.append([now, NEVER])

    def pack(self, rows: list[float]) -> None:
        """Move what was collected into packed chunks; beyond the limit the oldest are dropped, and counted."""
        session = self.session
        with session.lock:  # a recording may end in another thread
            taken, idle = rows[:], self.idle[:]
            del rows[: len(taken)], self.idle[: len(idle)]
            if idle:
                self.idles.append(array("d", idle))
            while len(self.idles) > max(2, session.limit // ROWS):
                self.since = self.idles.popleft()[-1]
            if taken:
                # twice as fast as array("d", taken), which also keeps room for more
                self.chunks.append(memoryview(struct.pack(f"{len(taken)}d", *taken)).cast("d"))
                session.steps += len(taken) // COLUMNS
            while len(self.chunks) > 1 and session.steps - len(self.chunks[0]) // COLUMNS >= session.limit:
                session.drop(self.chunks.popleft())
