"""The words on a picture: its title, the line of measures, and how times are written. No matplotlib."""

from __future__ import annotations

import unicodedata

from .narrative import held_up, never_waited, one_waits
from .trace import FOR_TASKS, Reason, Trace
from .words import approximately, plural, what


def seconds(value: float) -> str:
    """A length of time in two digits: "1.2 s", "45 ms"."""
    return approximately(max(value, 0.0)).removeprefix("≈ ")


def clean(text: str) -> str:
    """`text` on one line, without characters that cannot be drawn."""
    text = "".join(c if c.isprintable() else "" if unicodedata.category(c) == "Cf" else " " for c in str(text))
    return " ".join(text.split())


def starving(trace: Trace) -> set[str]:
    """The tasks that could have run but had to wait for long while a step held their loop."""
    return {label for hold in trace.holds[:100] for label in held_up(trace, hold)}


def queueing(trace: Trace) -> bool:
    """Do tasks wait longer for locks, which one task at a time has, than for all else but other tasks?"""
    import numpy as np

    _, start, stop, reason = trace.waits
    seconds_of: dict[str, float] = {}
    for each, spent in zip(trace.reasons, np.bincount(reason, stop - start, len(trace.reasons)), strict=True):
        seconds_of[each.kind] = seconds_of.get(each.kind, 0.0) + float(spent)
    return seconds_of.get("lock", 0.0) > sum(s for kind, s in seconds_of.items() if kind not in {"lock", *FOR_TASKS})


def waited_for(reason: Reason) -> str:
    """What is written on a wait. A delay that was calculated has three digits: "sleep 0.294"."""
    text = clean(reason.text or reason.kind)
    return f"sleep {float(text.split()[1]):.3g}" if what(reason) == "sleep" != text else text


def headline(trace: Trace) -> str:
    """The conclusion, in a few words and without a clock reading."""
    holds, tasks, overlap = trace.holds, len(trace.tasks), trace.overlap
    if trace.empty:
        return "Nothing was recorded"
    roots = [task for task in trace.tasks.values() if task.parent not in trace.tasks]
    if len(roots) == 1 and roots[0].outcome == "raised":  # what it would have become is not for us to say
        return f"Ended by {clean(roots[0].error.partition(':')[0])}"
    if holds and tasks:
        kinds, late = {h.kind for h in holds}, starving(trace)
        if kinds == {"pre-empted"}:
            return "The system took the core away"
        names = {"blocking call": "blocking call", "computing": "long computation"}
        what = names.get(holds[0].kind, "long step") if len(kinds) == 1 else "long step"
        subject = f"One {what}" if len(holds) == 1 else f"{len(holds):,} {what}s"
        if late:
            runners = trace.tasks.keys() - {t.parent for t in trace.tasks.values()}  # parents wait for children
            culprits = {h.who for h in holds}
            else_ = len(culprits) == 1 and runners - culprits <= late
            whom = "everybody" if runners <= late else "everybody else" if else_ else plural(len(late), "task")
            return f"{subject} made {whom if len(late) > 1 else '1 task'} late"
        if overlap > 1 or len(trace.spans) < 2:
            return f"{subject} held the " + ("loop, but nobody was waiting for it" if overlap > 1 else "thread")
    workers = {(w.process, w.worker) for w in trace.work if w.started is not None}
    if tasks and workers:
        noun = ("process", "processes") if all(process for process, _ in workers) else ("thread", "threads")
        who = f"A {noun[0]} does" if len(workers) == 1 else f"{len(workers):,} {noun[1]} do"
        return f"{who} the work, and the loop stays free"
    if overlap > 1:
        if not tasks:
            return f"{plural(len({s.thread for s in trace.spans}), 'thread')} at work at once"
        loops = len({t.loop for t in trace.tasks.values()})
        where = f"{loops} event loops" if loops > 1 else "one thread"
        how = "they take turns" if never_waited(trace) else "they queue" if queueing(trace) else "their waits overlap"
        return f"{overlap:,} tasks share {where}: {how}"
    if tasks + len(trace.spans) > 1:
        if one_waits(trace):
            return "One task waits for the other" if tasks == 2 else "One task at a time: the others wait for it"
        return "One after another: nothing overlaps"
    if tasks:
        _, start, stop, _ = trace.waits
        if (stop - start).sum() > trace.makespan / 2:
            return "One task: one wait after another" if len(start) > 1 else "One task: it waits"
    return "One task has the thread for itself" if tasks else "One stretch of blocking code"


def measures(trace: Trace) -> list[str]:
    """The pieces of the line under a picture."""
    pieces = []
    if not trace.empty:
        noun = "task" if trace.tasks else "span"
        pieces += [f"makespan {seconds(trace.makespan)}", f"at most {plural(trace.overlap, noun)} in flight"]
    if trace.tasks:
        late, steps = len(starving(trace)), len(trace.holds)
        held = f"loop held for {seconds(sum(h.seconds for h in trace.holds))}{f' in {steps:,} steps' * (steps > 1)}, "
        pieces.append(held + (plural(late, "task") if late else "nobody") + " starved" if steps else "loop never held")
        wrong = trace.problems
        pieces.append(f"check failed: {clean(wrong[0])}" if wrong else "never two running: checked")
    if trace.cost is not None and not trace.empty:
        pieces.append(f"recording cost {100 * trace.cost:.1f} %" if trace.cost >= 0.0005 else "recording cost < 0.1 %")
    if trace.simulated:
        pieces.append("simulated time")
    if trace.dropped:
        pieces.append(f"the oldest {plural(trace.dropped, 'step')} were not kept")
    if trace.failure:
        pieces.append(f"the recorder gave up: {clean(trace.failure)}")
    return pieces
