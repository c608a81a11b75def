"""Looks at loops from another thread: which line holds a loop that does not come back, and with what stack."""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import threading
from collections import deque
from time import perf_counter as clock
from time import thread_time
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from .loops import Measured
from .waits import Place, user_place

if TYPE_CHECKING:
    from .session import Session

# By names of our own: tests of programs replace what is in `os`.
_open, _close, _fstat = os.open, os.close, os.fstat
_pread: Any = getattr(os, "pread", None)  # not on Windows
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)

LONG = 0.001  # seconds; longer steps are told apart by their CPU time
TICK = 0.02  # seconds between two looks; a step younger than half a tick is left alone
DEPTH = 40  # frames of a stack that are kept


class Sample(NamedTuple):
    """A stack seen in a step that began at `start` (seconds on the recorder's clock) on the thread `thread`."""

    start: float
    thread: int
    place: Place | None
    stack: tuple[Place, ...]


class Meter:
    """Tells what a long step of a loop in this thread spent its time on. Reading it before each step would be too dear.

    Linux says of each thread how long it could have run, but had no core, and how often it was given one:
    `/proc/…/schedstat`, second number, in nanoseconds, and third. (docs.kernel.org/scheduler/sched-stats.html)
    """

    def __init__(self) -> None:
        self.file = -1
        with contextlib.suppress(OSError):  # not Linux
            self.file = _open(f"/proc/self/task/{threading.get_native_id()}/schedstat", _FLAGS)
            self.identity = _fstat(self.file)[1:3]
        self.look()

    def look(self) -> None:
        """Read the clock, this thread's CPU time, for how long it was ready without a core (seconds), and its turns."""
        said = _pread(self.file, 64, 0).split() if self.ours() else None
        self.told = (int(said[1]) / 1e9, int(said[2])) if said else None
        self.at, self.cpu = clock(), thread_time()
        self.due = self.at + LONG

    def ours(self) -> bool:
        """Is the file still this one? The program may have closed all files, and opened others."""
        try:
            return self.file >= 0 and _fstat(self.file)[1:3] == self.identity
        except OSError:
            return False

    def measure(self, start: float, stop: float) -> Measured:
        """What a step was. What lies between the last look and its start is less than `LONG`, and counted as its."""
        cpu, told = self.cpu, self.told
        self.look()
        queued = turns = None
        if told is not None and self.told is not None:
            queued, turns = min(self.told[0] - told[0], stop - start), self.told[1] - told[1]
        return Measured(start, stop, min(self.cpu - cpu, stop - start), queued, turns)

    def close(self) -> None:
        if self.ours():
            _close(self.file)
        self.file = -1


class Watchdog:
    """Samples the stacks of loops that have not changed hands for a while.

    Its thread is none of the `threading` module's: the program that is recorded does not find it there.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.samples: deque[Sample] = deque(maxlen=10_000)
        self.looks: deque[tuple[float, float]] = deque(maxlen=10_000)  # long ones: all other threads had to wait
        self.finished: Any = None  # a lock that is let go when the thread that runs now shall end
        self.thread = 0
        self.ended = _thread.allocate_lock()

    def start(self) -> None:
        self.finished, begun = _thread.allocate_lock(), _thread.allocate_lock()
        for lock in (self.finished, self.ended, begun):
            lock.acquire()
        self.thread = _thread.start_new_thread(self._run, (self.finished, begun))
        with begun:  # until it runs: whoever counts threads always counts it. No Event: tools forbid its wait in a loop
            pass

    def stop(self) -> None:
        """End the thread, and wait for that."""
        finished, self.finished = self.finished, None
        if finished is not None:
            finished.release()
            if self.thread != threading.get_ident():
                with self.ended:
                    pass

    def _run(self, finished: Any, begun: _thread.LockType) -> None:
        meter = Meter()
        begun.release()
        try:
            while not finished.acquire(timeout=TICK):
                # who let go of the interpreter for it waits until it has a core, and takes it
                before = meter.measure(meter.at, clock())
                begin = before.stop - (before.queued or 0.0)
                self._look()
                # it has the interpreter while it computes, and while the system has taken its core away
                look = meter.measure(meter.at, clock())
                begin = min(begin, max(look.start, look.stop - look.cpu - (look.queued or 0.0)))
                if look.stop - begin > LONG:
                    self.looks.append((begin, look.stop))
        except Exception as error:
            self.session.failed(error)
        finally:
            meter.close()
            self.ended.release()

    def _look(self) -> None:
        for watch in list(self.session.watches.values()):
            _, since = watch.probe()
            if clock() - since < TICK / 2:
                continue
            frame = sys._current_frames().get(watch.thread)
            if frame is not None and watch.probe()[1] == since:
                stack = _stack(frame)
                last = self.samples[-1].stack if self.samples else None
                stack = last if last == stack else stack  # a step that hangs shows the same again and again
                self.samples.append(Sample(since, watch.thread, user_place(frame), stack))


def _stack(frame: FrameType | None) -> tuple[Place, ...]:
    places: list[tuple[CodeType, int]] = []
    while frame is not None and len(places) < DEPTH:
        places.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(places)
