"""Recording: which loops are watched from when to when, and what becomes of it. The hooks are in hooks.py.

One Session serves all recordings that are open at the same time, so that recordings may be nested or overlap in any
order; each `record` block cuts its own window out of it. Without an open recording nothing is patched.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import os
import sys
import threading
import types
import warnings
import weakref
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextlib import ContextDecorator, suppress
from time import perf_counter as clock
from time import thread_time
from types import FrameType
from typing import Any, NamedTuple

from . import hooks, pools, waits
from .freeze import freeze
from .loops import COLUMNS, MANY, THREAD, UNKNOWN, TaskInfo, Watch
from .patch import replace, without_us
from .trace import Trace
from .watchdog import Watchdog

LIMIT = 1_000_000  # steps kept by default: 48 MB
LOOPS = 10_000  # kept; a program may make one for each call
PATIENCE = 0.1  # seconds; how long a loop in another thread may take to come round

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
        self.loops = itertools.count()
        self.watches: dict[int, Watch] = {}  # by a number of their own, in order of appearance
        self.by_loop: dict[int, int] = {}  # the number, by id(loop)
        self.running: dict[int, list[Watch]] = {}  # by thread: the loops that run in it, innermost last
        self.reasons: dict[waits.Wait | None, float] = {None: 0.0}
        self.threads: dict[tuple[int, str], int] = {}
        self.work: deque[pools.Work] = deque(maxlen=MANY)
        self.works: weakref.WeakKeyDictionary[Any, pools.Work] = weakref.WeakKeyDictionary()  # by the pool's future
        self.working: dict[int, pools.Work] = {}  # by thread: what it did last
        self.spans: deque[SpanRow] = deque(maxlen=MANY)
        self.notes: deque[Note] = deque(maxlen=MANY)
        self.recordings: list[record] = []
        self.lock = threading.RLock()
        self.limit = 0
        self.steps = 0  # that are packed
        self.dropped = 0
        self.failure = ""
        self.stopped = False
        self.undo: list[Callable[[], None]] = []
        self.watchdog = Watchdog(self)

    # -- what the hooks ask ---------------------------------------------------------------------------------------

    def current(self) -> float:
        """Who has this thread: a task's number, or another waker."""
        watches = self.running.get(threading.get_ident())
        return watches[-1].cause() if watches else UNKNOWN

    def thread_cause(self) -> float:
        """The waker that stands for the thread that calls."""
        key = threading.get_ident(), self.thread_name()
        with self.lock:
            if len(self.threads) >= MANY and key not in self.threads:
                return UNKNOWN
            return THREAD - self.threads.setdefault(key, len(self.threads))

    def thread_name(self) -> str:
        """`threading.current_thread` would enter a thread that Python has not made into its list."""
        thread = threading._active.get(threading.get_ident())  # type: ignore[attr-defined]
        return thread.name if thread is not None else "a foreign thread"

    def reason(self, wait: waits.Wait) -> float:
        """The number of a reason; new ones beyond a bound lose their detail, so that they cannot fill the memory."""
        number = self.reasons.get(wait)
        if number is None:
            with self.lock:
                if len(self.reasons) >= MANY:
                    wait = waits.Wait(wait.kind, wait.kind, None)
                number = self.reasons.setdefault(wait, float(len(self.reasons)))
        return number

    def drop(self, chunk: Any) -> None:
        """A chunk of the oldest steps goes, and with it the tasks that ended in it."""
        self.steps -= len(chunk) // COLUMNS
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

    def enters(self, loop: Any, early: bool = False) -> None:
        """`loop` runs in this thread from now on; None: no loop does. `early`: it did before the recording began."""
        thread = threading.get_ident()
        stack = self.running.setdefault(thread, [])
        while stack and stack[-1].loop() is not loop:
            if loop is not None and not any(watch.loop() is loop for watch in stack):
                break  # a loop inside another one's step
            self._leave(stack.pop())
        if loop is not None and not (stack and stack[-1].loop() is loop) and not self.stopped:
            watch = self.watch(loop)
            watch.thread = thread
            stack.append(watch)
            hooks.hook(watch, loop, early)
        if not stack:
            del self.running[thread]

    def watch(self, loop: Any) -> Watch:
        """The record of a loop."""
        with self.lock:
            number = self.by_loop.get(id(loop))
            watch = self.watches.get(number) if number is not None else None
            if watch is None or watch.loop() is not loop:
                number = self.by_loop[id(loop)] = next(self.loops)
                name = f"event loop {number + 1}" if number else "event loop"
                watch = self.watches[number] = Watch(self, loop, name)
                watch.restore = self._hook_errors(watch, loop)
                if len(self.watches) > LOOPS:
                    self._forget(next(iter(self.watches)))
            return watch

    def _forget(self, number: int) -> None:
        watch = self.watches[number]
        if watch.unhook is None:
            del self.watches[number]
            for chunk in watch.chunks:
                self.drop(chunk)

    def _leave(self, watch: Watch) -> None:
        if watch.unhook is not None:
            there = threading.get_ident() == watch.thread
            watch.unhook(there and not self.failure)  # after a mistake, what it has interrupted must still find its way

    def _in_its_thread(self, watch: Watch, call: Callable[[], Any]) -> None:
        """Have something done by a loop's own thread if it comes round soon, otherwise by this one."""
        loop = watch.loop() if watch.unhook is not None and watch.thread != threading.get_ident() else None
        if loop is not None and loop.is_running():
            done = threading.Event()

            def there() -> None:
                self._try(call)
                done.set()

            with suppress(RuntimeError):  # it was closed just now
                loop.call_soon_threadsafe(there)
                if done.wait(PATIENCE):
                    return
        call()

    def start(self) -> None:
        set_running = events._set_running_loop

        def set_running_loop(loop: Any) -> None:
            set_running(loop)
            self._try(self.enters, loop)

        self.undo = [
            replace(events, "_set_running_loop", set_running_loop),
            replace(asyncio.Runner, "_lazy_init", self._lazy_init()),
            replace(warnings, "_warn_unawaited_coroutine", self._unawaited()),
            *pools.hook(self),
        ]
        self._try(self._watch_class, getattr(sys.modules.get("uvloop"), "Loop", asyncio.BaseEventLoop))
        for loop in _running_loops():
            with suppress(RuntimeError):  # it was closed just now
                loop.call_soon_threadsafe(self._try, self.enters, loop, True)
        with suppress(RuntimeError):
            self._try(self.enters, asyncio.get_running_loop(), True)
        self.watchdog.start()

    def _watch_class(self, cls: Any) -> None:
        """Watch loops that do not tell asyncio's Python code when they run."""
        if issubclass(cls, asyncio.BaseEventLoop) or hasattr(cls.run_forever, "__wrapped__"):
            return
        for original in (cls.run_forever, cls.run_until_complete):

            @functools.wraps(original)
            def run(loop: Any, *args: Any, original: Any = original) -> Any:
                self._try(self.enters, loop)
                try:
                    return original(loop, *args)
                finally:
                    self._try(self.enters, None)

            self.undo.append(replace(cls, original.__name__, run))

    def _lazy_init(self) -> Any:
        """`asyncio.run` makes its loop there; it may be of a class that nobody has seen before."""
        original: Any = asyncio.Runner._lazy_init  # type: ignore[attr-defined]

        def lazy_init(runner: Any) -> None:
            original(runner)
            loop = runner._loop
            if not self.stopped and isinstance(loop, asyncio.AbstractEventLoop):
                self._try(self._watch_class, type(loop))
                if sys._getframe(1).f_code is asyncio.Runner.run.__code__:
                    self._try(self.enters, loop)  # just before it makes its task

        return lazy_init

    def stop(self) -> None:
        """Put everything back. The record stays."""
        self.stopped = True
        while self.undo:
            self.undo.pop()()
        for watch in list(self.watches.values()):
            self._try(self._in_its_thread, watch, functools.partial(self._leave, watch))
            watch.restore()
            watch.known.clear()
        self.watchdog.stop()

    def _try(self, call: Callable[..., None], *args: Any) -> None:
        try:
            call(*args)
        except Exception as error:
            self.failed(error)

    # -- complaints ------------------------------------------------------------------------------------------------

    def _hook_errors(self, watch: Watch, loop: Any) -> Callable[[], None]:
        """Note what a loop's exception handler is told: errors never retrieved, tasks destroyed while pending …"""
        if "call_exception_handler" in vars(loop):
            return lambda: None  # somebody else's, who may want to ask it things

        def call_exception_handler(context: dict[str, Any]) -> None:
            self._try(self._complaint, context)
            target: Any = watch.loop()
            if target is not None:
                type(target).call_exception_handler(target, context)

        def restore() -> None:
            target = watch.loop()
            if target is not None and vars(target).get("call_exception_handler") is call_exception_handler:
                del target.call_exception_handler

        loop.call_exception_handler = call_exception_handler
        return restore

    def _complaint(self, context: dict[str, Any]) -> None:
        without_us(context.get("exception"))
        thing: Any = context.get("task") or context.get("future")
        error = context.get("exception")
        name = thing.get_name() if hasattr(thing, "get_name") else ""
        text = f"{name}: {type(error).__name__}" if error is not None else name
        self.notes.append(Note(self.clock(), str(context.get("message", "")), text, None))

    def _unawaited(self) -> Any:
        """`warnings._warn_unawaited_coroutine` that notes the coroutine and warns as before, from the same place."""
        original: Any = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]

        def warn(message: str, category: Any = None, stacklevel: int = 1, source: Any = None) -> None:
            place = waits.user_place(sys._getframe(2))
            self.notes.append(Note(self.clock(), "coroutine was never awaited", source.__qualname__, place))
            warnings.warn(message, category=category, stacklevel=stacklevel + 1, source=source)

        space = {**original.__globals__, "warn": warn, "_wm": types.SimpleNamespace(warn=warn)}
        return types.FunctionType(original.__code__, space, original.__name__)


def _running_loops() -> list[Any]:
    """The loops that run in other threads, found on the threads' stacks."""
    found, frames = [], sys._current_frames()
    del frames[threading.get_ident()]
    for frame in frames.values():
        place: FrameType | None = frame
        while place is not None:
            if place.f_code.co_name in ("run_forever", "run_until_complete"):
                loop = waits.local_variables(place).get("self")
                if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running():
                    found.append(loop)
                    break
            place = place.f_back
    return found


# A process that is forked off goes its own way: it does not record. The watchdog's thread must not be there when Python
# counts threads before it warns of a fork.


def _before_fork() -> None:
    if _session is not None:
        _session.watchdog.stop()


def _after_fork() -> None:
    if _session is not None:
        _session.watchdog.start()


def _in_child() -> None:
    global _session, _lock
    session, _session, _lock = _session, None, threading.RLock()
    if session is not None:
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
            self._begin = session.clock()
        return self._trace

    def __exit__(self, *exc: object) -> None:
        global _session
        session, trace, end = self._session, self._trace, 0.0
        if session is None or trace is None:
            raise RuntimeError("this recording is not open: write `with record() as trace:`")
        with _lock:
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

    Works in any thread. Outside a recording it does nothing. Raises TypeError for a name that is no string and for
    coroutine functions, whose waiting belongs to others: tasks are recorded without it.
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
        self._begun.append((clock(), thread_time()))
        return self

    def __exit__(self, *exc: object) -> None:
        start, cpu = self._begun.pop()
        session = _session
        if session is not None:
            stop, used = session.clock(), thread_time() - cpu
            session.spans.append(SpanRow(self._name, start, stop, used, session.thread_name(), session.current()))
