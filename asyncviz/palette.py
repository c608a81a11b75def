"""The colours and sizes of the pictures. Tested for contrast, and for readers who see fewer colours.

Sizes are in units of 1/100 inch, whatever the resolution: CSS pixels on a page.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

# Name: on white, on black. A `_fill` lies inside a mark whose outline carries the contrast.
_COLOURS = {
    "paper": ("#ffffff", "#15181c"),
    "grid": ("#e6e9ed", "#2a3038"),
    "text": ("#24292f", "#e8eaed"),
    "quiet": ("#5c6773", "#a3adb8"),  # text of the second rank
    "running": ("#17375e", "#8fc1f5"),
    "on_running": ("#ffffff", "#0b1522"),  # text inside a running bar
    "ready": ("#b97700", "#e3a62f"),
    "ready_fill": ("#fff6de", "#332a16"),
    "ready_hatch": ("#e3a93c", "#a87b22"),
    "ready_text": ("#6b4500", "#ffdf9e"),
    "waiting": ("#7c95ab", "#5c7288"),
    "flight": ("#c9d6e2", "#33424f"),  # the area that stands for many tasks in flight
    "hold": ("#cf222e", "#ff6b6b"),
    "path": ("#a21caf", "#aa66ff"),  # the critical path
    "work": ("#2c6e52", "#4aa071"),
    "on_work": ("#ffffff", "#06130c"),
    "busy": ("#6c7681", "#939ca6"),
    "idle": ("#e6e9ed", "#2a3038"),
}
Theme = SimpleNamespace  # with these names
LIGHT, DARK = (Theme(**{name: pair[i] for name, pair in _COLOURS.items()}) for i in (0, 1))
THEMES = {"light": LIGHT, "dark": DARK}

# How a step that holds the loop is outlined, by its kind: it is told by the line as well as by the words.
OUTLINES: dict[str, Any] = {
    "blocking call": "-", "computing": (0, (5, 1.6)), "pre-empted": (0, (1.2, 1.2)), "unknown": (0, (5, 1.6, 1.2, 1.6)),
}  # fmt: skip
QUEUED = (0, (1.4, 1.0))  # work that waits for a worker

PAD = 14.0  # around everything
BAR = 0.6  # of a lane's height
LINE = 2.6  # a waiting task
LEAST = 2.0  # the width to which shorter slices are widened
SEEN = 3.0  # a ready bar narrower than this is left out: at rest everybody is ready for some microseconds
BIN = 6.0  # the narrowest column for slices that are too dense to be told apart
INDENT = 13.0
TITLE, NAME, SMALL = 12.5, 9.5, 8.0  # points
