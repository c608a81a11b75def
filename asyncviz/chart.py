"""What lies inside the Axes of a picture: the marks of every lane, and the words that fit between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.path import Path

from .captions import clean, seconds, waited_for
from .ink import Shape, Words, end_mark, fit, measure, path_arrow, rectangles, skyline, tall
from .lanes import Bars, Lane, Lanes, Starved, merge
from .palette import BAR, BIN, LEAST, LINE, OUTLINES, QUEUED, SEEN, SMALL, Theme
from .trace import TaskTrace, Trace, Work

if TYPE_CHECKING:
    from .critical import Link

WORDS = 300  # reasons that are tried at most, the longest waits first


class Chart:
    """One recording between `left` and `right`, which stand for the seconds of `view`; heights come later.

    `occurs` tells the legend what there is.
    """

    def __init__(
        self, trace: Trace, rows: Lanes, theme: Theme, starved: list[Starved], path: Sequence[Link],
        wakes: bool, left: float, right: float, view: tuple[float, float],
    ) -> None:  # fmt: skip
        self.trace, self.rows, self.theme, self.path = trace, rows, theme, path
        self.left, self.right, self.view = left, right, view
        self.starved = sorted((s for s in starved if rows.of_task[s.task] >= 0), key=lambda s: s.ready)
        self.tasks = list(trace.tasks.values())
        self.lane_of = {t.label: int(max(rows.of_task[t.index], rows.of_fold[t.index])) for t in self.tasks}
        self.calls = next((n for n, _ in self._rows("callback")), -1)
        self.occurs = {hold.kind for hold in trace.holds} | ({"path"} if path else set())
        self.busy: dict[int, Bars | None] = {n: self._busy(n, row) for n, row in self._rows("loop")}
        self._steps()
        self.wakes = self._wakes() if wakes else []
        self.occurs |= {"wake"} if self.wakes else set()
        self.waits = list(self._waits())
        self.occurs |= {"waiting"} if len(trace.waits[0]) and (rows.of_task >= 0).any() else set()
        for row in rows.rows:
            self.occurs |= {self.tasks[i].outcome for i in row.members if row.kind == "task"}
            span = "work" if row.kind == "thread" else "span" if row.depth else "running"
            self.occurs |= {span for _ in row.spans}
            self.occurs |= {what for w in row.work for what in (["work", "queued"] if self._queued(w) else ["work"])}

    def _rows(self, *kinds: str) -> list[tuple[int, Lane]]:
        return [(n, row) for n, row in enumerate(self.rows.rows) if row.kind in kinds]

    def x(self, time: Any) -> Any:
        """Seconds to units."""
        first, last = self.view
        return self.left + (time - first) * ((self.right - self.left) / ((last - first) or 1.0))

    def _seen(self, start: float, stop: float) -> tuple[float, float]:
        """The part of a stretch of time that lies inside the Axes, in units."""
        return max(float(self.x(start)), self.left), min(float(self.x(stop)), self.right)

    # -- what depends on the width -------------------------------------------------------------------------------------

    def _steps(self) -> None:
        steps = self.trace.steps
        where = np.maximum(self.rows.of_task, self.rows.of_fold)[steps.task] if self.tasks else steps.task
        order = np.argsort(where.astype(np.int16), kind="stable")
        order = order[where[order] >= 0]
        lane, ready, start, stop = where[order], *(self.x(c[order]) for c in (steps.ready, steps.start, steps.stop))
        self.running = merge(lane, start, stop)
        late = (start - ready > 0.2 * (stop - start)) & (self.rows.of_task[steps.task[order]] >= 0)
        bars = merge(lane[late], ready[late], start[late], 1.5)
        wide = (bars.right - bars.left >= SEEN) & (bars.share > 0)
        self.ready = Bars(bars.lane[wide], bars.left[wide], bars.right[wide], bars.share[wide])
        # of each group: (lane, columns, how many of its tasks were in flight in each, and how many ready)
        self.folded = []
        for number, row in self._rows("fold"):
            born = self.x(np.array([self.tasks[i].born or 0.0 for i in row.members]))
            gone = self.x(np.array([self._end(self.tasks[i]) for i in row.members]))
            edges = np.clip(np.arange(self.left, self.right + 3, 3), born.min(), gone.max())
            flight, waiting = (
                np.subtract(*(np.searchsorted(np.sort(ends), edges[:-1] / 2 + edges[1:] / 2) for ends in lives))
                for lives in ((born, gone), (ready[lane == number], start[lane == number]))
            )
            self.folded.append((number, edges, flight, np.where(waiting > 0.04 * flight.max(), waiting, 0)))
        seen = {
            "running": len(lane), "widened": self.running.widened, "dense": np.any(self.running.share < 1),
            "in flight": self.folded, "ready": len(self.ready.lane) or any(r.any() for *_, r in self.folded),
        }  # fmt: skip
        self.occurs |= {sign for sign, there in seen.items() if there}

    def _wakes(self) -> list[tuple[int, int, float]]:
        """Wake-ups of waiting tasks by others: (lane of the waker, lane of the woken, x). Nearly equal ones are one."""
        steps, (order, first) = self.trace.steps, self.trace._by_task
        rows, again = self.rows.of_task, np.ones(len(order), bool)
        again[first[:-1][first[:-1] < first[1:]]] = False  # a first step is a start, and no wake-up
        waited = np.zeros(len(order), bool)
        waited[1:] = steps.ready[order][1:] > steps.stop[order][:-1]
        waited |= self.trace._waited_all_the_same[order]  # on a virtual clock, what is woken at once has waited for 0 s
        i = np.sort(order[again & waited])
        i = i[(steps.waker[i] >= 0) & (steps.waker[i] != steps.task[i])]
        waker, woken, at = rows[steps.waker[i]].tolist(), rows[steps.task[i]].tolist(), self.x(steps.ready[i]).tolist()
        found: dict[tuple[int, int, int], float] = {}
        for a, b, x in zip(waker, woken, at, strict=True):
            if min(a, b) >= 0 and self.left <= x <= self.right:
                found.setdefault((a, b, round(x / 4)), x)
        return [(a, b, x) for (a, b, _), x in found.items()]

    def _waits(self) -> Iterator[tuple[int, str, int, float, float]]:
        """The waits worth a word: (lane, text, how often, left, right). Short ones for the same, in a row, are one."""
        task, start, stop, reason = self.trace.waits
        lane = self.rows.of_task[task] if len(task) else task
        order = np.argsort(lane.astype(np.int16), kind="stable")
        order = order[lane[order] >= 0]
        lane, a, b = lane[order], self.x(start[order]), self.x(stop[order])
        texts: dict[str, int] = {}
        number = np.array([texts.setdefault(waited_for(r), len(texts)) for r in self.trace.reasons], np.int32)
        what, names = number[reason[order]], list(texts)
        roomy = b - a >= np.array([5.5 * len(name) + 8 for name in names])[what]
        alone = (lane[1:] != lane[:-1]) | (what[1:] != what[:-1]) | (a[1:] - b[:-1] > 9) | roomy[1:] | roomy[:-1]
        first = np.flatnonzero(np.append(True, alone)[: len(lane)])
        last = np.append(first[1:], len(lane))[: len(first)] - 1
        for g in np.argsort(a[first] - b[last], kind="stable")[:WORDS]:
            i, j, text = int(first[g]), int(last[g]), names[what[first[g]]]
            if b[j] - a[i] >= 14 and text:
                yield int(lane[i]), text, j - i + 1, float(a[i]), float(b[j])

    def _busy(self, number: int, row: Lane) -> Bars | None:
        """When a loop was not idle; None if it did not tell."""
        loop = self.trace.loops[row.loop]
        if loop.idle is None:
            return None
        start = self.x(np.sort(np.concatenate((loop.runs[:, 0], loop.idle[:, 1]))))
        stop = self.x(np.sort(np.concatenate((loop.runs[:, 1], loop.idle[:, 0]))))
        return merge(np.full(len(start), number), start, np.maximum(start, stop), shortest=3 * BIN)

    def _end(self, task: TaskTrace) -> float:
        return self.trace.duration if task.finished is None else task.finished

    def _queued(self, work: Work) -> tuple[float, float] | None:
        """For how long a call waited for a worker, if that can be seen."""
        a, b = self.x(work.queued), self.x(self.trace.duration if work.started is None else work.started)
        return (float(a), float(b)) if b - a > SEEN else None

    # -- drawing -------------------------------------------------------------------------------------------------------

    def draw(self, top: float, stretch: float, words: Words) -> list[Shape]:
        """Shapes for Axes whose upper edge is `top`, with lanes `stretch` times their height; adds to `words`."""
        self.words = words
        self.y = np.array([top - (row.top + row.height / 2) * stretch for row in self.rows.rows])
        self.high = np.array([row.height * stretch for row in self.rows.rows])
        self.bar = self.high * BAR
        self.shapes: list[Shape] = []
        self._draw_loops()
        self._draw_tasks()
        for number, row in self._rows("thread", "process"):
            self._draw_work(number, row)
        for number, row in self._rows("span"):
            names = [s.name if row.depth else f"blocking {seconds(s.stop - s.start)}" for s in row.spans]
            pieces = [(s.start, s.stop) for s in row.spans]
            self._named(number, pieces, names, self.theme.running, self.theme.on_running, 0.6 if row.depth else 1.0)
        self._draw_holds()
        self._draw_path()
        self._draw_wakes()
        for number, row in self._rows("task"):
            task = self.tasks[row.members[0]]
            x = float(self.x(self._end(task)))
            if self.left <= x <= self.right + 1:
                y, r = float(self.y[number]), min(5.2, self.bar[number] * 0.4)
                self.shapes += end_mark(task.outcome, x, y, r, self.theme)
                words.boxes.append((x - r - 1, y - r - 1, x + r + 1, y + r + 1))
        self._say_ready()
        self._say_waits()
        return self.shapes

    def _add(self, path: Path, face: str | None, edge: str | None = None, line: float = 0.0, **style: Any) -> None:
        self.shapes.append(Shape(path, face, edge, line, **style))

    def _bars(self, lane: Any, left: Any, right: Any, share: Any = 1.0) -> Path:
        half = self.bar[lane] * share / 2
        return rectangles(left, self.y[lane] - half, right, self.y[lane] + half)

    def _draw_loops(self) -> None:
        for number, bars in self.busy.items():
            y, half, t = float(self.y[number]), min(self.bar[number] * 0.32, 5.0), self.theme
            self._add(rectangles(self.left, y - half, self.right, y + half), t.idle)
            if bars is None:
                self.words.put("not seen", self.left + 6, y, SMALL, t.quiet)
            else:
                high = np.maximum(bars.share * half, 0.8)
                self._add(rectangles(bars.left, y - high, bars.right, y + high), t.busy)

    def _draw_tasks(self) -> None:
        t, run, own = self.theme, self.running, self._rows("task")
        for number, edges, flight, ready in self.folded:  # an area, over a strip of when one of the group runs
            foot, scale = self.y[number] - self.bar[number] * 0.3, self.bar[number] * 0.85 / max(flight.max(), 1)
            self._add(skyline(edges, flight * scale, foot), t.flight, t.waiting, 0.8)
            self._add(rectangles(edges[:-1], foot, edges[1:], foot + ready * scale), t.ready_fill, hatch=t.ready_hatch)
        if own:  # one line for a whole life: it is seen wherever nothing lies over it
            tasks = [self.tasks[row.members[0]] for _, row in own]
            left, right = self.x(np.array([(t.born or 0.0, self._end(t)) for t in tasks])).T
            y = self.y[[n for n, _ in own]]
            self._add(rectangles(left, y - LINE / 2, right, y + LINE / 2), t.waiting)
        if len(self.ready.lane):
            path = self._bars(*self.ready[:3], self.ready.share * 0.92)
            self._add(path, t.ready_fill, t.ready, 1.0, hatch=t.ready_hatch)
        if len(run.lane):
            fold = np.array([row.kind == "fold" for row in self.rows.rows])[run.lane]
            y, high = self.y[run.lane] - self.bar[run.lane] * 0.4 * fold, self.bar[run.lane] * np.where(fold, 0.2, 1.0)
            half = np.maximum(high * run.share, np.minimum(2 * LINE, high)) / 2
            self._add(rectangles(run.left, y - half, run.right, y + half), t.running)

    def _draw_work(self, number: int, row: Lane) -> None:
        t, end = self.theme, self.trace.duration
        low = float(self.y[number] - self.bar[number] / 2 - 3.4)
        queued = np.array([q for w in row.work if (q := self._queued(w))]).reshape(-1, 2)
        union = merge(np.zeros(len(queued), np.int32), queued[:, 0], queued[:, 1], 0.0)
        for a, b in zip(union.left, union.right, strict=True):
            self._add(Path([(a, low), (b, low)]), None, t.work, 2.2, style=QUEUED)
        done = [w for w in row.work if w.started is not None]
        pieces = [(w.started or 0.0, end if w.finished is None else w.finished) for w in done]
        pieces += [(s.start, s.stop) for s in row.spans]
        names = [w.name for w in done] + [s.name for s in row.spans]
        self._named(number, pieces, names, t.work, t.on_work, 0.5 if row.depth else 0.8)

    def _named(
        self, lane: int, pieces: list[tuple[float, float]], names: list[str], face: str, ink: str, share: float
    ) -> None:
        """Bars with their names inside, where there is room."""
        if pieces:
            a, b = self.x(np.array(sorted(pieces))).T
            bars = merge(np.full(len(a), lane), a, np.maximum(b - 0.8, a))  # neighbours stay apart
            self._add(self._bars(*bars[:3], bars.share * share), face)
            self.occurs |= {"widened"} if bars.widened else set()
        for (start, stop), name in list(zip(pieces, names, strict=True))[:200]:
            left, right = self._seen(start, stop)
            self.words.put(fit(clean(name), SMALL, right - left - 8), (left + right) / 2, self.y[lane], SMALL, ink, 0.5)

    def _draw_holds(self) -> None:
        """Outline long steps and name them: inside the bar if it fits, else above it, as long as possible."""
        t = self.theme
        for hold in sorted(self.trace.holds, key=lambda h: -h.seconds)[:WORDS]:
            task = self.trace.tasks.get(hold.who)
            lane = self.calls if task is None else int(self.rows.of_task[task.index])
            if lane < 0:
                continue
            a = float(self.x(hold.start))
            box = self._bars(lane, a, max(float(self.x(hold.stop)), a + LEAST))
            self._add(box, t.running if task is None else None, t.hold, 2.0, style=OUTLINES.get(hold.kind, "-"))
            what = f"{hold.kind if hold.kind != 'unknown' else 'long step'} {seconds(hold.seconds)}"
            function = clean(hold.function) if hold.function != "<module>" else ""  # a cell's own lines
            place = [f"{function}()"] if function else [clean(hold.who)] if task is None else []
            place += [f"line {hold.line}"] if hold.line else []
            if any(s.task == hold.who and hold.start < s.stop and s.start < hold.stop for s in self.trace.spans):
                place = []  # the spans below say it better than the line that was seen most often
            left, right = self._seen(hold.start, hold.stop)
            choices = [f"{what} · {', '.join(place)}"] * bool(place) + [what, seconds(hold.seconds)]
            inside = [text for text in choices if measure(text, SMALL)[0] + 10 <= right - left]
            if not any(self.words.put(s, (left + right) / 2, self.y[lane], SMALL, t.on_running, 0.5) for s in inside):
                any(self._above(lane, text, (left + right) / 2, t.hold) for text in choices[:2])

    def _above(self, lane: int, text: str, middle: float, colour: str) -> bool:
        """A word in the gap over a lane's bars."""
        w, high = measure(text, SMALL)[0], tall(SMALL)
        x, y = min(max(middle - w / 2, self.left + 2), self.right - w - 2), self.y[lane] + self.bar[lane] / 2 + 0.5
        return high <= self.high[lane] - self.bar[lane] and bool(self.words.put(text, x, y + high / 2, SMALL, colour))

    def _draw_path(self) -> None:
        """The critical path: a line under what lies on it, and an arrow where one task woke another."""
        lanes = {**{s.name: n for n, row in self._rows("span", "thread") for s in row.spans}, **self.lane_of}
        links = [(lanes[link.label], *self._seen(link.start, link.stop)) for link in self.path if link.label in lanes]
        lane, left, right = np.array([link for link in links if link[1] <= link[2]]).reshape(-1, 3).T
        foot, row = self.y - self.bar / 2 - 3, lane.astype(np.int32)
        # what would lie on one another is drawn once
        arrows = {(a, b, round(x / 4)): x for a, b, x in zip(row, row[1:], left[1:], strict=False) if a != b}
        for (a, b, _), x in arrows.items():
            self.shapes.append(path_arrow(x, x, foot[a], foot[b], self.theme))
            self.words.boxes.append((x - 1.5, min(foot[a], foot[b]), x + 1.5, max(foot[a], foot[b])))
        bars = merge(row, left, right, 0.9)
        if len(row):
            self._add(rectangles(bars.left, foot[bars.lane] - 0.9, bars.right, foot[bars.lane] + 0.9), self.theme.path)

    def _draw_wakes(self) -> None:
        """An arrow from who woke to who was woken, beside their bars."""
        for a, b, x in self.wakes:
            side = np.sign(self.y[b] - self.y[a]) * self.bar / 2
            start, stop = float(self.y[a] + side[a]), float(self.y[b] - side[b])
            self.shapes.append(path_arrow(x, x, start, stop, self.theme))
            self.words.boxes.append((x - 3.5, min(start, stop), x + 3.5, max(start, stop)))

    def _say_ready(self) -> None:
        """How long tasks were ready, and because of whom: in full once for each culprit, then short."""
        said: set[str] = set()
        for s in sorted(self.starved, key=lambda s: self.rows.of_task[s.task]):
            lane = int(self.rows.of_task[s.task])
            a, b = self._seen(s.ready, s.start)
            if b - a < 8:
                continue
            if s.culprit:
                there = self.lane_of.get(s.culprit, self.calls)
                arrow, name = "↑" if there < lane else "↓", clean(s.culprit) or "(no name)"
                choices = [f"{arrow} because {name} has the thread", f"{arrow} {name}"][s.culprit in said :]
                if any(self._above(lane, text, (a + b) / 2, self.theme.ready_text) for text in choices):
                    said.add(s.culprit)
            text = f"ready {seconds(s.start - s.ready)}"
            x, y, w = a + 8, self.y[lane], measure(text, SMALL)[0]
            if w + 16 <= b - a and self.words.put(text, x, y, SMALL, self.theme.ready_text):
                half = tall(SMALL) / 2  # plain ground under a word on stripes
                self._add(rectangles(x - 4, y - half, x + w + 4, y + half), self.theme.ready_fill)

    def _say_waits(self) -> None:
        high, ink = tall(SMALL), self.theme.quiet
        for lane, text, times, start, stop in self.waits:
            left, right = max(start, self.left), min(stop, self.right)
            choices = [f"{text} ×{times:,}"] if times > 1 else [text, text.partition(" ")[0]]
            said = next((s for s in choices if measure(s, SMALL)[0] <= right - left - 4), "")
            if times > 1:
                self._above(lane, said, (left + right) / 2, ink)
            elif high <= self.high[lane] * (1 - BAR / 2) - LINE:
                y, half = self.y[lane] + LINE / 2 + 1 + high / 2, measure(said, SMALL)[0] / 2 + 4
                places = ((left + right) / 2, max(left * 0.75 + right * 0.25, left + half), right * 0.75 + left * 0.25)
                any(self.words.put(said, x, y, SMALL, ink, 0.5) for x in places[: 3 if self.wakes else 1])
