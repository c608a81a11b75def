"""What every recording must keep: tested on each one, and told in `Trace.problems`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .trace import CLOSING, IO, THREAD, TIMER, UNKNOWN, Trace

if TYPE_CHECKING:
    import numpy as np

    from .trace import Floats, LoopTrace

    Indices = np.ndarray[tuple[int], np.dtype[np.signedinteger]]


def problems(trace: Trace) -> Iterator[str]:
    """What is wrong with the recording itself, in words."""
    import numpy as np

    steps, count = trace.steps, len(trace.tasks)
    if not (np.all(steps.ready <= steps.start) and np.all(steps.start <= steps.stop)):
        yield "a step starts before it is ready, or stops before it starts"
    known = (steps.waker >= 0) & (steps.waker < count) | np.isin(steps.waker, (UNKNOWN, TIMER, IO, CLOSING))
    if not np.all(known | (steps.waker <= THREAD) & (steps.waker > THREAD - len(trace.threads))):
        yield "a wake-up has a cause that does not exist"
        return
    loop_of = np.array([t.loop for t in trace.tasks.values()], np.int32)
    for number, loop in enumerate(trace.loops):
        yield from _loop(trace, loop, np.nonzero(loop_of[steps.task] == number)[0] if count else np.zeros(0, int))
    yield from _lives(trace)


def _loop(trace: Trace, loop: LoopTrace, mine: Indices) -> Iterator[str]:
    """One loop: one task at a time, while the loop runs and is not idle; and who wakes is awake."""
    import numpy as np

    steps, labels = trace.steps, list(trace.tasks)
    start, stop = steps.start[mine], steps.stop[mine]
    late = np.nonzero(start[1:] < stop[:-1])[0]
    if len(late):
        two = steps.task[mine][late[0] : late[0] + 2]
        yield f"two tasks of the {loop.name} run at once: {labels[two[0]]} and {labels[two[1]]}"
    if not trace.dropped and not _inside(np.column_stack((start, stop)), loop.runs):
        yield f"a task runs while the {loop.name} does not"
    if loop.idle is None or not len(loop.idle):
        return
    if np.any(loop.idle[1:, 0] < loop.idle[:-1, 1]) or not _inside(loop.idle, loop.runs):
        yield f"busy and idle time of the {loop.name} do not add up to the time that it ran"
    after = np.searchsorted(loop.idle[:, 0], start, "right") - 1
    if np.any((after >= 0) & (loop.idle[np.maximum(after, 0), 1] > start) & (stop > start)):
        yield f"a task runs while the {loop.name} is idle"
    for i in _woken_by_sleepers(trace, mine[np.isin(steps.waker[mine], np.unique(steps.task[mine]))], loop.idle)[:1]:
        yield f"{labels[steps.waker[i]]} is said to have woken {labels[steps.task[i]]}, but did not run then"


def _inside(pieces: Floats, runs: Floats) -> bool:
    """Does each stretch lie in one of the others, which are in order?"""
    import numpy as np

    if not len(pieces) or not len(runs):
        return not len(pieces)
    which = np.searchsorted(runs[:, 0], pieces[:, 0], "right") - 1
    return bool(np.all((which >= 0) & (runs[np.maximum(which, 0), 1] >= pieces[:, 1])))


def _woken_by_sleepers(trace: Trace, woken: Indices, idle: Floats) -> Indices:
    """Those of the steps `woken` whose waker has not had the thread since the loop was last idle.

    Who wakes does so in a step, or in a callback that the step has left to the loop; the loop is not idle before that.
    """
    import numpy as np

    steps, (order, _) = trace.steps, trace._by_task
    if trace.dropped:  # the waker's step may be gone
        return woken[:0]
    ready, waker, n = steps.ready[woken], steps.waker[woken].astype(np.int64), len(order) + 1
    last_idle = np.searchsorted(idle[:, 1], ready, "right") - 1
    keys = steps.task[order].astype(np.int64) * n + order  # in order: by task, then by time
    last = np.searchsorted(keys, waker * n + np.searchsorted(steps.start, ready, "right")) - 1
    step = order[np.maximum(last, 0)]
    awake = (last >= 0) & (steps.task[step] == waker) & (steps.stop[step] >= idle[np.maximum(last_idle, 0), 1])
    # a step that another one has interrupted goes on when that one ends: it has been ready since its first part
    own = np.searchsorted(keys, steps.task[woken].astype(np.int64) * n + woken) - 1
    part = order[np.maximum(own, 0)]
    awake |= (own >= 0) & (steps.task[part] == steps.task[woken]) & (steps.stop[part] == ready)
    sleepers: Indices = woken[(last_idle >= 0) & ~awake]
    return sleepers


def _lives(trace: Trace) -> Iterator[str]:
    """Each task: its slices follow one another from its creation to its end."""
    import numpy as np

    steps, (order, first) = trace.steps, trace._by_task
    task, stop, ready = steps.task[order], steps.stop[order], steps.ready[order]
    if np.any((task[1:] == task[:-1]) & (ready[1:] < stop[:-1])):
        yield "a task is ready before its last step has ended"
    early, dangling = [], []
    for t in trace.tasks.values() if not trace.dropped else ():
        a, b = first[t.index], first[t.index + 1]
        if a < b and t.born is not None and ready[a] < t.born:
            early.append(t.label)
        ended = t.finished if t.outcome in ("returned", "raised", "cancelled") else None
        if ended is not None and (a == b or abs(stop[b - 1] - ended) > 1e-9):
            dangling.append(t.label)
    if early:
        yield f"{len(early)} tasks are ready before they are created, as {early[0]}"
    if dangling:
        yield f"{len(dangling)} tasks have ended, but not in a step, as {dangling[0]}"
