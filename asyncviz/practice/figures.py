"""Figures for lessons that are not timelines: curves of what was measured, with spread, units and limits.

    curves({"asyncio": {1: [0.04, 0.05], 100: [0.10, 0.12]}}, title="Overlap is fast", x="requests", y="seconds")

They show themselves in a notebook as recordings do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from asyncviz.palette import NAME, SMALL, THEMES, TITLE
from asyncviz.words import enumeration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Line = Mapping[float, Sequence[float]]  # at each place all measurements
Bound = Mapping[float, float]  # at each place one value
Scale = Literal["log", "linear"]

WIDTH, HEIGHT = 9.0, 4.4  # inches
LEFT = 0.065  # of the width, for the numbers at the side
EARLY = 0.7  # of the width: a line that ends before has its name there
GAP = 15.0  # points between the names of two lines
MARKS = "osD^vP"  # with the colours, so that lines can be told apart without them
COLOURS = ("running", "work", "busy", "path", "ready", "waiting")


class Picture:
    """A figure with alternative text, shown on the last line of a cell. `figure` and `axes` are Matplotlib's."""

    def __init__(self, figure: Figure, text: str) -> None:
        self.figure, self.axes, self.savefig, self._text = figure, figure.axes, figure.savefig, " ".join(text.split())

    def __repr__(self) -> str:
        """What is drawn, without a measured number."""
        return self._text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from asyncviz import display

        return display._bundle(self.figure, self._text)


def curves(
    lines: Mapping[str, Line],
    *,
    title: str,
    x: str,
    y: str,
    bounds: Mapping[str, Bound] | None = None,
    scale: Scale | tuple[Scale, Scale] = "log",
    names: Mapping[float, str] | None = None,
    alt: str = "",
    theme: Literal["light", "dark"] = "light",
) -> Picture:
    """Draw lines of measurements, each with its name at its end.

    lines : name → {place: measurements}; a line goes through the medians, and a bar spans all that was measured.
    title : the conclusion. x, y : what the axes show, units included.
    bounds : name → {place: value}: limits and expectations, dashed and without marks.
    scale : "log" or "linear", for both axes or for (x, y). A logarithmic axis takes no 0.
    names : place → name, where places are things and not numbers: marks are not joined then.
    alt : what the picture shows, for those who do not see it; without clock readings. Lines and axes are named anyway.
    theme : "light" or "dark".

    Raises ValueError without a line, for a line without measurements, and for what a logarithmic axis cannot show.
    """
    from matplotlib.figure import Figure

    limits, scales = dict(bounds or {}), (scale, scale) if isinstance(scale, str) else scale
    _check(lines, limits, scales)
    colours = vars(THEMES[theme])
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=100, facecolor=colours["paper"])
    figure.set_layout_engine("none")
    ax = figure.add_axes((LEFT, 0.14, 0.73, 0.68), facecolor=colours["paper"])
    drawn: list[tuple[str, str, Bound]] = []
    for number, (name, line) in enumerate(lines.items()):
        colour, mark = colours[COLOURS[number % len(COLOURS)]], MARKS[number % len(MARKS)]
        places = sorted(line)
        middle = [median(line[place]) for place in places]
        low, high = [min(line[place]) for place in places], [max(line[place]) for place in places]
        ax.vlines(places, low, high, color=colour, linewidth=5.5, alpha=0.4, zorder=2)
        joined = "none" if names else "-"
        ax.plot(places, middle, color=colour, marker=mark, markersize=5.5, linewidth=1.8, linestyle=joined, zorder=3)
        drawn.append((name, colour, dict(zip(places, middle, strict=True))))
    for name, bound in limits.items():
        places, colour = sorted(bound), colours["hold"]
        ax.plot(places, [bound[p] for p in places], color=colour, linestyle=(0, (5, 3)), linewidth=1.4, zorder=1)
        drawn.append((name, colour, bound))
    _dress(ax, scales, sorted({place for line in lines.values() for place in line}), colours)
    if names:
        ax.set_xticks(list(names), list(names.values()))
        ax.margins(x=0.15)
    ax.set_xlabel(x, color=colours["quiet"], fontsize=SMALL, loc="right", labelpad=7)
    ax.set_title(y, color=colours["quiet"], fontsize=SMALL, loc="left", pad=10)  # level: it is read, not turned
    figure.text(LEFT, 0.93, title, color=colours["text"], fontsize=TITLE, fontweight="bold", va="center")
    _name(ax, drawn)
    return Picture(figure, _text(title, x, y, list(lines), list(limits), alt))


def _check(lines: Mapping[str, Line], bounds: Mapping[str, Bound], scales: tuple[Scale, Scale]) -> None:
    if not lines or not all(line and all(line.values()) for line in lines.values()):
        raise ValueError('each line needs measurements: curves({"asyncio": {1: [0.04, 0.05]}}, …)')
    if not set(scales) <= {"log", "linear"}:
        raise ValueError(f'scale is "log" or "linear", or a pair of them, not {scales!r}')
    places = [place for line in (*lines.values(), *bounds.values()) for place in line]
    values = [value for line in lines.values() for some in line.values() for value in some]
    values += [value for bound in bounds.values() for value in bound.values()]
    for numbers, kind in zip((places, values), scales, strict=True):
        if kind == "log" and min(numbers) <= 0:
            raise ValueError(f'a logarithmic axis has no place for {min(numbers):g}: scale="linear"')


def _dress(ax: Axes, scales: tuple[Scale, Scale], places: list[float], colours: Mapping[str, Any]) -> None:
    """Axes: the places that were measured below, plain numbers at the side, no frame."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    ax.set_xscale(scales[0])
    ax.set_yscale(scales[1])
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
    ax.xaxis.set_major_locator(FixedLocator(places))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(plain)
    if scales[1] == "log":
        low, high = ax.get_ylim()
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 3000 * low else (1,)))
        ax.yaxis.set_minor_locator(NullLocator())
    else:
        ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(plain)
    ax.tick_params(colors=colours["quiet"], labelsize=SMALL, length=0, pad=6)
    ax.grid(color=colours["grid"], linewidth=1.0)
    ax.set_axisbelow(True)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _name(ax: Axes, drawn: list[tuple[str, str, Bound]]) -> None:
    """The names at the right, each as near to its line's end as the others let it; beside one that ends early."""
    to_points = 72 / ax.figure.dpi
    right, low = ax.bbox.x1 * to_points, ax.bbox.y0 * to_points
    above = low  # how far up there are names already
    for name, colour, line in sorted(drawn, key=lambda each: each[2][max(each[2])]):
        place, value = max(line), line[max(line)]
        end_x, end_y = ax.transData.transform((place, value)) * to_points
        if ax.transAxes.inverted().transform(ax.transData.transform((place, value)))[0] < EARLY:
            # lines that go on, and are higher in the end: there already, or will they cross the room at the right?
            rising = [other for _, _, other in drawn if max(other) > place and other[max(other)] > value]
            crossing = any(other.get(place, value) < value for other in rising)
            ax.annotate(
                name, (place, value), (-8 if crossing else 10, -13 if rising and not crossing else 3),
                textcoords="offset points", ha="right" if crossing else "left", color=colour, fontsize=NAME,
                bbox={"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 1.5},  # a line may pass behind it
            )  # fmt: skip
            continue
        half = GAP * (name.count("\n") + 1) / 2
        height = max(end_y, above + half)
        above = height + half
        ax.annotate(
            name, (place, value), (right + 14 - end_x, height - end_y), textcoords="offset points",
            color=colour, fontsize=NAME, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 5},
        )  # fmt: skip


def _text(title: str, x: str, y: str, lines: list[str], bounds: list[str], alt: str) -> str:
    dashed = f"; dashed: {enumeration(_flat(bounds))}" if bounds else ""
    return f"{title}. Horizontal: {x}. Vertical: {y}. Lines: {enumeration(_flat(lines))}{dashed}. {alt}".strip()


def _flat(names: Sequence[str]) -> list[str]:
    return [" ".join(name.split()) for name in names]
