"""Steps through a recorded run: who runs and at which line, who is ready, who waits for what.

A moment is the end of a step, when all that the step set off has happened, or a time at which nobody is ready.
"""

from __future__ import annotations

import html
import linecache
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from . import display, words
from .trace import HELD, READY, Trace
from .words import approximately, enumeration, plural

PACE = 800  # milliseconds from one moment to the next


class Moment(NamedTuple):
    """`time` is in seconds since the recording began; `running` is a task's label, or "" when nobody runs.

    `line` is where that task waits next (at its end: has waited before; in a blocking call: is held), `source` the text
    of the line where it is known. `ready` is in the order in which the tasks will run; `waiting` says for what.
    """

    time: float
    running: str
    line: int | None
    source: str
    ready: tuple[str, ...]
    waiting: dict[str, str]

    @property
    def parts(self) -> list[str]:
        """Who runs, who is ready, who waits: in words, without clock readings."""
        where = f" (line {self.line}{': ' * bool(self.source)}{self.source})" if self.line is not None else ""
        alike: dict[str, list[str]] = {}
        for label, reason in self.waiting.items():
            alike.setdefault(reason, []).append(words.who(label))
        waits = [f"{enumeration(names)} for {reason}" for reason, names in alike.items()]
        return [
            f"{words.who(self.running)} runs{where}" if self.running else "nobody runs",
            f"ready, in this order: {enumeration(map(words.who, self.ready))}" if self.ready else "nobody is ready",
            f"waiting: {enumeration(waits)}" if waits else "nobody waits",
        ]


class Replay:
    """The moments of a run, from the first step to the last; on the last line of a cell a strip of the chosen ones.

    `moments` are those: the start, the first wait, the longest time for which a task could not run, a wake-up, the end.
    `play()` makes controls for all of them.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace, steps = trace, trace.steps
        order, self._first = trace._by_task
        self._order, count = order.astype(np.int64), len(order)
        self._tasks, self._labels = list(trace.tasks.values()), list(trace.tasks)
        self._reasons = [words.what(reason) if reason.text else "something" for reason in trace.reasons]
        self._keys = steps.task[order].astype(np.int64) * count + order  # ascending: by task, then by step
        # The step that made another one ready: the last of its waker before it, since the queue is first in, first out.
        place = np.searchsorted(self._keys, steps.waker.astype(np.int64) * count + np.arange(count)) - 1
        known = (steps.waker >= 0) & (place >= self._first[np.maximum(steps.waker, 0)])
        self._cause = np.where(known, self._order[place], -1)
        self._ready = np.where(known, np.minimum(steps.ready, steps.stop[self._cause]), steps.ready)
        self._ready_next = np.append(np.minimum.accumulate(self._ready[::-1])[::-1][1:], np.inf)[:count]
        idle = (self._ready_next > steps.stop) & (self._ready_next < np.inf)
        self._step = np.repeat(np.arange(count), 1 + idle)  # of each moment
        self._idle = np.append(False, self._step[1:] == self._step[:-1])[: len(self._step)]

    def __len__(self) -> int:
        return len(self._step)

    def __getitem__(self, index: int) -> Moment:
        k, idle = int(self._step[index]), bool(self._idle[index])
        steps, count = self.trace.steps, len(self._order)
        time = float(steps.stop[k] + self._ready_next[k]) / 2 if idle else float(steps.stop[k])
        me = -1 if idle else int(steps.task[k])
        place = np.searchsorted(self._keys, np.arange(len(self._tasks)) * count + k, "right")
        more, begun = place < self._first[1:], place > self._first[:-1]
        step = self._order[np.minimum(place, count - 1)]  # the next of each task, where there is one
        ready = more & (self._ready[step] <= time) & (self._cause[step] <= k)
        queue = [self._labels[steps.task[i]] for i in np.sort(step[ready]) if steps.task[i] != me]
        waiting = {}
        for i in np.flatnonzero(~ready & (np.arange(len(self._tasks)) != me)):
            task = self._tasks[i]
            if more[i]:
                if begun[i] or task.born is None:
                    waiting[task.label] = self._reasons[steps.reason[step[i]]]
            elif task.finished is None and task.state == READY:
                queue.append(task.label)
            elif task.finished is None or (task.outcome == "lost" and task.finished > time):
                waiting[task.label] = self._reasons[task.reason]
        if idle:
            return Moment(time, "", None, "", tuple(queue), waiting)
        after = int(steps.reason[step[me]]) if more[me] else 0 if self._tasks[me].finished else self._tasks[me].reason
        return Moment(time, self._labels[me], *self._line(k, after), tuple(queue), waiting)

    def _line(self, k: int, after: int) -> tuple[int | None, str]:
        """The line of step `k`, before a wait for reason `after`, and its text."""
        trace, before = self.trace, int(self.trace.steps.reason[k])
        start = float(trace.steps.start[k])
        holds = [(h, ("hold", start)) for h in trace.holds if h.kind == "blocking call" and h.start == start]
        places: list[Any] = [*holds, (trace.reasons[after], after), (trace.reasons[before], before)]
        for place, key in places:
            if place.line is not None:
                path = trace._paths.get(key, "")  # the short name would do for a file, but cells may share theirs
                return place.line, linecache.getline(path, place.line).strip() if path else ""
        return None, ""

    # -- the chosen moments --------------------------------------------------------------------------------------------

    @cached_property
    def _chosen(self) -> dict[int, str]:
        """Indices of moments, with what each of them shows."""
        steps, last = self.trace.steps, len(self) - 1
        if last < 0:
            return {}
        at = np.searchsorted(self._step, np.arange(len(self._order)))  # of each step
        found = {0: "the start", last: "the end"}
        gaps = np.where(self._idle, (self._ready_next - steps.stop)[self._step], 0.0)
        if self._idle.any():  # not just the first: another could be a matter of microseconds
            found.setdefault(int(np.argmax(gaps >= gaps.max() / 2)), "everybody waits")
        held = {h.start: h for h in self.trace.holds if h.kind != "pre-empted"}  # not the machine's doing
        late = steps.start - steps.ready
        if held and late.max() >= HELD:
            i = int(late.argmax())
            shares = np.minimum(steps.stop, steps.start[i]) - np.maximum(steps.start, steps.ready[i])
            k = int(shares.argmax())
            if shares[k] >= HELD and float(steps.start[k]) in held:
                who = words.who(self._labels[steps.task[i]])
                found.setdefault(int(at[k]), f"{who} could run, but another task has the thread")
        again = np.argsort(self._order) > self._first[steps.task]  # not its first step
        woken = np.flatnonzero(again & (self._cause >= 0) & (steps.waker != steps.task))
        if len(woken):
            who = words.who(self._labels[steps.task[woken[0]]])
            found.setdefault(int(at[self._cause[woken[0]]]), f"{who} is woken")
        return dict(sorted(found.items()))

    @property
    def moments(self) -> list[Moment]:  # those chosen, in order of time
        return [self[i] for i in self._chosen]

    def __repr__(self) -> str:
        name = f"Replay of {words.short(self.trace.name)}" if self.trace.name.strip() else "Replay"
        said = [f"{n}. {what}: {'; '.join(self[i].parts)}." for n, (i, what) in enumerate(self._chosen.items(), 1)]
        return "\n".join([f"{name}, {plural(len(said), 'moment')}:", *said]) if said else f"{name}: no task ran."

    # -- pictures ------------------------------------------------------------------------------------------------------

    @cached_property
    def _picture(self) -> Any:
        """The timeline without a playhead, and the artist that drew it."""
        from . import timeline

        figure = timeline.figure_of([self.trace], [None], None)
        return display.pixels(figure), figure.axes[0].artists[0]

    def frame(self, time: float, *, lanes_only: bool = False) -> bytes:
        """The timeline as a PNG, with a playhead at `time` in seconds."""
        from PIL import ImageColor, ImageDraw

        base, timeline = self._picture
        image, scale, chart, box = base.copy(), display.SHARP, timeline.chart(), timeline.layout()[0]
        x, low, high = scale * chart.x(time), base.height - scale * box.y1, base.height - scale * box.y0
        pen, ink = ImageDraw.Draw(image), len(image.getpalette()) // 3
        image.putpalette([*image.getpalette(), *ImageColor.getrgb(timeline.theme.path)])
        for a, b in timeline.beside_words(chart.x(time)):
            pen.line([(x, base.height - scale * b), (x, base.height - scale * a)], fill=ink, width=2 * scale)
        pen.polygon([(x - 6 * scale, low - 8 * scale), (x + 6 * scale, low - 8 * scale), (x, low)], fill=ink)
        if lanes_only:
            image = image.crop((0, int(low - 10 * scale), image.width, int(high + 26 * scale)))
        return display.png(image)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        page = ""  # the same in every front end, and from run to run but for its pictures
        for n, (i, what) in enumerate(self._chosen.items(), 1):
            moment, title = self[i], f"<b>{n}. {html.escape(what)}</b>"
            picture = display.image(self.frame(moment.time, lanes_only=n > 1), f"{what}: {'; '.join(moment.parts)}.")
            page += f"<figure>{picture}<figcaption>{title}{_list(moment)}</figcaption></figure>"
        return {"text/html": page or display.bundle(self.trace)["text/html"], "text/plain": repr(self)}

    def play(self) -> Any:
        """Controls to play, pause, step and scrub; without ipywidgets, or without a step, the strip."""
        if not len(self) or find_spec("ipywidgets") is None:
            return self
        widgets: Any = import_module("ipywidgets")
        player = widgets.Play(max=len(self) - 1, interval=PACE, show_repeat=False)
        slider = widgets.IntSlider(max=len(self) - 1, description="moment", layout={"width": "60%"})
        back, on = (widgets.Button(description=sign, layout={"width": "3em"}) for sign in ("◀", "▶"))
        picture, page = widgets.Image(layout={"max_width": "100%", "width": "900px"}), widgets.HTML()

        def show(change: Any = None) -> None:
            moment = self[slider.value]
            picture.value = self.frame(moment.time)
            page.value = f"at {approximately(moment.time)}{_list(moment)}"

        widgets.jslink((player, "value"), (slider, "value"))  # in the browser: the kernel need not answer in between
        slider.observe(show, "value")
        back.on_click(lambda _: setattr(slider, "value", max(slider.value - 1, 0)))
        on.on_click(lambda _: setattr(slider, "value", min(slider.value + 1, slider.max)))
        show()
        return widgets.VBox([widgets.HBox([player, back, slider, on]), picture, page])


def _list(moment: Moment) -> str:
    """A moment as HTML."""
    return f"<ul>{''.join(f'<li>{html.escape(part)}</li>' for part in moment.parts)}</ul>"
