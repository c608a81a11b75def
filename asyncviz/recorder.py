"""`record` and `span`, which users write. What they open and close is in session.py, the hooks are in hooks.py.

One Session serves all recordings that are open at the same time, so that recordings may be nested or overlap in any
order; each `record` block cuts its own window out of it. Without an open recording nothing is patched.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
from contextlib import ContextDecorator
from time import perf_counter as clock
from time import thread_time
from typing import Any

from .clocks import clocks
from .freeze import freeze
from .loops import UNKNOWN
from .session import Session as Session
from .session import SpanRow, lock
from .trace import Trace

LIMIT = 1_000_000  # steps kept by default: 48 MB

_session: Session | None = None


# A process that is forked off goes its own way: it does not record. The watchdog's thread must not be there when Python
# counts threads before it warns of a fork.


def _before_fork() -> None:
    if _session is not None:
        _session.watchdog.stop()


def _after_fork() -> None:
    if _session is not None:
        _session.watchdog.start()


def _in_child() -> None:
    global _session
    session, _session = _session, None
    if session is not None:
        lock._at_fork_reinit()  # another thread may have held it
        session.lock = threading.RLock()
        for watch in session.watches.values():
            watch.thread = threading.get_ident()
        session.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


class record:
    """Record every event loop that runs inside the `with` block.

    Parameters
    ----------
    name : what the recording is called, in pictures and comparisons.
    limit : the number of steps that are kept; of more, the newest are kept and the others counted (`trace.dropped`).

    `with record("…") as trace:` gives a `Trace`, which is filled when the block is left, also by an exception. It works
    around `asyncio.run()`, inside a coroutine, in a notebook cell with top-level `await`, and around blocking code.
    Recordings may be nested.

    Raises TypeError or ValueError for a name that is no string and for a limit that is no positive whole number.
    """

    def __init__(self, name: str = "", *, limit: int = LIMIT) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a recording is a string, not {type(name).__name__}: record('concurrent')")
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise TypeError(f"limit is a number of steps, not {type(limit).__name__}: record(limit=100_000)")
        if limit < 1:
            raise ValueError(f"limit is {limit}, but at least one step must be kept: record(limit=100_000)")
        self._name, self._limit = name, limit
        self._trace: Trace | None = None
        self._session: Session | None = None
        self._begin = 0.0
        self._dropped = 0
        self._owner = UNKNOWN  # the task whose step enters the block

    def __enter__(self) -> Trace:
        global _session
        if self._trace is not None:
            raise RuntimeError("this recording was used already: make a new one with record() for each `with` block")
        with lock:
            self._trace = Trace.open(self._name)
            session = _session or Session()
            session.recordings.append(self)
            session.limit = max(r._limit for r in session.recordings)
            self._session, self._dropped = session, session.dropped
            if _session is None:
                _session = session
                session.start()
            self._owner = session.current()
            self._begin = session.clock()
        return self._trace

    def __exit__(self, *exc: object) -> None:
        global _session
        session, trace, end = self._session, self._trace, 0.0
        if session is None or trace is None:
            raise RuntimeError("this recording is not open: write `with record() as trace:`")
        with lock:
            end, self._session = session.clock(), None
            session.recordings.remove(self)
            if session.recordings:
                for watch in list(session.watches.values()):
                    session._in_its_thread(watch, watch.flush)
            else:
                _session = None if _session is session else _session
                try:
                    session.stop()
                except BaseException:  # an interruption: do the rest of it all the same
                    session.stop()
                    raise
            freeze(session, trace, self._begin, end, self._owner, self._limit)
            trace.dropped -= self._dropped

    async def __aenter__(self) -> Trace:
        raise TypeError("record is used with a plain `with`, in coroutines too: `with record() as trace:`")

    async def __aexit__(self, *exc: object) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"a recording has no {name!r} before it has run: write `with record() as trace:` and use trace.{name}"
        )


class span(ContextDecorator):
    """Name a stretch of ordinary, blocking code: `with span("resize"):`, or `@span("resize")` above a function.

    Works in any thread, but not in those that a simulation hands calls to. Outside a recording it does nothing. Raises
    TypeError for a name that is no string and for coroutine functions, whose waiting belongs to others: tasks are
    recorded without it.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a span has a name, not {type(name).__name__}: `with span('x'):` or `@span('x')`")
        self._name = name
        self._begun: list[tuple[float, float]] = []

    def _recreate_cm(self) -> span:
        return span(self._name)  # one for each call of a decorated function

    def __call__(self, func: Any) -> Any:
        if inspect.iscoroutine(func) or not callable(func):
            raise TypeError(f"@span({self._name!r}) goes above a function, not {type(func).__name__}")
        if inspect.iscoroutinefunction(func) or inspect.isasyncgenfunction(func):
            raise TypeError(
                f"{func.__name__} is a coroutine function: its tasks are recorded without a span. "
                "A span names blocking code; put it around the blocking lines inside."
            )
        return functools.wraps(func)(super().__call__(func))

    def __enter__(self) -> span:
        virtual = clocks.get(threading.get_ident())  # in a simulation
        self._begun.append((clock() if virtual is None else virtual.time(), thread_time()))
        return self

    def __exit__(self, *exc: object) -> None:
        start, cpu = self._begun.pop()
        virtual = clocks.get(threading.get_ident())
        session = _session if virtual is None else getattr(virtual, "session", None)
        if session is not None and not session.stopped:
            stop, used = session.clock(), thread_time() - cpu
            session.spans.append(SpanRow(self._name, start, stop, used, session.thread_name(), session.current()))
