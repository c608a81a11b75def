"""Runs a program on a virtual clock: `result, trace = simulate(main())`.

It runs in a helper thread, which works inside a notebook's running loop and can be given up on.
The loop is in virtual.py, what `time.sleep` does meanwhile in clocks.py.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import inspect
import math
import sys
import threading
import types
import warnings
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from .clocks import busy, clocks, real_clock, virtual_time
from .findings import some
from .freeze import freeze
from .loops import UNKNOWN, Measured
from .patch import replace
from .recorder import LIMIT
from .trace import Steps, Trace
from .virtual import DIGITS, Deadlock, NotSimulated, Overrun, SimulationError, VirtualLoop, deadlock
from .waits import Place, cell_name, line_of, user_place

__all__ = ["Deadlock", "NotSimulated", "Overrun", "SimulationError", "busy", "simulate"]

T = TypeVar("T")
THREAD = "simulation"
PATIENCE = 60.0  # seconds of simulated time in which tasks left over must end when they are cancelled
ROUNDS = 3  # of cancelling; an interrupt or exit may end one early
STOP = 2.0  # real seconds after which a thread that does not stop is given up


class _Stop(KeyboardInterrupt):
    """Raised in the thread of a program whose time is up. asyncio lets interrupts pass at once."""


class Late(NamedTuple):
    """When a thread's time was up, where it was, and whether it could not even be stopped."""

    time: float
    place: Place | None
    stuck: bool


def guarded(work: Callable[[], None], seconds: float, give_up: Callable[[], None] = lambda: None) -> Late | None:
    """Run `work` in a helper thread for at most `seconds` of real time; None: it came to its end.

    A thread that computes is stopped, after a call of `give_up`. One that waits inside a blocking call, or catches
    whatever is raised, cannot be: it is left behind.
    """
    ended = threading.Event()

    def whole() -> None:
        with suppress(_Stop):  # it may come late, when the work has seen to another one
            try:
                work()
            finally:
                ended.set()

    def alive() -> bool:
        # not `thread.is_alive()`: an interrupted `join` makes it say no of a thread that runs (seen on 3.11)
        return not ended.is_set() and thread.ident in sys._current_frames()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(whole,), name=THREAD, daemon=True)
    thread.start()
    end, late, frame = real_clock() + seconds, False, None
    try:
        while alive() and not late:
            ended.wait(min(0.25, max(end - real_clock(), 0.0)))  # short, or Windows cannot interrupt it
            late = real_clock() > end and alive()
        frame = sys._current_frames().get(thread.ident or 0) if late else None
        up, place = real_clock(), user_place(frame)
    finally:  # also when the wait itself was interrupted
        frame, end = None, real_clock() + STOP
        if alive():
            give_up()
        while alive() and real_clock() < end:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Stop))
            ended.wait(0.02)
        clocks.pop(thread.ident or 0, None)
    return Late(up, place, alive()) if late else None


class Attempt(NamedTuple):
    """What became of a program: its result or its error, and the recording in either case."""

    result: Any
    error: BaseException | None
    trace: Trace


def attempt(
    main: Coroutine[Any, Any, Any], *, name: str, timeout: float, limit: int = LIMIT, space: dict[str, Any]
) -> Attempt:
    """`simulate` that raises nothing. `limit`: of steps kept. `space`: the program's global names."""
    loop, trace, done = VirtualLoop(), Trace(name), list[tuple[Any, BaseException | None]]()
    loop.session.limit, trace.simulated = limit, True
    try:
        with virtual_time(space):
            late = guarded(lambda: _run(loop, main, done), timeout, lambda: setattr(loop, "refusal", _Stop()))
    finally:
        loop.session.stop()
        for thread in [t for t, clock in list(clocks.items()) if clock in (loop, *loop.jobs)]:
            clocks.pop(thread, None)  # of what was left behind
    if late is not None:
        loop.ended = loop.now
    if late is None or not late.stuck:
        _freeze(loop, trace, limit)
        _bury(loop)
    result, error = done[0] if late is None else (None, Overrun(_overrun(late, loop, timeout)))
    if isinstance(error, SimulationError):
        error.trace = trace
    if isinstance(error, Deadlock):
        error.args = (deadlock(trace),)
    return Attempt(result, error, trace)


def _run(loop: VirtualLoop, main: Coroutine[Any, Any, Any], done: list[tuple[Any, BaseException | None]]) -> None:
    """What the helper thread does. Nothing is imported here: a thread that is stopped would leave half a module."""
    result, failure, session = None, None, loop.session
    with suppress(_Stop):
        clocks[threading.get_ident()] = loop
        task = loop.create_task(main)
        session.undo = [replace(warnings, "_warn_unawaited_coroutine", session._unawaited())]
        session.enters(loop)
        loop.watch = session.watches[0]
        try:
            result = loop.run_until_complete(task)
        except BaseException as error:
            failure = error
            task.done() and not task.cancelled() and task.exception()  # it is told already
        session.stop()
        loop.left, loop.ended = asyncio.all_tasks(loop), loop.now
        _wind_up(loop)
    done.append((result, failure))
    clocks.pop(threading.get_ident(), None)


def _freeze(loop: VirtualLoop, trace: Trace, limit: int) -> None:
    """Fill the trace, with the readings that only a real clock gives put right."""
    session, at = loop.session, [when for when, _ in loop.computed]

    def computed(start: float, stop: float) -> float:
        return math.fsum(seconds for _, seconds in loop.computed[bisect_left(at, start) : bisect_left(at, stop)])

    for watch in session.watches.values():
        for _ in range(len(watch.long)):
            start, stop, *_readings = watch.long.popleft()
            watch.long.append(Measured(start, stop, computed(start, stop), None, None))
    session.spans = deque(span._replace(cpu=computed(span.start, span.stop)) for span in session.spans)
    # `freeze` leaves out what ends at the very beginning or begins at the very end: on this clock much does
    freeze(session, trace, -math.ulp(0.0), math.nextafter(loop.ended, math.inf), UNKNOWN, limit)
    trace.duration, make = loop.ended, trace._make_steps
    for task in trace.tasks.values():
        task.born = None if task.born is None else round(task.born, DIGITS)
        task.finished = None if task.finished is None else round(task.finished, DIGITS)
    trace.work = [
        work._replace(**{name: round(getattr(work, name), DIGITS) for name in ("queued", "started", "finished")})
        for work in trace.work
    ]
    trace.spans = [s._replace(start=round(s.start, DIGITS), stop=round(s.stop, DIGITS)) for s in trace.spans]
    for seen in trace.loops:
        seen.thread = THREAD
        seen.runs = seen.runs.round(DIGITS)
        seen.idle = None if seen.idle is None else seen.idle.round(DIGITS)

    def steps() -> Steps:
        assert make is not None
        raw = make()
        raw.ready, raw.start, raw.stop = (column.round(DIGITS) for column in (raw.ready, raw.start, raw.stop))
        return raw

    trace._make_steps = steps


def _wind_up(loop: VirtualLoop) -> None:
    """Cancel what was left running, as asyncio.run does, but without patience for those who will not have it."""
    tasks, stopped = set(loop.left), isinstance(loop.refusal, _Stop)
    loop.refusal = loop.refusal if stopped else None
    for _ in range(ROUNDS if tasks and not stopped else 0):
        for task in tasks:
            task.cancel()
        with suppress(SimulationError, SystemExit, KeyboardInterrupt):  # comes out of the loop, not out of a task
            loop.run_until_complete(asyncio.wait(tasks, timeout=PATIENCE))
            break
        tasks |= asyncio.all_tasks(loop)
    if not stopped:
        with suppress(SimulationError, SystemExit, KeyboardInterrupt):
            loop.run_until_complete(loop.shutdown_asyncgens())


def _bury(loop: VirtualLoop) -> None:
    """Close a loop of which nobody knows where it was stopped, without the complaints that this would bring."""
    loop._stopping, loop._thread_id = False, None
    for task in asyncio.all_tasks(loop) | loop.left:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        coro: Any = task.get_coro()
        if inspect.iscoroutine(coro) and inspect.getcoroutinestate(coro) == inspect.CORO_CREATED:
            coro.close()  # or it would say that nobody awaited it
        elif not task.done():  # kept for ever: closing it raises one more error in it, and it has caught all others
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(coro))
    loop.left.clear()
    loop.close()


def _where(place: Place | None) -> str:
    if place is None:
        return ""
    return f" in line {line_of(place)} of {place[0].co_name} ({cell_name(place[0].co_filename)})"


def _overrun(late: Late, loop: VirtualLoop, timeout: float) -> str:
    text = f"the program did not end within {timeout:g} s of real time"
    if late.stuck:
        return f"{text}: it waits{_where(late.place)} in a blocking call that nothing can end, and was left behind"
    if names := [job.work.name for job in loop.jobs if job.outcome is None]:
        why = "the clock stands still meanwhile: who waits there for a loop's timers, or its own loop's, waits for ever"
        return f"{text}: {some(names)} did not come back from its thread ({why})"
    if late.time - loop.turned > min(timeout, STOP) / 2:
        return f"{text}: it never came back to the event loop, and was stopped{_where(late.place)}"
    return f"{text}: at {loop.ended:g} s of simulated time it was still going"


def simulate(main: Coroutine[Any, Any, T], *, name: str = "", timeout: float = 10.0) -> tuple[T, Trace]:
    """Run a program on a virtual clock: `result, trace = simulate(main())`.

    Parameters
    ----------
    main : the coroutine object of the program. Sleeps, timeouts and everything else in asyncio that waits for other
        tasks takes no real time. `time.sleep` and `busy` hold the loop for their time without taking it. Calls handed
        to threads run for real while the clock stands still, and take the time that they sleep.
    name : of the recording.
    timeout : real seconds after which the program is stopped.

    Returns the program's result and the recording, whose times are exact. Raises what the program raises; Deadlock,
    which says who waits for what; Overrun for a program without end; NotSimulated for sockets and subprocesses;
    TypeError for anything but a coroutine object, ValueError for a timeout that is not positive.
    """
    if not inspect.iscoroutine(main):
        hint = f"simulate({main.__name__}())" if inspect.iscoroutinefunction(main) else "simulate(main())"
        raise TypeError(f"a coroutine object is simulated, not {type(main).__name__}: {hint}")
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout is a positive number of seconds, not {timeout!r}")
    space = main.cr_frame.f_globals if main.cr_frame is not None else {}
    result, error, trace = attempt(main, name=name, timeout=timeout, space=space)
    if error is not None:
        raise error
    return result, trace


class _Module(types.ModuleType):
    """This module and the face's function share a name. Whoever imports the module by itself hides the function."""

    def __call__(self, main: Coroutine[Any, Any, T], **options: Any) -> tuple[T, Trace]:
        return simulate(main, **options)


sys.modules[__name__].__class__ = _Module
