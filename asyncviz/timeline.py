"""Draws recordings with matplotlib.

A picture is one Artist on an Axes. It lays itself out when it is drawn, for the size and resolution of that moment:
what can be told apart, which words fit, and what must be folded depend on the pixels there are. So a picture stays
right in subplots, when a window is resized or zoomed, and in any file format.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import matplotlib
from matplotlib import colors
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox

from . import captions, lanes
from .captions import clean
from .chart import Chart
from .ink import Ruler, Shape, Words, draw, rectangles
from .narrative import plural
from .palette import DARK, INDENT, LIGHT, NAME, PAD, SMALL, THEMES, TITLE, Theme
from .signs import LEGEND, SIGN, sign_for
from .trace import HELD, Trace

ThemeName = Literal["light", "dark"] | None
WIDTH = 9.0  # inches


def plot(
    trace: Trace,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    theme: ThemeName = None,
    width: float | None = None,
    threshold: float = HELD,
) -> Axes:
    """Draw the timeline of a recording.

    Parameters
    ----------
    trace : the recording.
    ax : the Axes to draw on; by default those of a new pyplot figure that is as high as the picture needs.
    title : by default the recording's name and a conclusion drawn from it; change it later with `ax.set_title`.
    theme : "light" or "dark"; by default the one that suits the background of the figure.
    width : of the new figure, in inches (default 9).
    threshold : seconds; steps at least this long are outlined and named.

    Returns the Axes. Its x axis is in seconds. Raises TypeError for a `trace` or `ax` of another kind, ValueError for
    Axes of a closed figure, a width together with an ax, and numbers that are not positive.
    """
    _check(trace, ax, theme, width, threshold)
    if ax is None:
        # pyplot, as users expect: shown at the end of a notebook's cell, which closes it, and by plt.show() in a script
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(width or WIDTH, 4), layout="none")
        ax = figure.add_subplot()
        picture = Timeline(ax, trace, title, theme, threshold, own=True)
        picture.fit_height()
    else:
        for old in [a for a in ax.artists if isinstance(a, (Timeline, _Card))]:
            old.remove()
        Timeline(ax, trace, title, theme, threshold)
    return ax


def figure_of(
    traces: Sequence[Trace], titles: Sequence[str | None], theme: ThemeName, threshold: float = HELD
) -> Figure:
    """A figure that pyplot does not know, with one picture under the other on one time axis."""
    figure = Figure(figsize=(WIDTH, 4), dpi=100)
    figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    pictures: list[Timeline] = []
    for n, (trace, title) in enumerate(zip(traces, titles, strict=True)):
        ax = figure.add_axes((0, 0.5, 1, 0.5), label=str(n))
        pictures.append(Timeline(ax, trace, title, theme, threshold, own=True))
    for n, picture in enumerate(pictures):
        picture.peers = pictures
        picture.badge = _badge(traces[0], picture.trace) if n else ""
    limits = [p.ax.get_xlim() for p in pictures]
    for picture in pictures:
        picture.ax.set_xlim(min(a for a, _ in limits), max(b for _, b in limits))
    pictures[0].fit_height()
    return figure


def compare(
    *traces: Trace, titles: Sequence[str | None] | None = None, theme: ThemeName = None, threshold: float = HELD
) -> Any:
    """Draw recordings one under the other on one time axis, each with how much faster it is than the first.

    Returns a `display.Comparison`: the picture in a notebook, with `figure`, `axes` and `savefig`. Raises TypeError for
    arguments that are no recordings, ValueError without any or when `titles` are not as many.
    """
    from .display import Comparison

    if not traces:
        raise ValueError("compare() needs at least one recording: compare(blocking, concurrent)")
    for trace in traces:
        _check(trace, None, theme, None, threshold)
    if titles is not None and len(titles) != len(traces):
        raise ValueError(f"compare() got {len(traces)} recordings and {len(titles)} titles")
    return Comparison(traces, figure_of(traces, titles or [None] * len(traces), theme, threshold))


def _badge(first: Trace, other: Trace) -> str:
    """By how much `other` was faster or slower than `first`."""
    if not first.makespan or not other.makespan:
        return ""
    ratio = first.makespan / other.makespan
    factor, word = (ratio, "faster") if ratio >= 1 else (1 / ratio, "slower")
    return f"{factor:.1f} × {word}" if factor < 9.95 else f"{factor:,.0f} × {word}" if factor >= 1.05 else "as long"


def _check(trace: Any, ax: Any, theme: Any, width: Any, threshold: Any) -> None:
    if not isinstance(trace, Trace):
        raise TypeError(f"a recording is drawn, not {type(trace).__name__}: `with record() as trace:`")
    if theme not in (None, *THEMES):
        raise ValueError(f'theme is "light", "dark" or None, not {theme!r}')
    for name, value in (("width", width), ("threshold", threshold)):
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name} is a positive number, not {value!r}")
    if ax is None:
        return
    if not isinstance(ax, Axes) or ax.name != "rectilinear":
        kind = getattr(ax, "name", "") if isinstance(ax, Axes) else type(ax).__name__
        raise TypeError(f"a timeline is drawn on ordinary Axes, not {kind}: fig, ax = plt.subplots()")
    if width is not None:
        raise ValueError("width is for a new figure: the Axes that you gave have theirs")
    figure = ax.get_figure(root=True)
    helpers: Any = sys.modules.get("matplotlib._pylab_helpers")  # where pyplot keeps its open figures
    of_pyplot = helpers is not None and getattr(figure, "number", None) is not None
    closed = of_pyplot and all(m.canvas.figure is not figure for m in helpers.Gcf.figs.values())
    if figure is None or ax not in figure.axes or closed:
        raise ValueError("these Axes belong to a figure that was closed or cleared: make new ones for this plot")


class Timeline(Artist):
    """The picture of one recording on one Axes."""

    def __init__(
        self, ax: Axes, trace: Trace, title: str | None, theme: ThemeName, threshold: float, own: bool = False
    ) -> None:
        super().__init__()
        self.trace, self.threshold, self.own = trace, threshold, own
        self.ax = ax
        self.holds = lanes.long_steps(trace, threshold)
        self.starved = lanes.starved(trace, threshold)
        self.peers = [self]
        self.badge = ""
        figure = ax.get_figure(root=True)
        assert figure is not None
        red, green, blue, alpha = colors.to_rgba(figure.get_facecolor())
        dark = theme == "dark" or (theme is None and alpha > 0.5 and red + green + blue < 1.2)
        self.theme: Theme = DARK if dark else LIGHT
        self._made: tuple[Any, Layout] | None = None
        self._flat_made: tuple[Any, Flat] | None = None
        self._known: dict[int, lanes.Lanes] = {}
        self._rulers: dict[float, Ruler] = {}
        if own:
            figure.set_facecolor(self.theme.paper)
        elif theme is not None:
            ax.add_artist(_Card(self))
        ax.add_artist(self)
        self.set_clip_on(False)
        self.set_zorder(2)
        if title is None:
            title = captions.headline(trace, self.holds, threshold)
            if trace.name:
                title = f"{trace.name} · {title}"
        self._dress(title)

    # -- the Axes ------------------------------------------------------------------------------------------------------

    def _dress(self, title: str) -> None:
        ax, t = self.ax, self.theme
        ax.set_title(title, parse_math=False).set_visible(False)  # drawn by the picture, where it fits
        ax.set_facecolor(t.paper)
        ax.set_ylim(0, 1)
        ax.yaxis.set_visible(False)
        for side, spine in ax.spines.items():
            spine.set_visible(side == "bottom" and not self.trace.empty)
            spine.set_color(t.waiting)
        ax.set_axisbelow(True)
        ax.grid(visible=False)
        ax.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
        artists = (a for other in ax.get_shared_x_axes().get_siblings(ax) for a in other.artists)
        limits = [a.extent() for a in artists if isinstance(a, Timeline)]
        ax.set_xlim(min(first for first, _ in limits), max(last for _, last in limits))
        if not self.trace.empty:
            ax.tick_params(
                axis="x", bottom=True, labelbottom=True, color=t.waiting, labelcolor=t.quiet, labelsize=SMALL,
                length=3, width=0.8, direction="out", pad=3,
            )  # fmt: skip
            ax.grid(visible=True, axis="x", color=t.grid, linewidth=0.8, linestyle="-", alpha=1)
            ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10]))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: self._tick(x)))
        if ax.get_figure(root=True).get_layout_engine() is None:  # type: ignore[union-attr]
            ax.set_axes_locator(lambda axes, renderer: self._located())

    def extent(self) -> tuple[float, float]:
        """Where the time axis begins and ends, in seconds."""
        trace = self.trace
        starts = [t.born or 0.0 for t in trace.tasks.values()] + [s.start for s in trace.spans]
        if not starts:
            return 0.0, max(trace.duration, 1e-6)
        first = min(starts)
        last = max(first + trace.makespan, max((w.finished or w.queued for w in trace.work), default=0.0))
        first = 0.0 if first < 0.25 * last else first
        length = max(last - first, 1e-9)
        return first - 0.002 * length, last + 0.012 * length

    def scale(self) -> tuple[float, str]:
        """By how much the seconds of the axis are multiplied, and the unit."""
        first, last = self.ax.get_xlim()
        return (1.0, "seconds") if abs(last - first) >= 0.1 else (1e3, "milliseconds")

    def _tick(self, value: float) -> str:
        unit, box = self._unit(), self.ax.bbox
        if box.width < 60 * unit or box.height < 16 * unit:
            return ""  # no room for numbers
        return f"{round(value * self.scale()[0], 9):g}"

    def fit_height(self) -> None:
        """Make the figure as high as its pictures need, and give each its place."""
        figure = self.ax.get_figure(root=True)
        assert isinstance(figure, Figure)
        unit = figure.dpi / 100
        heights = []
        for picture in self.peers:
            flat = picture.flat()
            heights.append(sum(picture._margins(flat, unit)) + flat.chart.rows.height * unit)
        figure.set_figheight(sum(heights) / figure.dpi)
        top = sum(heights)
        for picture, height in zip(self.peers, heights, strict=True):
            top -= height
            picture.ax.set_position((0.0, top / sum(heights), 1.0, height / sum(heights)))

    # -- layout --------------------------------------------------------------------------------------------------------

    def _slot(self) -> Bbox | None:
        """The pixels that the picture may use, or None where a layout engine makes room around the Axes."""
        ax, parent = self.ax, self.ax.get_figure(root=False)
        assert parent is not None
        if ax.get_axes_locator() is None:
            return None
        place, spec = ax.get_position(original=True), ax.get_subplotspec()
        if spec is not None and spec.get_topmost_subplotspec() is spec:
            # names and captions may use the margins of the figure, and half of the gaps between the subplots
            low, high, left, right = spec.get_gridspec().get_grid_positions(parent)  # type: ignore[arg-type]
            top = 1.0 if not parent.get_suptitle() else high.max()
            x, y = [0.0, *(left[1:] + right[:-1]) / 2, 1.0], [top, *(low[:-1] + high[1:]) / 2, 0.0]
            place = Bbox([[x[spec.colspan.start], y[spec.rowspan.stop]], [x[spec.colspan.stop], y[spec.rowspan.start]]])
        return Bbox(place.transformed(parent.transSubfigure).get_points())

    def _located(self) -> Bbox:
        parent = self.ax.get_figure(root=False)
        assert parent is not None
        return Bbox(self.layout().axes.transformed(parent.transSubfigure.inverted()).get_points())

    def _unit(self) -> float:
        figure = self.ax.get_figure(root=True)
        assert figure is not None
        return figure.dpi / 100

    def _ruler(self, unit: float) -> Ruler:
        return self._rulers.setdefault(unit, Ruler(unit * 100))

    def _lanes(self, most: int) -> lanes.Lanes:
        if most not in self._known:
            self._known = {most: lanes.arrange(self.trace, self.threshold, most)}
        return self._known[most]

    def _names_width(self, most: int, unit: float, width: float) -> float:
        """Pixels for the names of the lanes, and the space beside them."""
        ruler = self._ruler(unit)
        names = [ruler(_name(lane), NAME)[0] + lane.depth * INDENT * unit for lane in self._lanes(most).rows]
        return min(max(names, default=0.0), 0.26 * width) + 12 * unit

    def flat(self) -> Flat:
        """All that depends on the width of the picture and its view, but not on its height."""
        unit, slot, view = self._unit(), self._slot(), self.ax.get_xlim()
        where = self.ax.bbox if slot is None else slot
        key = unit, float(where.x0), float(where.x1), None if self.own else float(where.height), view
        if self._flat_made is not None and self._flat_made[0] == key:
            return self._flat_made[1]
        most = lanes.MOST
        if not self.own:
            most = int(min(max(where.height * (1 if slot is None else 0.6) / (16 * unit), 3), most))
        names = max(p._names_width(most, unit, where.width) for p in self.peers)
        left, right = where.x0, where.x1
        if slot is not None:
            left, right = left + PAD * unit + names, right - (PAD + 4) * unit
        right = max(right, left + 10 * unit)
        chart = Chart(self.trace, self._lanes(most), self.theme, self.holds, self.starved, unit, left, right, view)
        measures = captions.measures(self.trace, self.holds, self.threshold)
        if chart.rows.folded:
            measures.append(f"{plural(chart.rows.folded, 'quiet lane')} folded")
        ruler = self._ruler(unit)
        room = right - left - ruler(self.scale()[1], SMALL)[0] - 20 * unit
        lines = _wrap(measures, ruler, room)
        if not self.own and slot is not None:
            lines = lines[: int(slot.height * 0.18 / (16 * unit))]
        self._flat_made = key, Flat(chart, left, right, names, lines)
        return self._flat_made[1]

    def _legend(self, flat: Flat, unit: float) -> list[list[tuple[str, str, float]]]:
        """Rows of (sign, text, width) that tell what the signs of all pictures in this figure mean."""
        if self is not self.peers[0]:
            return []
        occurs = set().union(*(p.flat().chart.occurs for p in self.peers))
        rows: list[list[tuple[str, str, float]]] = [[]]
        used = 0.0
        for sign, text in LEGEND.items():
            if sign in occurs:
                wide = self._ruler(unit)(text, SMALL)[0] + (SIGN + 5 + 18) * unit
                if used + wide > flat.right - flat.left + flat.names - 4 * unit and rows[-1]:
                    rows.append([])
                    used = 0.0
                rows[-1].append((sign, text, wide))
                used += wide
        slot = self._slot()
        small = not self.own and slot is not None and 19 * unit * len(rows) > 0.18 * slot.height
        return [] if small or not rows[0] else rows

    def _margins(self, flat: Flat, unit: float) -> tuple[float, float]:
        """Pixels above the Axes and below them."""
        first, rows = self is self.peers[0], len(self._legend(flat, unit))
        return (PAD * first + 19 * rows + 36) * unit, (27 + 16 * len(flat.measures) + PAD) * unit

    def layout(self) -> Layout:
        """The picture for the present size, resolution and view."""
        unit, slot = self._unit(), self._slot()
        where = self.ax.bbox if slot is None else slot
        key = unit, *map(float, where.bounds), self.ax.get_xlim(), self.ax.get_title(), self.badge
        if self._made is None or self._made[0] != key:
            self._made = key, self._make(slot, unit)
        return self._made[1]

    def _make(self, slot: Bbox | None, unit: float) -> Layout:
        flat, t = self.flat(), self.theme
        above, below = self._margins(flat, unit)
        if slot is None:
            low, high = self.ax.bbox.y0, self.ax.bbox.y1
            left, right = flat.left - PAD * unit - flat.names, flat.right + (PAD + 4) * unit
            slot = Bbox([[left, low - below], [right, high + above]])
        else:
            low, high = slot.y0 + below, slot.y1 - above
        high = max(high, low + 10 * unit)
        words = Words(self._ruler(unit), (slot.x0, slot.y0, slot.x1, slot.y1))
        shapes: list[Shape] = []
        if not self.trace.empty:  # the numbers of the axis
            words.boxes.append((flat.left - 18 * unit, low - 22 * unit, flat.right + 18 * unit, low))
        top = slot.y1 - PAD * unit * (self is self.peers[0])
        for row in self._legend(flat, unit):
            x = flat.right + 18 * unit - sum(wide for *_, wide in row)
            for sign, text, wide in row:
                if words.put(text, x + (SIGN + 5) * unit, top - 9 * unit - words.centre(SMALL), SMALL, t.quiet):
                    shapes += sign_for(sign, x, top - 9 * unit, unit, t)
                x += wide
            top -= 19 * unit
        self._write_title(words, flat, high, unit)
        k = (high - low) / flat.chart.rows.height
        shapes += self._write_names(words, flat, high, k, unit)
        base = low - (27 + 11) * unit
        for line in flat.measures:
            words.put(line, flat.left, base, SMALL, t.quiet)
            base -= 16 * unit
        if not self.trace.empty:
            words.put(self.scale()[1], flat.right, low - (27 + 11) * unit, SMALL, t.quiet, 1.0)
        if self.trace.empty:
            middle = (flat.left + flat.right) / 2
            words.put("no task and no span ran inside the block", middle, (low + high) / 2, NAME, t.quiet, 0.5)
        shapes += flat.chart.draw(high, k, words)
        return Layout(Bbox([[flat.left, low], [flat.right, high]]), slot, shapes, words.placed)

    def _write_title(self, words: Words, flat: Flat, high: float, unit: float) -> None:
        y, right = high + 14 * unit, flat.right
        if self.badge:
            box = words.put(self.badge, right, y, TITLE, self.theme.work, 1.0, bold=True)
            right = box[0] - 16 * unit if box else right
        title, ruler = clean(self.ax.get_title()), words.ruler
        room, sizes = right - flat.left, (TITLE, TITLE - 1, TITLE - 2)
        size = next((s for s in sizes if ruler(title, s, True)[0] <= room), sizes[-1])
        words.put(ruler.fit(title, size, room, True), flat.left, y, size, self.theme.text, bold=True)

    def _write_names(self, words: Words, flat: Flat, high: float, k: float, unit: float) -> Iterator[Shape]:
        edge = flat.left - flat.names
        for row in flat.chart.rows.rows:
            x, y = edge + row.depth * INDENT * unit, high - row.middle * k
            name = words.ruler.fit(_name(row), NAME, flat.left - 10 * unit - x, middle=True, least=1)
            colour = self.theme.text if row.kind in ("task", "fold", "span") else self.theme.quiet
            if words.put(name, x, y - words.centre(NAME), NAME, colour) and row.depth:
                a, b = x - 9 * unit, y - unit  # a child's angle: drawn, since as a letter it costs as much as a name
                yield Shape(rectangles([a, a], [b, b], [a + 1.2 * unit, x - 4 * unit], [b + 8 * unit, b + 1.2 * unit]),
                            self.theme.waiting, clip=False)  # fmt: skip

    # -- the Artist ----------------------------------------------------------------------------------------------------

    def draw(self, renderer: Any) -> None:
        """Called by matplotlib."""
        if self.get_visible():
            layout = self.layout()
            with matplotlib.rc_context({"hatch.linewidth": 1.1, "path.simplify": False}):
                draw(renderer, self, layout.shapes, layout.words, self.ax.bbox)
        self.stale = False

    def get_window_extent(self, renderer: Any = None) -> Bbox:
        """All the room that the picture takes, in pixels; layout engines ask for it."""
        return self.layout().outside


class _Card(Artist):
    """The ground of a picture whose theme may not be that of its figure, under the grid of the Axes."""

    def __init__(self, picture: Timeline) -> None:
        super().__init__()
        self.picture = picture
        self.set_zorder(-1)
        self.set_in_layout(False)

    def draw(self, renderer: Any) -> None:
        """Called by matplotlib."""
        box, paper = self.picture.layout().outside, self.picture.theme.paper
        draw(renderer, self, [Shape(rectangles(box.x0, box.y0, box.x1, box.y1), paper, clip=False)], [], box)


class Flat(NamedTuple):
    chart: Chart
    left: float
    right: float
    names: float
    measures: list[str]


class Layout(NamedTuple):
    axes: Bbox
    outside: Bbox
    shapes: list[Shape]
    words: list[Any]


def _name(row: lanes.Lane) -> str:
    return clean(row.label) or "(no name)"


def _wrap(pieces: list[str], ruler: Ruler, room: float) -> list[str]:
    """Pieces joined to lines that fit."""
    lines: list[str] = []
    for piece in pieces:
        longer = f"{lines[-1]}  ·  {piece}" if lines else piece
        if lines and ruler(longer, SMALL)[0] <= room:
            lines[-1] = longer
        else:
            lines.append(ruler.fit(piece, SMALL, room))
    return lines
