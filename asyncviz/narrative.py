"""Sentences over a Trace: what the picture says, for those who cannot see it. The story of a run is in story.py.

Two kinds of text. `alternative_text`, `comparison_text` and `story` hold no clock reading and nothing that a race of
microseconds can change: notebooks compare them strictly. `summary` (and `story(times=True)`) tell measures, all of
them printed by `approximately` and `ratio`, whose format tests/sanitize.cfg knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from . import words
from .trace import FOR_TASKS, HELD, Hold, Span, TaskTrace, Trace
from .words import MOST, approximately, enumeration, plural

VISIBLE = 0.03  # of all a task's waiting: a wait for less may or may not happen, so stable text leaves it out
SURE = 0.2  # the same for waits for threads and processes, which a busy machine brings back late
OUTSIDE = frozenset({"thread", "library", "subprocess", "connect", "close"})  # kinds of such waits
CLEAR = 2**0.5  # runs whose ratio is nearer to 1 than this are not called faster or slower


# -- what the stable texts look at -------------------------------------------------------------------------------------


def _how(spans: Sequence[Span]) -> str:
    """How spans lie in time; at one moment, ends come before beginnings."""
    now = most = 0
    for _, change in sorted([(s.start, 1) for s in spans] + [(s.stop, -1) for s in spans]):
        now += change
        most = max(most, now)
    return "one after another" if most == 1 else f"up to {most:,} at once"


def recording_task(trace: Trace) -> TaskTrace | None:
    """The task in which the recording was made, if any: whether it is done says nothing about it."""
    order, first = trace._by_task
    for task in trace.tasks.values():
        if words.is_cell(task):
            return task
        mine = order[first[task.index] : first[task.index + 1]]
        at_the_end = len(mine) and 0 < trace.duration - 1e-9 <= trace.steps.stop[mine[-1]]
        if task.outcome == "pending" and at_the_end:
            return task
    return None


def _waits(trace: Trace) -> dict[str, tuple[str, ...]]:
    """What each task waited for, in order of first occurrence; waits too short to be sure of are left out."""
    import numpy as np

    texts: dict[str, int] = {}
    of_reason = np.array([texts.setdefault(words.what(r) if r.text else "", len(texts)) for r in trace.reasons])
    chosen = {words.what(r) for r in trace.reasons if r.kind == "sleep"}  # a sleep always happens
    outside = {words.what(r) for r in trace.reasons if r.kind in OUTSIDE}
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


def held_steps(trace: Trace) -> list[Hold]:
    """Holds that are the program's doing, as stable texts tell them.

    That the system took the core away differs from run to run, unless the step would have been long without that.
    Which line of a computation was seen most often is a matter of luck, so only that of a blocking call is kept.
    The step of a cell without `await` lasts as long as the cell: unless it blocks or somebody waits, it is no news.
    """
    own = recording_task(trace)
    found = []
    for hold in trace.holds:
        if hold.kind in ("computing", "pre-empted"):
            kind = "computing" if hold.kind == "computing" or (hold.cpu or 0.0) >= HELD else hold.kind
            hold = hold._replace(kind=kind, line=None, function="")
        own_news = own is None or hold.who != own.label or hold.kind == "blocking call" or held_up(trace, hold)
        if hold.kind != "pre-empted" and own_news:
            found.append(hold)
    return found


def held_up(trace: Trace, hold: Hold) -> list[str]:
    """Labels of the tasks that were ready for a good part of a hold, in order of creation."""
    import numpy as np

    steps, tasks = trace.steps, list(trace.tasks.values())
    lost = np.minimum(steps.start, hold.stop) - np.maximum(steps.ready, hold.start)
    found = {int(i) for i in steps.task[lost >= HELD / 2]}
    loop = trace.tasks[hold.who].loop if hold.who in trace.tasks else None
    return [tasks[i].label for i in sorted(found) if tasks[i].label != hold.who and loop in (None, tasks[i].loop)]


def place_text(trace: Trace, hold: Hold) -> str:
    """The kind of a hold and its place; with spans inside it, these: they say more than the line seen most often."""
    inside = [s.name for s in trace.spans if s.start >= hold.start - 1e-6 and s.stop <= hold.stop + 1e-6]
    place = [] if hold.kind == "unknown" else [hold.kind]
    if inside:
        place.append("in " + words.counted(words.short(name) for name in inside))
    else:
        place += [f"in {hold.function}"] if hold.function not in ("", "<module>", hold.who) else []
        place += [f"line {hold.line}"] if hold.line is not None else []
    return f" ({', '.join(place)})" if place else ""


def _holds_text(trace: Trace) -> list[str]:
    alike: dict[tuple[str, str, int | None], list[Hold]] = {}
    for hold in held_steps(trace):
        alike.setdefault((hold.who, hold.function, hold.line), []).append(hold)
    said = []
    for holds in list(alike.values())[:3]:
        victims = list(dict.fromkeys(words.who(label) for hold in holds[:20] for label in held_up(trace, hold)))
        if len(victims) > MOST:  # how many exactly is a matter of luck
            victims[MOST - 1 :] = ["many others"]
        text = f"{words.who(holds[0].who)} held the loop{place_text(trace, holds[0])}"
        text += f" {len(holds)} times" if len(holds) > 1 else ""
        said.append(text + (f", and {enumeration(victims)} had to wait" if victims else ""))
    if len(alike) > 3:
        said.append(f"{plural(len(alike) - 3, 'more place')} held it as well")
    return said


def _outcomes(trace: Trace, tasks: Sequence[TaskTrace]) -> str:
    groups: dict[str, list[str]] = {}
    for task in tasks:
        text = outcome_text(trace, task) if task.outcome != "pending" else "was not done at the end"
        groups.setdefault(text, []).append(words.who(task.label))
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


def outcome_text(trace: Trace, task: TaskTrace) -> str:
    if task.outcome == "raised":
        return f"raised {task.error.partition(':')[0] or 'an error'}"
    if task.outcome == "cancelled":
        by = task.cancelled_by
        who = {"timer": "a timer", "I/O": "I/O", "asyncio.run": by, "unknown": None, None: None}
        named = words.who(by) if by in trace.tasks else who.get(by, "another thread")
        return "was cancelled" + (f" by {named}" if named else "")
    return "was lost while it waited" if task.outcome == "lost" else task.outcome


# -- the texts ---------------------------------------------------------------------------------------------------------


def alternative_text(trace: Trace) -> str:
    """What the picture of `trace` says, as one short paragraph without clock readings: the conclusion first."""
    if trace.empty:
        return _named(trace, ["Nothing was recorded: no task ran, and no span was entered"])
    own = recording_task(trace)
    tasks = [task for task in trace.tasks.values() if task is not own]
    said = _holds_text(trace)
    spans = _spans_text(trace)
    if tasks:
        said += [_overlap_text(trace), *_family_text(trace), *_waits_text(trace), spans, _outcomes(trace, tasks)]
    else:
        waits = _waits_text(trace)
        said = [spans, *said, *waits] if spans else said + waits or [f"{words.who(next(iter(trace.tasks)))} ran alone"]
    if trace.work:
        where = "worker processes" if all(w.process for w in trace.work) else "threads of a pool"
        what = words.counted(words.short(w.name) for w in trace.work)
        said.append(f"{plural(len(trace.work), 'call')} ran in {where}: {what}")
    if trace.dropped:
        said.append("The oldest steps are missing, because only so many were to be kept")
    if trace.failure:
        said.append("The recorder gave up before the end, because of an error of its own")
    return _named(trace, said)


def _named(trace: Trace, said: Iterable[str]) -> str:
    """Sentences as a paragraph, after the recording's name."""
    text = " ".join(f"{re.sub('^the cell', 'The cell', sentence)}." for sentence in said if sentence)
    return f"{words.short(trace.name)}: {text}" if trace.name.strip() else text


def _overlap_text(trace: Trace) -> str:
    if len(trace.tasks) == 1:
        return ""
    if trace.overlap > 1:
        how = "they took turns" if never_waited(trace) else "their waits overlapped"
        return f"Up to {trace.overlap:,} tasks were in flight at once: {how}"
    return "" if not trace.overlap or one_waits(trace) else "The tasks ran one after another"


def never_waited(trace: Trace) -> bool:
    """Tasks that wait for nothing but other tasks have no waits to overlap: they just give the thread back."""
    return {trace.reasons[number].kind for number in trace.waits[3]} <= FOR_TASKS


def one_waits(trace: Trace) -> bool:
    """Never two in flight, because all but one wait for tasks: that is not one after another."""
    if len(trace.tasks) < 2 or trace.overlap != 1:
        return False
    task, _, _, reason = trace.waits
    for_tasks = [number for number, wait in enumerate(trace.reasons) if wait.kind in FOR_TASKS]
    return len(trace.tasks) <= len(set(task[np.isin(reason, for_tasks)].tolist())) + 1


def _family_text(trace: Trace) -> Iterator[str]:
    children: dict[str, list[str]] = {}
    for task in trace.tasks.values():
        if task.parent is not None:
            children.setdefault(task.parent, []).append(words.who(task.label))
    for parent, names in list(children.items())[:3]:
        yield f"{words.who(parent)} started {enumeration(names)}"
    if len(children) > 3:
        yield f"{plural(len(children) - 3, 'more task')} started others"


def _waits_text(trace: Trace) -> list[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for label, reasons in _waits(trace).items():
        alike.setdefault(reasons, []).append(words.who(label))
    said = [f"{enumeration(names)} waited for {enumeration(reasons)}" for reasons, names in list(alike.items())[:MOST]]
    if len(alike) > MOST:
        said.append(f"{plural(sum(map(len, list(alike.values())[MOST:])), 'more task')} waited for other things")
    return ["; ".join(said)] if said else []


def _spans_text(trace: Trace) -> str:
    if not trace.spans:
        return ""
    names = words.counted(words.short(span.name) for span in trace.spans)
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
    names = [words.short(trace.name) if trace.name.strip() else f"run {i}" for i, trace in enumerate(traces, 1)]
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
        length, place = approximately(hold.seconds), place_text(trace, hold)
        said.append(f"{words.who(hold.who)} held the loop longest, for {length}{place}")
    else:
        said.append(f"Nothing held its thread for longer than {approximately(trace.longest_block)}")
    if trace.loops:
        total = sum(loop.seconds for loop in trace.loops)
        said.append(f"The loop was busy for {approximately(max(trace.loop_busy, 0.0))} of {approximately(total)}")
    if trace.dropped:
        said.append(f"The recording lacks {plural(trace.dropped, 'older step')}, because only so many were to be kept")
    return _named(trace, said)
