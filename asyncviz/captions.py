"""The words on a picture: its title, the line of measures, and how times are written. No matplotlib."""

from __future__ import annotations

import unicodedata

import numpy as np

from .lanes import loops_of
from .narrative import plural
from .trace import FOR_TASKS, HELD, Hold, Trace

SOON = 0.5  # of the threshold: who is late by less does not count as starved


def seconds(value: float) -> str:
    """A length of time: "1.20 s", "45 ms", "0.8 ms"."""
    if value >= 0.0995:
        return f"{value:.2f} s" if value < 99.5 else f"{value:,.0f} s"
    return f"{value * 1e3:.0f} ms" if value >= 0.00995 else f"{value * 1e3:.2g} ms"


def clean(text: str) -> str:
    """`text` on one line, without characters that cannot be drawn."""
    text = "".join(c if c.isprintable() else "" if unicodedata.category(c) == "Cf" else " " for c in str(text))
    return " ".join(text.split())


def starving(trace: Trace, holds: list[Hold], threshold: float) -> set[int]:
    """The tasks that could have run but had to wait while a step held their loop, for half of `threshold` or more."""
    steps, loops, found = trace.steps, loops_of(trace), set()
    for hold in holds:
        task = trace.tasks.get(hold.who)
        late = np.minimum(steps.start, hold.stop) - np.maximum(steps.ready, hold.start) >= threshold * SOON
        if task is not None:
            late &= (steps.task != task.index) & (loops[steps.task] == task.loop)
        found |= {int(t) for t in np.unique(steps.task[late])}
    return found


def headline(trace: Trace, holds: list[Hold], threshold: float = HELD) -> str:
    """The conclusion, in a few words and without a clock reading."""
    if trace.empty:
        return "Nothing was recorded"
    tasks, overlap = len(trace.tasks), trace.overlap
    if holds and trace.tasks:
        late = len(starving(trace, holds, threshold))
        kinds = {h.kind for h in holds}
        what = {"blocking call": "blocking call", "computing": "long computation"}.get(holds[0].kind, "long step")
        if kinds == {"pre-empted"}:
            return "The system took the core away"
        what = what if len(kinds) == 1 else "long step"
        subject = f"One {what}" if len(holds) == 1 else f"{len(holds):,} {what}s"
        if late:
            others = len(trace.tasks) - len({h.who for h in holds if h.who in trace.tasks})
            whom = "everybody" if late > 1 and late >= others - len(_parents(trace)) else plural(late, "task")
            return f"{subject} made {whom} late"
        if overlap <= 1:
            return f"{subject} held the thread: nothing overlaps"
        return f"{subject} held the loop, but nobody was waiting for it"
    if not trace.tasks:
        return _spans(trace)
    away = _at_once(trace)
    if away:
        workers = ("process", "processes") if all(w.process for w in trace.work) else ("thread", "threads")
        who = f"A {workers[0]} does" if away == 1 else f"{away:,} {workers[1]} do"
        return f"{who} the work, and the loop stays free"
    if overlap > 1:
        loops = len({t.loop for t in trace.tasks.values()})
        if loops > 1:
            return f"{plural(tasks, 'task')} on {loops} event loops"
        return f"{overlap:,} tasks share one thread: their waits overlap"
    if tasks == 1:
        return "One task has the thread for itself"
    return "One after another: nothing overlaps"


def _parents(trace: Trace) -> set[str]:
    """Tasks that did nothing but wait for others."""
    index, _, _, reason = trace.waits
    kinds: dict[int, set[bool]] = {}
    for i, r in zip(index[:10_000], reason[:10_000], strict=True):
        kinds.setdefault(int(i), set()).add(trace.reasons[r].kind in FOR_TASKS)
    labels = list(trace.tasks)
    return {labels[i] for i, only in kinds.items() if only == {True}}


def _spans(trace: Trace) -> str:
    if len(trace.spans) == 1:
        return "One stretch of blocking code"
    if trace.overlap <= 1:
        return "One after another: nothing overlaps"
    return f"{plural(len({s.thread for s in trace.spans}), 'thread')} at work at once"


def _at_once(trace: Trace) -> int:
    """The largest number of calls that workers worked on at one moment."""
    changes = [
        (t, d) for w in trace.work if w.started is not None
        for t, d in ((w.started, 1), (trace.duration if w.finished is None else w.finished, -1))
    ]  # fmt: skip
    now = most = 0
    for _, d in sorted(changes):
        now += d
        most = max(most, now)
    return most


def measures(trace: Trace, holds: list[Hold], threshold: float = HELD) -> list[str]:
    """The pieces of the line under a picture."""
    if trace.empty:
        return _state(trace)
    noun = "task" if trace.tasks else "span"
    pieces = [f"makespan {seconds(trace.makespan)}", f"at most {plural(trace.overlap, noun)} in flight"]
    if trace.tasks:
        pieces.append(_held(trace, holds, threshold))
        problems = trace.problems
        pieces.append("never two running: checked" if not problems else f"check failed: {problems[0]}")
    cost = getattr(trace, "cost", None)
    if cost is not None:
        pieces.append(f"recording cost {cost:.1%}".replace("%", " %") if cost >= 0.0005 else "recording cost < 0.1 %")
    return pieces + _state(trace)


def _held(trace: Trace, holds: list[Hold], threshold: float) -> str:
    if not holds:
        return "loop never held"
    late = len(starving(trace, holds, threshold))
    times = "" if len(holds) == 1 else f" in {len(holds):,} steps"
    total = seconds(sum(h.seconds for h in holds))
    return f"loop held for {total}{times}, {plural(late, 'task') if late else 'nobody'} starved"


def _state(trace: Trace) -> list[str]:
    pieces = []
    if trace.simulated:
        pieces.append("simulated time")
    if trace.dropped:
        pieces.append(f"the oldest {plural(trace.dropped, 'step')} were not kept")
    if trace.failure:
        pieces.append(f"the recorder gave up: {clean(trace.failure)}")
    return pieces
