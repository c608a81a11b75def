"""Turns the raw record of a session into a Trace: names, numbers and places as a reader knows them."""

from __future__ import annotations

import math
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import cancels
from . import trace as model
from .loops import COLUMNS, NEVER, UNKNOWN, TaskInfo, Watch
from .waits import Place, Wait, cell_name, is_user, line_of
from .watchdog import LONG, Watchdog

if TYPE_CHECKING:
    from .session import Session

_CLOSING = {"shutdown_asyncgens", "shutdown_default_executor"}
_MACHINERY = re.compile(r"[/\\](ipykernel|IPython|tornado|zmq)[/\\]")


def freeze(session: Session, trace: model.Trace, begin: float, end: float, owner: float, limit: int) -> None:
    """Fill `trace` with what `session` saw from `begin` to `end`; `owner` is the task that entered the block."""
    trace._open = False
    trace.duration = end - begin
    trace.failure = session.failure
    trace.threads = [name for _, name in list(session.threads)]
    infos = [i for i in list(session.tasks.values()) if _shown(i, owner)]
    infos = [i for i in infos if (i.born or 0.0) < end and (i.outcome is None or i.finished > begin)]
    # loops that only a notebook's machinery uses are hidden with it
    used = {i.watch for i in infos} or set(session.watches.values())
    watches = [w for w in list(session.watches.values()) if w.runs and (w in used or _held_by_callback(w, begin))]
    place = {watch: k for k, watch in enumerate(watches)}
    infos = [i for i in infos if i.watch in place]
    infos.sort(key=lambda info: info.n)  # in order of creation: an eager task may have run before it was seen
    index = {info.n: k for k, info in enumerate(infos)}
    labels = _labels(infos, owner)
    for k, info in enumerate(infos):
        trace.tasks[labels[k]] = _task(info, labels[k], k, place[info.watch], begin, end)
    names = list(trace.tasks)

    def said(waker: float) -> str:
        return names[index[waker]] if waker in index else trace.waker(int(min(waker, UNKNOWN)))

    for info, task in zip(infos, trace.tasks.values(), strict=True):
        task._trace = trace
        task.parent = names[index[info.parent]] if info.parent in index else None
        by = getattr(info, "by", UNKNOWN)
        if info.n in session.asked:
            if info.outcome is None and (there := info()) is not None:
                cancels.note(info, there, UNKNOWN, NEVER)
            request = session.asked[info.n]
            task.cancelling = request.standing
            by = request.by if by == UNKNOWN else by
            if begin <= request.time <= end:
                task.asked, task.asked_by = request.time - begin, said(request.by)
        if task.outcome == "cancelled" and by != UNKNOWN:
            task.cancelled_by = said(by)
    waits = list(session.reasons)
    callers = [_stack(places) for _, places in list(session.callers.values())]
    trace.reasons = [_reason(wait, callers, index, names) for wait in waits]
    places = [wait.place if wait is not None else None for wait in waits]
    trace._paths = {number: place[0].co_filename for number, place in enumerate(places) if place is not None}
    trace.loops = [_loop(watch, f"event loop {k}", begin, end) for k, watch in enumerate(watches, 1)]
    if len(watches) == 1:
        trace.loops[0].name = "event loop"
    trace.spans = [
        model.Span(s.name, max(s.start - begin, 0.0), s.stop - begin, s.thread, s.cpu, _label(s.task, index, names))
        for s in list(session.spans)
        if s.stop > begin
    ]
    trace.work = [
        model.Work(
            w.name, w.queued - begin, _since(w.started, begin), _since(w.finished, begin), w.worker, w.process,
            _label(w.task, index, names),
        )
        for w in list(session.work)
        if w.queued > begin
    ]  # fmt: skip
    notes = [note for note in list(session.notes) if note.time > begin]
    trace.notes = [model.Note(n.time - begin, n.kind, n.text, *_file(n.place)) for n in notes]
    trace._make_cost = _cost
    trace.callbacks = [
        model.Hold(name, start - begin, stop - begin, "unknown", None, *_file(place), name)
        for watch in watches
        for start, stop, name, place in watch.callbacks
        if start > begin
    ]
    _columns(trace, [list(w.chunks) for w in watches], index, begin, end, limit)
    trace.dropped += session.dropped
    _holds(trace, watches, session.watchdog, begin)


def _held_by_callback(watch: Watch, begin: float) -> bool:
    """Whether a callback held the loop for so long that it is called out."""
    return any(start > begin and stop - start >= model.HELD for start, stop, _, _ in watch.callbacks)


def _cost(trace: model.Trace) -> float:
    from . import cost

    step, wait, task = cost.seconds()
    waits = int((trace.steps.reason > 0).sum())
    spent = step * (len(trace.steps.reason) + trace.dropped) + wait * waits + task * len(trace.tasks)
    return min(spent / trace.duration, 1.0)


def _shown(info: TaskInfo, owner: float) -> bool:
    """A notebook's machinery is hidden, but for the task of the cell that records, and so is asyncio.run's closing."""
    code = info.code
    if info.n == owner or code is None:
        return True
    return not _MACHINERY.search(code.co_filename) and (code.co_name not in _CLOSING or is_user(code))


def _labels(infos: list[TaskInfo], owner: float) -> list[str]:
    """A name for each task that is the same in every run: its own, or its coroutine's; numbered where it repeats."""
    wanted = []
    for info in infos:
        name = _name(info)
        if info.n == owner and info.code is not None and _MACHINERY.search(info.code.co_filename):
            name = "cell"
        elif re.fullmatch(r"Task-\d+|None|", name):  # an eager factory of Python 3.13.0 calls them "None"
            name = info.code.co_qualname.rpartition(".")[2] if info.code is not None else "task"
        wanted.append(name)
    count: Counter[str] = Counter()
    taken, labels = set(wanted), []
    for name in wanted:
        count[name] += 1
        label = name
        while count[name] > 1 and label in taken:
            label = f"{name} {count[name]}"
            count[name] += label in taken
        taken.add(label)
        labels.append(label)
    return labels


def _name(info: TaskInfo) -> str:
    task = info()  # it may have been renamed since
    return str(task.get_name() if task is not None else info.name or "")


def _task(info: TaskInfo, label: str, k: int, loop: int, begin: float, end: float) -> model.TaskTrace:
    task = model.TaskTrace(label, _name(info), info.code.co_qualname if info.code is not None else "", k, loop)
    task.file, task.line = _file(info.made)
    task.born = None if info.born is None or info.born < begin else info.born - begin
    if info.outcome is not None and info.finished <= end:
        task.outcome, task.finished = info.outcome, info.finished - begin
        task.error = getattr(info, "error", "")
    else:
        task.state = model.WAITING if info.ready == NEVER else model.READY
    task.reason = int(info.reason or 0)
    return task


def _label(n: float, index: dict[float, int], names: list[str]) -> str | None:
    return names[index[n]] if n in index else None


def _since(time: float | None, begin: float) -> float | None:
    return None if time is None else time - begin


def _file(place: Place | None) -> tuple[str, int | None]:
    return (cell_name(place[0].co_filename), line_of(place)) if place is not None else ("", None)


def _stack(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(f"{cell_name(place[0].co_filename)}:{line_of(place)} {place[0].co_qualname}" for place in places)


def _reason(
    wait: Wait | None, callers: list[tuple[str, ...]], index: dict[float, int], names: list[str]
) -> model.Reason:
    if wait is None:
        return model.Reason("", "")
    text = wait.detail
    if isinstance(text, float):
        text = f'task "{names[index[text]]}"' if text in index else "a task"
    above = callers[wait.callers]
    stack = (*_stack([wait.place]), *above) if above and wait.place is not None else ()
    return model.Reason(wait.kind, text, *_file(wait.place), stack)


def _loop(watch: Watch, name: str, begin: float, end: float) -> model.LoopTrace:
    import numpy as np

    begin, known = max(begin, watch.since), begin
    runs = np.array(list(watch.runs)).reshape(-1, 2)
    runs = np.clip(runs[(runs[:, 1] >= begin) & (runs[:, 0] <= end)], begin, end) - known
    idle = None
    if watch.sees_idle:
        parts = [*watch.idles, watch.idle[: len(watch.idle) // 2 * 2]]
        idle = np.clip(np.concatenate([np.array(p, float).reshape(-1, 2) for p in parts]), begin, end) - known
        idle = idle[idle[:, 1] > idle[:, 0]]
    thread = next((t.name for t in threading.enumerate() if t.ident == watch.thread), "a thread that has ended")
    return model.LoopTrace(name, watch.kind, thread, runs, idle)


def _columns(
    trace: model.Trace, chunks: list[list[Any]], index: dict[float, int], begin: float, end: float, limit: int
) -> None:
    """Have the columns made when they are first asked for."""
    known = dict(index)

    def make() -> model.Steps:
        import numpy as np

        parts = [np.frombuffer(chunk).reshape(-1, COLUMNS) for loop in chunks for chunk in loop]
        table = np.concatenate(parts) if parts else np.empty((0, COLUMNS))
        numbers = np.full(int(max([*known, -1])) + 2, -1, np.int32)
        numbers[[int(n) for n in known]] = list(known.values())
        n_max = len(numbers) - 1
        task = numbers[np.clip(table[:, 3], -1, n_max).astype(int)]
        table, task = (rows[(task >= 0) & (table[:, 2] > begin) & (table[:, 1] < end)] for rows in (table, task))
        order = np.lexsort((table[:, 2], table[:, 1]))[-limit:]
        table, task = table[order], task[order]
        raw = table[:, 4].astype(int)
        waker = np.where(raw >= 0, numbers[np.clip(raw, -1, n_max)], raw).astype(np.int32)
        ready, start, stop = np.clip(table[:, :3], begin, end).T - begin
        # a timer may be due, and a task be woken, before the step that waits for it has ended
        by_task = np.argsort(task, kind="stable")
        late = np.nonzero(task[by_task][1:] == task[by_task][:-1])[0]
        ready[by_task[late + 1]] = np.maximum(ready[by_task[late + 1]], stop[by_task[late]])
        return model.Steps(ready, start, stop, task, waker, table[:, 5].astype(np.int32))

    trace._make_steps = make
    trace.dropped = max(0, sum(len(c) // COLUMNS for loop in chunks for c in loop) - limit)


def _holds(trace: model.Trace, watches: list[Watch], watchdog: Watchdog, begin: float) -> None:
    """What is known of long steps: CPU time, and the line most often seen.

    On a busy machine a step may wait for a thread that has no core: the watchdog, which keeps the interpreter for that
    time, or a thread that is about to start. That is not the program's doing. But a step that was blocked all the same
    needs the interpreter only when that is over: it waited at most for the look that lasted until its end, and, as
    CPython wakes whoever waits for the interpreter each switch interval, at most for one interval a turn.
    """
    samples, kept = list(watchdog.samples), [(a - begin, b - begin) for a, b in list(watchdog.looks)]
    long = {round(max(step.start - begin, 0.0), 7): step for w in watches for step in w.long}
    seen: dict[float, list[Any]] = {}
    for sample in samples:
        seen.setdefault(round(max(sample.start - begin, 0.0), 7), []).append(sample)

    def make(start: float, stop: float, who: str) -> model.Hold:
        measured = long.get(round(start, 7))
        looks = seen.get(round(start, 7), [])
        used = measured.cpu if measured else None
        queued = (measured.queued if measured else None) or 0.0
        turns = measured.turns if measured else None
        looked = [(max(a, start), min(b, stop)) for a, b in kept if a < stop and b > start]
        if stop - start - queued - (used or 0.0) - sum(b - a for a, b in looked) > (used or 0.0):
            looked = looked[-1:] if looked and looked[-1][1] > stop - LONG else []
        most = math.inf if turns is None else turns * sys.getswitchinterval()
        queued += min(sum(b - a for a, b in looked), most)
        if sum(any(code.co_qualname == "Thread.start" for code, _ in look.stack) for look in looks) > len(looks) / 2:
            queued = stop - start
        kind = _kind(stop - start, used, queued)
        if not looks:
            return model.Hold(who, start, stop, kind, used)
        lines = [(*_file(look.place), look) for look in looks]
        (file, line), _ = Counter((f, n) for f, n, _ in lines).most_common(1)[0]
        look = next(look for f, n, look in lines if (f, n) == (file, line))
        stack = _stack(look.stack)
        function = look.place[0].co_name if look.place else ""
        trace._paths["hold", start] = look.place[0].co_filename if look.place else ""
        return model.Hold(who, start, stop, kind, used, file, line, function, stack)

    trace._make_hold = make


def _kind(seconds: float, cpu: float | None, queued: float) -> str:
    """What a step of so many seconds was: it computed, it had no core, and the rest of the time it was blocked."""
    if cpu is None:
        return "unknown"
    blocked = seconds - cpu - queued
    if blocked >= model.HELD or blocked > max(cpu, queued):
        return "blocking call"
    return "computing" if cpu >= model.HELD or cpu >= queued else "pre-empted"
