"""What lies inside the Axes of a picture: the marks of every lane, and the words that fit between them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.path import Path

from . import lanes
from .captions import clean, seconds
from .ink import Shape, Words, dashes, rectangles, skyline
from .lanes import Bars, Lane, Lanes
from .palette import BAR, BIN, LEAST, LINE, OUTLINES, SEEN, SMALL, TINY, Theme
from .signs import end_mark
from .trace import Hold, Trace

WORDS = 300  # reasons that are tried at most, the longest waits first


class Mark(NamedTuple):
    """The life of a task: its lane, beginning and end in pixels, and how it ended."""

    lane: int
    born: float
    x: float
    outcome: str


class Chart:
    """One recording for one width: `left` to `right` are pixels, `view` the seconds they stand for.

    What depends on the width is worked out at once, and `occurs` tells the legend what there is; heights come later.
    """

    def __init__(
        self, trace: Trace, rows: Lanes, theme: Theme, holds: list[Hold], starved: list[lanes.Starved],
        unit: float, left: float, right: float, view: tuple[float, float],
    ) -> None:  # fmt: skip
        self.trace, self.rows, self.theme, self.holds, self.unit = trace, rows, theme, holds, unit
        self.left, self.right = left, right
        self.starved = [s for s in starved if rows.of_task[s.task] >= 0]
        self.calls = next((n for n, row in enumerate(rows.rows) if row.kind == "callback"), -1)
        self.origin, self.speed = view[0], (right - left) / (view[1] - view[0] or 1.0)
        self.occurs: dict[str, None] = {}
        self.marks: list[Mark] = []
        if trace.tasks:
            self._steps()
            self._waits()
            self._ends()
            self._busy()
        self._others()
        for hold in self.holds:
            self.occurs[hold.kind] = None

    def x(self, time: Any) -> Any:
        """Seconds to pixels."""
        return self.left + (time - self.origin) * self.speed

    # -- what depends on the width -------------------------------------------------------------------------------------

    def _steps(self) -> None:
        steps, rows, least = self.trace.steps, self.rows, LEAST * self.unit
        where = np.where(rows.of_task >= 0, rows.of_task, rows.of_fold)[steps.task]
        order = np.argsort(where.astype(np.int16), kind="stable")
        order = order[where[order] >= 0]
        lane, ready, start, stop = where[order], *(self.x(c[order]) for c in (steps.ready, steps.start, steps.stop))
        self.running = lanes.merge(lane, start, stop, least, BIN * self.unit)
        own = rows.of_task[steps.task[order]] >= 0
        late = start - ready
        long = own & (late >= SEEN * self.unit)
        self.ready = lanes.merge(lane[long], ready[long], start[long], 1.5 * self.unit, BIN * self.unit)
        short = own & ~long & (late > 0.2 * (stop - start))
        self.queue = lanes.merge(lane[short], ready[short], stop[short], 0.0, BIN * self.unit)
        self.folded: list[tuple[int, Any, Any, Any]] = []
        for number, row in enumerate(rows.rows):
            if row.kind == "fold":
                self.folded.append(self._fold(number, row, lane == number, ready, start))
        if len(self.running.lane):
            self.occurs["running"] = None
        self.queue_bars = self.queue.right - self.queue.left >= SEEN * self.unit
        crowd = any(np.any(ready > 0.04 * flight.max(initial=0)) for _, _, flight, ready in self.folded)
        if len(self.ready.lane) or self.ready.skylines or self.queue_bars.any() or crowd:
            self.occurs["ready"] = None
        if self.running.widened:
            self.occurs["widened"] = None
        if any(e[-1] - e[0] > 12 * self.unit for _, e, _ in self.running.skylines):
            self.occurs["dense"] = None

    def _fold(self, number: int, row: Lane, mine: Any, ready: Any, start: Any) -> tuple[int, Any, Any, Any]:
        """(lane, edges, in flight, ready): how many of a group's tasks were in flight, and ready, in each column."""
        tasks = list(self.trace.tasks.values())
        end = self.trace.duration
        born = self.x(np.array([tasks[i].born or 0.0 for i in row.members]))
        gone = self.x(np.array([end if (f := tasks[i].finished) is None else f for i in row.members]))
        edges = np.clip(np.arange(self.left, self.right + 3 * self.unit, 3 * self.unit), born.min(), gone.max())
        self.occurs["in flight"] = None
        return number, edges, lanes.in_flight(born, gone, edges), lanes.in_flight(ready[mine], start[mine], edges)

    def _waits(self) -> None:
        task, start, stop, reason = self.trace.waits
        lane = self.rows.of_task[task] if len(task) else task
        order = np.argsort(lane.astype(np.int16), kind="stable")
        order = order[lane[order] >= 0]
        lane, a, b, reason = lane[order], self.x(start[order]), self.x(stop[order]), reason[order]
        if len(lane):
            self.occurs["waiting"] = None
        texts: dict[str, int] = {}
        number = np.array([texts.setdefault(clean(r.text or r.kind), len(texts)) for r in self.trace.reasons], np.int32)
        what, new = number[reason], np.ones(len(lane), bool)
        # repeats are one word, unless something long lies between them
        apart = (lane[1:] != lane[:-1]) | (what[1:] != what[:-1]) | (a[1:] - b[:-1] > 9 * self.unit)
        new[1:] = apart
        first = np.nonzero(new)[0]
        last = np.append(first[1:], len(lane)) - 1
        names = list(texts)
        # (lane, text, how often, left, right, left and right of the longest one)
        self.reasons: list[tuple[int, str, int, float, float, float, float]] = []
        if not len(first):
            return
        wide = np.nonzero(b[last] - a[first] >= 14 * self.unit)[0]
        wide = wide[np.argsort(-(b[last] - a[first])[wide], kind="stable")][:WORDS]
        for g in wide:
            i, j = int(first[g]), int(last[g])
            k = i + int(np.argmax(b[i : j + 1] - a[i : j + 1]))
            pieces = [(i, j, k)]
            if j == i + 1 and min(b[i] - a[i], b[j] - a[j]) >= 90 * self.unit:
                pieces = [(i, i, i), (j, j, j)]  # room for a word each
            for i, j, k in pieces:
                row = (int(lane[i]), names[what[i]], j - i + 1, float(a[i]), float(b[j]), float(a[k]), float(b[k]))
                self.reasons.append(row)

    def _ends(self) -> None:
        tasks = list(self.trace.tasks.values())
        for number, row in enumerate(self.rows.rows):
            if row.kind == "task":
                task = tasks[row.members[0]]
                end = self.trace.duration if task.finished is None else task.finished
                born = float(self.x(task.born or 0.0))
                self.marks.append(Mark(number, born, float(self.x(end)), task.outcome))
                self.occurs[task.outcome] = None

    def _busy(self) -> None:
        """When each loop was not idle."""
        self.busy: dict[int, Bars | None] = {}
        for number, row in enumerate(self.rows.rows):
            if row.kind != "loop":
                continue
            loop = self.trace.loops[row.loop]
            if loop.idle is None:
                self.busy[number] = None
                continue
            edges = np.concatenate((loop.runs.ravel(), loop.idle.ravel()))
            kind = np.concatenate((np.tile([1, -1], len(loop.runs)), np.tile([-1, 1], len(loop.idle))))
            order = np.argsort(edges, kind="stable")
            edges, level = edges[order], np.cumsum(kind[order])
            on = np.nonzero((level[:-1] > 0) & (edges[1:] > edges[:-1]))[0]
            a, b = self.x(edges[on]), self.x(edges[on + 1])
            columns = BIN * self.unit
            self.busy[number] = lanes.merge(np.full(len(on), number), a, b, LEAST * self.unit, columns, 4 * columns)

    def _others(self) -> None:
        for row in self.rows.rows:
            if row.spans:
                self.occurs["running" if not row.depth else "span"] = None
            for w in row.work:
                self.occurs["work"] = None
                if (w.started or self.trace.duration) - w.queued > 0 and self._queued(w)[1] > 3 * self.unit:
                    self.occurs["queued"] = None

    def _queued(self, work: Any) -> tuple[float, float]:
        """Left end and width of the time for which a call waited for a worker."""
        a = float(self.x(work.queued))
        return a, float(self.x(self.trace.duration if work.started is None else work.started)) - a

    # -- drawing -------------------------------------------------------------------------------------------------------

    def draw(self, top: float, unit: float, words: Words) -> list[Shape]:
        """Shapes for Axes whose upper edge is `top`, `unit` pixels to a unit of the lanes' heights; adds to `words`."""
        self.words, self.ruler = words, words.ruler
        self.y = np.array([top - row.middle * unit for row in self.rows.rows])
        self.high = np.array([row.height * unit for row in self.rows.rows])
        self.bar = self.high * BAR
        self.shapes: list[Shape] = []
        self._draw_loops()
        if self.trace.tasks:
            self._draw_folds()
            self._draw_tasks()
        self._draw_work()
        self._draw_spans()
        boxes = self._draw_holds()
        if self.trace.tasks:
            self._draw_marks()
            self._say_ready(boxes)
            self._say_waits()
        return self.shapes

    def _add(self, path: Path, face: str | None, edge: str | None = None, line: float = 0.0, **style: Any) -> None:
        self.shapes.append(Shape(path, face, edge, line * self.unit, **style))

    def _bars(self, lane: Any, left: Any, right: Any, share: float = 1.0) -> Path:
        half = self.bar[lane] * share / 2
        return rectangles(left, self.y[lane] - half, right, self.y[lane] + half)

    def _skylines(self, bars: Bars, least: float, face: str, edge: str | None = None, **style: Any) -> None:
        for lane, edges, share in bars.skylines:
            high, middle = self.bar[lane], float(self.y[lane])
            if self.rows.rows[lane].kind == "fold":
                high, middle = high * 0.2, middle - high * 0.4
            heights = np.maximum(share * high, min(least * self.unit, high))
            self._add(skyline(edges, heights, middle), face, edge, 0.8 if edge else 0.0, **style)

    def _draw_loops(self) -> None:
        for number, row in enumerate(self.rows.rows):
            if row.kind != "loop":
                continue
            y, half, t = self.y[number], min(self.bar[number] * 0.32, 5 * self.unit), self.theme
            self._add(rectangles(self.left, y - half, self.right, y + half), t.idle)
            busy = self.busy[number]
            if busy is None:
                size = TINY
                box = self.words.put("not seen", self.left + 6 * self.unit, y - self.words.centre(size), size, t.quiet)
                assert box is None or box
                continue
            self._add(rectangles(busy.left, y - half, busy.right, y + half), t.busy)
            for _, edges, share in busy.skylines:
                self._add(skyline(edges, np.maximum(share * 2 * half, 1.5 * self.unit), float(y)), t.busy)

    def _draw_folds(self) -> None:
        """How many of the folded tasks are in flight, and of these ready, as an area over a strip of when one runs."""
        t = self.theme
        for number, edges, flight, ready in self.folded:
            most = max(float(flight.max(initial=0.0)), 1e-9)
            foot = self.y[number] - self.bar[number] * 0.3
            for values, least, face, edge, hatch in (
                (flight, 0.0, t.flight, t.waiting, None),
                (np.minimum(ready, flight), 0.04 * most, t.ready_fill, t.ready, t.ready_hatch),
            ):
                for a, b in _stretches(values > least):
                    heights = np.round(np.maximum(values[a:b] / most * self.bar[number] * 0.85, 1.5 * self.unit), 1)
                    path = skyline(edges[a : b + 1], heights, foot, below=False)
                    self._add(path, face, edge, 0.8, hatch=hatch)

    def _draw_tasks(self) -> None:
        t, half = self.theme, LINE * self.unit / 2
        # one line for a whole life: it is seen wherever nothing lies over it
        y = np.array([self.y[mark.lane] for mark in self.marks])
        if len(y):
            left, right = ([getattr(mark, end) for mark in self.marks] for end in ("born", "x"))
            self._add(rectangles(left, y - half, right, y + half), t.waiting)
        q, big = self.queue, self.queue_bars
        if big.any():
            path = self._bars(q.lane[big], q.left[big], q.right[big], 0.92)
            self._add(path, t.ready_fill, t.ready, 1.0, hatch=t.ready_hatch)
        self._skylines(q, 0.0, t.ready_fill, t.ready, hatch=t.ready_hatch)
        r = self.ready
        if len(r.lane):
            self._add(self._bars(r.lane, r.left, r.right, 0.92), t.ready_fill, t.ready, 1.0, hatch=t.ready_hatch)
        self._skylines(r, 0.0, t.ready_fill, t.ready, hatch=t.ready_hatch)
        run = self.running
        if len(run.lane):
            fold = np.array([row.kind == "fold" for row in self.rows.rows])[run.lane]
            deep = self.bar[run.lane] / 2
            top = np.where(fold, self.y[run.lane] - deep * 0.6, self.y[run.lane] + deep)
            self._add(rectangles(run.left, self.y[run.lane] - deep, run.right, top), t.running)
        self._skylines(run, 2 * LINE, t.running)

    def _draw_work(self) -> None:
        t, u = self.theme, self.unit
        for number, row in enumerate(self.rows.rows):
            if row.kind not in ("thread", "process"):
                continue
            queued = [self._queued(w) for w in row.work]
            late = np.array([(a, a + w) for a, w in queued if w > 3 * u]).reshape(-1, 2)
            if len(late):
                low = self.y[number] - self.bar[number] / 2 - 4.5 * u
                for a, b in _union(late):
                    self._add(dashes(a, b, low, 2.2 * u, u), t.work)
            done = [w for w in row.work if w.started is not None]
            a = self.x(np.array([w.started for w in done], float))
            b = self.x(np.array([self.trace.duration if w.finished is None else w.finished for w in done], float))
            self._named(number, a, b, [w.name for w in done], t.work, t.on_work, 0.8)

    def _draw_spans(self) -> None:
        for number, row in enumerate(self.rows.rows):
            if row.spans:
                a, b = (self.x(np.array([getattr(s, end) for s in row.spans])) for end in ("start", "stop"))
                names = [f"{seconds(s.stop - s.start)}" if not row.depth else s.name for s in row.spans]
                if not row.depth:
                    names = [f"blocking {name}" for name in names]
                self._named(number, a, b, names, self.theme.running, self.theme.on_running, 0.6 if row.depth else 1.0)

    def _named(self, lane: int, a: Any, b: Any, names: list[str], face: str, ink: str, share: float) -> None:
        """Bars with their names inside, where there is room."""
        if not len(a):
            return
        order = np.argsort(a, kind="stable")
        bars = lanes.merge(np.full(len(a), lane), a[order], b[order], LEAST * self.unit, BIN * self.unit)
        if bars.widened:
            self.occurs["widened"] = None
        gap = 0.8 * self.unit  # neighbours stay apart
        roomy = len(a) <= 200
        left, right = (a[order], np.maximum(b[order] - gap, a[order] + LEAST * self.unit)) if roomy else bars[1:3]
        self._add(self._bars(np.full(len(left), lane), left, right, share), face)
        if not roomy:
            self._skylines(bars, LINE, face)
            return
        for i in order:
            text = self.ruler.fit(clean(names[i]), SMALL, min(b[i], self.right) - max(a[i], self.left) - 8 * self.unit)
            middle = (max(a[i], self.left) + min(b[i], self.right)) / 2
            self.words.put(text, middle, self.y[lane] - self.words.centre(SMALL), SMALL, ink, 0.5)

    def _draw_holds(self) -> list[tuple[int, float, float]]:
        """Outline long steps and name them; returns (lane, left, right) of each."""
        t, u, boxes = self.theme, self.unit, []
        for hold in sorted(self.holds, key=lambda h: -h.seconds)[:WORDS]:
            task = self.trace.tasks.get(hold.who)
            lane = self.calls if task is None else int(self.rows.of_task[task.index])
            if lane < 0:
                continue
            a, b = float(self.x(hold.start)), max(float(self.x(hold.stop)), float(self.x(hold.start)) + LEAST * u)
            boxes.append((lane, a, b))
            if task is None:
                self._add(self._bars([lane], a, b), t.running)
            half = self.bar[lane] / 2
            self._add(rectangles(a, self.y[lane] - half, b, self.y[lane] + half), None, t.hold, 2.0,
                      style=OUTLINES.get(hold.kind, "-"))  # fmt: skip
            what = f"{hold.kind if hold.kind != 'unknown' else 'long step'} {seconds(hold.seconds)}"
            place = [f"{clean(hold.function)}()"] if hold.function else [clean(hold.who)] if task is None else []
            place += [f"line {hold.line}"] if hold.line else []
            self._say_hold(lane, a, b, [f"{what} · {', '.join(place)}"] * bool(place) + [what, seconds(hold.seconds)])
        return boxes

    def _say_hold(self, lane: int, a: float, b: float, choices: list[str]) -> None:
        """Inside the bar if it fits, else above it, as long as possible."""
        left, right, u = max(a, self.left), min(b, self.right), self.unit
        for text in choices:
            if self.ruler(text, SMALL)[0] + 10 * u <= right - left:
                y = self.y[lane] - self.words.centre(SMALL)
                if self.words.put(text, (left + right) / 2, y, SMALL, self.theme.on_running, 0.5):
                    return
        for text in choices[:2]:
            if self._above(lane, text, (left + right) / 2, SMALL, self.theme.hold):
                return

    def _above(self, lane: int, text: str, middle: float, size: float, colour: str, align: float = 0.5) -> bool:
        """A word in the gap over a lane's bars."""
        gap = self.high[lane] - self.bar[lane]
        w = self.ruler(text, size)[0]
        if self.words.height(size) > gap:
            return False
        x = min(max(middle - align * w, self.left + 2), self.right - w - 2)
        _, _, deep = self.ruler("", size)
        return self.words.put(text, x, self.y[lane] + self.bar[lane] / 2 + deep + 0.5, size, colour) is not None

    def _draw_marks(self) -> None:
        t, u = self.theme, self.unit
        for mark in self.marks:
            if not self.left <= mark.x <= self.right + u:
                continue  # zoomed away
            r = min(5.2 * u, self.bar[mark.lane] * 0.4)
            self.shapes += end_mark(mark.outcome, mark.x, float(self.y[mark.lane]), r, u, t)
            y = self.y[mark.lane]
            self.words.boxes.append((mark.x - r - u, y - r - u, mark.x + r + u, y + r + u))

    def _say_ready(self, boxes: list[tuple[int, float, float]]) -> None:
        """How long tasks were ready, and because of whom: in full once for each culprit, then short."""
        said: set[str] = set()
        for s in sorted(self.starved, key=lambda s: (self.rows.of_task[s.task], s.ready)):
            lane = int(self.rows.of_task[s.task])
            a, b = max(float(self.x(s.ready)), self.left), min(float(self.x(s.start)), self.right)
            if b - a < 8 * self.unit:
                continue
            if s.culprit:
                task = self.trace.tasks.get(s.culprit)
                there = self.calls
                if task is not None:
                    there = int(max(self.rows.of_task[task.index], self.rows.of_fold[task.index]))
                arrow, name = "↑" if there < lane else "↓", clean(s.culprit) or "(no name)"
                full = [f"{arrow} because {name} has the thread"] if s.culprit not in said else []
                for text, size in [(text, size) for text in (*full, f"{arrow} {name}") for size in (SMALL, TINY)]:
                    if self._above(lane, text, (a + b) / 2, size, self.theme.ready_text):
                        said.add(s.culprit)
                        break
            self._tag(lane, a, b, [f"ready {seconds(s.start - s.ready)}", "ready"])

    def _tag(self, lane: int, a: float, b: float, choices: list[str]) -> None:
        """A word on a hatched bar, on a piece of plain ground."""
        u = self.unit
        for text in choices:
            w, high, deep = self.ruler(text, SMALL)
            y = self.y[lane] - self.words.centre(SMALL)
            if w + 16 * u <= b - a and self.words.put(text, a + 8 * u, y, SMALL, self.theme.ready_text):
                ground = rectangles(a + 4 * u, y - deep, a + w + 12 * u, y + high)
                self._add(ground, self.theme.ready_fill)
                return

    def _say_waits(self) -> None:
        t, u = self.theme, self.unit
        size = SMALL if float(self.high.max(initial=0)) >= 26 * u else TINY
        _, _, deep = self.ruler("", size)
        for lane, text, times, a, b, p, q in self.reasons:
            if not text:
                continue
            label = f"{text} ×{times:,}" if times > 1 else text
            room = self.high[lane] * (1 - BAR / 2) - LINE * u
            p, q = max(p, self.left), min(q, self.right)
            y = self.y[lane] + LINE * u / 2 + 1.5 * u
            if self.words.height(size) <= room:
                short = label if self.ruler(label, size)[0] <= q - p - 8 * u else text.partition(" ")[0]
                if short != label and times > 1:
                    short = ""
                fits = short and self.ruler(short, size)[0] <= q - p - 8 * u
                if fits and self.words.put(short, (p + q) / 2, y + deep * 0.75, size, t.quiet, 0.5):
                    continue
            if times > 1 and self.ruler(label, size)[0] <= min(b, self.right) - max(a, self.left):
                self._above(lane, label, (max(a, self.left) + min(b, self.right)) / 2, size, t.quiet)


def _stretches(on: Any) -> list[tuple[int, int]]:
    """Where a row of booleans is true: (first, after the last)."""
    edge = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(on, np.int8), [0]))))
    return [(int(a), int(b)) for a, b in edge.reshape(-1, 2)]


def _union(pieces: Any) -> list[tuple[float, float]]:
    result: list[tuple[float, float]] = []
    for a, b in sorted(map(tuple, pieces)):
        if result and a <= result[-1][1]:
            result[-1] = (result[-1][0], max(b, result[-1][1]))
        else:
            result.append((a, b))
    return result
