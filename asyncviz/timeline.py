"""Draws recordings with matplotlib.

A picture is one Artist on an Axes. It lays itself out for the room that the Axes have when it is drawn: what can be
told apart, which words fit, and what must be folded depend on it. So it stays right when a window is resized or zoomed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, cast

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox

from . import captions, lanes
from .captions import clean
from .chart import Chart
from .display import Comparison
from .ink import LEGEND, SIGN, UNITS, Shape, Word, Words, draw, fit, measure, rectangles, sign_for
from .palette import DARK, INDENT, LIGHT, NAME, PAD, SMALL, THEMES, TITLE, Theme
from .trace import Trace
from .words import plural

T = TypeVar("T")
ThemeName = Literal["light", "dark"] | None
WIDTH, WIDER = 9.0, 6.0  # inches; of each column where there are several
LEGEND_ROW, TITLE_ROW, AXIS_ROW, TEXT_ROW = 19.0, 36.0, 27.0, 16.0  # heights


def plot(
    trace: Trace, ax: Axes | None = None, *, title: str | None = None, theme: ThemeName = None,
    critical: bool = False, wakes: bool = False,
) -> Axes:  # fmt: skip
    """Draw the timeline of a recording.

    ax : the Axes to draw on, names and captions included; by default those of a new pyplot figure of the right height.
    title : by default the recording's name and a conclusion drawn from it; change it later with `ax.set_title`.
    theme : "light" or "dark"; by default the one that suits the background of the figure.
    critical : show the critical path: the chain of wake-ups that set the makespan.
    wakes : show each wake-up of one task by another, as an arrow.

    Returns the Axes, whose x axis is in seconds. Raises TypeError for a `trace` or `ax` of another kind, ValueError
    for another theme and for Axes of a closed figure.
    """
    _check([trace], theme)
    if ax is None:
        # pyplot, as users expect: shown at the end of a notebook's cell, which closes it, and by plt.show() in a script
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(WIDTH, 4), layout="none")
        Timeline(figure.add_subplot(), trace, title, theme, critical, wakes, own=True).fit_height()
        return figure.axes[0]
    _check_axes(ax)
    for old in [a for a in ax.artists if isinstance(a, Timeline)]:
        old.remove()
    Timeline(ax, trace, title, theme, critical, wakes)
    return ax


def figure_of(
    traces: Sequence[Trace], titles: Sequence[str | None], theme: ThemeName,
    critical: bool = False, wakes: bool = False, columns: int = 1, speed: bool = True,
) -> Figure:  # fmt: skip
    """A figure that pyplot does not know, with pictures under and beside each other on one time axis."""
    columns = min(columns, len(traces))
    figure = Figure(figsize=(WIDTH if columns == 1 else WIDER * columns, 4), dpi=UNITS)
    figure.set_layout_engine("none")
    axes = [figure.add_axes((0, 0, 1, 1), label=str(n)) for n in range(len(traces))]
    drawn = zip(axes, traces, titles, strict=True)
    pictures = [Timeline(ax, trace, title, theme, critical, wakes, own=True) for ax, trace, title in drawn]
    limits = [end for ax in axes for end in ax.get_xlim()]
    for picture in pictures:
        picture.peers, picture.columns = pictures, columns
        if speed and picture is not pictures[0]:
            picture.badge = _badge(traces[0].makespan, picture.trace.makespan)
        picture.ax.set_xlim(min(limits), max(limits))
    pictures[0].fit_height()
    return figure


def compare(
    *traces: Trace, titles: Sequence[str | None] | None = None, theme: ThemeName = None,
    wakes: bool = False, columns: int = 1, speed: bool = True, alt: str = "",
) -> Comparison:  # fmt: skip
    """Draw recordings one under the other on one time axis, each with how much faster it is than the first.

    `wakes` shows each wake-up of one task by another, as an arrow; with one recording too. `columns` puts so many
    pictures beside each other. `speed=False` leaves out how much faster each is, where that is not the point. `alt` is
    the alternative text, where what the recordings say by themselves differs from run to run.

    Returns the picture, with `figure`, `axes` and `savefig`. Raises TypeError for arguments that are no recordings,
    ValueError without any or when `titles` are not as many, or for less than one column.
    """
    _check(traces, theme)
    if not traces:
        raise ValueError("compare() needs at least one recording: compare(blocking, concurrent)")
    if columns < 1:
        raise ValueError(f"there is at least one column, not {columns}")
    titles = [None] * len(traces) if titles is None else titles
    figure = figure_of(traces, titles, theme, wakes=wakes, columns=columns, speed=speed)
    return Comparison(traces, figure, speed, alt)


def _badge(first: float, other: float) -> str:
    """By how much a makespan of `other` seconds is faster or slower than `first`."""
    if not first or not other:
        return ""
    factor, word = (first / other, "faster") if first >= other else (other / first, "slower")
    return "equally fast" if factor < 1.05 else f"{factor:.1f} × {word}" if factor < 9.95 else f"{factor:,.0f} × {word}"


def _check(traces: Sequence[Any], theme: Any) -> None:
    for trace in traces:
        if not isinstance(trace, Trace):
            raise TypeError(f"a recording is drawn, not {type(trace).__name__}: `with record() as trace:`")
    if theme not in (None, *THEMES):
        raise ValueError(f'theme is "light", "dark" or None, not {theme!r}')


def _check_axes(ax: Any) -> None:
    if not isinstance(ax, Axes) or ax.name != "rectilinear":
        kind = getattr(ax, "name", "") if isinstance(ax, Axes) else type(ax).__name__
        raise TypeError(f"a timeline is drawn on ordinary Axes, not {kind}: fig, ax = plt.subplots()")
    figure = ax.get_figure(root=True)
    helpers: Any = sys.modules.get("matplotlib._pylab_helpers")  # where pyplot keeps its open figures
    of_pyplot = helpers is not None and getattr(figure, "number", None) is not None
    closed = of_pyplot and all(m.canvas.figure is not figure for m in helpers.Gcf.figs.values())
    if figure is None or ax not in figure.axes or closed:
        raise ValueError("these Axes belong to a figure that was closed or cleared: make new ones for this plot")


class Timeline(Artist):
    """The picture of one recording on one Axes, and the locator of these. All lengths are in units of 1/100 inch."""

    def __init__(
        self, ax: Axes, trace: Trace, title: str | None, theme: ThemeName,
        critical: bool = False, wakes: bool = False, own: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.ax, self.trace, self.own = ax, trace, own
        self.page, self.parent = cast(Figure, ax.get_figure(root=True)), cast(Figure, ax.get_figure(root=False))
        self.starved = lanes.starved(trace)
        self.path = trace.critical_path() if critical else ()
        self.wakes = wakes
        # the pictures of a figure, which share margins and the legend, row by row
        self.peers, self.columns, self.badge = [self], 1, ""
        red, green, blue, alpha = cast("tuple[float, float, float, float]", self.page.get_facecolor())
        dark = theme == "dark" or (theme is None and alpha > 0.5 and red + green + blue < 1.2)
        self.theme: Theme = DARK if dark else LIGHT
        self.ground = theme is not None
        self._kept: dict[str, tuple[Any, Any]] = {}
        if own:
            self.page.set_facecolor(self.theme.paper)
        self.set_clip_on(False)
        self.set_zorder(0.4)  # below the numbers of the axis, and what others draw
        ax.add_artist(self)
        if title is None:
            title = captions.headline(trace)
            if trace.name and not title.lower().startswith(trace.name.lower()):
                title = f"{trace.name} · {title}"
        self._dress(title)

    def _once(self, what: str, key: Any, make: Callable[[], T]) -> T:
        """What `make` returns, made anew when `key` changes."""
        if what not in self._kept or self._kept[what][0] != key:
            self._kept[what] = key, make()
        kept: T = self._kept[what][1]
        return kept

    # -- the Axes ------------------------------------------------------------------------------------------------------

    def _dress(self, title: str) -> None:
        ax, t, on = self.ax, self.theme, not self.trace.empty
        ax.set_title(title, parse_math=False).set_visible(False)  # drawn by the picture, where it fits
        ax.set(facecolor=t.paper, ylim=(0, 1), axisbelow=True, axes_locator=self)
        ax.yaxis.set_visible(False)
        ax.grid(visible=False)
        for side, spine in ax.spines.items():
            spine.set(visible=side == "bottom" and on, color=t.waiting)
        artists = (a for other in ax.get_shared_x_axes().get_siblings(ax) for a in other.artists)
        limits = [a.extent() for a in artists if isinstance(a, Timeline)]
        ax.set_xlim(min(first for first, _ in limits), max(last for _, last in limits))
        ax.tick_params("x", which="minor", bottom=False)
        ax.tick_params("x", bottom=on, labelbottom=on, color=t.waiting, labelcolor=t.quiet, labelsize=SMALL, length=3)
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: self._tick(x)))

    def extent(self) -> tuple[float, float]:
        """Where the time axis begins and ends, in seconds."""
        trace = self.trace
        starts = [t.born or 0.0 for t in trace.tasks.values()] + [s.start for s in trace.spans]
        first = min(starts, default=0.0)
        last = max([first + trace.makespan, *(w.finished or w.queued for w in trace.work)]) or trace.duration
        first = 0.0 if first < 0.25 * last else first
        length = last - first if last - first > 1e-9 else 1e-3  # of a simulation that waits for nothing
        return first - 0.002 * length, first + 1.012 * length

    def _unit(self) -> tuple[float, str]:
        """By how much the seconds of the axis are multiplied, and the unit."""
        first, last = self.ax.get_xlim()
        return (1.0, "seconds") if abs(last - first) >= 0.1 else (1e3, "milliseconds")

    def _tick(self, value: float) -> str:
        box = self.layout()[0]
        return f"{round(value * self._unit()[0], 9):g}" if box.width >= 60 and box.height >= 16 else ""

    def fit_height(self) -> None:
        """Make the figure as high as its pictures need, and give each its place."""
        width = 1 / self.columns
        for n, picture in enumerate(self.peers):  # how many lines the words take depends on the width
            picture.ax.set_position((n % self.columns * width, 0.0, width, 1.0))
        heights = [sum(p._margins()) + p.chart().rows.height for p in self.peers]
        rows = [max(heights[n : n + self.columns]) for n in range(0, len(heights), self.columns)]
        total = sum(rows)
        self.page.set_figheight(total / UNITS)
        for n, (picture, height) in enumerate(zip(self.peers, heights, strict=True)):
            top = (total - sum(rows[: n // self.columns]) - height) / total
            picture.ax.set_position((n % self.columns * width, top, width, height / total))

    def _pixels(self, box: Bbox) -> Bbox:
        return Bbox(box.get_points() * (self.page.dpi / UNITS))

    def __call__(self, ax: Axes, renderer: Any) -> Bbox:
        """Called by matplotlib: where the Axes are, between names and captions, in parts of the figure."""
        return Bbox(self._pixels(self.layout()[0]).transformed(self.parent.transSubfigure.inverted()).get_points())

    def get_subplotspec(self) -> Any:
        """Called by the tight layout."""
        return self.ax.get_subplotspec()

    # -- layout --------------------------------------------------------------------------------------------------------

    def slot(self) -> Bbox:
        """The room that was given to the Axes, and is shared by lanes, names and captions."""
        box = self.ax.get_position(original=True).transformed(self.parent.transSubfigure)
        return Bbox(box.get_points() / (self.page.dpi / UNITS))

    def _lanes(self) -> lanes.Lanes:
        most = lanes.MOST if self.own else int(min(max(self.slot().height * 0.6 / TEXT_ROW, 3), lanes.MOST))
        return self._once("lanes", most, lambda: lanes.arrange(self.trace, self.starved, most))

    def chart(self) -> Chart:
        """All that depends on the width of the picture and its view, but not on its height."""
        slot, view, rows = self.slot(), self.ax.get_xlim(), self._lanes()
        names = (measure(_name(row), NAME)[0] + row.depth * INDENT for p in self.peers for row in p._lanes().rows)
        left, right = slot.x0 + PAD + min(max(names, default=0.0), 0.26 * slot.width) + 12, slot.x1 - PAD - 4
        args = rows, self.theme, self.starved, self.path, self.wakes, left, max(right, left + 10), view
        return self._once("chart", (left, right, view, id(rows)), lambda: Chart(self.trace, *args))

    def _measures(self) -> list[str]:
        """The lines below the axis."""
        chart, pieces = self.chart(), captions.measures(self.trace)
        room = chart.right - chart.left - measure(self._unit()[1], SMALL)[0] - 20
        if chart.rows.folded:
            pieces.append(f"{plural(chart.rows.folded, 'quiet row')} folded")
        if self.path:
            what, spent = next(iter(self.path.seconds.items()))
            pieces.append(f"critical path: {captions.seconds(spent)} {clean(what)}")
        lines = ["  ·  ".join(row) for row in _wrap([fit(piece, SMALL, room) for piece in pieces], 18, room + 18)]
        return lines if self.own else lines[: int(self.slot().height * 0.18 / TEXT_ROW)]

    def _legend(self) -> list[list[str]]:
        """The signs of all pictures in this figure, in rows."""
        if self is not self.peers[self.columns - 1]:  # it stands over the last picture of the first row
            return []
        occurs = set().union(*(p.chart().occurs for p in self.peers))
        words = {text: sign for sign, text in LEGEND.items() if sign in occurs}
        room = self.slot().x1 - self.peers[0].slot().x0 - 2 * PAD - 4
        rows = [[words[text] for text in row] for row in _wrap(list(words), SIGN + 20, room)]
        return rows if self.own or LEGEND_ROW * len(rows) <= 0.18 * self.slot().height else []

    def _margins(self) -> tuple[float, float]:
        """The room above the Axes and below them."""
        legend = self.peers[self.columns - 1]._legend() if self in self.peers[: self.columns] else None
        above = TITLE_ROW + (0.0 if legend is None else PAD + LEGEND_ROW * len(legend))
        return above, AXIS_ROW + TEXT_ROW * len(self._measures()) + PAD

    def layout(self) -> tuple[Bbox, list[Shape], list[Word]]:
        """For the present size and view: where the Axes are, the shapes, the words."""
        key = *self.slot().bounds, self.ax.get_xlim(), self.ax.get_title(), self.badge
        return self._once("layout", key, self._lay_out)

    def beside_words(self, x: float) -> list[tuple[float, float]]:
        """The parts of a vertical line across the lanes at `x` that cross no word, from below."""
        box, _, words = self.layout()
        parts, low = list[tuple[float, float]](), box.y0
        for word in sorted(words, key=lambda word: word.y):
            width, high, deep = measure(word.text, word.size, word.bold)
            if word.x - 2 < x < word.x + width + 2 and low < word.y + high and word.y - deep < box.y1:
                parts.append((low, word.y - deep))
                low = word.y + high
        return [(a, b) for a, b in [*parts, (low, box.y1)] if a < b]

    def _lay_out(self) -> tuple[Bbox, list[Shape], list[Word]]:
        slot, chart, t, (above, below) = self.slot(), self.chart(), self.theme, self._margins()
        left, right, low = chart.left, chart.right, slot.y0 + below
        high = max(slot.y1 - above, low + 10)
        stretch = (high - low) / chart.rows.height
        first = self.peers[0].slot().x0 if self._legend() else slot.x0  # the legend may begin over another picture
        words, shapes = Words((first, *slot.extents[1:])), list[Shape]()
        if not self.trace.empty:  # the numbers of the axis
            words.boxes.append((left - 18, low - 22, right + 18, low))
        for n, row in enumerate(self._legend()):
            x, y = right + 15, slot.y1 - PAD - LEGEND_ROW * (n + 0.5)
            for sign in reversed(row):
                x -= measure(LEGEND[sign], SMALL)[0] + SIGN + 20
                if words.put(LEGEND[sign], x + SIGN + 5, y, SMALL, t.quiet):
                    shapes += sign_for(sign, x, y, t)
        ink = t.work if self.badge.endswith("faster") else t.quiet
        badge = words.put(self.badge, right, high + 19, TITLE, ink, 1.0, bold=True)
        title = fit(clean(self.ax.get_title()), TITLE, (badge[0] - 16 if badge else right) - left, True)
        words.put(title, left, high + 19, TITLE, t.text, bold=True)
        for lane in chart.rows.rows:
            x, y = slot.x0 + PAD + lane.depth * INDENT, high - (lane.top + lane.height / 2) * stretch
            colour = t.text if lane.kind in ("task", "fold", "span") else t.quiet
            if words.put(fit(_name(lane), NAME, left - 10 - x, least=1), x, y, NAME, colour) and lane.depth:
                a, b = x - 9, y - 1  # a child's angle: drawn, since as a letter it costs as much as a name
                path = rectangles([a, a], [b, b], [a + 1.2, x - 4], [b + 8, b + 1.2])
                shapes.append(Shape(path, t.waiting, clip=False))
        for n, line in enumerate(self._measures()):
            words.put(line, left, low - AXIS_ROW - TEXT_ROW * (n + 0.5), SMALL, t.quiet)
        if self.trace.empty:
            text = "no task and no span ran inside the block"
            words.put(text, (left + right) / 2, (low + high) / 2, NAME, t.quiet, 0.5)
        else:
            words.put(self._unit()[1], right, low - AXIS_ROW - TEXT_ROW / 2, SMALL, t.quiet, 1.0)
        shapes += chart.draw(high, stretch, words)
        return Bbox([[left, low], [right, high]]), shapes, words.placed

    # -- the Artist ----------------------------------------------------------------------------------------------------

    def draw(self, renderer: Any) -> None:
        """Called by matplotlib."""
        if self.get_visible():
            (box, shapes, words), under = self.layout(), list[Shape]()
            if self.ground:
                under.append(Shape(rectangles(*self.slot().extents), self.theme.paper, clip=False))
            if not self.trace.empty:
                x = self.chart().x(self.ax.xaxis.get_majorticklocs())
                under.append(Shape(rectangles(x - 0.55, box.y0, x + 0.55, box.y1), self.theme.grid))
            with matplotlib.rc_context({"hatch.linewidth": 1.1, "path.simplify": False}):
                draw(renderer, self, under + shapes, words, self.ax.bbox)
        self.stale = False

    def get_window_extent(self, renderer: Any = None) -> Bbox:
        """All the room that the picture takes, in pixels; layout engines ask for it."""
        return self._pixels(self.slot())


def _name(row: lanes.Lane) -> str:
    return clean(row.label) or "(no name)"


def _wrap(texts: list[str], space: float, room: float) -> list[list[str]]:
    """Rows of texts, each with `space` beside it, that are at most `room` wide."""
    rows: list[list[str]] = []
    for text in texts:
        if rows and sum(measure(other, SMALL)[0] + space for other in (*rows[-1], text)) <= room:
            rows[-1].append(text)
        else:
            rows.append([text])
    return rows
