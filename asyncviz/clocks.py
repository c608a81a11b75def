"""`time.sleep` and the clocks of the standard library, as the threads of a simulated program see them."""

from __future__ import annotations

import math
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from .patch import replace


class Clock(Protocol):
    """What tells a thread of a simulated program its time."""

    def time(self) -> float: ...

    def hold(self, seconds: float, computing: bool) -> None: ...


real_sleep, real_clock, _real_time, _real_monotonic = time.sleep, time.perf_counter, time.time, time.monotonic
clocks: dict[int, Clock] = {}  # by thread
_lock, _users, _undo = threading.Lock(), 0, list[Callable[[], None]]()


def _sleep(seconds: float, /) -> None:
    clock = clocks.get(threading.get_ident())
    if clock is None:
        return real_sleep(seconds)
    real_sleep(seconds * 0 if seconds > 0 else seconds)  # what is wrong with the number is said as ever
    return clock.hold(seconds, False)


_sleep.__name__ = _sleep.__qualname__ = "sleep"  # as what it stands for is called in pictures


def _teller(real: Callable[[], float], start: float) -> Callable[[], float]:
    def tell() -> float:
        clock = clocks.get(threading.get_ident())
        return real() if clock is None else start + clock.time()

    return tell


@contextmanager
def virtual_time(space: dict[str, Any]) -> Iterator[None]:
    """Patch `time`, and the names in `space` that were imported from it. Other threads notice nothing."""
    global _users
    fakes: dict[Any, Any] = {
        real_sleep: _sleep, real_clock: _teller(real_clock, 0.0), _real_monotonic: _teller(_real_monotonic, 0.0),
        _real_time: _teller(_real_time, _real_time()),
    }  # fmt: skip
    names = {n: v for n, v in space.items() if isinstance(v, types.BuiltinFunctionType) and v in fakes}
    with _lock:
        _users += 1
        if _users == 1:
            _undo[:] = [replace(time, real.__name__, fake) for real, fake in fakes.items()]
    space.update({name: fakes[real] for name, real in names.items()})
    try:
        yield
    finally:
        space.update({n: real for n, real in names.items() if space.get(n) is fakes[real]})
        with _lock:
            _users -= 1
            for undo in _undo if not _users else ():
                undo()


def busy(seconds: float) -> None:
    """Compute for `seconds`: hold the loop on a real clock (a core is really busy) and on a virtual one.

    Raises ValueError for a number that is no duration.
    """
    if not 0 <= seconds < math.inf:
        raise ValueError(f"busy() takes a number of seconds, not {seconds!r}: busy(0.3)")
    clock = clocks.get(threading.get_ident())
    if clock is not None:
        clock.hold(seconds, True)
    end = real_clock() + seconds
    while clock is None and real_clock() < end:
        pass
