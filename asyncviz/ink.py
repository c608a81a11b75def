"""Words that never overlap, many rectangles as one path, and the signs that the legend explains.

Everything is in units of 1/100 inch from the figure's lower left corner, and scaled when it is drawn.
"""

from __future__ import annotations

import warnings
from functools import cache, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox

from .palette import OUTLINES, QUEUED, Theme

if TYPE_CHECKING:
    from .trace import Floats

UNITS = 100  # in an inch
Box = tuple[float, float, float, float]  # left, bottom, right, top
SIGN = 22.0  # the width of a sign in the legend
LEGEND = {
    "running": "running", "span": "span in a task", "ready": "ready", "waiting": "waiting",
    "in flight": "number in flight", "blocking call": "blocking call", "computing": "computing",
    "pre-empted": "pre-empted", "unknown": "long step", "work": "work in a worker", "queued": "queued for one",
    "path": "critical path", "wake": "wakes", "returned": "returned", "raised": "raised", "cancelled": "cancelled",
    "lost": "lost", "pending": "still going", "dense": "merged: height is their share", "widened": "widened to be seen",
}  # fmt: skip


class Word(NamedTuple):
    """A text that was placed: left end and baseline, and its size in points."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    bold: bool


@cache
def _pen() -> Any:
    return RendererAgg(1, 1, UNITS)  # type: ignore[no-untyped-call]


@cache
def _font(size: float, bold: bool) -> FontProperties:
    return FontProperties(size=size, weight="bold" if bold else "normal")


@lru_cache(10_000)
def measure(text: str, size: float, bold: bool = False) -> tuple[float, float, float]:
    """Width of a text, height above the baseline, depth below it; of "" those of a line."""
    if not text:
        _, high, deep = _pen().get_text_width_height_descent("lp", _font(size, bold), False)
        return 0.0, high - deep, deep
    _, line, foot = measure("", size, bold)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        w, high, deep = _pen().get_text_width_height_descent(text, _font(size, bold), False)
    return w * 1.01 + 1, max(high - deep, line), max(deep, foot)  # letters are a little wider at other resolutions


def tall(size: float) -> float:
    """The height of a line of text."""
    _, high, deep = measure("", size)
    return high + deep


def fit(text: str, size: float, room: float, bold: bool = False, least: int = 3) -> str:
    """`text`, shortened with … to the width `room`; "" if not even `least` letters fit. The end of a name counts."""

    def short(n: int) -> str:
        tail = n // 3 if n > 8 else 0
        return text[: n - tail].rstrip() + "…" + text[len(text) - tail :].lstrip()

    n, w = len(text), measure(text, size, bold)[0]
    if w <= room:
        return text
    while n >= least and (w := measure(short(n), size, bold)[0]) > room:
        n = max(min(n - 1, int(n * room / w)), 0)
    return short(n) if n >= least else ""


class Words:
    """The words of a picture. One that would touch another or leave `limits` is not placed."""

    def __init__(self, limits: Box) -> None:
        self.limits = limits
        self.placed: list[Word] = []
        self.boxes: list[Box] = []

    def put(
        self, text: str, x: float, y: float, size: float, colour: str, align: float = 0.0, bold: bool = False
    ) -> Box | None:
        """Place `text` on a line whose middle is y; `align`: 0 puts its left end at x, 0.5 its middle, 1 its right."""
        if not text:
            return None
        w, high, deep = measure(text, size, bold)
        _, line, foot = measure("", size)
        x, y = x - align * w, y - (line - foot) / 2
        a, b, c, d = box = (x - 1, y - deep, x + w + 1, y + high)
        left, bottom, right, top = self.limits
        if a < left or b < bottom or c > right or d > top:
            return None
        if any(e < c and g > a and f < d and h > b for e, f, g, h in self.boxes):
            return None
        self.boxes.append(box)
        self.placed.append(Word(x, y, text, size, colour, bold))
        return box


class Shape(NamedTuple):
    """Outlines of one style; `clip`: only the part inside the Axes is drawn."""

    path: Path
    face: str | None
    edge: str | None = None
    line: float = 0.0
    style: Any = "-"
    hatch: str | None = None  # the colour of its stripes
    clip: bool = True
    snap: bool = True  # to whole pixels: crisp edges


def rectangles(left: Any, bottom: Any, right: Any, top: Any) -> Path:
    """Many rectangles as one path: one element in an SVG, one call to the renderer."""
    sides = (np.atleast_1d(np.asarray(side, float)) for side in (left, bottom, right, top))
    left, bottom, right, top = np.broadcast_arrays(*sides)
    points = np.stack([left, bottom, right, bottom, right, top, left, top, left, bottom], axis=1).reshape(-1, 2)
    codes = np.tile(np.array([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], np.uint8), len(left))
    return Path(np.round(points, 2), codes)


def skyline(edges: Floats, heights: Floats, foot: float) -> Path:
    """An outline of steps on a line at `foot`; there is one height between any two edges."""
    x, y = np.repeat(edges, 2), np.concatenate(([0], np.repeat(heights, 2), [0])) + foot
    return Path(np.round(np.column_stack((np.append(x, x[0]), np.append(y, foot))), 2), closed=True)


def draw(renderer: Any, artist: Any, shapes: list[Shape], words: list[Word], clip: Bbox) -> None:
    """Draw shapes, then words; `clip` is in pixels."""
    figure = artist.get_figure(root=False)
    scale = figure.dpi / UNITS
    for _, alike in groupby(shapes, key=lambda shape: shape[1:]):
        same = list(alike)
        shape = same[0]
        path = shape.path if len(same) == 1 else Path.make_compound_path(*(s.path for s in same))
        passes = [(shape.face, shape.edge, shape.line, "")]
        if shape.hatch:  # stripes have the colour of the outline: lighter ones take a pass of their own
            passes = [(shape.face, shape.hatch, 0.0, "/////"), (None, shape.edge, shape.line, "")]
        for face, edge, line, hatch in passes:
            patch = PathPatch(
                path, fc=face or "none", ec=edge or "none", lw=line * 72 / UNITS, ls=shape.style, hatch=hatch or None,
                joinstyle="miter", capstyle="butt", transform=Affine2D().scale(scale), snap=shape.snap,
            )  # fmt: skip
            patch.set_figure(figure)
            if shape.clip:
                patch.set_clip_box(clip)
            patch.draw(renderer)
    height = renderer.get_canvas_width_height()[1] if renderer.flipy() else 0.0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        for word in words:  # not as Text artists, which take twice as long
            gc = renderer.new_gc()
            gc.set_foreground(word.colour)
            y = height - word.y * scale if height else word.y * scale
            renderer.draw_text(gc, word.x * scale, y, word.text, _font(word.size, word.bold), 0.0)
            gc.restore()


# -- signs ------------------------------------------------------------------------------------------------------------


def sign_for(sign: str, x: float, y: float, t: Theme) -> list[Shape]:
    """The sign beside a word of the legend: its left end at x, its middle at y."""
    right, high = x + SIGN, 5.5

    def bar(share: float, face: str | None, edge: str | None = None, line: float = 0.0, **style: Any) -> Shape:
        return Shape(rectangles(x, y - high * share, right, y + high * share), face, edge, line, clip=False, **style)

    if sign in OUTLINES:
        return [bar(1, t.running, t.hold, 2, style=OUTLINES[sign])]
    if sign == "in flight":
        path = skyline(np.linspace(x, right, 5), high * np.array([0.8, 2.0, 1.5, 0.7]), y - high)
        return [Shape(path, t.flight, t.waiting, 0.8, clip=False)]
    if sign == "dense":
        left, tall = x + np.arange(5) * SIGN / 5, high * np.array([0.3, 0.8, 0.5, 1.0, 0.4])
        return [Shape(rectangles(left, y - tall, left + SIGN / 5, y + tall), t.running, clip=False)]
    bars = {
        "running": lambda: bar(1, t.running),
        "span": lambda: bar(0.6, t.running),
        "ready": lambda: bar(1, t.ready_fill, t.ready, 1, hatch=t.ready_hatch),
        "waiting": lambda: bar(0.24, t.waiting),
        "work": lambda: bar(0.8, t.work),
        "queued": lambda: Shape(Path([(x, y), (right, y)]), None, t.work, 2.2, QUEUED, clip=False),
        "widened": lambda: Shape(rectangles(x + 10, y - high, x + 12, y + high), t.running, clip=False),
        "path": lambda: path_arrow(x + 5, right, y + 4, y - 5, t),
        "wake": lambda: path_arrow(x + 10, x + 10, y - high, y + high, t),
    }
    return [bars[sign]()] if sign in bars else end_mark(sign, right - 7, y, 5, t)


def path_arrow(x: float, right: float, start: float, stop: float, t: Theme) -> Shape:
    """A piece of the critical path: an arrow at x from one height to another, and the line on from there to `right`."""
    back, tip = stop + (4 if start > stop else -4), (x, stop)
    points = [(x, start), tip, (x - 2.5, back), tip, (x + 2.5, back), tip, (right, stop)]
    return Shape(Path(points, [1, 2, 1, 2, 2, 1, 2]), None, t.path, 1.8, clip=False)


def end_mark(outcome: str, x: float, y: float, r: float, t: Theme) -> list[Shape]:
    """The sign for how a task ended, with the radius r."""

    def shape(path: Path, face: str | None, edge: str, line: float = 1.6) -> Shape:
        path = Path(np.asarray(path.vertices) * r + (x, y), path.codes)
        return Shape(path, face, edge, line, clip=False, snap=False)

    if outcome == "raised":
        cross = Path([(-0.8, -0.8), (0.8, 0.8), (-0.8, 0.8), (0.8, -0.8)], [1, 2, 1, 2])
        return [shape(cross, None, t.paper, 5), shape(cross, None, t.hold, 2.6)]
    if outcome == "lost":
        return [shape(rectangles(-0.85, -0.85, 0.85, 0.85), t.paper, t.hold)]
    if outcome == "pending":
        arrow = Path([(-0.7, -0.95), (0.95, 0), (-0.7, 0.95), (-0.7, -0.95)], closed=True)
        return [shape(arrow, t.paper, t.quiet)]
    circle = [shape(Path.unit_circle(), t.paper, t.running)]
    return [*circle, shape(Path([(-0.68, -0.68), (0.68, 0.68)]), None, t.running)] if outcome == "cancelled" else circle
