"""Notes the work that thread and process pools do: queued, started, finished, and by which worker."""

from __future__ import annotations

import os
import sys
import threading
import types
import weakref
from collections.abc import Callable
from concurrent.futures import process as processes
from concurrent.futures import thread as threads
from dataclasses import dataclass
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any

from .patch import replace
from .waits import call_name

if TYPE_CHECKING:
    from .session import Session


@dataclass(slots=True)
class Work:
    """One call handed to a pool. Times are seconds on the recorder's clock; None: not known, or not yet."""

    name: str
    task: float  # the number of the task that asked, or another waker
    queued: float
    started: float | None = None
    finished: float | None = None
    worker: str = ""
    process: bool = False


class _Reply:
    """What a worker process sends back: the result or the error, and when it worked on it."""

    def __init__(self, value: Any, error: Any, started: float) -> None:
        self.value, self.error, self.worker, self.started, self.finished = value, error, os.getpid(), started, clock()


def _in_worker(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _Reply:
    started = clock()
    try:
        return _Reply(func(*args, **kwargs), None, started)
    except BaseException as error:  # sent back as the pool does it, with the same text of a traceback
        below, outer = error.__traceback__, sys._getframe(1)
        trace = types.TracebackType(below.tb_next if below else None, outer, outer.f_lasti, outer.f_lineno)
        return _Reply(None, processes._ExceptionWithTraceback(error, trace), started)


def hook(session: Session) -> list[Callable[[], None]]:
    """Watch both kinds of pool where they note a call, before any worker can get at it; returns what undoes it."""
    thread_item: Any = threads._WorkItem
    process_item: Any = processes._WorkItem
    init_thread, run_thread, init_process = thread_item.__init__, thread_item.run, process_item.__init__

    def queued(future: Any, fn: Any, args: Any, process: bool) -> None:
        work = Work(call_name(fn, args), session.current(), session.clock(), process=process)
        session.works[future] = work
        session.work.append(work)

    def in_thread(self: Any, future: Any, *call: Any) -> None:
        init_thread(self, future, *call)
        if len(call) == 1:  # Python 3.14: all in one, for threads a tuple
            call = call[0] if isinstance(call[0], tuple) else (call[0],)
        session._try(queued, future, call[0], call[1] if len(call) > 1 else (), False)

    def run(self: Any, *args: Any) -> None:
        """In the worker's thread. The function itself is not wrapped: its tracebacks stay as they are."""
        work = session.works.get(self.future)
        if work is not None and not self.future.cancelled():
            work.worker, work.started = threading.current_thread().name, session.clock()
            _at_end(self.future, lambda result: _ended(work, session.clock(), result))
        run_thread(self, *args)

    def in_process(self: Any, future: Any, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        init_process(self, future, _in_worker, (fn, *args), kwargs)
        session._try(queued, future, fn, args, True)
        work = session.works.get(future)
        _at_end(future, lambda result: _note(work, result))

    return [
        replace(thread_item, "__init__", in_thread),
        replace(thread_item, "run", run),
        replace(process_item, "__init__", in_process),
    ]


def _at_end(future: Any, note: Callable[[Any], Any]) -> None:
    """Have `note` called when the future is about to get its result; it gives back what becomes of the result."""
    ref = weakref.ref(future)

    def finish(result: Any, method: str) -> None:
        target: Any = ref()
        vars(target).pop("set_result", None)
        vars(target).pop("set_exception", None)
        result = note(result)
        if isinstance(result, _Reply):
            method, result = ("set_result", result.value) if result.error is None else ("set_exception", result.error)
        getattr(target, method)(result)

    future.set_result = lambda result: finish(result, "set_result")
    future.set_exception = lambda error: finish(error, "set_exception")


def _ended(work: Work, now: float, result: Any) -> Any:
    work.finished = now
    return result


def _note(work: Work | None, reply: Any) -> Any:
    """Keep the worker's times if its clock agrees with ours."""
    if work is not None and isinstance(reply, _Reply):
        work.worker = f"process {reply.worker}"
        if work.queued <= reply.started <= reply.finished <= clock():
            work.started, work.finished = reply.started, reply.finished
    return reply
