"""Hooks a Watch into a running event loop and out of it again.

A task schedules its own steps with `loop.call_soon`, looked up by name. So an attribute of that name on the loop
sees every step of every task, and deleting it undoes that. Nothing of the tasks themselves is touched.

On asyncio's own loops the replacement makes the Handle itself, of a subclass whose `_run` notes start and stop; that
saves the frames of the original and pays for most of the recording (timers and calls from other threads: plain.py).
Other loops get their callback wrapped (wrapped.py).
The state lives in the variables of `hook`, because reading those costs a fifth of reading attributes.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import types
from asyncio import events
from contextvars import copy_context
from typing import Any

from . import cancels, plain, waits, wrapped
from .adopt import adopt_all
from .eager import hook_create_task
from .loops import COLUMNS, IO, NEVER, ROWS, TIMER, UNKNOWN, TaskInfo, Watch, offset_of
from .patch import Call, Raising, debugged, dressed_like, locked, replace
from .watchdog import LONG, Meter

FULL = ROWS * COLUMNS

_BUILTIN, _FUNCTION, _METHOD = types.BuiltinFunctionType, types.FunctionType, types.MethodType
_PYTHON_STEPS = {"__step", "__wakeup"}
_SELECTORS = (selectors.BaseSelector, types.SimpleNamespace)  # the latter is the virtual loop's


def hook(watch: Watch, loop: Any, early: bool) -> None:
    """Record `loop` from now on, until `watch.unhook()` is called. `early`: it ran before the recording began."""
    session, known, meet, describe, finish = watch.session, watch.known, watch.meet, watch.describe, watch.finish
    clock, failed, thread_cause, get_ident, new = (
        session.clock, session.failed, session.thread_cause, threading.get_ident, object.__new__
    )  # fmt: skip
    rows = watch.rows
    suspended: list[TaskInfo] = []
    extend, idle, thread = rows.extend, watch.idle, watch.thread
    live = True
    current: Any = None  # whose step has the thread
    foreign = False  # that step began before the recording did: nobody will tell when it ends
    cause = UNKNOWN  # who wakes whatever is woken now
    moment = clock()  # of the last change
    due = 0.0  # of the timer that is running
    meter = Meter()
    step_type: type | None = None  # asyncio's own, which has no public name
    selector = getattr(loop, "_selector", None)
    original_select: Any = getattr(selector, "select", None) if isinstance(selector, _SELECTORS) else None
    fast = (
        isinstance(loop, asyncio.BaseEventLoop)
        and type(loop).call_soon is asyncio.BaseEventLoop.call_soon
        and type(loop)._call_soon is asyncio.BaseEventLoop._call_soon  # type: ignore[attr-defined]
        and "call_soon" not in vars(loop)
    )
    append: Any = loop._ready.append if fast else None
    # Due times are told on the loop's own clock. One that somebody has made up says nothing about ours.
    told = clock == loop.time or getattr(type(loop), "time", None) is asyncio.BaseEventLoop.time
    offset = offset_of(clock, loop.time) if told else NEVER

    # -- steps ---------------------------------------------------------------------------------------------------

    def ended(info: Any, start: float, stop: float) -> None:
        """All that follows a step, but its row."""
        try:
            if stop - start > LONG:
                watch.long.append(meter.measure(start, stop))
            if info.again:
                info.again, info.ready, info.waker, info.reason = False, stop, info.n, 0.0
            elif (task := info()) is not None:
                if task._state != "PENDING":
                    finish(info, task, stop)
                else:
                    info.ready, info.reason = NEVER, None  # to be found out, if it still waits when the loop selects
                    suspended.append(info)
        except Exception as error:
            failed(error)

    def settle() -> None:
        """Has the step that began before the recording ended? Then it did so just now."""
        nonlocal current, foreign, cause, moment
        info, task = current, current()
        coro = task.get_coro() if task is not None else None
        if getattr(coro, "cr_running", False) or getattr(coro, "gi_running", False):
            return
        start, now = moment, clock()
        current, foreign, cause, moment = None, False, IO, now
        extend((info.ready, start, now, info.n, info.waker, info.reason))
        ended(info, start, now)

    def interrupt() -> None:
        """Something else gets the thread inside a step."""
        nonlocal moment
        if foreign:
            settle()
        if current is not None:
            now = clock()
            extend((current.ready, moment, now, current.n, current.waker, current.reason))
            current.ready = moment = now

    def resume(info: Any, by: float, now: float, reason: float = 0.0) -> None:
        """The outer step has the thread back."""
        nonlocal current, cause, moment
        current, cause, moment = info, info.n, now
        info.waker, info.reason = by, reason

    def step_class(base: Any) -> Any:
        class Handle(base):  # type: ignore[misc]
            __slots__ = ("_mark",)
            _context: Any

            def _run(self) -> None:
                nonlocal current, foreign, cause, moment
                info, outer = self._mark, None
                if current is not None:
                    interrupt()
                    outer, abroad, foreign = current, foreign, False
                current = info
                cause = info.n
                moment = clock()
                if moment > meter.due:  # what was before is not the step's
                    meter.look()
                try:
                    self._context.run(self._callback, *self._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    if not fast:
                        raise
                    Raising(self, error)
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
                            ended(info, moment, stop)
                        current = None
                        cause = IO
                        moment = stop
                        if outer is not None:  # a loop that is run inside its step has made this one
                            foreign, outer.ready = abroad, stop
                            resume(outer, info.n, stop, session.reason(waits.NESTED))
                    self = None  # type: ignore[assignment]  # as asyncio does: break the cycle of an error

        return dressed_like(Handle, base, plain_run if fast else None)

    def who() -> float:
        """The waker that stands for whoever has the calling thread."""
        return cause if get_ident() == thread else thread_cause()

    def ready(info: Any, task: Any, args: tuple[Any, ...]) -> Any:
        """A task that has not the thread is made ready; `info` None: it is new."""
        try:
            if foreign:
                settle()
            by: float = cause if get_ident() == thread else thread_cause()
            if info is None:
                return adopt(task) or meet(task, by, sys._getframe(2), clock())
            info.waker = by
            info.ready = now = clock()
            if by == TIMER and now - moment < LONG and due < now:  # a callback that sets a result at once
                info.ready = due
            if args and getattr(args[0], "_state", "") == "CANCELLED":
                cancels.woken(info, task, current, by, now)
            if info.reason is None:
                describe(info, task)
        except Exception as error:
            failed(error)
        return info

    # -- callbacks of no task, and timers ------------------------------------------------------------------------

    def callback_class(base: Any, timed: bool = False) -> Any:
        class Handle(base):  # type: ignore[misc]
            __slots__ = () if timed else ("_mark",)  # a plain timer can change its class to this one, and back
            _context: Any

            def _run(self) -> None:
                nonlocal cause, due, moment
                outer, start, callback = cause, clock(), self._callback
                if timed:
                    cause, due = TIMER, self._when + offset
                else:
                    cause = self._mark
                if current is None:
                    moment = start
                try:
                    self._context.run(callback, *self._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    if not fast:
                        raise
                    Raising(self, error)
                    plain_run(self)  # reports it as ever
                finally:
                    cause = outer
                    if current is None:
                        moment = clock()
                        if moment - start > LONG:
                            watch.called(start, moment, callback)
                    self = None  # type: ignore[assignment]

        return dressed_like(Handle, base, plain_run if fast else None)

    # -- what replaces the loop's own methods --------------------------------------------------------------------

    def call_soon(callback: Any, *args: Any, context: Any = None) -> Any:
        kind = type(callback)
        if kind is step_type or (kind is _BUILTIN and live and callback.__name__ == "task_wakeup"):
            task = callback.__self__
            mark = known.get(id(task))
            if mark is not None and mark is current and not foreign:
                mark.again = True
            else:
                mark = ready(mark, task, args)
            handle = new(step)  # the same as calling the class, without the frame of its __init__
        elif live:
            mark = look(kind, callback, args)
            if mark is None:
                handle = new(call)
                mark = cause if get_ident() == thread else thread_cause()  # type: ignore[assignment]
            else:
                handle = new(step)
        else:
            return watch.original("call_soon", callback, *args, context=context)
        if loop._debug:
            loop._check_thread()
            loop._check_callback(callback, "call_soon")
            handle = debugged(type(handle), callback, args, loop, context)
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

    def select(timeout: float | None = None) -> Any:
        nonlocal cause, moment
        nested = None
        try:
            if foreign:
                settle()
            if suspended:
                explain()
            if len(rows) > FULL or len(idle) > 2 * ROWS:
                watch.pack(rows)
            if current is not None:  # a loop that is run inside a step
                interrupt()
                nested = current
        except Exception as error:
            failed(error)
        moment = NEVER
        if timeout is not None and timeout <= 0:  # a look, while there is something to do: not idle
            found = original_select(timeout)
            moment = clock()
        else:
            enter = clock()
            try:
                found = original_select(timeout)
            finally:
                moment = clock()
                idle.extend((enter, moment))
        cause = IO
        if nested is not None and current is nested:
            nested.ready = moment
            resume(nested, IO, moment, session.reason(waits.NESTED))
        if moment > meter.due:
            meter.look()
            if live and fast and loop._ready:
                watch.look(loop._ready)
        return found

    def explain() -> None:
        """Say of each task suspended since the last time, and still so, what it waits for."""
        for info in suspended:
            if info.reason is None and (task := info()) is not None:
                describe(info, task)
        suspended.clear()

    # -- in and out ----------------------------------------------------------------------------------------------

    def begin(stand_in: Any) -> tuple[Any, bool, int]:
        """An eager task's first step begins, inside the step that creates it."""
        nonlocal current, foreign, cause, moment
        if current is not None:
            interrupt()
        before = current, foreign, len(rows)
        current, foreign, cause, moment = stand_in, False, stand_in.n, clock()
        stand_in.ready = moment
        return before

    def finished(stand_in: Any, before: tuple[Any, bool, int], info: TaskInfo | None) -> None:
        """It ended; `info` None: it never began, the task was created without being run."""
        nonlocal current, foreign, cause, moment
        if current is not stand_in:
            return  # the recording ended meanwhile
        outer, foreign, length = before
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

    def unhook(clear: bool = True) -> None:
        """Undo everything; what was recorded stays. `clear` must not be while these functions may be at work."""
        nonlocal live, current, loop, append, step_type, original_select
        if live:
            live, now = False, clock()
            watch.unhook, watch.flush, watch.probe, watch.cause = None, nothing, nobody, unknown
            for restore in undo:
                restore()
            for cls in classes:  # handles still queued run as plain ones from now on
                del cls._run
            for handle in list(getattr(loop, "_scheduled", ())) if fast else ():
                if type(handle) is timer:
                    handle.__class__ = events.TimerHandle
            watch.runs[-1][1] = now
            try:
                if foreign:
                    settle()
                if current is not None:
                    extend((current.ready, moment, now, current.n, current.waker, current.reason))
                    if now - moment > LONG and get_ident() == thread:
                        watch.long.append(meter.measure(moment, now))
                if not session.failure:
                    explain()
                watch.pack(rows)
            except Exception as error:
                failed(error)
            meter.close()
            current = step_type = None
        if clear:  # not to keep the loop alive until the collector finds these functions
            loop = append = original_select = None

    def flush() -> None:
        """Pack what there is, for a recording that ends while another goes on."""
        if get_ident() == thread:
            interrupt()
            if current is not None:
                current.waker, current.reason = current.n, 0.0
            explain()
        watch.pack(rows)

    nothing, nobody, unknown = watch.flush, watch.probe, watch.cause
    plain_run = events.Handle._run
    if fast:
        step, call = step_class(events.Handle), callback_class(events.Handle)
        thread_call = callback_class(plain.LOCKABLE or events.Handle)
        if plain.LOCKABLE:
            locked(thread_call)
        timer = callback_class(events.TimerHandle, True)
        classes = [step, call, thread_call, timer]
        undo = [replace(loop, "call_soon", call_soon), plain.replace_methods(watch, loop, who, thread_call, timer)]
    else:
        step, call, timer = step_class(Call), callback_class(Call), callback_class(Call, True)
        offset = 0.0  # a wrapped timer knows when it is due on our clock
        classes = [step, call, timer]
        undo = [wrapped.replace_methods(watch, loop, look, who, step, call, timer)]
    if original_select is not None:
        undo.append(replace(selector, "select", select))
        watch.sees_idle = True
    adopt, undo_create = hook_create_task(watch, loop, begin, finished, lambda: cause)
    undo.append(undo_create)
    watch.run_begins(moment)
    watch.unhook, watch.flush = unhook, flush
    watch.probe = lambda: (getattr(current, "n", UNKNOWN), moment)  # asked by another thread: look once
    watch.cause = lambda: cause
    current = adopt_all(watch, loop, moment, early, suspended, step, timer)
    if current is not None:
        foreign, cause = True, current.n
