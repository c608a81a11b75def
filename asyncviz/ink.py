"""Measuring, placing and drawing: words that never overlap, and many rectangles as one path."""

from __future__ import annotations

import warnings
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Bbox, IdentityTransform

if TYPE_CHECKING:
    from .trace import Floats

Box = tuple[float, float, float, float]  # left, bottom, right, top in pixels


class Word(NamedTuple):
    """A text that was placed: left end and baseline in pixels, its size in points, its box in pixels."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    bold: bool
    box: Box


class Ruler:
    """Measures texts in pixels, and remembers."""

    def __init__(self, dpi: float) -> None:
        from matplotlib.backends.backend_agg import RendererAgg

        self.renderer: Any = RendererAgg(1, 1, dpi)  # type: ignore[no-untyped-call]
        self.known: dict[tuple[str, float, bool], tuple[float, float, float]] = {}

    def __call__(self, text: str, size: float, bold: bool = False) -> tuple[float, float, float]:
        """Width, height above the baseline, depth below it."""
        key = text, size, bold
        if key not in self.known:
            font = _font(size, bold)
            _, high, deep = self.renderer.get_text_width_height_descent("lp", font, False)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Glyph .* missing")
                w, h, d = self.renderer.get_text_width_height_descent(text, font, False) if text else (0.0, high, deep)
            d = max(d, deep)
            self.known[key] = w * 1.01 + 1, max(h, high) - min(d, deep), d
        return self.known[key]

    def fit(self, text: str, size: float, room: float, bold: bool = False, middle: bool = False, least: int = 3) -> str:
        """`text`, shortened with … to `room` pixels; "" if not even `least` letters fit."""
        if self(text, size, bold)[0] <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            n = (low + high + 1) // 2
            low, high = (n, high) if self(_short(text, n, middle), size, bold)[0] <= room else (low, n - 1)
        return _short(text, low, middle) if low >= least else ""


def _short(text: str, n: int, middle: bool) -> str:
    tail = n // 3 if middle and n > 8 else 0
    return text[: n - tail].rstrip() + "…" + (text[-tail:].lstrip() if tail else "")


@cache
def _font(size: float, bold: bool) -> FontProperties:
    return FontProperties(size=size, weight="bold" if bold else "normal")


class Words:
    """The words of a picture. One that would touch another or leave `limits` is not placed."""

    def __init__(self, ruler: Ruler, limits: Box) -> None:
        self.ruler, self.limits = ruler, limits
        self.placed: list[Word] = []
        self.boxes: list[Box] = []

    def free(self, box: Box) -> bool:
        left, bottom, right, top = self.limits
        if box[0] < left or box[1] < bottom or box[2] > right or box[3] > top:
            return False
        if not self.boxes:
            return True
        b = np.array(self.boxes)
        return not np.any((b[:, 0] < box[2]) & (b[:, 2] > box[0]) & (b[:, 1] < box[3]) & (b[:, 3] > box[1]))

    def put(
        self, text: str, x: float, y: float, size: float, colour: str, align: float = 0.0, bold: bool = False
    ) -> Box | None:
        """Place `text`, baseline at y; `align` is 0 for its left end at x, 0.5 for its middle, 1 for its right."""
        if not text:
            return None
        w, high, deep = self.ruler(text, size, bold)
        x -= align * w
        box = (x - 1, y - deep, x + w + 1, y + high)
        if not self.free(box):
            return None
        self.boxes.append(box)
        self.placed.append(Word(x, y, text, size, colour, bold, box))
        return box

    def centre(self, size: float) -> float:
        """How far below the middle of a line of text its baseline lies."""
        _, high, deep = self.ruler("", size)
        return (high - deep) / 2

    def height(self, size: float) -> float:
        _, high, deep = self.ruler("", size)
        return high + deep


class Shape(NamedTuple):
    """Closed outlines of one style, in pixels; `clip`: only the part inside the Axes is drawn."""

    path: Path
    face: str | None
    edge: str | None = None
    line: float = 0.0  # pixels
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


def dashes(left: float, right: float, bottom: float, height: float, unit: float) -> Path:
    """A dashed line as rectangles."""
    begin = np.arange(left, right, 7 * unit)
    return rectangles(begin, bottom, np.minimum(begin + 4 * unit, right), bottom + height)


def skyline(edges: Floats, heights: Floats, middle: float, below: bool = True) -> Path:
    """An outline of steps on `middle`, or as far above it as below it; heights are whole heights in pixels."""
    keep = np.append(True, heights[1:] != heights[:-1])
    edges, heights = np.append(edges[:-1][keep], edges[-1]), heights[keep]
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(heights / (2 if below else 1), 2)
    foot = np.column_stack((x, middle - y))[::-1] if below else np.array([(x[-1], middle), (x[0], middle)])
    points = np.concatenate((np.column_stack((x, middle + y)), foot))
    return Path(np.round(np.concatenate((points, points[:1])), 2), closed=True)


def draw(renderer: Any, artist: Any, shapes: list[Shape], words: list[Word], clip: Bbox) -> None:
    """Draw shapes, then words."""
    figure = artist.get_figure(root=False)
    dot = figure.dpi / 72  # pixels to a point, in which matplotlib gives the width of lines
    for _, alike in groupby(shapes, key=lambda shape: shape[1:]):
        same = list(alike)
        shape = same[0]
        path = shape.path if len(same) == 1 else Path.make_compound_path(*(s.path for s in same))
        passes = [(shape.face, shape.edge, shape.line, "")]
        if shape.hatch:  # stripes have the colour of the outline: lighter ones take a pass of their own
            passes = [(shape.face, shape.hatch, 0.0, "/////"), (None, shape.edge, shape.line, "")]
        for face, edge, line, hatch in passes:
            patch = PathPatch(
                path, facecolor=face or "none", edgecolor=edge or "none", linewidth=line / dot, hatch=hatch or None,
                linestyle=shape.style, transform=IdentityTransform(), joinstyle="miter", capstyle="butt",
            )  # fmt: skip
            patch.set_figure(figure)
            patch.set_snap(shape.snap)
            if shape.clip:
                patch.set_clip_box(clip)
            patch.draw(renderer)
    height = renderer.get_canvas_width_height()[1] if renderer.flipy() else 0.0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        for word in words:  # not as Text artists, which take twice as long
            gc = renderer.new_gc()
            gc.set_foreground(word.colour)
            y = height - word.y if height else word.y
            renderer.draw_text(gc, word.x, y, word.text, _font(word.size, word.bold), 0.0)
            gc.restore()
