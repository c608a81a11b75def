"""Looks at loops from another thread: which line holds a loop that does not come back, and with what stack."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from time import perf_counter as clock
from types import CodeType, FrameType
from typing import TYPE_CHECKING, NamedTuple

from .waits import Place, user_place

if TYPE_CHECKING:
    from .recorder import Session

try:
    import resource

    _WHO = resource.RUSAGE_THREAD  # Linux
except (ImportError, AttributeError):
    _WHO = None

TICK = 0.02  # seconds between two looks; a step younger than half a tick is left alone
DEPTH = 40  # frames of a stack that are kept


class Sample(NamedTuple):
    """A stack seen in a step that began at `start` (seconds on the recorder's clock) on the thread `thread`."""

    start: float
    thread: int
    place: Place | None
    stack: tuple[Place, ...]


def cpu_reading() -> tuple[float, float, int | None]:
    """Now, this thread's CPU time (seconds), and how often the system took the core from it (None: not told)."""
    switches = resource.getrusage(_WHO).ru_nivcsw if _WHO is not None else None
    return clock(), time.thread_time(), switches


class Watchdog(threading.Thread):
    """Samples the stacks of loops that have not changed hands for a while."""

    def __init__(self, session: Session) -> None:
        super().__init__(name="asyncviz watchdog", daemon=True)
        self.session = session
        self.samples: deque[Sample] = deque(maxlen=20_000)
        self.finished = threading.Event()

    def run(self) -> None:
        while not self.finished.wait(TICK):
            for watch in list(self.session.watches.values()):
                _, since = watch.probe()
                if clock() - since < TICK / 2:
                    continue
                frame = sys._current_frames().get(watch.thread)
                if frame is not None and watch.probe()[1] == since:
                    self.samples.append(Sample(since, watch.thread, user_place(frame), _stack(frame)))

    def stop(self) -> None:
        self.finished.set()
        self.join()


def _stack(frame: FrameType | None) -> tuple[Place, ...]:
    places: list[tuple[CodeType, int]] = []
    while frame is not None and len(places) < DEPTH:
        places.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(places)
