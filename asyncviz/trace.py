"""The model of a recording: tasks, their slices, loops, threads, and the measures. Pure data: no asyncio, no pictures.

All times are seconds since the recording began. The steps of all tasks are columns of numbers; a `Slice` object is
made only when somebody asks for one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .records import (
    CLOSING,
    FOR_TASKS,
    HELD,
    IO,
    READY,
    RUNNING,
    THREAD,
    TIMER,
    UNKNOWN,
    WAITING,
    Hold,
    LoopTrace,
    Note,
    Reason,
    Slice,
    Span,
    Steps,
    TaskTrace,
    Work,
)  # fmt: skip

if TYPE_CHECKING:
    from .critical import CriticalPath
    from .diagnosis import Diagnosis
    from .records import Floats as Floats
    from .records import Ints as Ints
    from .replay import Replay

__all__ = [
    "CLOSING",
    "FOR_TASKS",
    "HELD",
    "IO",
    "READY",
    "RUNNING",
    "THREAD",
    "TIMER",
    "UNKNOWN",
    "WAITING",
    "Hold",
    "LoopTrace",
    "Note",
    "Reason",
    "Slice",
    "Span",
    "Steps",
    "StillRecording",
    "TaskTrace",
    "Trace",
    "Work",
]  # fmt: skip


class StillRecording(RuntimeError):
    """A trace was read before its `with` block was left."""


class Trace:
    """What a recording saw. `trace` on the last line of a cell is the picture.

    Attributes
    ----------
    name : str, of the recording.
    duration : seconds from entering the block to leaving it.
    tasks : dict of label → TaskTrace, in order of creation.
    steps : Steps, columns as numpy arrays. reasons : list of Reason.
    loops, spans, work, notes : lists.
    threads : names of other threads that woke tasks.
    dropped : steps that were not kept because of the limit.
    simulated : True if a virtual clock told the times.
    failure : the error that made the recorder give up, or "".
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.duration = 0.0
        self.tasks: dict[str, TaskTrace] = {}
        self.reasons: list[Reason] = [Reason("", "")]
        self.loops: list[LoopTrace] = []
        self.spans: list[Span] = []
        self.work: list[Work] = []
        self.notes: list[Note] = []
        self.threads: list[str] = []
        self.callbacks: list[Hold] = []
        self.dropped = 0
        self.simulated = False
        self.failure = ""
        self._make_steps: Callable[[], Steps] | None = None
        self._make_hold: Callable[[float, float, str], Hold] | None = None
        self._make_cost: Callable[[Trace], float] | None = None
        self._paths: dict[Any, str] = {}  # whole paths, by the number of a reason or the start of a hold; never saved
        self._open = False

    @classmethod
    def open(cls, name: str) -> Trace:
        """A trace whose recording has not ended: reading it raises StillRecording."""
        trace = cls(name)
        trace._open = True
        return trace

    def __getattribute__(self, name: str) -> Any:
        if name[0] != "_" and name not in ("name", "open") and object.__getattribute__(self, "__dict__").get("_open"):
            text = f"the recording {self.name!r} is not finished: read trace.{name} after its `with` block"
            raise StillRecording(text)
        return object.__getattribute__(self, name)

    # -- columns and slices ----------------------------------------------------------------------------------------

    @cached_property
    def steps(self) -> Steps:
        import numpy as np

        if self._make_steps is not None:
            return self._make_steps()
        none, ints = np.empty(0), np.empty(0, np.int32)
        return Steps(none, none, none, ints, ints, ints)

    @cached_property
    def _by_task(self) -> tuple[Ints, Ints]:
        """Steps in order of task, and where each task's begin: (order, shape n) and (first, shape tasks + 1)."""
        import numpy as np

        order = np.argsort(self.steps.task, kind="stable")
        first = np.searchsorted(self.steps.task[order], np.arange(len(self.tasks) + 1))
        return order.astype(np.int32), first.astype(np.int32)

    def _slices_of(self, task: TaskTrace) -> Iterator[Slice]:
        order, first = self._by_task
        steps, now = self.steps, task.born or 0.0
        for i in order[first[task.index] : first[task.index + 1]]:
            ready, start, stop = float(steps.ready[i]), float(steps.start[i]), float(steps.stop[i])
            if ready > now:
                reason = self.reasons[steps.reason[i]]
                yield Slice(WAITING, now, ready, reason.text, reason.line)
            if start > ready:
                yield Slice(READY, ready, start)
            yield Slice(RUNNING, start, stop)
            now = stop
        if task.finished is None and task.state in (READY, WAITING) and self.duration > now:
            reason = self.reasons[task.reason] if task.state == WAITING else Reason("", "")
            yield Slice(task.state, now, self.duration, reason.text, reason.line)
        elif task.outcome == "lost" and task.finished is not None and task.finished > now:
            reason = self.reasons[task.reason]
            yield Slice(WAITING, now, task.finished, reason.text, reason.line)

    @property
    def _waited_all_the_same(self) -> Any:
        """Of each step, whether a wait came before it though that took no time: on a busy machine, a timer may be due
        before its task has suspended."""
        import numpy as np

        yields = np.array([reason.kind in ("", "yield") for reason in self.reasons], bool)
        return (self.steps.waker != self.steps.task) & ~yields[self.steps.reason]

    @property
    def waits(self) -> tuple[Ints, Floats, Floats, Ints]:
        """Every wait of every task: (task, start, stop, reason), arrays of one length, in order of task."""
        return self._waits[:4]

    @cached_property
    def _waits(self) -> tuple[Ints, Floats, Floats, Ints, Floats]:
        """As `waits`, and when the task had the thread again."""
        import numpy as np

        order, first = self._by_task
        s, tasks = self.steps, list(self.tasks.values())
        task = s.task[order]
        before = np.empty(len(order))
        before[1:] = s.stop[order][:-1]
        heads = first[:-1][first[:-1] < first[1:]]
        before[heads] = [tasks[t].born or 0.0 for t in task[heads]]
        real = (s.ready[order] > before) | self._waited_all_the_same[order]
        last = [
            (t.index, max([t.born or 0.0, *s.stop[order[first[t.index] : first[t.index + 1]]][-1:]]), t)
            for t in tasks
            if t.state == WAITING or t.outcome == "lost"
        ]
        ends = np.array([t.finished or self.duration for _, _, t in last], float)
        return (
            np.concatenate([task[real], np.array([i for i, _, _ in last], np.int32)]),
            np.concatenate([before[real], np.array([b for _, b, _ in last], float)]),
            np.concatenate([s.ready[order][real], ends]),
            np.concatenate([s.reason[order][real], np.array([t.reason for _, _, t in last], np.int32)]),
            np.concatenate([s.start[order][real], ends]),
        )

    # -- measures ----------------------------------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """True if neither a task nor a span was recorded."""
        return not self.tasks and not self.spans

    @cached_property
    def makespan(self) -> float:
        """Seconds from the first task's creation or span's start to the last end of one; 0.0 for an empty recording."""
        starts = [t.born or 0.0 for t in self.tasks.values()] + [s.start for s in self.spans]
        stops = [self.duration if t.finished is None else t.finished for t in self.tasks.values()]
        stops += [s.stop for s in self.spans]
        return max(stops) - min(starts) if starts else 0.0

    @cached_property
    def overlap(self) -> int:
        """The largest number of tasks and spans in flight at one moment.

        A task that waits for other tasks is not counted: their work is in flight, not its own. A span inside a task is
        that task's work, and one in a thread beside the loops is as a rule what a task waits for.
        """
        import numpy as np

        changes: list[tuple[Any, int]] = []
        order, first = self._by_task
        for task in self.tasks.values():
            begun = self.steps.start[order[first[task.index] : first[task.index + 1]]][:1]
            if task.born is None or len(begun):  # a task that never ran was never in flight
                changes.append((begun if task.born is not None else np.array([0.0]), 1))
                changes.append((np.array([self.duration if task.finished is None else task.finished]), -1))
        _, start, _, reason, stop = self._waits  # one that is woken is parked until it runs: its child still ends
        parked = np.array([r.kind in FOR_TASKS for r in self.reasons])[reason] if len(reason) else reason.astype(bool)
        changes += [(start[parked], -1), (stop[parked], 1)]
        for span in self.spans:
            if span.task is None and not self.beside(span):
                changes += [(np.array([span.start]), 1), (np.array([span.stop]), -1)]
        if not changes:
            return 0
        times = np.concatenate([t for t, _ in changes])
        steps = np.concatenate([np.full(len(t), d) for t, d in changes])
        by_time = np.lexsort((steps, times))  # at one moment, ends before beginnings
        return int(np.cumsum(steps[by_time]).max(initial=0))

    def beside(self, span: Span) -> bool:
        """Was it in a thread beside those of the event loops, while these had tasks?"""
        return bool(self.tasks) and span.task not in self.tasks and span.thread not in {p.thread for p in self.loops}

    @cached_property
    def longest_block(self) -> float:
        """Seconds of the longest step, span or callback. A span is taken for blocking code, as `span` asks."""
        steps = self.steps
        longest = [float((steps.stop - steps.start).max())] if len(steps.start) else []
        longest += [s.stop - s.start for s in self.spans] + [c.seconds for c in self.callbacks]
        return max(longest, default=0.0)

    @property
    def loop_busy(self) -> float:
        """Seconds for which event loops were not idle in their selectors."""
        return sum(loop.seconds - (loop.idle_seconds or 0.0) for loop in self.loops)

    @cached_property
    def holds(self) -> list[Hold]:
        """Steps and callbacks that held a loop for longer than `HELD` seconds, in order of time."""
        import numpy as np

        steps, labels, found = self.steps, list(self.tasks), list(self.callbacks)
        found = [c for c in found if c.seconds >= HELD]
        for i in np.nonzero(steps.stop - steps.start >= HELD)[0]:
            start, stop, who = float(steps.start[i]), float(steps.stop[i]), labels[steps.task[i]]
            found.append(self._make_hold(start, stop, who) if self._make_hold else Hold(who, start, stop, "unknown"))
        return sorted(found, key=lambda hold: hold.start)

    @cached_property
    def cost(self) -> float | None:
        """The recorder's own share of the recording's length, estimated; None where it is not known."""
        return None if self.simulated or self._make_cost is None or not self.duration else self._make_cost(self)

    @cached_property
    def problems(self) -> list[str]:
        """What is wrong with this recording itself: the invariants that every recording must keep. Usually empty."""
        from . import check

        return list(check.problems(self))

    @cached_property
    def _labels(self) -> list[str]:
        return list(self.tasks)

    def waker(self, number: int) -> str:
        """A waker in words: a task's label, "timer", "I/O", "asyncio.run", a thread's name, or "unknown"."""
        if number >= 0:
            return self._labels[number]
        if number <= THREAD:
            return self.threads[THREAD - number] if THREAD - number < len(self.threads) else "another thread"
        return {TIMER: "timer", IO: "I/O", CLOSING: "asyncio.run"}.get(number, "unknown")

    # -- what the modules that stand on top make of it; each is imported when it is first asked for -----------------

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the timeline and return its Axes; the options are those of `asyncviz.timeline.plot`."""
        from . import timeline

        return timeline.plot(self, ax, **options)

    def replay(self) -> Replay:
        """The run step by step: for each moment who runs, who is ready and who waits for what."""
        from . import replay

        return replay.Replay(self)

    def story(self, *, times: bool = False) -> str:
        """Who started, waited, woke and finished, in order, a line each; `times=True` adds clock readings."""
        from . import story

        return story.story(self, times=times)

    def summary(self) -> str:
        """A few sentences with the measures."""
        from . import narrative

        return narrative.summary(self)

    def diagnose(self) -> Diagnosis:
        """What went wrong, with line numbers, cost and advice; or "nothing found"."""
        from . import diagnosis

        return diagnosis.diagnose(self)

    def critical_path(self) -> CriticalPath:
        """The chain of wake-ups that set the makespan."""
        from . import critical

        return critical.critical_path(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording to a JSON file, whole or not at all; `asyncviz.load` reads it again."""
        from . import formats

        formats.save(self, path)

    def to_perfetto(self, path: str | os.PathLike[str]) -> None:
        """Write a file that Perfetto's user interface opens: a track a task, arrows for wake-ups."""
        from . import perfetto

        perfetto.to_perfetto(self, path)

    def __repr__(self) -> str:
        if self._open:
            return f"<Trace {self.name!r}, still recording>"
        from . import narrative

        return narrative.alternative_text(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from . import display

        return display.bundle(self)
