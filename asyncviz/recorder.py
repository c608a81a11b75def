"""Recording: which loops are watched from when to when, and what becomes of it. The hooks are in hooks.py.

One Session serves all recordings that are open at the same time, so that recordings may be nested or overlap in any
order; each `record` block cuts its own window out of it. Without an open recording nothing is patched.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import sys
import threading
import types
import warnings
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextlib import ContextDecorator
from time import perf_counter as clock
from time import thread_time
from typing import Any, NamedTuple

from . import hooks, pools, waits
from .freeze import freeze
from .loops import COLUMNS, THREAD, UNKNOWN, TaskInfo, Watch
from .patch import replace
from .trace import Trace
from .watchdog import Watchdog

LIMIT = 1_000_000  # steps kept by default: 48 MB
MANY = 100_000  # other things kept, of each kind

_lock = threading.RLock()
_session: Session | None = None


class SpanRow(NamedTuple):
    name: str
    start: float
    stop: float
    cpu: float
    thread: str
    task: float


class Note(NamedTuple):
    """Something asyncio or Python complained about: kind, text, task name, place."""

    time: float
    kind: str
    text: str
    place: waits.Place | None


class Session:
    """Everything recorded while at least one recording is open."""

    def __init__(self, now: Callable[[], float] = clock) -> None:
        self.clock = now
        self.numbers = itertools.count(0.0)
        self.tasks: dict[float, TaskInfo] = {}
        self.watches: dict[int, Watch] = {}  # by a number of their own, in order of appearance
        self.running: dict[int, list[Watch]] = {}  # by thread: the loops that run in it, innermost last
        self.reasons: dict[waits.Wait | None, float] = {None: 0.0}
        self.threads: dict[tuple[int, str], int] = {}
        self.work: deque[pools.Work] = deque(maxlen=MANY)
        self.spans: deque[SpanRow] = deque(maxlen=MANY)
        self.notes: deque[Note] = deque(maxlen=MANY)
        self.recordings: list[record] = []
        self.limit = 0
        self.dropped = 0
        self.failure = ""
        self.undo: list[Callable[[], None]] = []
        self.watchdog = Watchdog(self)

    # -- what the hooks ask ---------------------------------------------------------------------------------------

    def current(self) -> float:
        """Who has this thread: a task's number, or another waker."""
        watches = self.running.get(threading.get_ident())
        return watches[-1].cause() if watches else UNKNOWN

    def thread_cause(self) -> float:
        """The waker that stands for the thread that calls."""
        key = threading.get_ident(), threading.current_thread().name
        return THREAD - self.threads.setdefault(key, len(self.threads))

    def reason(self, wait: waits.Wait) -> float:
        """The number of a reason; new ones beyond a bound lose their detail, so that they cannot fill the memory."""
        number = self.reasons.get(wait)
        if number is None:
            if len(self.reasons) >= MANY:
                wait = waits.Wait(wait.kind, wait.kind, None)
            number = self.reasons.setdefault(wait, float(len(self.reasons)))
        return number

    def drop(self, watch: Watch, chunk: Any) -> None:
        """A chunk of the oldest steps goes, and with it the tasks that ended in it."""
        watch.steps -= len(chunk) // COLUMNS
        self.dropped += len(chunk) // COLUMNS
        until = chunk[-COLUMNS + 2]
        for n in set(chunk[3::COLUMNS]):
            info = self.tasks.get(n)
            if info is not None and info.outcome is not None and info.finished <= until:
                del self.tasks[n]

    def failed(self, error: BaseException) -> None:
        """The recorder has made a mistake: the program must not suffer for it. Stop, keep what there is, say so."""
        with _lock:
            if self.failure:
                return
            self.failure = f"{type(error).__name__}: {error}"
            self.stop()
        message = f"asyncviz stopped recording because of an error of its own ({self.failure}); the program goes on"
        try:
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        except RuntimeWarning:  # turned into an error by a filter
            print(message, file=sys.stderr)

    # -- loops that come and go ------------------------------------------------------------------------------------

    def enters(self, loop: Any, early: bool = False, thread: int | None = None) -> None:
        """`loop` runs in this thread from now on; None: no loop does. `early`: it did before the recording began."""
        stack = self.running.setdefault(thread or threading.get_ident(), [])
        while stack and stack[-1].loop() is not loop:
            if loop is not None and not any(watch.loop() is loop for watch in stack):
                break  # a loop inside another one's step
            self._leave(stack.pop())
        if loop is not None and not stack or stack and stack[-1].loop() is not loop:
            watch = next((w for w in self.watches.values() if w.loop() is loop), None)
            if watch is None:
                name = "event loop" if not self.watches else f"event loop {len(self.watches) + 1}"
                watch = self.watches[len(self.watches)] = Watch(self, loop, name)
            watch.thread = thread or threading.get_ident()
            stack.append(watch)
            hooks.hook(watch, loop, early)

    def _leave(self, watch: Watch) -> None:
        if watch.unhook is not None:
            watch.unhook()

    def start(self) -> None:
        set_running = events._set_running_loop  # type: ignore[attr-defined]
        runner_run = asyncio.Runner.run

        def set_running_loop(loop: Any) -> None:
            set_running(loop)
            self._try(self.enters, loop)

        def run(runner: asyncio.Runner, coro: Any, *, context: Any = None) -> Any:
            """For loops that do not tell asyncio's Python code when they run."""
            loop = runner.get_loop()
            if isinstance(loop, asyncio.BaseEventLoop):
                return runner_run(runner, coro, context=context)
            self._try(self.enters, loop)
            try:
                return runner_run(runner, coro, context=context)
            finally:
                self._try(self.enters, None)

        self.undo = [
            replace(events, "_set_running_loop", set_running_loop),
            replace(asyncio.Runner, "run", run),
            replace(warnings, "_warn_unawaited_coroutine", self._unawaited()),
            *pools.hook(self),
        ]
        here = threading.get_ident()
        for thread, loop in _running_loops():
            if thread != here:
                self._try(self.enters, loop, True, thread)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            self._try(self.enters, loop, True)
        self.watchdog.start()

    def stop(self) -> None:
        """Put everything back. The record stays."""
        for undo in reversed(self.undo):
            undo()
        self.undo = []
        for watch in self.watches.values():
            self._leave(watch)
            watch.known.clear()
        if self.watchdog.is_alive():
            self.watchdog.stop()

    def _try(self, call: Callable[..., None], *args: Any) -> None:
        try:
            call(*args)
        except Exception as error:
            self.failed(error)

    # -- complaints ------------------------------------------------------------------------------------------------

    def hook_errors(self, watch: Watch, loop: Any) -> Callable[[], None]:
        """Note what a loop's exception handler is told: errors never retrieved, tasks destroyed while pending …"""
        handle: Any = loop.call_exception_handler

        def call_exception_handler(context: dict[str, Any]) -> None:
            thing = context.get("task") or context.get("future")
            name = thing.get_name() if hasattr(thing, "get_name") else ""
            error = context.get("exception")
            text = f"{name}: {type(error).__name__}" if error is not None else name
            self.notes.append(Note(clock(), str(context.get("message", "")), text, None))
            (handle or watch.loop().call_exception_handler)(context)  # type: ignore[union-attr]

        undo = replace(loop, "call_exception_handler", call_exception_handler)

        def restore() -> None:
            nonlocal handle
            undo()
            handle = None  # not to keep the loop alive

        return restore

    def _unawaited(self) -> Any:
        """`warnings._warn_unawaited_coroutine` that notes the coroutine and warns as before, from the same place."""
        original: Any = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]

        def warn(message: str, category: Any = None, stacklevel: int = 1, source: Any = None) -> None:
            place = waits.user_place(sys._getframe(2))
            self.notes.append(Note(clock(), "coroutine was never awaited", source.__qualname__, place))
            warnings.warn(message, category=category, stacklevel=stacklevel + 1, source=source)

        space = {**original.__globals__, "warn": warn, "_wm": types.SimpleNamespace(warn=warn)}
        return types.FunctionType(original.__code__, space, original.__name__)


def _running_loops() -> list[tuple[int, Any]]:
    """(thread, loop) of the loops that run in any thread, found on the threads' stacks."""
    found = []
    for thread, top in sys._current_frames().items():
        frame: Any = top
        while frame is not None:
            if frame.f_code.co_name in ("run_forever", "run_until_complete"):
                loop = frame.f_locals.get("self")
                if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running():
                    found.append((thread, loop))
                    break
            frame = frame.f_back
    return found


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
        self._begin = 0.0
        self._dropped = 0
        self._owner = UNKNOWN  # the task whose step enters the block

    def __enter__(self) -> Trace:
        global _session
        if self._trace is not None:
            raise RuntimeError("this recording was used already: make a new one with record() for each `with` block")
        with _lock:
            self._trace = Trace.open(self._name)
            session = _session or Session()
            session.recordings.append(self)
            session.limit = max(r._limit for r in session.recordings)
            self._session, self._dropped = session, session.dropped
            if _session is None:
                _session = session
                session.start()
            self._owner = session.current()
            self._begin = clock()
        return self._trace

    def __exit__(self, *exc: object) -> None:
        global _session
        end = clock()
        session, trace = self._session, self._trace
        assert trace is not None
        with _lock:
            session.recordings.remove(self)
            if session.recordings:
                for watch in session.watches.values():
                    watch.flush()
            else:
                _session = None
                session.stop()
            freeze(session, trace, self._begin, end, self._owner, self._limit)

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

    Works in any thread. Outside a recording it does nothing. Raises TypeError for a name that is no string and for
    coroutine functions, whose waiting belongs to others: tasks are recorded without it.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a span has a name, not {type(name).__name__}: `with span('resize'):` or `@span('resize')`")
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
        self._begun.append((clock(), thread_time()))
        return self

    def __exit__(self, *exc: object) -> None:
        start, cpu = self._begun.pop()
        session = _session
        if session is not None:
            row = (self._name, start, clock(), thread_time() - cpu, threading.current_thread().name, session.current())
            session.spans.append(SpanRow(*row))
