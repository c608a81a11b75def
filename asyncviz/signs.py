"""The signs that are explained: those of the legend, and those for how a task ended."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.path import Path

from .ink import Shape, dashes, rectangles, skyline
from .palette import OUTLINES, Theme

SIGN = 22.0  # the width of a sign in the legend
LEGEND = {
    "running": "running", "span": "span in a task", "ready": "ready", "waiting": "waiting",
    "in flight": "number in flight", "blocking call": "blocking call", "computing": "computing",
    "pre-empted": "pre-empted", "unknown": "long step", "work": "work in a worker", "queued": "queued for one",
    "returned": "returned", "raised": "raised", "cancelled": "cancelled", "lost": "lost", "pending": "still going",
    "dense": "merged: height is the share of time", "widened": "widened to be seen",
}  # fmt: skip


def sign_for(sign: str, x: float, y: float, unit: float, t: Theme) -> list[Shape]:
    """The sign beside a word of the legend: its left end at x, its middle at y."""
    right, high = x + SIGN * unit, 5.5 * unit

    def bar(share: float, face: str | None, edge: str | None = None, line: float = 0.0, **style: Any) -> Shape:
        path = rectangles(x, y - high * share, right, y + high * share)
        return Shape(path, face, edge, line * unit, clip=False, **style)

    if sign in OUTLINES:
        return [bar(1, t.running, t.hold, 2, style=OUTLINES[sign])]
    if sign == "queued":
        return [Shape(dashes(x, right, y - 1.1 * unit, 2.2 * unit, unit), t.work, clip=False)]
    if sign == "in flight":
        path = skyline(np.linspace(x, right, 5), high * np.array([0.8, 2.0, 1.5, 0.7]), y - high, below=False)
        return [Shape(path, t.flight, t.waiting, 0.8 * unit, clip=False)]
    if sign == "widened":
        return [Shape(rectangles(x + 10 * unit, y - high, x + 12 * unit, y + high), t.running, clip=False)]
    if sign == "dense":
        left = x + np.arange(5) * SIGN / 5 * unit
        tall = high * np.array([0.3, 0.8, 0.5, 1.0, 0.4])
        return [Shape(rectangles(left, y - tall, left + SIGN / 5 * unit, y + tall), t.running, clip=False)]
    bars = {
        "running": lambda: bar(1, t.running),
        "span": lambda: bar(0.6, t.running),
        "ready": lambda: bar(1, t.ready_fill, t.ready, 1, hatch=t.ready_hatch),
        "waiting": lambda: bar(0.24, t.waiting),
        "work": lambda: bar(0.8, t.work),
    }
    if sign in bars:
        return [bars[sign]()]
    return end_mark(sign, x + SIGN * unit - 7 * unit, y, 5 * unit, unit, t)


def end_mark(outcome: str, x: float, y: float, r: float, unit: float, theme: Theme) -> list[Shape]:
    """The sign for how a task ended."""

    def shape(path: Path, face: str | None, edge: str, line: float = 1.6) -> Shape:
        path = Path(np.asarray(path.vertices) * r + (x, y), path.codes)
        return Shape(path, face, edge, line * unit, clip=False, snap=False)

    circle = Path.unit_circle()
    if outcome == "raised":
        a, b = 0.36, 1.0  # a cross with straight arms
        arm = [(0, a), (b - a, b), (b, b - a), (a, 0), (b, a - b), (b - a, -b), (0, -a), (a - b, -b), (-b, a - b),
               (-a, 0), (-b, b - a), (a - b, b), (0, a)]  # fmt: skip
        return [shape(Path(arm, closed=True), theme.hold, theme.paper, 0.8)]
    if outcome == "cancelled":
        stroke = Path([(-0.68, -0.68), (0.68, 0.68)])
        return [shape(circle, theme.paper, theme.running), shape(stroke, None, theme.running)]
    if outcome == "lost":
        square = Path([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85), (-0.85, -0.85)], closed=True)
        return [shape(square, theme.paper, theme.hold)]
    if outcome == "pending":
        arrow = Path([(-0.7, -0.95), (0.95, 0), (-0.7, 0.95), (-0.7, -0.95)], closed=True)
        return [shape(arrow, theme.paper, theme.quiet)]
    return [shape(circle, theme.paper, theme.running)]
