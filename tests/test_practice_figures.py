"""Curves: they show what was measured, in words too, and no words overlap."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from asyncviz.practice.figures import curves
from asyncviz.practice.work import compute

LINES = {
    "asyncio": {1: [0.05, 0.06], 10: [0.06, 0.07, 0.09], 100: [0.10, 0.11]},
    "threads": {1: [0.05, 0.06], 10: [0.06, 0.07, 0.09], 100: [0.10, 0.12]},
}
WORDS: dict[str, Any] = {"title": "Both are fast", "x": "requests", "y": "seconds"}


def test_it_says_what_is_drawn_without_a_measured_number() -> None:
    text = repr(curves(LINES, **WORDS, bounds={"the longest\nanswer": {1: 0.04, 100: 0.05}}, alt="Both rise."))
    assert text == (
        "Both are fast. Horizontal: requests. Vertical: seconds. Lines: asyncio and threads; "
        "dashed: the longest answer. Both rise."
    )


def test_it_shows_itself_as_a_picture_with_that_text() -> None:
    bundle = curves(LINES, **WORDS)._repr_mimebundle_()
    assert bundle["text/plain"] in bundle["text/html"]
    assert bundle["text/html"].count("<img alt=") == 1


def test_medians_and_all_measurements_are_drawn() -> None:
    ax = curves(LINES, **WORDS).axes[0]
    medians = [list(line.get_ydata()) for line in ax.lines]
    assert medians == [pytest.approx([0.055, 0.07, 0.105]), pytest.approx([0.055, 0.07, 0.11])]
    spread: Any = ax.collections[0]
    assert [tuple(segment[:, 1]) for segment in spread.get_segments()] == [(0.05, 0.06), (0.06, 0.09), (0.10, 0.11)]


def test_places_that_are_things_have_names_and_are_not_joined() -> None:
    ax = curves(LINES, **WORDS, scale=("linear", "log"), names={1: "start", 10: "switch", 100: "end"}).axes[0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["start", "switch", "end"]
    assert {line.get_linestyle() for line in ax.lines} == {"None"}


def test_a_line_that_ends_early_has_its_name_there() -> None:
    early: dict[str, Any] = {**LINES, "processes": {1: [0.5], 3: [0.6]}}
    ax = curves(early, **WORDS).axes[0]
    assert [text.get_text() for text in ax.texts if getattr(text, "arrow_patch", None) is None] == ["processes"]


@pytest.mark.parametrize(
    ("ends", "where"),
    [([2.0, 30.0], ("right", 3)), ([9.0, 30.0], ("left", -13)), ([2.0, 3.0], ("left", 3))],
    ids=["crossed", "below", "above"],
)
def test_the_name_of_a_line_that_ends_early_makes_room_for_the_others(ends: list[float], where: Any) -> None:
    """Of a line that is at 5 in the end; the other is lower or higher there, and goes on."""
    lines = {"early": {1: [1.0], 10: [5.0]}, "late": {1: [1.0], 10: [ends[0]], 1000: [ends[1]]}}
    (name,) = [text for text in curves(lines, **WORDS).axes[0].texts if text.get_text() == "early"]
    assert (name.get_horizontalalignment(), name.xyann[1]) == where


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scale", ["log", "linear"])
def test_no_words_overlap(theme: Any, scale: Any) -> None:
    crowd = {f"line {n}": LINES["asyncio"] for n in range(4)}
    figure = curves(crowd, **WORDS, bounds={"the longest\nanswer": {1: 0.1, 100: 0.1}}, scale=scale, theme=theme).figure
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    ax: Any = figure.axes[0]
    ticks = [tick.label1 for axis in (ax.xaxis, ax.yaxis) for tick in axis._update_ticks()]  # those that are drawn
    texts = [*ax.texts, *figure.texts, *ticks, ax.xaxis.label, ax._left_title]
    boxes = {t.get_text(): Text.get_window_extent(t, canvas.get_renderer()) for t in texts if t.get_text()}
    whole = figure.bbox
    for text, box in boxes.items():
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1, text  # noqa: PT018
    assert not [(a, b) for a, b in combinations(boxes, 2) if boxes[a].overlaps(boxes[b])]


def test_what_cannot_be_drawn_is_said() -> None:
    for lines in ({}, {"asyncio": {}}, {"asyncio": {1: []}}):
        with pytest.raises(ValueError, match="needs measurements"):
            curves(lines, **WORDS)
    with pytest.raises(ValueError, match="logarithmic axis has no place for 0"):
        curves({"asyncio": {0: [0.1]}}, **WORDS)
    with pytest.raises(ValueError, match='"log" or "linear"'):
        curves(LINES, **WORDS, scale="square")  # type: ignore[arg-type]
    curves({"asyncio": {0: [0.1]}}, **WORDS, scale="linear")


def test_compute_tells_its_own_cpu_time() -> None:
    assert compute(0) < min(compute(200_000) for _ in range(3))
