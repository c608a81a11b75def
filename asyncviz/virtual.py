"""An event loop on a virtual clock: waiting costs nothing, times are exact, and the same on every machine.

The loop is asyncio's own, with another clock and another selector: where a real loop sleeps until its next timer is
due, this one sets its clock to that time. So computing takes no time at all, but for `busy` and `time.sleep`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import itertools
import math
import sys
import threading
import types
from _asyncio import _set_running_loop  # the original: an outer recording must not take this loop for a real one
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from . import pools, watchdog
from .clocks import clocks, real_clock
from .loops import Watch
from .recorder import Session
from .trace import WAITING, Trace
from .waits import call_name, user_place

T = TypeVar("T")
DIGITS = 9  # times are whole nanoseconds, so that 0.1 + 0.2 is 0.3
WORKERS = 32  # of the default pool; a real one has fewer on a small machine
REAL = {
    "connections": "create_connection create_unix_connection create_datagram_endpoint start_tls sendfile",
    "servers": "create_server create_unix_server connect_accepted_socket",
    "sockets": "sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall sock_sendto sock_connect "
    "sock_accept sock_sendfile add_reader add_writer",
    "name look-ups": "getaddrinfo getnameinfo",
    "subprocesses": "subprocess_exec subprocess_shell",
    "pipes": "connect_read_pipe connect_write_pipe",
}


class SimulationError(RuntimeError):
    """A program cannot be run, or does not end, on the virtual clock. `trace` is what was recorded of it."""

    trace: Trace | None = None


class Deadlock(SimulationError):
    """Nothing is ready, no timer is set, and the program is not done: it waits for something that never comes."""


class Overrun(SimulationError):
    """The program did not end within the real time it was given."""


class NotSimulated(SimulationError):
    """The program asked for the real world: sockets, subprocesses. Its time cannot be simulated."""


def deadlock(trace: Trace) -> str:
    """Who waits for what."""
    waiting = [task for task in trace.tasks.values() if task.state == WAITING]
    said = [f"and {len(waiting) - 8} more wait"] if len(waiting) > 8 else []
    for task in reversed(waiting[:8]):
        reason = trace.reasons[task.reason]
        line = f" (line {reason.line})" if reason.line is not None else ""
        said.insert(0, f"{task.label} waits for {reason.text or 'nothing known'}{line}")
    return f"deadlock at {trace.duration:g} s of simulated time, nothing can go on: {'; '.join(said)}"


class _Due(float):
    """When a timer is due. Of two at the same moment the one set first is first, as it would be on a real clock."""

    number: int

    def __lt__(self, other: float) -> bool:
        if float(self) == float(other) and isinstance(other, _Due):
            return self.number < other.number
        return float(self) < float(other)


class _Job:
    """A call in a worker thread: it runs for real, at once, and its simulated seconds are added up."""

    def __init__(self, name: str, task: float, queued: float, workers: list[float], most: int) -> None:
        self.work = pools.Work(name, task, queued)
        self.workers, self.most = workers, most  # when each worker is free again, and how many there may be
        self.seconds = 0.0
        self.future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.outcome: tuple[Callable[[Any], None], Any] | None = None

    def time(self) -> float:
        return self.work.queued + self.seconds

    def hold(self, seconds: float, computing: bool) -> None:
        self.seconds += seconds

    def run(self, func: Callable[..., Any], args: tuple[Any, ...], wake: Callable[[], None]) -> None:
        clocks[threading.get_ident()] = self
        try:
            self.outcome = self.future.set_result, func(*args)
        except BaseException as error:
            self.outcome = self.future.set_exception, error
        finally:
            clocks.pop(threading.get_ident(), None)
            wake()

    def deliver(self) -> None:
        assert self.outcome is not None
        if self.future.set_running_or_notify_cancel():
            self.outcome[0](self.outcome[1])


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose clock stands still while anything runs, and jumps to the next timer when nothing does."""

    _ready: deque[Any]
    _scheduled: list[Any]
    _default_executor: Any
    _stopping: bool
    _thread_id: int | None

    def __init__(self) -> None:
        super().__init__()
        self.now, self.watch, self.turned = 0.0, Watch(Session(), self, ""), real_clock()
        self.session = Session(now=self.time)
        self.computed: list[tuple[float, float]] = []  # when, and for how long, on the virtual clock
        self.refusal: BaseException | None = None  # raised at every turn from now on
        self.left, self.ended = set[asyncio.Task[Any]](), 0.0  # what was still running at the end, and when that was
        self._selector = types.SimpleNamespace(select=self._advance)
        self._clock_resolution = 10.0**-DIGITS
        self._numbers = itertools.count()
        self.jobs: list[_Job] = []
        self._pools: dict[int, list[float]] = {}
        self._workers: dict[tuple[int, int], int] = {}
        self._wake = threading.Condition()
        self._threads = set(threading.enumerate())  # those that have nothing to do with this program

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        due = _Due(round(when, DIGITS))
        due.number = next(self._numbers)
        return super().call_at(due, callback, *args, context=context)

    def hold(self, seconds: float, computing: bool) -> None:
        """Let time pass while nobody else gets a turn. The recorder learns where, as if its watchdog had looked."""
        frame, since = sys._getframe(2), self.watch.probe()[1]  # of whoever called sleep or busy
        sample = watchdog.Sample(since, threading.get_ident(), user_place(frame), watchdog._stack(frame))
        self.session.watchdog.samples.extend([sample] * min(max(round(seconds / watchdog.TICK), 1), 50))
        if computing:
            self.computed.append((self.now, seconds))
        self.now = round(self.now + seconds, DIGITS)

    def run_forever(self) -> None:
        self._check_closed()  # type: ignore[attr-defined]
        self._check_running()  # type: ignore[attr-defined]
        self._thread_id = threading.get_ident()
        self._threads.add(threading.current_thread())
        hooks = sys.get_asyncgen_hooks()
        try:
            sys.set_asyncgen_hooks(self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)  # type: ignore[attr-defined]
            _set_running_loop(self)
            while True:
                self._run_once()  # type: ignore[attr-defined]
                if self._stopping:
                    break
        finally:
            self._stopping, self._thread_id = False, None
            _set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def _advance(self, timeout: float | None) -> list[Any]:
        """What a selector does, wait until something happens. Here only timers and threads make something happen."""
        if self.watch.unhook is not None:  # not while what is left is cleared away
            self.turned = real_clock()
        if self.refusal is not None:
            raise self.refusal
        with self._wake:
            while timeout != 0 and not self._ready:
                if self.jobs:
                    if all(job.outcome for job in self.jobs):
                        self._deliver()
                        break
                elif self._scheduled and self._scheduled[0]._when < math.inf:
                    self.now = max(self.now, float(self._scheduled[0]._when))
                    self._clock_resolution = max(10.0**-DIGITS, 4 * math.ulp(self.now))
                    break
                elif self._threads.issuperset(threading.enumerate()):
                    raise Deadlock
                self._wake.wait(watchdog.TICK)  # not longer: what stops this thread cannot end a wait
        return []

    def __del__(self) -> None:
        """No complaint about a loop that was left behind with its thread."""

    def _process_events(self, events: list[Any]) -> None:
        pass

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.session.stopped:  # what is cleared away afterwards is not the program's doing
            self.session._try(self.session._complaint, context)
        super().call_exception_handler(context)

    def _write_to_self(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """The call runs in a thread of its own while the clock stands still; then it is told how long it took."""
        self._check_closed()  # type: ignore[attr-defined]
        executor = executor or self._default_executor
        name, size = call_name(functools.partial(func, *args)), getattr(executor, "_max_workers", WORKERS)
        if executor is not None and not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            func, args = executor.submit(func, *args).result, ()  # worker processes know no virtual clock
        job = _Job(name, self.session.current(), self.now, self._pools.setdefault(id(executor), []), size)
        self.jobs.append(job)
        thread = threading.Thread(target=job.run, args=(func, args, self._write_to_self), daemon=True)
        self._threads.add(thread)
        thread.start()
        return asyncio.wrap_future(job.future, loop=self)

    def _deliver(self) -> None:
        for job in self.jobs:
            work, free = job.work, job.workers
            # as in a pool: a worker that is idle takes the call, else a new one, else the first that will be free
            worker = next((n for n, since in enumerate(free) if since <= work.queued), len(free))
            if worker == len(free) < job.most:
                free.append(work.queued)
            elif worker == len(free):
                worker = free.index(min(free))
            work.started = max(free[worker], work.queued)
            work.finished = free[worker] = round(work.started + job.seconds, DIGITS)
            number = self._workers.setdefault((id(free), worker), len(self._workers))  # two pools, two sets of workers
            work.worker = f"worker {number}"
            self.session.work.append(work)
            self.call_at(work.finished, job.deliver)
        self.jobs.clear()


def _refused(name: str, what: str) -> Callable[..., Any]:
    def refused(self: VirtualLoop, *args: Any, **kwargs: Any) -> Any:
        text = f"{what} take real time, which no virtual clock can tell (loop.{name}): record the program instead"
        self.refusal = self.refusal or NotSimulated(f"{text}, `with asyncviz.record() as trace:`")
        raise self.refusal  # and at the next turn of the loop again, in case the program takes it for an answer

    return refused


for _what, _names in REAL.items():
    for _name in _names.split():
        setattr(VirtualLoop, _name, _refused(_name, _what))
