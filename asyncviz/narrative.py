"""Sentences over a Trace: what the picture says, for those who cannot see it, and the story of a run.

Two kinds of text. `alternative_text`, `comparison_text` and `story` hold no clock reading and nothing that a race of
microseconds can change: notebooks compare them strictly. `summary` (and `story(times=True)`) tell measures, all of
them printed by `approximately` and `ratio`, whose format tests/sanitize.cfg knows.
"""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice

from .trace import CLOSING, FOR_TASKS, HELD, IO, THREAD, TIMER, WAITING, Hold, Reason, Span, TaskTrace, Trace

VISIBLE = 0.03  # of all a task's waiting: a wait for less may or may not happen, so stable text leaves it out
SURE = 0.2  # the same for waits for threads and processes, which a busy machine brings back late
OUTSIDE = frozenset({"thread", "library", "subprocess", "connect", "close"})  # kinds of such waits
CLEAR = 2**0.5  # runs whose ratio is nearer to 1 than this are not called faster or slower
MOST = 6  # names in one enumeration
MANY = 200  # holds that are looked at one by one
_WAKERS = {TIMER: " by a timer", IO: " by I/O", CLOSING: " by asyncio.run"}


# -- numbers and names -------------------------------------------------------------------------------------------------


def approximately(seconds: float) -> str:
    """A duration of `seconds` in two digits, as every text prints it: "≈ 0.31 s", "≈ 12 ms", "≈ 4.4 µs".

    Raises ValueError for a negative or infinite duration.
    """
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"a duration is a number of seconds, not {seconds}")
    rounded = float(f"{seconds:.1e}")  # 0.0996 s is 0.10 s, not 100 ms
    for unit, size, least in (("s", 1.0, 0.1), ("ms", 1e-3, 1e-3), ("µs", 1e-6, 1e-6)):
        if rounded >= least:
            return f"≈ {_two_digits(seconds / size)} {unit}"
    return f"≈ {_two_digits(seconds * 1e9)} ns" if seconds else "≈ 0 s"


def ratio(number: float) -> str:
    """A ratio of two durations as every text prints it: "≈ 2.9 ×"."""
    return f"≈ {_two_digits(number)} ×"


def _two_digits(number: float) -> str:
    if number == 0:
        return "0"
    return f"{number:.{max(0, 1 - math.floor(math.log10(float(f'{number:.1e}'))))}f}"


def plural(number: int, noun: str) -> str:
    """A number with its noun: "1 task", "3 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def enumeration(names: Iterable[str], most: int = MOST) -> str:
    """As in "a, b and c"; of more than `most` names the first few "and 12 more"."""
    shown = list(names)
    if len(shown) > most:
        shown[most - 1 :] = [f"{len(shown) - most + 1:,} more"]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else ""


def _counted(names: Iterable[str]) -> str:
    return enumeration(name if n == 1 else f"{name} ({n} times)" for name, n in Counter(names).items())


def _clean(text: str, width: int = 40) -> str:
    """A name on one line, cut where it is very long; never empty."""
    text = " ".join(text.split()) or '""'
    return text if len(text) <= width else text[: width - 1] + "…"


def _is_cell(task: TaskTrace) -> bool:
    """A notebook's cell: its task returns in any case, because IPython takes its errors."""
    return task.label == "cell" and task.parent is None


def _who(label: str) -> str:
    return "the cell" if label == "cell" else _clean(label)


def _what(reason: Reason) -> str:
    """What a wait is for, without what differs from run to run: default names, and delays that were calculated."""
    text = re.sub(r'task "Task-\d+"', "a task", _clean(reason.text, 60))
    delay = re.fullmatch(r"sleep ([\d.]+)(e-?\d+)?", text)
    return "sleep" if delay and len(delay[1].replace(".", "").strip("0")) > 3 else text


# -- what the stable texts look at -------------------------------------------------------------------------------------


def _how(spans: Sequence[Span]) -> str:
    """How spans lie in time; at one moment, ends come before beginnings."""
    now = most = 0
    for _, change in sorted([(s.start, 1) for s in spans] + [(s.stop, -1) for s in spans]):
        now += change
        most = max(most, now)
    return "one after another" if most == 1 else f"up to {most:,} at once"


def _recording_task(trace: Trace) -> TaskTrace | None:
    """The task in which the recording was made, if any: whether it is done says nothing about it."""
    order, first = trace._by_task
    for task in trace.tasks.values():
        if _is_cell(task):
            return task
        mine = order[first[task.index] : first[task.index + 1]]
        if task.outcome == "pending" and len(mine) and trace.steps.stop[mine[-1]] >= trace.duration - 1e-9:
            return task
    return None


def _waits(trace: Trace) -> dict[str, tuple[str, ...]]:
    """What each task waited for, in order of first occurrence; waits too short to be sure of are left out."""
    import numpy as np

    texts: dict[str, int] = {}
    of_reason = np.array([texts.setdefault(_what(r) if r.text else "", len(texts)) for r in trace.reasons])
    chosen = {_what(r) for r in trace.reasons if r.kind == "sleep"}  # a sleep always happens
    outside = {_what(r) for r in trace.reasons if r.kind in OUTSIDE}
    task, start, stop, reason = trace.waits
    key = task.astype(np.int64) * len(texts) + of_reason[reason]
    keys, where, back = np.unique(key, return_index=True, return_inverse=True)
    seconds = np.bincount(back, stop - start, minlength=len(keys)) if len(keys) else np.empty(0)
    total = np.bincount(task, stop - start, minlength=len(trace.tasks))
    names, labels = list(texts), list(trace.tasks)
    found: dict[str, list[str]] = {}
    for i in np.argsort(where):
        number, text = int(keys[i]) // len(texts), names[int(keys[i]) % len(texts)]
        least = (SURE if text in outside else VISIBLE) * total[number]
        if text and (text in chosen or seconds[i] >= least):
            found.setdefault(labels[number], []).append(text)
    return {label: tuple(found[label]) for label in labels if label in found}


def _held(trace: Trace) -> list[Hold]:
    """Holds that are the program's doing, as stable texts tell them.

    That the system took the core away differs from run to run, unless the step would have been long without that.
    Which line of a computation was seen most often is a matter of luck, so only that of a blocking call is kept.
    The step of a cell without `await` lasts as long as the cell: unless it blocks or somebody waits, it is no news.
    """
    own = _recording_task(trace)
    found = []
    for hold in trace.holds:
        if hold.kind in ("computing", "pre-empted"):
            kind = "computing" if hold.kind == "computing" or (hold.cpu or 0.0) >= HELD else hold.kind
            hold = hold._replace(kind=kind, line=None, function="")
        own_news = own is None or hold.who != own.label or hold.kind == "blocking call" or _held_up(trace, hold)
        if hold.kind != "pre-empted" and own_news:
            found.append(hold)
    return found


def _held_up(trace: Trace, hold: Hold) -> list[str]:
    """Labels of the tasks that were ready for a good part of a hold, in order of creation."""
    import numpy as np

    steps, tasks = trace.steps, list(trace.tasks.values())
    lost = np.minimum(steps.start, hold.stop) - np.maximum(steps.ready, hold.start)
    found = {int(i) for i in steps.task[lost >= HELD / 2]}
    loop = trace.tasks[hold.who].loop if hold.who in trace.tasks else None
    return [tasks[i].label for i in sorted(found) if tasks[i].label != hold.who and loop in (None, tasks[i].loop)]


def _where(trace: Trace, hold: Hold) -> str:
    """The kind of a hold and its place; with spans inside it, these: they say more than the line seen most often."""
    inside = [s.name for s in trace.spans if s.start >= hold.start - 1e-6 and s.stop <= hold.stop + 1e-6]
    place = [] if hold.kind == "unknown" else [hold.kind]
    if inside:
        place.append("in " + _counted(_clean(name) for name in inside))
    else:
        place += [f"in {hold.function}"] if hold.function not in ("", "<module>", hold.who) else []
        place += [f"line {hold.line}"] if hold.line is not None else []
    return f" ({', '.join(place)})" if place else ""


def _holds_text(trace: Trace) -> list[str]:
    alike: dict[tuple[str, str, int | None], list[Hold]] = {}
    for hold in _held(trace):
        alike.setdefault((hold.who, hold.function, hold.line), []).append(hold)
    said = []
    for holds in list(alike.values())[:3]:
        victims = list(dict.fromkeys(_who(label) for hold in holds[:20] for label in _held_up(trace, hold)))
        if len(victims) > MOST:  # how many exactly is a matter of luck
            victims[MOST - 1 :] = ["many others"]
        text = f"{_who(holds[0].who)} held the loop{_where(trace, holds[0])}"
        text += f" {len(holds)} times" if len(holds) > 1 else ""
        said.append(text + (f", and {enumeration(victims)} had to wait" if victims else ""))
    if len(alike) > 3:
        said.append(f"{plural(len(alike) - 3, 'more place')} held it as well")
    return said


def _outcomes(trace: Trace, tasks: Sequence[TaskTrace]) -> str:
    groups: dict[str, list[str]] = {}
    for task in tasks:
        text = _outcome(trace, task) if task.outcome != "pending" else "was not done at the end"
        groups.setdefault(text, []).append(_who(task.label))
    usual = groups.pop("returned", [])
    said = [f"{enumeration(names)} {_many(text, len(names))}" for text, names in groups.items()]
    if usual and said:
        said.append(f"{'the other' if len(usual) == 1 else f'the other {len(usual):,}'} returned")
    elif usual:
        all_of_them = {1: usual[0], 2: "Both"}.get(len(usual), f"All {len(usual):,}")
        said.append(f"{all_of_them} returned")
    return "; ".join(said)


def _many(text: str, number: int) -> str:
    return text if number == 1 else re.sub(r"^was\b", "were", text.replace("while it", "while they"))


def _outcome(trace: Trace, task: TaskTrace) -> str:
    if task.outcome == "raised":
        return f"raised {task.error.partition(':')[0] or 'an error'}"
    if task.outcome == "cancelled":
        by = task.cancelled_by
        who = {"timer": "a timer", "I/O": "I/O", "asyncio.run": by, "unknown": None, None: None}
        named = _who(by) if by in trace.tasks else who.get(by, "another thread")
        return "was cancelled" + (f" by {named}" if named else "")
    return "was lost while it waited" if task.outcome == "lost" else task.outcome


# -- the texts ---------------------------------------------------------------------------------------------------------


def alternative_text(trace: Trace) -> str:
    """What the picture of `trace` says, as one short paragraph without clock readings: the conclusion first."""
    if trace.empty:
        return _named(trace, ["Nothing was recorded: no task ran, and no span was entered"])
    own = _recording_task(trace)
    tasks = [task for task in trace.tasks.values() if task is not own]
    said = _holds_text(trace)
    spans = _spans_text(trace)
    if tasks:
        said += [_overlap_text(trace), *_family_text(trace), *_waits_text(trace), spans, _outcomes(trace, tasks)]
    else:
        waits = _waits_text(trace)
        said = [spans, *said, *waits] if spans else said + waits or [f"{_who(next(iter(trace.tasks)))} ran alone"]
    if trace.work:
        where = "worker processes" if all(w.process for w in trace.work) else "threads of a pool"
        said.append(f"{plural(len(trace.work), 'call')} ran in {where}: {_counted(_clean(w.name) for w in trace.work)}")
    if trace.dropped:
        said.append("The oldest steps are missing, because only so many were to be kept")
    if trace.failure:
        said.append("The recorder gave up before the end, because of an error of its own")
    return _named(trace, said)


def _named(trace: Trace, said: Iterable[str]) -> str:
    """Sentences as a paragraph, after the recording's name."""
    text = " ".join(f"{re.sub('^the cell', 'The cell', sentence)}." for sentence in said if sentence)
    return f"{_clean(trace.name)}: {text}" if trace.name.strip() else text


def _overlap_text(trace: Trace) -> str:
    if len(trace.tasks) == 1:
        return ""
    if trace.overlap > 1:
        how = "they took turns" if _never_waited(trace) else "their waits overlapped"
        return f"Up to {trace.overlap:,} tasks were in flight at once: {how}"
    return "The tasks ran one after another"


def _never_waited(trace: Trace) -> bool:
    """Tasks that wait for nothing but other tasks have no waits to overlap: they just give the thread back."""
    return {trace.reasons[number].kind for number in trace.waits[3]} <= FOR_TASKS


def _family_text(trace: Trace) -> Iterator[str]:
    children: dict[str, list[str]] = {}
    for task in trace.tasks.values():
        if task.parent is not None:
            children.setdefault(task.parent, []).append(_who(task.label))
    for parent, names in list(children.items())[:3]:
        yield f"{_who(parent)} started {enumeration(names)}"
    if len(children) > 3:
        yield f"{plural(len(children) - 3, 'more task')} started others"


def _waits_text(trace: Trace) -> list[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for label, reasons in _waits(trace).items():
        alike.setdefault(reasons, []).append(_who(label))
    said = [f"{enumeration(names)} waited for {enumeration(reasons)}" for reasons, names in list(alike.items())[:MOST]]
    if len(alike) > MOST:
        said.append(f"{plural(sum(map(len, list(alike.values())[MOST:])), 'more task')} waited for other things")
    return ["; ".join(said)] if said else []


def _spans_text(trace: Trace) -> str:
    if not trace.spans:
        return ""
    names = _counted(_clean(span.name) for span in trace.spans)
    if len(trace.spans) == 1:
        return f"One span: {names}"
    return f"{plural(len(trace.spans), 'span')} {_how(trace.spans)}: {names}"


def comparison_text(traces: Sequence[Trace], faster: Sequence[float] = ()) -> str:
    """What a picture of several runs on one time axis says, without clock readings.

    `faster` has the first run's makespan divided by each run's, itself included. It is used for verdicts only: "is
    faster", "is slower", and no word where it is near 1.
    """
    if len(traces) == 1:
        return alternative_text(traces[0])
    names = [_clean(trace.name) if trace.name.strip() else f"run {i}" for i, trace in enumerate(traces, 1)]
    said = [
        f"{name} is {'faster' if number > 1 else 'slower'} than {names[0]}."
        for name, number in zip(names, faster, strict=False)
        if number >= CLEAR or number <= 1 / CLEAR
    ]
    said.append(f"{plural(len(traces), 'run')} on one time axis: {enumeration(names)}.")
    for name, trace in zip(names, traces, strict=True):
        text = alternative_text(trace)
        said.append(text if trace.name.strip() else f"{name}: {text}")
    return " ".join(said)


def summary(trace: Trace) -> str:
    """The measures in two to four plain sentences, with clock readings."""
    if trace.empty:
        return alternative_text(trace)
    how = f"up to {trace.overlap:,} of {plural(len(trace.tasks), 'task')} in flight at once"
    if not trace.tasks:
        how = f"{plural(len(trace.spans), 'span')} {_how(trace.spans)}"
    said = [f"The run took {approximately(trace.makespan)}, {how}"]
    if trace.holds:
        hold = max(trace.holds, key=lambda h: h.seconds)
        said.append(f"{_who(hold.who)} held the loop longest, for {approximately(hold.seconds)}{_where(trace, hold)}")
    else:
        said.append(f"Nothing held its thread for longer than {approximately(trace.longest_block)}")
    if trace.loops:
        total = sum(loop.seconds for loop in trace.loops)
        said.append(f"The loop was busy for {approximately(max(trace.loop_busy, 0.0))} of {approximately(total)}")
    if trace.dropped:
        said.append(f"The recording lacks {plural(trace.dropped, 'older step')}, because only so many were to be kept")
    return _named(trace, said)


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
    own, position = _recording_task(trace), 0

    def line(when: float, level: int, who: str, kind: str, text: str) -> Line:
        alike = (level, kind, re.sub(r"\d+", "#", text))
        return alike, f"{f'{approximately(when)}: ' if times else ''}{'  ' * level}{who} {text}"

    def other(event: tuple[float, int, object]) -> Line:
        when, _, thing = event
        if isinstance(thing, Span):
            return line(when, 0, f'span "{_clean(thing.name)}"', "span", "ran")
        assert isinstance(thing, TaskTrace)
        return line(when, depth[thing.label], _who(thing.label), thing.coroutine, _outcome(trace, thing))

    for i, (start, number) in enumerate(zip(trace.steps.start.tolist(), trace.steps.task.tolist(), strict=True)):
        while position < len(events) and events[position][0] <= start:
            yield other(events[position])
            position += 1
        task = tasks[number]
        yield line(start, depth[task.label], _who(task.label), task.coroutine, steps.text(i, task))
    yield from map(other, events[position:])
    for task in tasks:
        if task.outcome == "pending" and task is not own:
            what = _wait_text(trace, task.reason) if task.state == WAITING else "was ready, but did not run"
            text = what.replace("waited", "still waited", 1) + " at the end"
            yield line(trace.duration, depth[task.label], _who(task.label), task.coroutine, text)


def _wait_text(trace: Trace, number: int) -> str:
    reason = trace.reasons[number]
    where = f" (line {reason.line})" if reason.line is not None else ""
    return (f"waited for {_what(reason)}" if reason.text else "waited") + where


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
                self.born.setdefault(i, []).append(_who(task.label))
        for span in trace.spans:
            if (i := at(span.task, span.start)) is not None:
                self.spans.setdefault(i, []).append(f'"{_clean(span.name)}"')
        for hold in _held(trace)[:MANY]:
            if (i := at(hold.who, hold.start)) is not None:
                self.holds[i] = hold
            victims = {trace.tasks[label].index for label in _held_up(trace, hold)}
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
            said[-1:] = [f"{''.join(said[-1:])} (was ready, but {_who(self.late[i])} had the thread)".strip()]
        if i in self.holds:
            said.append(f"held the loop{_where(trace, self.holds[i])}")
        if i in self.spans:
            said.append(f"ran {'span' if len(self.spans[i]) == 1 else 'spans'} {enumeration(self.spans[i])}")
        if i in self.born:
            said.append(f"started {enumeration(self.born[i])}")
        if after >= 0:
            said.append(
                _wait_text(trace, int(steps.reason[after])) if self.waited[after] else "let the others go first"
            )
        elif task.finished is not None and task.outcome != "lost":
            said.append("ended" if _is_cell(task) else _outcome(trace, task))
        elif task.state == WAITING or task.outcome == "lost":
            said.append(_wait_text(trace, task.reason))
        said = said or ["ran on"]
        return " and ".join(said) if len(said) < 3 else ", ".join(said[:-1]) + ", then " + said[-1]

    def _by(self, waker: int) -> str:
        if waker >= 0:
            return f" by {_who(self.labels[waker])}"
        return " by a thread" if waker <= THREAD else _WAKERS.get(waker, "")
