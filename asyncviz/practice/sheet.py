"""Cards for the cheat sheet: a construct, when to use it, its code, and a small timeline of exactly that code."""

from __future__ import annotations

import html
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from matplotlib.figure import Figure

from asyncviz import lanes, narrative, record
from asyncviz.display import image, pixels, png
from asyncviz.ink import UNITS
from asyncviz.palette import PAD
from asyncviz.simulate import simulate
from asyncviz.timeline import AXIS_ROW, Timeline
from asyncviz.trace import Trace

COLUMNS = 3
WIDTH = 3.5  # inches of a picture
LANE = 23.0  # just high enough for a word over a line
FOOT = 4.0  # the dots of a call on its way to a worker, under the last lane
STYLE = "text-align:left;vertical-align:top;white-space:normal;padding:2px 8px 0 0"


class Small(Timeline):
    """A timeline of tasks and workers only: no title, legend, measures or event loops."""

    def _lanes(self) -> lanes.Lanes:
        def without_loops() -> lanes.Lanes:
            whole = lanes.arrange(self.trace, self.starved)
            rows = [row for row in whole.rows if row.kind != "loop"]  # they are the last ones
            for number, row in enumerate(rows):
                row.top, row.height = number * LANE, LANE
            return whole._replace(rows=rows, height=len(rows) * LANE + FOOT)

        return self._once("small lanes", None, without_loops)

    def _measures(self) -> list[str]:
        return []

    def _legend(self) -> list[list[str]]:
        return []

    def _margins(self) -> tuple[float, float]:
        return PAD / 2, AXIS_ROW


def small_figure(trace: Trace, limits: tuple[float, float]) -> Figure:
    """The small timeline of a recording, between two times."""
    figure = Figure(figsize=(WIDTH, 4), dpi=UNITS)
    figure.set_layout_engine("none")
    picture = Small(figure.add_axes((0, 0, 1, 1)), trace, "", None, wakes=True, own=True)
    picture.ax.set_xlim(limits)
    picture.fit_height()
    return figure


@dataclass
class Card:
    """A construct on the cheat sheet.

    name, when : what it is called, and in a few words when it is the right choice.
    code : what runs, in a coroutine function called main; or a function of which there is a recording, see `trace`.
    tasks : code that runs in tasks of these names, which main starts in a task group at the end.
    before : code that runs first and is not shown.
    trace : a recording of that function, for what cannot run on the virtual clock.
    """

    name: str
    when: str
    code: str | Callable[..., Any]
    tasks: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    trace: Trace | None = None

    def shown(self) -> str:
        """The code, with the names of the tasks beside theirs."""
        lines = [self.code if isinstance(self.code, str) else body(self.code)] if self.code else []
        for code in dict.fromkeys(self.tasks.values()):
            names = ", ".join(name for name, other in self.tasks.items() if other == code)
            lines.append(f"{code}  # {names}")
        return "\n".join(lines)

    def recorded(self, space: dict[str, Any]) -> Trace:
        """The recording, made on the virtual clock if there is none. `space`: the global names that the code sees."""
        trace = self.trace
        if trace is None:
            own = dict(space)
            exec(self._program(), own)
            trace = simulate(own["main"]())[1]
        trace.name = self.name
        return trace

    def _program(self) -> CodeType:
        """The module whose function `main` runs the code, and lets a TimeoutError pass."""
        assert isinstance(self.code, str)
        lines = [self.before, "with contextlib.suppress(TimeoutError):", textwrap.indent(self.code or "pass", "    ")]
        for name, code in self.tasks.items():
            lines += [f"async def {name}():", textwrap.indent(code, "    ")]
        if self.tasks:
            lines.append("async with asyncio.TaskGroup() as group:")
            lines += [f"    group.create_task({name}(), name={name!r})" for name in self.tasks]
        main = textwrap.indent("\n".join(lines), "    ")
        return compile(f"import asyncio, contextlib\nasync def main():\n{main}", f"<{self.name}>", "exec")


class Sheet:
    """Cards beside and under each other, on one time axis; on the last line of a cell the picture."""

    def __init__(self, space: dict[str, Any], *cards: Card) -> None:
        traces = [card.recorded(space) for card in cards]
        ends = [end for trace in traces for end in _extent(trace)]
        self.cards, self.traces, self.limits = cards, traces, (min(ends), max(ends))

    def __repr__(self) -> str:
        """What the cards say, without clock readings."""
        texts = (f"{card.when}\n{textwrap.indent(card.shown(), '    ')}" for card in self.cards)
        said = zip(texts, self.traces, strict=True)
        return "\n".join(f"{trace.name}: {text}\n{narrative.alternative_text(trace)}" for text, trace in said)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        cells = [_cell(card, trace, self.limits) for card, trace in zip(self.cards, self.traces, strict=True)]
        rows = ["".join(cells[n : n + COLUMNS]) for n in range(0, len(cells), COLUMNS)]
        table = "".join(f'<tr style="background:none">{row}</tr>' for row in rows)
        return {"text/html": f"<table>{table}</table>", "text/plain": repr(self)}


def _extent(trace: Trace) -> tuple[float, float]:
    return Small(Figure().add_subplot(), trace, "", None).extent()


def _cell(card: Card, trace: Trace, limits: tuple[float, float]) -> str:
    """The HTML of a card, in a form that notebooks show unchanged."""
    picture = image(png(pixels(small_figure(trace, limits))), narrative.alternative_text(trace))
    return (
        f'<td style="{STYLE}"><b>{html.escape(card.name)}</b> · {html.escape(card.when)}'
        f'<pre style="font-size:11px;margin:1px 0 2px">{html.escape(card.shown())}</pre>{picture}</td>'
    )


def body(function: Callable[..., Any]) -> str:
    """The source of a function without its first line."""
    return textwrap.dedent("".join(inspect.getsourcelines(function)[0][1:])).strip()


def really(function: Callable[..., Any]) -> Trace:
    """Run a function and record it. In a thread of its own, it has no event loop yet."""
    with record() as trace:
        function()
    return trace
