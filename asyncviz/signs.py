"""The signs that are explained: those of the legend, and those for how a task ended."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.path import Path

from .ink import Shape, rectangles, skyline
from .palette import OUTLINES, QUEUED, Theme

SIGN = 22.0  # the width of a sign in the legend
LEGEND = {
    "running": "running", "span": "span in a task", "ready": "ready", "waiting": "waiting",
    "in flight": "number in flight", "blocking call": "blocking call", "computing": "computing",
    "pre-empted": "pre-empted", "unknown": "long step", "work": "work in a worker", "queued": "queued for one",
    "path": "critical path", "returned": "returned", "raised": "raised", "cancelled": "cancelled", "lost": "lost",
    "pending": "still going", "dense": "merged: height is the share of time", "widened": "widened to be seen",
}  # fmt: skip


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
