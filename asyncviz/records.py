"""The rows of a recording: tasks, slices, reasons, holds, spans, calls in pools, notes, loops, columns of steps.

All times are seconds since the recording began. What is made of them is in trace.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int32]

RUNNING, READY, WAITING = "running", "ready", "waiting"
HELD = 0.05  # seconds; a step longer than this is called out
# Wakers that are no task; THREAD - k is the k-th entry of `Trace.threads`.
UNKNOWN, TIMER, IO, CLOSING, THREAD = -1, -2, -3, -4, -10
# Waits for other tasks: who waits so has no work of its own in flight.
FOR_TASKS = frozenset({"task", "gather", "group", "wait"})


class Slice(NamedTuple):
    """A stretch of a task's life in one state; `reason` and `line` say what a waiting task waits for, and where."""

    state: str
    start: float
    stop: float
    reason: str = ""
    line: int | None = None


class Reason(NamedTuple):
    """What a task waited for: a kind ("sleep", "lock", "queue", "task", "read" …), the text, file and line.

    `stack` is the user's code that waited, if it was awaited by other code of the user's: innermost first, as
    "file:line function". For waits of streams and sockets, which are the most frequent, it is left out.
    """

    kind: str
    text: str
    file: str = ""
    line: int | None = None
    stack: tuple[str, ...] = ()


class Hold(NamedTuple):
    """A step that held its loop: who (a task's label, or a callback's name), when, and what it did.

    `kind` is "blocking call" (hardly any CPU time), "computing" (CPU time), "pre-empted" (the system took the core)
    or "unknown". `cpu` is in seconds. `stack` is innermost first, as "file:line function".
    """

    who: str
    start: float
    stop: float
    kind: str
    cpu: float | None = None
    file: str = ""
    line: int | None = None
    function: str = ""
    stack: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.stop - self.start


class Span(NamedTuple):
    """A named stretch of ordinary code in a thread; `task` is the label of the task it ran in, if any."""

    name: str
    start: float
    stop: float
    thread: str
    cpu: float = 0.0
    task: str | None = None


class Work(NamedTuple):
    """A call handed to a pool; `started` and `finished` are the worker's own times, None where not known."""

    name: str
    queued: float
    started: float | None
    finished: float | None
    worker: str
    process: bool = False
    task: str | None = None


class Note(NamedTuple):
    """A complaint of asyncio or Python: a coroutine never awaited, an error never retrieved, a task lost."""

    time: float
    kind: str
    text: str
    file: str = ""
    line: int | None = None


@dataclass(slots=True, eq=False)
class TaskTrace:
    """One task. `born` None: it existed before the recording; `finished` None: it was not done at the end of it.

    `label` names it in pictures: its own name, or for unnamed tasks its coroutine's. `outcome` is "returned",
    "raised", "cancelled", "lost" (collected while pending) or "pending"; `state` is that at the end of the recording.
    `asked` is when the task was last asked to be cancelled, `asked_by` by whom, in the words of `Trace.waker`, and
    `cancelling` how many requests were never taken back, as timeouts and task groups do.
    """

    label: str
    name: str
    coroutine: str
    index: int
    loop: int = 0
    parent: str | None = None
    file: str = ""
    line: int | None = None
    born: float | None = None
    finished: float | None = None
    outcome: str = "pending"
    error: str = ""
    cancelled_by: str | None = None
    asked: float | None = None
    asked_by: str | None = None
    cancelling: int = 0
    state: str = ""
    reason: int = 0
    _trace: Any = field(default=None, repr=False)

    @property
    def slices(self) -> list[Slice]:
        """The task's life in the recording, without gap or overlap, in order."""
        return list(self._trace._slices_of(self))

    def seconds(self, state: str) -> float:
        """How long the task was "running", "ready" or "waiting"."""
        return sum(piece.stop - piece.start for piece in self.slices if piece.state == state)


@dataclass(slots=True, eq=False)
class LoopTrace:
    """One event loop: when it ran and when it was idle in its selector, shape (n, 2) in seconds.

    `idle` is None for loops that do not let themselves be watched there.
    """

    name: str
    kind: str
    thread: str
    runs: Floats
    idle: Floats | None

    @property
    def seconds(self) -> float:
        """How long the loop ran within the recording."""
        return float((self.runs[:, 1] - self.runs[:, 0]).sum())

    @property
    def idle_seconds(self) -> float | None:
        return None if self.idle is None else float((self.idle[:, 1] - self.idle[:, 0]).sum())


@dataclass(slots=True, eq=False)
class Steps:
    """The steps of all tasks, in order of start: arrays of one length. `task` and `waker` are task indices, or wakers
    below zero; `reason` indexes `Trace.reasons`: what the task had waited for before the step. Where it had only let
    the others go first, that is known of one step in a millisecond, and 0 otherwise."""

    ready: Floats
    start: Floats
    stop: Floats
    task: Ints
    waker: Ints
    reason: Ints
