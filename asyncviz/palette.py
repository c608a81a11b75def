"""The colours and sizes of the pictures. Tested for contrast, and for readers who see fewer colours.

Sizes are in units of 1/100 inch: CSS pixels on a page, since pictures are shown at 100 of them an inch.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours, as hex strings. `*_fill` lies inside a mark whose outline carries the contrast."""

    paper: str
    grid: str
    text: str
    quiet: str  # text of the second rank
    running: str
    on_running: str  # text inside a running bar
    ready: str
    ready_fill: str
    ready_hatch: str
    ready_text: str
    waiting: str
    flight: str  # the area that stands for many tasks in flight
    hold: str
    work: str
    on_work: str
    busy: str
    idle: str


LIGHT = Theme(
    paper="#ffffff", grid="#e6e9ed", text="#24292f", quiet="#5c6773",
    running="#17375e", on_running="#ffffff",
    ready="#b97700", ready_fill="#fff6de", ready_hatch="#e3a93c", ready_text="#6b4500",
    waiting="#7c95ab", flight="#c9d6e2", hold="#cf222e",
    work="#2c6e52", on_work="#ffffff", busy="#6c7681", idle="#e6e9ed",
)  # fmt: skip
DARK = Theme(
    paper="#15181c", grid="#2a3038", text="#e8eaed", quiet="#a3adb8",
    running="#8fc1f5", on_running="#0b1522",
    ready="#e3a62f", ready_fill="#332a16", ready_hatch="#a87b22", ready_text="#ffdf9e",
    waiting="#5c7288", flight="#33424f", hold="#ff6b6b",
    work="#4aa071", on_work="#06130c", busy="#939ca6", idle="#2a3038",
)  # fmt: skip
THEMES = {"light": LIGHT, "dark": DARK}

# How a step that holds the loop is outlined: its kind is told by the line as well as by the words.
OUTLINES: dict[str, str | tuple[float, tuple[float, ...]]] = {
    "blocking call": "-",
    "computing": (0, (5, 1.6)),
    "pre-empted": (0, (1.2, 1.2)),
    "unknown": (0, (5, 1.6, 1.2, 1.6)),
}

PAD = 14.0  # around everything
BAR = 0.6  # of a lane's height
LINE = 2.6  # a waiting task
LEAST = 2.0  # the width to which shorter slices are widened
SEEN = 3.0  # a ready bar narrower than this is left out: at rest everybody is ready for some microseconds
BIN = 4.0  # where slices are too dense to be told apart, one column of the skyline
INDENT = 13.0
TITLE, NAME, SMALL, TINY = 12.5, 9.5, 8.0, 7.5  # points
