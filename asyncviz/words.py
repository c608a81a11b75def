"""Numbers, durations and names as every text of asyncviz writes them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from .trace import Reason, TaskTrace

MOST = 6  # names in one enumeration


def approximately(seconds: float) -> str:
    """A duration of `seconds` in two digits, as every text prints it: "≈ 0.31 s", "≈ 12 ms", "≈ 4.4 µs".

    Raises ValueError for a negative or infinite duration.
    """
    if not (seconds >= 0 and math.isfinite(seconds)):
        raise ValueError(f"a duration is a number of seconds, not {seconds}")
    rounded = float(f"{seconds:.1e}")  # 0.0996 s is 0.10 s, not 100 ms
    for unit, size, least in (("s", 1.0, 0.1), ("ms", 1e-3, 1e-3), ("µs", 1e-6, 1e-6)):
        if rounded >= least:
            return f"≈ {_two_digits(seconds / size)} {unit}"
    return f"≈ {_two_digits(seconds * 1e9)} ns" if seconds else "≈ 0 s"


def ratio(number: float) -> str:
    """A ratio of two durations as every text prints it: "≈ 2.9 ×"."""
    return f"≈ {_two_digits(number)} ×"


def _two_digits(number: float) -> str:
    if number == 0:
        return "0"
    return f"{number:.{max(0, 1 - math.floor(math.log10(float(f'{number:.1e}'))))}f}"


def plural(number: int, noun: str) -> str:
    """A number with its noun: "1 task", "3 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def enumeration(names: Iterable[str], most: int = MOST) -> str:
    """As in "a, b and c"; of more than `most` names the first few "and 12 more"."""
    shown = list(names)
    if len(shown) > most:
        shown[most - 1 :] = [f"{len(shown) - most + 1:,} more"]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else ""


def counted(names: Iterable[str]) -> str:
    return enumeration(name if n == 1 else f"{name} ({n} times)" for name, n in Counter(names).items())


def short(text: str, width: int = 40) -> str:
    """A name on one line, cut where it is very long; never empty."""
    text = " ".join(text.split()) or '""'
    return text if len(text) <= width else text[: width - 1] + "…"


def is_cell(task: TaskTrace) -> bool:
    """A notebook's cell: its task returns in any case, because IPython takes its errors."""
    return task.label == "cell" and task.parent is None


def who(label: str) -> str:
    return "the cell" if label == "cell" else short(label)


def what(reason: Reason) -> str:
    """What a wait is for, without what differs from run to run: default names, and delays that were calculated."""
    text = re.sub(r'task "Task-\d+"', "a task", short(reason.text, 60))
    delay = re.fullmatch(r"sleep ([\d.]+)(e-?\d+)?", text)
    return "sleep" if delay and len(delay[1].replace(".", "").strip("0")) > 3 else text
