"""A trace as the finders of faults look at it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .findings import Spot
from .trace import TaskTrace, Trace

if TYPE_CHECKING:
    from .trace import Ints


class Wait(NamedTuple):
    """A wait: whose (an index), from when to when, and the numbers of its reason and of who ended it."""

    task: int
    start: float
    stop: float
    reason: int
    waker: int


class View:
    """A trace with what several finders need."""

    def __init__(self, trace: Trace) -> None:
        import numpy as np

        self.trace, self.steps, self.tasks = trace, trace.steps, list(trace.tasks.values())
        self.order, self.first = trace._by_task
        self.loop = np.array([t.loop for t in self.tasks], int)
        self.kinds = np.array([r.kind for r in trace.reasons])
        self.before: Ints = np.full(len(self.order), -1, np.int32)  # of each step, the same task's step before it
        same = np.nonzero(self.steps.task[self.order][1:] == self.steps.task[self.order][:-1])[0]
        self.before[self.order[same + 1]] = self.order[same]
        self.wakes = np.bincount(self.steps.waker[self.steps.waker >= 0], minlength=len(self.tasks))
        self.children: dict[str | None, list[TaskTrace]] = defaultdict(list)
        for task in self.tasks:
            self.children[task.parent].append(task)
        self._waits: dict[int, list[Wait]] = {}

    def waits_of(self, task: int) -> list[Wait]:
        """All waits of a task that have ended, in order."""
        if task not in self._waits:
            s, mine = self.steps, self.order[self.first[task] : self.first[task + 1]]
            mine = mine[self.before[mine] >= 0]
            mine = mine[s.ready[mine] > s.stop[self.before[mine]]]
            columns = s.stop[self.before[mine]], s.ready[mine], s.reason[mine], s.waker[mine]
            self._waits[task] = [Wait(task, *row) for row in zip(*(c.tolist() for c in columns), strict=True)]
        return self._waits[task]

    def ancestors(self, task: TaskTrace) -> list[TaskTrace]:
        """The task, its parent, and so on."""
        line = [task]
        while (parent := self.trace.tasks.get(line[-1].parent or "")) is not None and parent.index < line[-1].index:
            line.append(parent)
        return line

    def kind(self, wait: Wait) -> str:
        return self.trace.reasons[wait.reason].kind

    def text(self, wait: Wait) -> str:
        return self.trace.reasons[wait.reason].text

    def spot(self, reason: int) -> Spot:
        return self.trace.reasons[reason].file, self.trace.reasons[reason].line

    def end(self, task: TaskTrace) -> float:
        return self.trace.duration if task.finished is None else task.finished
