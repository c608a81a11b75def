"""Which lanes a picture has, what is folded, and which slices are merged. Numbers only: no matplotlib.

A lane is a task, a group of quiet tasks, a name of spans, a worker, or a loop. By the time slices are merged their
horizontal positions are those on the picture, because what can be told apart depends on its width.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .palette import BIN, LEAST
from .trace import HELD, Span, TaskTrace, Trace, Work

if TYPE_CHECKING:
    from .trace import Floats, Ints

MOST = 40  # lanes that fit
EXAMPLES = 3  # tasks of a folded group that are shown all the same
DEEPEST = 5  # levels of indentation
WORKERS, LOOPS = 12, 4  # lanes of these at most


@dataclass(slots=True, eq=False)
class Lane:
    """`kind` is "task", "fold", "span", "callback", "thread", "process" or "loop"."""

    kind: str
    label: str
    depth: int = 0
    members: list[int] = field(default_factory=list)  # indices of tasks
    spans: list[Span] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    loop: int = -1
    top: float = 0.0
    height: float = 0.0


class Lanes(NamedTuple):
    rows: list[Lane]
    of_task: Ints  # the row of each task's own lane, or -1
    of_fold: Ints  # the row of the lane it is folded into, or -1
    folded: int  # tasks and spans without a lane of their own
    height: float


class Starved(NamedTuple):
    """A task that could have run but had to wait for the thread for long.

    `culprit` is the task or callback that had the thread for at least half of that time, or "".
    """

    task: int
    ready: float
    start: float
    culprit: str


def starved(trace: Trace, most: int = 60) -> list[Starved]:
    """The longest `most` stretches for which tasks were ready for at least `HELD` seconds, the longest first."""
    steps, labels, found = trace.steps, list(trace.tasks), []
    late = steps.start - steps.ready
    long = np.nonzero(late >= HELD)[0]
    loop_of = np.array([t.loop for t in trace.tasks.values()], np.int32)[steps.task] if len(long) else long
    for i in long[np.argsort(-late[long], kind="stable")][:most]:
        who, a, b = int(steps.task[i]), float(steps.ready[i]), float(steps.start[i])
        shares = np.clip(np.minimum(steps.stop, b) - np.maximum(steps.start, a), 0, None) * (loop_of == loop_of[i])
        by = np.bincount(steps.task, shares, len(labels))
        by[who] = 0
        calls = (c.who for c in trace.callbacks if min(c.stop, b) - max(c.start, a) >= (b - a) / 2)
        culprit = labels[by.argmax()] if by.max() >= (b - a) / 2 else next(calls, "")
        found.append(Starved(who, a, b, culprit))
    return found


# -- which lanes ---------------------------------------------------------------------------------------------------


def arrange(trace: Trace, late: list[Starved], most: int = MOST) -> Lanes:
    """The lanes of a picture, from top to bottom: tasks with their children under them, spans, workers, loops."""
    tasks, labels = list(trace.tasks.values()), trace.tasks
    holders = {h.who for h in trace.holds}
    free, inside = _span_lanes(trace)
    loops = sorted({t.loop for t in tasks} & set(range(len(trace.loops))))[:LOOPS]
    below = [Lane("callback", "callbacks")] if holders - labels.keys() else []
    below += _workers(trace) + [Lane("loop", trace.loops[i].name, loop=i) for i in loops]
    room = max(most - len(below), 3)
    if len(tasks) + len(free) + sum(map(len, inside.values())) <= room:
        rows = _tree(tasks, {t.index: Lane("task", t.label, 0, [t.index]) for t in tasks}, inside)
    else:
        free = _cut(free, max(room - min(len(tasks), room // 2), 2), "span", "other spans")
        rows = _tree(tasks, _fold(tasks, holders, late, max(room - len(free), 2)), {})
    rows += free + below
    of_task, of_fold = np.full(len(tasks), -1, np.int32), np.full(len(tasks), -1, np.int32)
    pitch = next((p for n, p in ((9, 36.0), (16, 32.0), (26, 27.0)) if len(rows) <= n), 23.0)
    top = 4.0
    for number, lane in enumerate(rows):
        (of_task if lane.kind == "task" else of_fold)[lane.members] = number
        lane.top, lane.height = top, {"loop": 26.0, "fold": pitch * 1.4}.get(lane.kind, pitch)
        top += lane.height
    spans = len(trace.spans) - sum(len(lane.spans) for lane in rows)
    return Lanes(rows, of_task, of_fold, int((of_task < 0).sum()) + spans, top + 4.0)


def _fold(tasks: list[TaskTrace], holders: set[str], late: list[Starved], room: int) -> dict[int, Lane]:
    """The lanes of many tasks, by the first task of each: those worth a lane of their own, and groups of the others."""
    mothers, worst = {t.parent for t in tasks}, set(list(dict.fromkeys(s.task for s in late))[:EXAMPLES])
    seen: dict[tuple[str | None, str], list[int]] = {}
    loud: list[tuple[int, int]] = []
    for i, t in enumerate(tasks):
        alike = seen.setdefault((t.parent, t.coroutine), [])
        alike.append(i)
        if t.label in holders or t.outcome in ("raised", "lost") or i in worst:
            loud.append((0, i))
        elif t.label in mothers or len(alike) <= EXAMPLES:
            loud.append((1 if t.label in mothers else 2, i))
    keep = {i for _, i in sorted(loud)[: max(room // 2, 1)]}
    room -= max(room // 2, 1)
    groups = [rest for alike in seen.values() if (rest := [i for i in alike if i not in keep])]
    if len(groups) > room:
        by_coroutine: dict[str, list[int]] = {}
        for group in groups:
            by_coroutine.setdefault(tasks[group[0]].coroutine, []).extend(group)
        groups = sorted(by_coroutine.values(), key=len, reverse=True)
    names = [tasks[group[0]].coroutine.rpartition(".")[2] or "task" for group in groups]
    if len(groups) > room:
        groups[room - 1 :] = [[i for group in groups[room - 1 :] for i in group]]
        names[room - 1 :] = ["others"]
    lanes = {i: Lane("task", tasks[i].label, 0, [i]) for i in keep}
    for name, group in zip(names, groups, strict=True):
        alone = len(group) == 1
        label = tasks[group[0]].label if alone else f"{name} × {len(group):,}"
        lanes[min(group)] = Lane("task" if alone else "fold", label, 0, group)
    return lanes


def _tree(tasks: list[TaskTrace], lanes: dict[int, Lane], inside: dict[str, list[Lane]]) -> list[Lane]:
    """Lanes of tasks: in order of creation, children under the task that made them, loop by loop."""
    children: dict[str | None, list[int]] = {}
    labels = {t.label for t in tasks}
    for t in tasks:
        children.setdefault(t.parent if t.parent in labels and t.parent != t.label else None, []).append(t.index)
    todo = [(i, 0) for i in sorted(children.pop(None, []), key=lambda i: (tasks[i].loop, i), reverse=True)]
    rows: list[Lane] = []
    while todo:
        i, depth = todo.pop()
        if i in lanes:
            lanes[i].depth = min(depth, DEEPEST)
            spans = inside.get(tasks[i].label, [])
            for lane in spans:
                lane.depth = min(depth + 1, DEEPEST)
            rows += [lanes[i], *spans]
            depth += lanes[i].kind == "task"
        todo += [(child, depth) for child in reversed(children.get(tasks[i].label, ()))]
    return rows


def _span_lanes(trace: Trace) -> tuple[list[Lane], dict[str, list[Lane]]]:
    """Lanes of spans outside tasks, one a name (and thread, where one name is at work in several), and inside them."""
    tasks, found = trace.tasks, [s for s in trace.spans if not trace.beside(s)]
    threads = {(s.name, s.thread) for s in found if s.task not in trace.tasks}
    several = Counter(name for name, _ in threads)
    lanes: dict[tuple[str | None, str], Lane] = {}
    for s in sorted(found, key=lambda s: s.start):
        task = s.task if s.task in tasks else None
        label = f"{s.name} · {s.thread}" if task is None and several[s.name] > 1 else s.name
        lanes.setdefault((task, label), Lane("span", label)).spans.append(s)
    inside: dict[str, list[Lane]] = {}
    for (task, _), lane in lanes.items():
        if task is not None:
            inside.setdefault(task, []).append(lane)
    return [lane for (task, _), lane in lanes.items() if task is None], inside


def _workers(trace: Trace) -> list[Lane]:
    """A lane for each worker, numbered as they began; work that never began waits in a lane of its own.

    A thread that is of no pool is seen if it had a span. Spans within a pool's calls have lanes under their thread's.
    """
    lanes: dict[tuple[bool, bool, str], Lane] = {}
    inside: dict[str, dict[str, Lane]] = {}
    things: list[tuple[float, bool, str, Work | Span]] = [
        (w.queued if w.started is None else w.started, w.process, w.worker, w) for w in trace.work
    ]
    things += [(s.start, False, s.thread, s) for s in trace.spans if trace.beside(s)]
    of_pools = {w.worker for w in trace.work if not w.process}
    for _, process, worker, what in sorted(things, key=lambda thing: thing[0]):
        key, kind = (process, not worker, worker), "process" if process else "thread"
        if isinstance(what, Span) and worker in of_pools:
            inside.setdefault(worker, {}).setdefault(what.name, Lane(kind, what.name, 1)).spans.append(what)
            continue
        number = sum(known[:2] == key[:2] for known in lanes) + 1
        lane = lanes.setdefault(key, Lane(kind, f"{kind} {number}" if worker else f"no {kind} yet"))
        if isinstance(what, Span):
            lane.spans.append(what)
        else:
            lane.work.append(what)
    found: list[Lane] = []
    for key in sorted(lanes, key=lambda key: key[:2]):
        found += [lanes[key], *({} if key[0] else inside.get(key[2], {})).values()]
    return _cut(found, WORKERS, "thread", "other workers")


def _cut(lanes: list[Lane], room: int, kind: str, label: str) -> list[Lane]:
    """The first lanes, and one for all others."""
    if len(lanes) <= room:
        return lanes
    rest = lanes[room - 1 :]
    spans = sorted((s for lane in rest for s in lane.spans), key=lambda s: s.start)
    work = [w for lane in rest for w in lane.work]
    number = len(spans) if kind == "span" else sum(lane.depth == 0 for lane in rest)
    return [*lanes[: room - 1], Lane(kind, f"{label} × {number:,}", spans=spans, work=work)]


# -- slices on the picture -------------------------------------------------------------------------------------------

FAR = 1e6  # between the lanes when all of them lie on one line


class Bars(NamedTuple):
    """Rectangles; `share` is their height: 1, or less where they stand for slices too dense to be told apart."""

    lane: Ints
    left: Floats
    right: Floats
    share: Floats
    widened: bool = False


def merge(lane: Ints, left: Floats, right: Floats, least: float = LEAST, shortest: float = 0.0) -> Bars:
    """Merge what a reader cannot tell apart: slices of one lane that touch once they are `least` wide.

    Where the merged slices leave gaps, they become columns of `BIN` or more, as high as the share of the time that
    they fill; what is shorter than `shortest` stays a bar. So three tasks that take turns too fast to be seen do not
    look as if they ran at once.
    """
    if not len(lane):
        return Bars(lane, left, right, left)
    if np.any((lane[1:] < lane[:-1]) | ((lane[1:] == lane[:-1]) & (left[1:] < left[:-1]))):
        order = np.lexsort((left, lane))
        lane, left, right = lane[order], left[order], right[order]
    base = lane * FAR
    reach = np.maximum.accumulate(np.maximum(right, left + least) + base)
    first = np.flatnonzero(np.append(True, left[1:] + base[1:] > reach[:-1] + least / 3))
    last = np.append(first[1:], len(lane)) - 1
    a, b, rows = left[first], reach[last] - base[last], lane[first]
    dense = (last > first + 2) & (np.add.reduceat(right - left, first) < 0.85 * (b - a)) & (b - a > shortest)
    plain = ~dense
    widened = bool(np.any(((right - left) < least * 0.75)[first[plain]] & (last == first)[plain]))
    pieces = [(rows[plain], a[plain], b[plain], np.ones(int(plain.sum())))]
    if dense.any():
        points = np.maximum.accumulate(np.column_stack((left + base, right + base)).ravel())
        length = np.append(0.0, np.cumsum(np.diff(points) * (np.arange(len(points) - 1) % 2 == 0)))
        for g in np.flatnonzero(dense):
            edges = np.linspace(a[g], b[g], max(int((b[g] - a[g]) / BIN), 1) + 1)
            share = np.diff(np.interp(edges + rows[g] * FAR, points, length)) / np.diff(edges)
            share = np.round(share * 8) / 8
            change = np.append(True, share[1:] != share[:-1])
            edges, share = np.append(edges[:-1][change], edges[-1]), share[change]
            pieces.append((np.full(len(share), rows[g]), edges[:-1], edges[1:], share))
    columns: list[Any] = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return Bars._make([*columns, widened])
