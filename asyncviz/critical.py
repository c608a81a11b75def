"""The critical path of a recording: the chain of wake-ups that set its makespan.

Walked backwards. A task ran; before that it was ready while others had the thread; before that it waited. Another task
woke it: the chain goes on with that one. A timer or the outside world did: the wait itself is a link.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from .narrative import VISIBLE
from .trace import IO, READY, RUNNING, TIMER, WAITING, Trace
from .words import approximately, enumeration


class Link(NamedTuple):
    """A stretch of the path, `start` to `stop` in seconds since the recording began.

    `label` is a task's, a span's, or "". `reason` says what a waiting task waited for, or who ran while one was ready.
    """

    label: str
    state: str
    start: float
    stop: float
    reason: str = ""
    line: int | None = None

    @property
    def seconds(self) -> float:
        return self.stop - self.start


class CriticalPath(tuple[Link, ...]):
    """The links in order of time: each begins where the one before it ends. Together they are the makespan."""

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by what they went for, most first: "computing", "ready", "waiting for sleep 0.1" …"""
        total: dict[str, float] = {}
        for link in self:
            wait = f"waiting for {link.reason or 'something'}"
            what = {RUNNING: "computing", READY: "ready"}.get(link.state, wait)
            total[what] = total.get(what, 0.0) + link.seconds
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def text(self, *, times: bool = False) -> str:
        """One line a link; of those too short to matter, only many in a row. `times` writes how long each took."""
        least, lines = VISIBLE * sum(link.seconds for link in self), []
        for long, links in groupby(self, lambda link: link.seconds >= least):
            row = list(links)
            for some in [[link] for link in row] if long else [row]:
                if (seconds := sum(link.seconds for link in some)) >= least > 0:
                    said = _said(some[0]) if long else f"short steps of {enumeration({i.label: 0 for i in some})}"
                    lines.append(said + (f": {approximately(seconds)}" if times else ""))
        return "\n".join(lines) or "nothing was recorded"

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__


def _said(link: Link) -> str:
    said = {RUNNING: "ran", READY: "was ready", WAITING: "waited"}[link.state]
    if link.reason:
        said += f" for {link.reason}" if link.state == WAITING else f", but {link.reason} had the thread"
    return " ".join(f"{link.label} {said}{f' (line {link.line})' if link.line is not None else ''}".split())


def critical_path(trace: Trace) -> CriticalPath:
    """The chain of wake-ups that set the makespan of `trace`; empty for an empty recording."""
    links: list[Link] = []
    for link in () if trace.empty else _walk(trace):
        after = links[-1] if links else link._replace(state="")
        if link.stop > link.start and (after.label, after.state, after[4:]) == (link.label, link.state, link[4:]):
            links[-1] = after._replace(start=link.start)
        elif link.stop > link.start:
            links.append(link)
    return CriticalPath(reversed(links))


def _walk(trace: Trace) -> Iterator[Link]:
    """The links from the last to the first; some are empty."""
    steps, tasks = trace.steps, list(trace.tasks.values())
    order, first = trace._by_task
    position = order.argsort()  # of a step among the steps of all tasks, in order of task
    begin = min([t.born or 0.0 for t in tasks] + [s.start for s in trace.spans])
    ends = [(trace.duration if t.finished is None else t.finished, t.index) for t in tasks]
    now, i, label, cause = max([end for end, _ in ends] + [s.stop for s in trace.spans]), -1, "", ""
    last = {t: int(order[first[t + 1] - 1]) for _, t in ends if first[t + 1] > first[t]}
    if last:
        end, _, i = max((end, float(steps.stop[last[t]]), last[t]) for end, t in ends if t in last)
        yield from _outside(trace, end, now)
        task, now = tasks[steps.task[i]], float(steps.stop[i])
        reason, state = trace.reasons[task.reason], task.state or WAITING  # after its last step
        yield Link(task.label, state, now, end, *(("", None) if state == READY else (reason.text, reason.line)))
    while i >= 0:
        task, waker = tasks[steps.task[i]], int(steps.waker[i])
        ready, start, place = float(steps.ready[i]), float(steps.start[i]), int(position[i])
        yield Link(task.label, RUNNING, start, now)
        yield Link(task.label, READY, ready, start, _had_the_thread(trace, i) if start - ready > 0.001 else "")
        previous = int(order[place - 1]) if place > first[task.index] else -1
        before, now = float(steps.stop[previous]) if previous >= 0 else -1.0, ready
        if before < ready and waker >= 0 and waker != task.index:
            mine = order[first[waker] : first[waker + 1]]
            woke = min(bisect_right(mine, ready, key=steps.start.__getitem__), int(mine.searchsorted(i)))
            if woke:  # its step's end may have set off the wake-up, which then had to queue
                i = int(mine[woke - 1])
                yield Link(task.label, READY, float(steps.stop[i]), now)
                now = min(now, float(steps.stop[i]))
                continue
        if previous >= 0:
            reason = trace.reasons[steps.reason[i]]
            yield Link(task.label, WAITING, before, now, reason.text, reason.line)
            now = before
        i, label, cause = previous, task.label, {IO: "I/O", TIMER: "a timer"}.get(waker, "what started it")
    yield from _outside(trace, begin, now, label, cause)


def _had_the_thread(trace: Trace, i: int) -> str:
    """Who ran for most of the time for which step `i` was ready; "" if that was nobody in particular."""
    steps, ready, start, by = trace.steps, float(trace.steps.ready[i]), float(trace.steps.start[i]), dict[str, float]()
    tasks = list(trace.tasks.values())
    for j in range(max(int(steps.start.searchsorted(ready)) - 1, 0), i):
        other, lost = tasks[steps.task[j]], min(steps.stop[j], start) - max(steps.start[j], ready)
        if other.loop == tasks[steps.task[i]].loop and lost > 0:
            by[other.label] = by.get(other.label, 0.0) + float(lost)
    if sum(by.values()) < (start - ready) / 2:
        return ""
    return next((name for name, seconds in by.items() if seconds >= sum(by.values()) / 2), "several others")


def _outside(trace: Trace, start: float, stop: float, label: str = "", cause: str = "") -> Iterator[Link]:
    """A stretch in which no task is on the path: the spans in it, and `label` waiting for `cause` between them."""
    for span in sorted(trace.spans, key=lambda s: -s.stop):
        if start < span.stop and span.start < stop:
            yield Link(label, WAITING, min(stop, span.stop), stop, cause)
            yield Link(span.name, RUNNING, max(start, span.start), min(stop, span.stop))
            stop = max(start, span.start)
    yield Link(label, WAITING, start, stop, cause)
