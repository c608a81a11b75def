"""A session: everything recorded while at least one recording is open. The hooks in the loops are in hooks.py."""

from __future__ import annotations

import asyncio
import functools
import itertools
import sys
import threading
import types
import warnings
import weakref
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter as clock
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from . import cancels, hooks, pools, waits
from .loops import COLUMNS, MANY, THREAD, UNKNOWN, TaskInfo, Watch
from .patch import replace, without_us
from .watchdog import Watchdog

if TYPE_CHECKING:
    from .recorder import record

LOOPS = 10_000  # kept; a program may make one for each call
PATIENCE = 0.1  # seconds; how long a loop in another thread may take to come round

lock: Any = threading.RLock()  # of recordings that begin and end


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
        self.asked: dict[float, cancels.Request] = {}  # by the task's number
        self.loops = itertools.count()
        self.watches: dict[int, Watch] = {}  # by a number of their own, in order of appearance
        self.by_loop: dict[int, int] = {}  # the number, by id(loop)
        self.running: dict[int, list[Watch]] = {}  # by thread: the loops that run in it, innermost last
        self.reasons: dict[waits.Wait | None, float] = {None: 0.0}
        self.callers: dict[tuple[int, ...], tuple[int, list[waits.Place]]] = {(): (0, [])}
        self.threads: dict[tuple[int, str], int] = {}
        self.work: deque[pools.Work] = deque(maxlen=MANY)
        self.works: weakref.WeakKeyDictionary[Any, pools.Work] = weakref.WeakKeyDictionary()  # by the pool's future
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

    def called_from(self, frames: list[FrameType]) -> int:
        """The number of a list of callers; by the identities of their codes, since to hash a code is dear."""
        key = tuple(itertools.chain.from_iterable((id(frame.f_code), frame.f_lasti) for frame in frames))
        known = self.callers.get(key)
        if known is None:
            with self.lock:
                places = [(frame.f_code, frame.f_lasti) for frame in reversed(frames)]  # keeps the identities
                many = len(self.callers) >= MANY
                known = (0, []) if many else self.callers.setdefault(key, (len(self.callers), places))
        return known[0]

    def drop(self, chunk: Any) -> None:
        """A chunk of the oldest steps goes, and with it the tasks that ended in it."""
        self.steps -= len(chunk) // COLUMNS
        self.dropped += len(chunk) // COLUMNS
        until = chunk[-COLUMNS + 2]
        for n in set(chunk[3::COLUMNS]):
            info = self.tasks.get(n)
            if info is not None and info.outcome is not None and info.finished <= until:
                del self.tasks[n]
                self.asked.pop(n, None)

    def failed(self, error: BaseException) -> None:
        """The recorder has made a mistake: the program must not suffer for it. Stop, keep what there is, say so."""
        with lock:
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
            self._hook_errors(asyncio.BaseEventLoop),
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
        self.undo.append(self._hook_errors(cls))
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
            watch.known.clear()
        self.watchdog.stop()

    def _try(self, call: Callable[..., None], *args: Any) -> None:
        try:
            call(*args)
        except Exception as error:
            self.failed(error)

    # -- complaints ------------------------------------------------------------------------------------------------

    def _hook_errors(self, cls: Any) -> Callable[[], None]:
        """Note what loops tell their exception handlers: errors never retrieved, tasks destroyed while pending …"""
        original = cls.call_exception_handler

        def call_exception_handler(loop: Any, context: dict[str, Any]) -> None:
            self._try(self._complaint, context)
            original(loop, context)

        return replace(cls, "call_exception_handler", call_exception_handler)

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
