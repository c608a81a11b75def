"""Work for worker processes: a function that they can import, which one that was written in a cell is not."""

from __future__ import annotations

import time


def compute(count: int, times: int = 1) -> float:
    """Add up the first `count` squares, the same work each time, and return the seconds of CPU time that it took.

    times: how often it is done, one after another.

    CPU time runs only while a core works for this thread: not while it waits for a core, or for the interpreter's lock.
    """
    start = time.thread_time()
    for _ in range(times):
        sum(n * n for n in range(count))
    return time.thread_time() - start
