"""The story of a run: every step as a line, in the order recorded; folded where it is long."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice

from . import words
from .narrative import alternative_text, held_steps, held_up, outcome_text, place_text, recording_task
from .trace import CLOSING, HELD, IO, THREAD, TIMER, WAITING, Hold, Span, TaskTrace, Trace
from .words import approximately, enumeration, plural

WAKERS = {TIMER: " by a timer", IO: " by I/O", CLOSING: " by asyncio.run"}
MANY = 200  # holds that are looked at one by one


def story(trace: Trace, *, times: bool = False, limit: int = 40) -> str:
    """Who started, waited for what, was woken by whom, and finished: one line an event, in the order recorded.

    Children are indented under the task that started them. Of more than `limit` lines those that are alike are
    folded, and then the middle is left out. `times` writes before each line when it was, in seconds since the
    recording began. Raises ValueError for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}, but a story has at least one line")
    if trace.empty:
        return alternative_text(trace)
    lines = _lines(trace, times)
    first = list(islice(lines, limit + 1))
    if len(first) <= limit:
        return "\n".join(text for _, text in first)
    head, tail, between = list[str](), deque[str](maxlen=limit // 3), 0
    for text in _fold(chain(first, lines)):
        if len(head) < limit - limit // 3:
            head.append(text)
        else:
            between += len(tail) == tail.maxlen
            tail.append(text)
    return "\n".join([*head, *([f"… {plural(between, 'more line')} …"] if between else []), *tail])


Line = tuple[tuple[object, ...], str]  # what makes lines alike, and the text


def _fold(lines: Iterable[Line]) -> Iterator[str]:
    """Of lines in a row that are alike, the first two and how many more there were."""
    for (depth, *_), group in groupby(lines, key=lambda line: line[0]):
        start = [text for _, text in islice(group, 3)]
        rest = sum(1 for _ in group)
        if rest == 0:
            yield from start
        else:
            yield from start[:2]
            yield f"{'  ' * int(str(depth))}… {rest + 1:,} more like this"


def _lines(trace: Trace, times: bool) -> Iterator[Line]:
    """Each step as a line; spans of no task in between; at the end what was still open."""
    tasks, depth = list(trace.tasks.values()), dict[str, int]()
    for task in tasks:
        depth[task.label] = depth.get(task.parent, -1) + 1 if task.parent is not None else 0
    steps = _StepTexts(trace)
    events: list[tuple[float, int, object]] = [(s.start, 0, s) for s in trace.spans if s.task is None]
    events += [(t.finished, 1, t) for t in tasks if t.outcome == "lost" and t.finished is not None]
    events.sort(key=lambda event: event[:2])
    own, position = recording_task(trace), 0

    def line(when: float, level: int, who: str, kind: str, text: str) -> Line:
        alike = (level, kind, re.sub(r"\d+", "#", text))
        return alike, f"{f'{approximately(when)}: ' if times else ''}{'  ' * level}{who} {text}"

    def other(event: tuple[float, int, object]) -> Line:
        when, _, thing = event
        if isinstance(thing, Span):
            return line(when, 0, f'span "{words.short(thing.name)}"', "span", "ran")
        assert isinstance(thing, TaskTrace)
        return line(when, depth[thing.label], words.who(thing.label), thing.coroutine, outcome_text(trace, thing))

    for i, (start, number) in enumerate(zip(trace.steps.start.tolist(), trace.steps.task.tolist(), strict=True)):
        while position < len(events) and events[position][0] <= start:
            yield other(events[position])
            position += 1
        task = tasks[number]
        yield line(start, depth[task.label], words.who(task.label), task.coroutine, steps.text(i, task))
    yield from map(other, events[position:])
    for task in tasks:
        if task.outcome == "pending" and task is not own:
            what = _wait_text(trace, task.reason) if task.state == WAITING else "was ready, but did not run"
            text = what.replace("waited", "still waited", 1) + " at the end"
            yield line(trace.duration, depth[task.label], words.who(task.label), task.coroutine, text)


def _wait_text(trace: Trace, number: int) -> str:
    reason = trace.reasons[number]
    where = f" (line {reason.line})" if reason.line is not None else ""
    return (f"waited for {words.what(reason)}" if reason.text else "waited") + where


class _StepTexts:
    """What happened in each step, in words."""

    def __init__(self, trace: Trace) -> None:
        import numpy as np

        self.trace, self.labels = trace, list(trace.tasks)
        steps = trace.steps
        order, first = trace._by_task
        self.before, self.after = np.full((2, len(order)), -1, np.int32)
        same = steps.task[order][1:] == steps.task[order][:-1]
        self.before[order[1:][same]], self.after[order[:-1][same]] = order[:-1][same], order[1:][same]
        self.waited = (steps.ready > steps.stop[self.before]) | trace._waited_all_the_same
        self.born: dict[int, list[str]] = {}
        self.spans: dict[int, list[str]] = {}
        self.holds: dict[int, Hold] = {}
        self.late: dict[int, str] = {}

        def at(label: str | None, time: float | None) -> int | None:
            """The step of a task that ran at a moment; None if that was not kept."""
            if label not in trace.tasks or time is None:
                return None
            index = trace.tasks[label].index
            mine = order[first[index] : first[index + 1]]
            place = int(np.searchsorted(steps.start[mine], time, "right")) - 1
            return int(mine[place]) if place >= 0 else None

        for task in trace.tasks.values():
            if (i := at(task.parent, task.born)) is not None:
                self.born.setdefault(i, []).append(words.who(task.label))
        for span in trace.spans:
            if (i := at(span.task, span.start)) is not None:
                self.spans.setdefault(i, []).append(f'"{words.short(span.name)}"')
        for hold in held_steps(trace)[:MANY]:
            if (i := at(hold.who, hold.start)) is not None:
                self.holds[i] = hold
            victims = {trace.tasks[label].index for label in held_up(trace, hold)}
            lost = np.minimum(steps.start, hold.stop) - np.maximum(steps.ready, hold.start) >= HELD / 2
            self.late.update((int(i), hold.who) for i in np.nonzero(lost)[0] if int(steps.task[i]) in victims)

    def text(self, i: int, task: TaskTrace) -> str:
        trace, steps = self.trace, self.trace.steps
        before, after = int(self.before[i]), int(self.after[i])
        said = []
        if before < 0 and (task.born is None or not trace.dropped or steps.ready[i] <= task.born):
            said += ["began"] if task.born is not None else []
        elif before < 0 or self.waited[i]:
            by = int(steps.waker[i])
            same = after < 0 and by not in (TIMER, IO) and trace.waker(by) == task.cancelled_by
            if not same and by != task.index:
                said.append(f"was woken{self._by(by)}")  # else what follows says so: cancelled by the same
        if i in self.late:
            said[-1:] = [f"{''.join(said[-1:])} (was ready, but {words.who(self.late[i])} had the thread)".strip()]
        if i in self.holds:
            said.append(f"held the loop{place_text(trace, self.holds[i])}")
        if i in self.spans:
            said.append(f"ran {'span' if len(self.spans[i]) == 1 else 'spans'} {enumeration(self.spans[i])}")
        if i in self.born:
            said.append(f"started {enumeration(self.born[i])}")
        if after >= 0:
            said.append(
                _wait_text(trace, int(steps.reason[after])) if self.waited[after] else "let the others go first"
            )
        elif task.finished is not None and task.outcome != "lost":
            said.append("ended" if words.is_cell(task) else outcome_text(trace, task))
        elif task.state == WAITING or task.outcome == "lost":
            said.append(_wait_text(trace, task.reason))
        said = said or ["ran on"]
        return " and ".join(said) if len(said) < 3 else ", ".join(said[:-1]) + ", then " + said[-1]

    def _by(self, waker: int) -> str:
        if waker >= 0:
            return f" by {words.who(self.labels[waker])}"
        return " by a thread" if waker <= THREAD else WAKERS.get(waker, "")
