"""Hooks a Watch into a running event loop and out of it again.

A task schedules its own steps with `loop.call_soon`, looked up by name. So an attribute of that name on the loop
sees every step of every task, and deleting it undoes that. Nothing of the tasks themselves is touched.

On asyncio's own loops the replacement makes the Handle itself, of a subclass whose `_run` notes start and stop; that
saves the frames of the original and pays for most of the recording. Other loops get their callback wrapped.
The state lives in the variables of `hook`, because reading those costs a fifth of reading attributes.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from asyncio import events
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from . import waits
from .eager import hook_create_task
from .loops import COLUMNS, IO, NEVER, ROWS, TIMER, UNKNOWN, TaskInfo, Watch
from .patch import Call, Raising, named_like, replace, wrap
from .watchdog import cpu_reading

LONG = 0.001  # seconds; longer steps are told apart by their CPU time

_BUILTIN, _FUNCTION, _METHOD = types.BuiltinFunctionType, types.FunctionType, types.MethodType
_PYTHON_STEPS = {"__step", "__wakeup"}


def hook(watch: Watch, loop: Any, early: bool) -> None:
    """Record `loop` from now on, until `watch.unhook()` is called. `early`: it ran before the recording began."""
    session, known, meet, describe, finish = watch.session, watch.known, watch.meet, watch.describe, watch.finish
    clock, failed, thread_cause, get_ident, new = (
        session.clock, session.failed, session.thread_cause, threading.get_ident, object.__new__
    )  # fmt: skip
    rows: list[float] = []
    suspended: list[TaskInfo] = []
    extend, idle, thread = rows.extend, watch.idle, watch.thread
    live = True
    offset = clock() - loop.time()  # due times are told on the loop's own clock
    current: Any = None  # whose step has the thread
    foreign = False  # that step began before the recording did: nobody will tell when it ends
    cause = IO  # who wakes whatever is woken now
    moment = clock()  # of the last change
    due = 0.0  # of the timer that is running
    cpu, cpu_due = cpu_reading(), 0.0
    step_type: type | None = None  # asyncio's own, which has no public name
    fast = (
        isinstance(loop, asyncio.BaseEventLoop)
        and type(loop).call_soon is asyncio.BaseEventLoop.call_soon
        and type(loop)._call_soon is asyncio.BaseEventLoop._call_soon  # type: ignore[attr-defined]
        and "call_soon" not in vars(loop)
    )

    # -- steps ---------------------------------------------------------------------------------------------------

    def ended(info: Any, start: float, stop: float) -> None:
        """All that follows a step, but its row."""
        nonlocal cpu
        if stop - start > LONG:
            before, cpu = cpu, cpu_reading()
            earlier = max(0.0, start - before[0])  # may have been used by steps before this one
            used = min(max(cpu[1] - before[1] - earlier, 0.0), stop - start)
            switches = None if cpu[2] is None or before[2] is None else cpu[2] - before[2]
            watch.long.append((start, stop, used, switches))
        if info.again:
            info.again, info.ready, info.waker, info.reason = False, stop, info.n, 0.0
        elif (task := info()) is not None:
            if task._state != "PENDING":
                finish(info, task, stop)
            else:
                info.ready, info.reason = NEVER, None  # to be found out, if it still waits when the loop selects
                suspended.append(info)

    def settle() -> None:
        """Has the step that began before the recording ended? Then it did so just now."""
        nonlocal current, foreign, cause, moment
        info, task = current, current()
        if task is not None and getattr(task.get_coro(), "cr_running", False):
            return
        start, now = moment, clock()
        current, foreign, cause, moment = None, False, IO, now
        extend((info.ready, start, now, info.n, info.waker, info.reason))
        ended(info, start, now)

    def interrupt() -> None:
        """A step begins inside another one, which so loses the thread."""
        nonlocal moment
        if foreign:
            settle()
        if current is not None:
            now = clock()
            extend((current.ready, moment, now, current.n, current.waker, current.reason))
            current.ready = moment = now

    def resume(info: Any, by: float, now: float) -> None:
        """The outer step has the thread back."""
        nonlocal current, cause, moment
        current, cause, moment = info, info.n, now
        info.waker, info.reason = by, 0.0

    def step_class(base: Any) -> Any:
        class Handle(base):  # type: ignore[misc]
            __slots__ = ("_mark",)

            def _run(self) -> None:
                nonlocal current, cause, moment
                info = self._mark
                if current is not None:
                    interrupt()
                outer = current
                current = info
                cause = info.n
                moment = clock()
                try:
                    self._context.run(self._callback, *self._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    if not fast:
                        raise
                    self._context = Raising(error)
                    plain_run(self)  # reports it as ever
                finally:
                    stop = clock()
                    if current is info:  # else the recording ended meanwhile
                        extend((info.ready, moment, stop, cause, info.waker, info.reason))
                        if info.again and stop - moment < LONG:
                            info.again = False
                            info.ready = stop
                            info.waker = cause
                            info.reason = 0.0
                        else:
                            try:
                                ended(info, moment, stop)
                            except Exception as error:
                                failed(error)
                        current = None
                        cause = IO
                        moment = stop
                        if outer is not None:
                            resume(outer, info.n, stop)
                    self = None  # type: ignore[assignment]  # as asyncio does: break the cycle of an error

        return named_like(Handle, base)

    def ready(info: Any, task: Any, args: tuple[Any, ...]) -> Any:
        """A task that has not the thread is made ready; `info` None: it is new."""
        if foreign:
            settle()
        by = cause if get_ident() == thread else thread_cause()
        if info is None:
            return adopt(task) or meet(task, by, sys._getframe(2), clock())
        try:
            info.waker = by
            info.ready = due if by == TIMER and info.ready == NEVER else clock()
            if info.reason is None:
                describe(info, task)
            if by != IO and args and args[0]._state == "CANCELLED":
                info.by = by
        except Exception as error:
            failed(error)
        return info

    # -- callbacks of no task, and timers ------------------------------------------------------------------------

    def callback_class(base: Any, run: Callable[[Any], Any]) -> Any:
        class Handle(base):  # type: ignore[misc]
            __slots__ = ("_mark",)

            def _run(self) -> None:
                nonlocal cause, moment
                outer, cause = cause, self._mark
                start, callback = clock(), self._callback
                if current is None:
                    moment = start
                try:
                    run(self)
                finally:
                    cause = outer
                    if current is None:
                        moment = clock()
                        if moment - start > LONG:
                            called(start, moment, callback)
                    self = None  # type: ignore[assignment]

        return named_like(Handle, base)

    def timer_class(base: Any, run: Callable[[Any], Any]) -> Any:
        class Handle(base):  # type: ignore[misc]
            __slots__ = ()  # so that a plain timer can change its class to this one and back

            def _run(self) -> None:
                nonlocal cause, due, moment
                outer, cause, due = cause, TIMER, self._when + offset
                start, callback = clock(), self._callback
                if current is None:
                    moment = start
                try:
                    run(self)
                finally:
                    cause = outer
                    if current is None:
                        moment = clock()
                        if moment - start > LONG:
                            called(start, moment, callback)
                    self = None  # type: ignore[assignment]

        return named_like(Handle, base)

    def called(start: float, stop: float, callback: Any) -> None:
        """A callback held the loop for a while."""
        code = getattr(callback, "__code__", None)
        watch.callbacks.append((start, stop, waits.call_name(callback), (code, 0) if code else None))

    # -- what replaces the loop's own methods --------------------------------------------------------------------

    def call_soon(callback: Any, *args: Any, context: Any = None) -> Any:
        kind = type(callback)
        if fast and (kind is step_type or (kind is _BUILTIN and live and callback.__name__ == "task_wakeup")):
            task = callback.__self__
            mark = known.get(id(task))
            if mark is not None and mark is current and not foreign:
                mark.again = True
            else:
                mark = ready(mark, task, args)
            handle = new(step)  # the same as calling the class, without the frame of its __init__
        elif live and fast:
            mark = look(kind, callback, args)
            if mark is None:
                handle = new(call)
                mark = cause if get_ident() == thread else thread_cause()
            else:
                handle = new(step)
        elif live:
            return wrapped_call_soon(kind, callback, args, context)
        else:  # somebody kept this function beyond the recording
            return watch.loop().call_soon(callback, *args, context=context)  # type: ignore[union-attr]
        if loop._debug:
            loop._check_thread()
            loop._check_callback(callback, "call_soon")
            plain_init(handle, callback, args, loop, context)
            del handle._source_traceback[-1:]
        else:
            handle._callback = callback
            handle._args = args
            handle._loop = loop
            handle._context = copy_context() if context is None else context
            handle._cancelled = False
            handle._source_traceback = handle._repr = None
        handle._mark = mark
        append(handle)
        return handle

    def look(kind: Any, callback: Any, args: tuple[Any, ...]) -> Any:
        """The task whose step or wake-up the callback is, or None."""
        nonlocal step_type
        if kind is _FUNCTION:
            return None
        if kind is _BUILTIN:
            if callback.__name__ != "task_wakeup":
                return None
        elif kind is _METHOD:
            if callback.__name__ not in _PYTHON_STEPS or not hasattr(callback.__self__, "get_coro"):
                return None
        elif kind.__name__ == "TaskStepMethWrapper":
            step_type = kind
        else:
            return None
        info = known.get(id(callback.__self__))
        if info is not None and info is current and not foreign:
            info.again = True
            return info
        return ready(info, callback.__self__, args)

    def wrapped_call_soon(kind: Any, callback: Any, args: tuple[Any, ...], context: Any) -> Any:
        """For loops that make their own handles."""
        if len(rows) > ROWS * COLUMNS:
            watch.pack(rows)
        mark = look(kind, callback, args)
        wrapped = wrap(step, callback, mark) if mark is not None else wrap(call, callback, cause)
        return original(wrapped, *args, context=context)

    def call_soon_threadsafe(callback: Any, *args: Any, context: Any = None) -> Any:
        if not live:
            return watch.loop().call_soon_threadsafe(callback, *args, context=context)  # type: ignore[union-attr]
        by = cause if get_ident() == thread else thread_cause()
        if not fast:
            return original_threadsafe(wrap(call, callback, by), *args, context=context)
        if loop._debug:
            loop._check_callback(callback, "call_soon_threadsafe")
        handle = thread_call(callback, args, loop, context)
        handle._mark = by
        if handle._source_traceback:
            del handle._source_traceback[-1]
        append(handle)
        loop._write_to_self()
        return handle

    def call_at(when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        if not live:
            return watch.loop().call_at(when, callback, *args, context=context)  # type: ignore[union-attr]
        if not fast:
            return original_at(when, wrap(timer, callback, when), *args, context=context)
        handle = original_at(when, callback, *args, context=context)
        if type(handle) is events.TimerHandle:
            handle.__class__ = timer
            if handle._source_traceback:  # type: ignore[attr-defined]
                del handle._source_traceback[-1]  # type: ignore[attr-defined]
        return handle

    def call_later(delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        """Only for loops whose `call_later` does not use `call_at`."""
        if not live:
            return watch.loop().call_later(delay, callback, *args, context=context)  # type: ignore[union-attr]
        return original_later(delay, wrap(timer, callback, loop.time() + delay), *args, context=context)

    def select(timeout: float | None = None) -> Any:
        nonlocal cause, moment, cpu, cpu_due
        try:
            if foreign:
                settle()
            explain()
            if len(rows) > ROWS * COLUMNS:
                watch.pack(rows)
        except Exception as error:
            failed(error)
        enter, moment = clock(), NEVER
        try:
            return original_select(timeout)
        finally:
            moment = clock()
            idle.extend((enter, moment))
            cause = IO if current is None else current.n
            if moment > cpu_due:
                cpu, cpu_due = cpu_reading(), moment + LONG

    def explain() -> None:
        """Say of each task suspended since the last time, and still so, what it waits for."""
        for info in suspended:
            if info.reason is None and (task := info()) is not None:
                describe(info, task)
        suspended.clear()

    # -- in and out ----------------------------------------------------------------------------------------------

    def begin(stand_in: Any) -> tuple[Any, float, int]:
        """An eager task's first step begins, inside the step that creates it."""
        nonlocal current, cause, moment
        if current is not None:
            interrupt()
        before = current, moment, len(rows)
        current, cause, moment = stand_in, stand_in.n, clock()
        stand_in.ready = moment
        return before

    def finished(stand_in: Any, before: tuple[Any, float, int], info: TaskInfo | None) -> None:
        """It ended; `info` None: it never began, the task was created without being run."""
        nonlocal current, cause, moment
        outer, _, length = before
        stop = clock()
        if info is None:
            if outer is not None and len(rows) == length:  # take the interruption back
                outer.ready, moment = rows[-COLUMNS], rows[-COLUMNS + 1]
                del rows[-COLUMNS:]
            current, cause = outer, (IO if outer is None else outer.n)
            return
        extend((stand_in.ready, moment, stop, info.n, stand_in.waker, 0.0))
        start, info.again = moment, stand_in.again
        current, cause, moment = None, IO, stop
        ended(info, start, stop)
        if outer is not None:
            resume(outer, info.n, stop)

    def unhook() -> None:
        """Undo everything; what was recorded stays."""
        nonlocal live, current, loop, append, step_type
        nonlocal original, original_threadsafe, original_at, original_later, original_select
        if not live:
            return
        now = clock()
        if foreign:
            settle()
        if current is not None:
            extend((current.ready, moment, now, current.n, current.waker, current.reason))
        explain()
        watch.pack(rows)
        for restore in undo:
            restore()
        for cls in classes:  # handles still queued run as plain ones from now on
            del cls._run
        for handle in getattr(loop, "_scheduled", ()) if fast else ():
            if type(handle) is timer:
                handle.__class__ = events.TimerHandle
        watch.runs[-1][1] = now
        watch.unhook, watch.flush, watch.probe, watch.cause = None, nothing, nobody, unknown
        live, current, step_type = False, None, None
        # not to keep the loop alive until the collector finds these functions
        loop = append = original = original_threadsafe = original_at = original_later = original_select = None

    def flush() -> None:
        """Pack what there is, for a recording that ends while another goes on."""
        nonlocal moment
        if foreign:
            settle()
        if current is not None:
            interrupt()
            current.waker, current.reason = current.n, 0.0
        explain()
        watch.pack(rows)

    nothing, nobody, unknown = watch.flush, watch.probe, watch.cause
    plain_run, plain_init = events.Handle._run, events.Handle.__init__  # type: ignore[attr-defined]
    if fast:
        threadsafe = getattr(events, "_ThreadSafeHandle", events.Handle)  # 3.14
        step, call = step_class(events.Handle), callback_class(events.Handle, plain_run)
        thread_call = callback_class(threadsafe, threadsafe._run)  # type: ignore[attr-defined]
        timer = timer_class(events.TimerHandle, plain_run)
        append = loop._ready.append
        classes = [step, call, thread_call, timer]
    else:
        step, call, timer = step_class(Call), callback_class(Call, Call.run), timer_class(Call, Call.run)
        thread_call = append = None
        classes = []
    original, original_threadsafe = loop.call_soon, loop.call_soon_threadsafe
    original_at, original_later = loop.call_at, loop.call_later
    undo = [
        replace(loop, "call_soon", call_soon),
        replace(loop, "call_soon_threadsafe", call_soon_threadsafe),
        replace(loop, "call_at", call_at),
    ]
    if not fast:
        undo.append(replace(loop, "call_later", call_later))
    selector = getattr(loop, "_selector", None)
    original_select = getattr(selector, "select", None)
    if original_select is not None:
        undo.append(replace(selector, "select", select))
        watch.sees_idle = True
    adopt, undo_create = hook_create_task(watch, loop, begin, finished, lambda: cause)
    undo += [undo_create, session.hook_errors(watch, loop)]
    watch.runs.append([moment, NEVER])
    watch.unhook, watch.flush = unhook, flush
    watch.probe = lambda: (UNKNOWN if current is None else current.n, moment)
    watch.cause = lambda: cause

    # -- what was there before -----------------------------------------------------------------------------------

    running = asyncio.current_task(loop)
    queued = {}
    for i, handle in enumerate(loop._ready if fast else ()):
        owner = getattr(handle._callback, "__self__", None)
        if isinstance(owner, asyncio.Future) and hasattr(owner, "get_coro") and not handle._cancelled:
            queued[id(owner)] = i, handle
    for task in sorted(asyncio.all_tasks(loop), key=lambda t: queued.get(id(t), (-1, None))[0]):
        born = None if early else moment
        info = known.get(id(task)) or meet(task, UNKNOWN, None, born)
        info.ready = moment
        if task is running:
            current, foreign, cause = info, True, info.n
        elif id(task) in queued:  # nobody else holds the handle of a task's step
            i, plain = queued[id(task)]
            handle = loop._ready[i] = new(step)
            for name in ("_callback", "_args", "_cancelled", "_loop", "_source_traceback", "_repr", "_context"):
                setattr(handle, name, getattr(plain, name))
            handle._mark = info
        else:
            info.ready, info.reason = NEVER, None
            suspended.append(info)
    for handle in loop._scheduled if fast else ():
        if type(handle) is events.TimerHandle:
            handle.__class__ = timer
