"""Which lanes a picture has, what is folded, and which slices are merged. Numbers only: no matplotlib.

A lane is a task, a group of quiet tasks, a name of spans, a worker, or a loop. Horizontal positions are pixels by the
time slices are merged here, because what can be told apart depends on the picture's width.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .trace import HELD, Hold, Span, Trace, Work

if TYPE_CHECKING:
    from .trace import Floats, Ints

MOST = 40  # lanes that fit
EXAMPLES = 3  # tasks of a folded group that are shown all the same
DEEPEST = 5  # levels of indentation


@dataclass(slots=True, eq=False)
class Lane:
    """`kind` is "task", "fold", "span", "callback", "thread", "process" or "loop"; `top` and `height` in units."""

    kind: str
    label: str
    depth: int = 0
    members: list[int] = field(default_factory=list)  # indices of tasks
    spans: list[Span] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    loop: int = -1
    top: float = 0.0
    height: float = 0.0

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


class Lanes(NamedTuple):
    rows: list[Lane]
    of_task: Ints  # the row of each task's own lane, or -1
    of_fold: Ints  # the row of the lane it is folded into, or -1
    folded: int  # tasks and spans without a lane of their own
    height: float  # units


def long_steps(trace: Trace, threshold: float) -> list[Hold]:
    """Steps and callbacks of at least `threshold` seconds, in order of time."""
    holds = [h for h in trace.holds if h.seconds >= threshold]
    if threshold < HELD:
        steps, labels = trace.steps, list(trace.tasks)
        length = steps.stop - steps.start
        make = trace._make_hold or (lambda start, stop, who: Hold(who, start, stop, "unknown"))
        for i in np.nonzero((length >= threshold) & (length < HELD))[0]:
            holds.append(make(float(steps.start[i]), float(steps.stop[i]), labels[steps.task[i]]))
        holds += [c for c in trace.callbacks if threshold <= c.seconds < HELD]
    return sorted(holds, key=lambda h: h.start)


def loops_of(trace: Trace) -> Ints:
    """The loop of each task, by the task's index."""
    return np.array([t.loop for t in trace.tasks.values()], np.int32)


class Starved(NamedTuple):
    """A task that could have run but had to wait for the thread for long. `culprit` is a task's or callback's name."""

    task: int
    ready: float
    start: float
    culprit: str


def starved(trace: Trace, threshold: float, most: int = 200) -> list[Starved]:
    """The longest `most` stretches for which tasks were ready for at least `threshold` seconds, in order of time.

    The culprit is the task or callback that had the thread for at least half of that time, or "".
    """
    steps = trace.steps
    late = steps.start - steps.ready
    long = np.nonzero(late >= threshold)[0]
    long = np.sort(long[np.argsort(-late[long], kind="stable")][:most])
    loops, labels, found = loops_of(trace), list(trace.tasks), []
    columns: dict[int, tuple[Floats, Floats, Ints]] = {}
    for i in long:
        loop = int(loops[steps.task[i]])
        if loop not in columns:
            mine = loops[steps.task] == loop
            columns[loop] = steps.start[mine], steps.stop[mine], steps.task[mine]
        start, stop, task = columns[loop]
        a, b = float(steps.ready[i]), float(steps.start[i])
        low, high = max(int(np.searchsorted(start, a, "right")) - 1, 0), int(np.searchsorted(start, b, "left"))
        shares = np.clip(np.minimum(stop[low:high], b) - np.maximum(start[low:high], a), 0, None)
        culprit = next((c.who for c in trace.callbacks if min(c.stop, b) - max(c.start, a) >= (b - a) / 2), "")
        if len(shares):
            who, where = np.unique(task[low:high], return_inverse=True)
            total = np.bincount(where, shares)
            best = int(total.argmax())
            if total[best] >= (b - a) / 2 and who[best] != steps.task[i]:
                culprit = labels[who[best]]
        found.append(Starved(int(steps.task[i]), a, b, culprit))
    return found


# -- which lanes ---------------------------------------------------------------------------------------------------


def arrange(trace: Trace, threshold: float = HELD, most: int = MOST) -> Lanes:
    """The lanes of a picture, from top to bottom: tasks with their children under them, spans, workers, loops."""
    tasks = list(trace.tasks.values())
    holds, late = long_steps(trace, threshold), starved(trace, threshold)
    workers, loops = _workers(trace), _loop_lanes(trace)
    free, inside = _span_lanes(trace)
    callbacks = [Lane("callback", "callbacks")] if any(h.who not in trace.tasks for h in holds) else []
    below = len(workers) + len(loops) + len(callbacks)
    room = max(most - below, 3)
    if len(tasks) + len(free) + sum(map(len, inside.values())) <= room:
        keep, groups = set(range(len(tasks))), dict[int, tuple[str, list[int]]]()
    else:
        inside, free = {}, _fold_spans(free, max(room - min(len(tasks), room // 2), 2))
        keep, groups = _fold(trace, {h.who for h in holds}, late, max(room - len(free), 2))
    rows = _tree(trace, keep, groups, inside) + free + callbacks + workers + loops
    of_task, of_fold = np.full(len(tasks), -1, np.int32), np.full(len(tasks), -1, np.int32)
    for number, lane in enumerate(rows):
        if lane.kind == "task":
            of_task[lane.members[0]] = number
        elif lane.kind == "fold":
            of_fold[lane.members] = number
    pitch = next((p for n, p in ((9, 36.0), (16, 32.0), (26, 27.0)) if len(rows) <= n), 23.0)
    top = 4.0
    for lane in rows:
        lane.top, lane.height = top, {"loop": 26.0, "fold": pitch * 1.4}.get(lane.kind, pitch)
        top += lane.height
    spans = len(trace.spans) - sum(len(lane.spans) for lane in rows)
    return Lanes(rows, of_task, of_fold, int((of_task < 0).sum()) + spans, top + 4.0)


def _fold(
    trace: Trace, holders: set[str], late: list[Starved], room: int
) -> tuple[set[int], dict[int, tuple[str, list[int]]]]:
    """Which tasks keep a lane, and by each group's first member: the group's label and its members."""
    tasks = list(trace.tasks.values())
    mothers = {t.parent for t in tasks}
    waits: dict[int, float] = {}
    for s in late:
        waits[s.task] = waits.get(s.task, 0.0) + s.start - s.ready
    worst = set(sorted(waits, key=lambda t: -waits[t])[:EXAMPLES])
    seen: dict[tuple[str | None, str], int] = {}
    rank = []
    for i, t in enumerate(tasks):
        key = (t.parent, t.coroutine)
        seen[key] = seen.get(key, 0) + 1
        bad = t.outcome in ("raised", "lost")
        loud = t.label in holders, bad, i in worst, t.label in mothers, seen[key] <= EXAMPLES
        rank.append(next((r for r, yes in enumerate(loud) if yes), 9))
    budget = max(room // 2, 1)
    keep = set(sorted((i for i, r in enumerate(rank) if r < 9), key=lambda i: (rank[i], i))[:budget])
    rest = [i for i in range(len(tasks)) if i not in keep]
    for key_of in (lambda i: (tasks[i].parent, tasks[i].coroutine), lambda i: tasks[i].coroutine):
        groups: dict[Any, list[int]] = {}
        for i in rest:
            groups.setdefault(key_of(i), []).append(i)
        if len(groups) <= room - budget:
            break
    big = sorted(groups.values(), key=len, reverse=True)
    fits = room - budget if len(big) <= room - budget else room - budget - 1
    named, others = big[:fits], sorted(i for g in big[fits:] for i in g)
    result = {}
    for members in named:
        if len(members) == 1:
            keep.add(members[0])
        else:
            coroutine = tasks[members[0]].coroutine.rpartition(".")[2] or "task"
            result[members[0]] = f"{coroutine} × {len(members):,}", members
    if others:
        result[others[0]] = f"others × {len(others):,}", others
    return keep, result


def _tree(
    trace: Trace, keep: set[int], groups: dict[int, tuple[str, list[int]]], inside: dict[str, list[Lane]]
) -> list[Lane]:
    """Lanes of tasks: in order of creation, children under the task that made them, loop by loop."""
    tasks = list(trace.tasks.values())
    children: dict[str | None, list[int]] = {}
    for t in tasks:
        children.setdefault(t.parent if t.parent in trace.tasks and t.parent != t.label else None, []).append(t.index)
    roots = sorted(children.get(None, []), key=lambda i: (tasks[i].loop, i))
    todo = [(i, 0) for i in reversed(roots)]
    rows: list[Lane] = []
    while todo:
        i, depth = todo.pop()
        t = tasks[i]
        if i in keep:
            rows.append(Lane("task", t.label, min(depth, DEEPEST), [i]))
            for lane in inside.get(t.label, ()):
                lane.depth = min(depth + 1, DEEPEST)
                rows.append(lane)
        elif i in groups:
            rows.append(Lane("fold", groups[i][0], min(depth, DEEPEST), groups[i][1]))
        todo += [(child, depth + (i in keep)) for child in reversed(children.get(t.label, ()))]
    return rows


def _span_lanes(trace: Trace) -> tuple[list[Lane], dict[str, list[Lane]]]:
    """Lanes of spans outside tasks, one a name (and thread, where one name is at work in several), and inside them."""
    several: dict[str, set[str]] = {}
    for s in trace.spans:
        if s.task not in trace.tasks:
            several.setdefault(s.name, set()).add(s.thread)
    free: dict[tuple[str, str], Lane] = {}
    inside: dict[str, dict[str, Lane]] = {}
    for s in sorted(trace.spans, key=lambda s: s.start):
        if s.task is not None and s.task in trace.tasks:
            lane = inside.setdefault(s.task, {}).setdefault(s.name, Lane("span", s.name))
        else:
            many = len(several[s.name]) > 1
            label = f"{s.name} · {s.thread}" if many else s.name
            lane = free.setdefault((s.name, s.thread if many else ""), Lane("span", label))
        lane.spans.append(s)
    return list(free.values()), {task: list(lanes.values()) for task, lanes in inside.items()}


def _fold_spans(lanes: list[Lane], room: int) -> list[Lane]:
    """The first lanes, and one for all others."""
    if len(lanes) <= room:
        return lanes
    rest = Lane("span", f"other spans × {sum(len(lane.spans) for lane in lanes[room - 1 :]):,}")
    rest.spans = sorted((s for lane in lanes[room - 1 :] for s in lane.spans), key=lambda s: s.start)
    return [*lanes[: room - 1], rest]


def _workers(trace: Trace, room: int = 12) -> list[Lane]:
    """A lane for each worker, numbered as they began; work that never began waits in a lane of its own."""
    lanes: dict[str, Lane] = {}
    count = {False: 0, True: 0}
    for w in sorted(trace.work, key=lambda w: w.queued if w.started is None else w.started):
        key = w.worker or ("no process" if w.process else "no thread")
        if key not in lanes:
            kind = "process" if w.process else "thread"
            count[w.process] += bool(w.worker)
            lanes[key] = Lane(kind, f"{kind} {count[w.process]}" if w.worker else f"no {kind} yet")
        lanes[key].work.append(w)
    rows = sorted(lanes.values(), key=lambda lane: (lane.kind == "process", lane.label.startswith("no ")))
    if len(rows) > room:
        rest = Lane("thread", f"{len(rows) - room + 1} more workers")
        rest.work = [w for lane in rows[room - 1 :] for w in lane.work]
        rows = [*rows[: room - 1], rest]
    return rows


def _loop_lanes(trace: Trace, room: int = 4) -> list[Lane]:
    used = {t.loop for t in trace.tasks.values()}
    return [Lane("loop", loop.name, loop=i) for i, loop in enumerate(trace.loops) if i in used][:room]


# -- slices in pixels ------------------------------------------------------------------------------------------------

FAR = 1e6  # pixels between the lanes when all of them lie on one line


class Bars(NamedTuple):
    """Rectangles (lane, left, right) and skylines: (lane, edges, heights from 0 to 1) for what is too dense."""

    lane: Ints
    left: Floats
    right: Floats
    skylines: list[tuple[int, Floats, Floats]]
    widened: bool


def merge(lane: Ints, left: Floats, right: Floats, least: float, bin_width: float, shortest: float = 0.0) -> Bars:
    """Merge what a reader cannot tell apart: slices of one lane that touch once they are `least` pixels wide.

    Where the merged slices leave gaps, the result is a skyline: the share of the time that they fill, in columns of
    `bin_width`; what is shorter than `shortest` stays a bar. So three tasks that take turns too fast to be seen do not
    look as if they ran at once.
    """
    if not len(lane):
        return Bars(lane, left, right, [], False)
    if np.any((lane[1:] < lane[:-1]) | ((lane[1:] == lane[:-1]) & (left[1:] < left[:-1]))):
        order = np.lexsort((left, lane))
        lane, left, right = lane[order], left[order], right[order]
    base = lane * FAR
    wide = np.maximum(right, left + least)
    reach = np.maximum.accumulate(wide + base)
    new = np.ones(len(lane), bool)
    new[1:] = left[1:] + base[1:] > reach[:-1] + least / 3
    first = np.nonzero(new)[0]
    last = np.append(first[1:], len(lane)) - 1
    a, b, rows = left[first], reach[last] - base[last], lane[first]
    filled = np.add.reduceat(right - left, first)
    dense = (last > first + 2) & (filled < 0.85 * (b - a)) & (b - a > shortest)
    skylines = []
    if dense.any():
        points = np.maximum.accumulate(np.column_stack((left + base, right + base)).ravel())
        length = np.concatenate(([0.0], np.cumsum(np.diff(points) * (np.arange(len(points) - 1) % 2 == 0))))
        for g in np.nonzero(dense)[0]:
            edges = np.linspace(a[g], b[g], max(int((b[g] - a[g]) / bin_width), 1) + 1)
            share = np.diff(np.interp(edges + rows[g] * FAR, points, length)) / np.diff(edges)
            share = np.round(share * 12) / 12
            change = np.append(True, share[1:] != share[:-1])
            skylines.append((int(rows[g]), np.append(edges[:-1][change], edges[-1]), share[change]))
    plain = ~dense
    widened = bool(np.any(((right - left) < least * 0.75)[first[plain]] & (last == first)[plain]))
    return Bars(rows[plain], a[plain], b[plain], skylines, widened)


def in_flight(starts: Iterable[float], stops: Iterable[float], edges: Floats) -> Floats:
    """How many of these lives touch each column between `edges`, on average over the column."""
    s, e = np.sort(np.fromiter(starts, float)), np.sort(np.fromiter(stops, float))
    lived = _area(s, edges) - _area(e, edges)
    result: Floats = np.diff(lived) / np.maximum(np.diff(edges), 1e-12)
    return result


def _area(events: Floats, edges: Floats) -> Floats:
    """The integral of "how many events so far" up to each edge."""
    sums = np.concatenate(([0.0], np.cumsum(events)))
    n = np.searchsorted(events, edges, "right")
    result: Floats = n * edges - sums[n]
    return result
