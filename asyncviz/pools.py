"""Notes the work that thread and process pools do: queued, started, finished, and by which worker."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any

from .patch import replace
from .waits import call_name

if TYPE_CHECKING:
    from .recorder import Session


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
    """What a worker process sends back: the result, and when it worked on it."""

    def __init__(self, value: Any, worker: int, started: float, finished: float) -> None:
        self.value, self.worker, self.started, self.finished = value, worker, started, finished


def _in_worker(func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _Reply:
    started = clock()
    value = func(*args, **kwargs)
    return _Reply(value, os.getpid(), started, clock())


def hook(session: Session) -> list[Callable[[], None]]:
    """Watch `submit` of both kinds of pool; returns the functions that undo it."""
    submit_thread, submit_process = ThreadPoolExecutor.submit, ProcessPoolExecutor.submit

    def to_thread(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if type(self).submit is not to_thread or _interpreters(self):
            return submit_thread(self, fn, *args, **kwargs)  # a pool of another kind
        work = Work(call_name(fn if not args else functools.partial(fn, *args)), session.current(), clock())

        @functools.wraps(fn, updated=())
        def timed(*args: Any, **kwargs: Any) -> Any:
            work.started, work.worker = clock(), threading.current_thread().name
            try:
                return fn(*args, **kwargs)
            finally:
                work.finished = clock()

        future = submit_thread(self, timed, *args, **kwargs)
        session.work.append(work)
        return future

    def to_process(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        work = Work(call_name(fn), session.current(), clock(), process=True)
        future = submit_process(self, _in_worker, fn, *args, **kwargs)
        session.work.append(work)
        set_result = future.set_result

        def unpack(result: Any) -> None:
            if isinstance(result, _Reply):
                result = _note(work, result)
            set_result(result)

        future.set_result = unpack  # type: ignore[method-assign]
        return future

    return [replace(ThreadPoolExecutor, "submit", to_thread), replace(ProcessPoolExecutor, "submit", to_process)]


def _note(work: Work, reply: _Reply) -> Any:
    """Keep the worker's times if its clock agrees with ours, and return the plain result."""
    work.worker = f"process {reply.worker}"
    if work.queued <= reply.started <= reply.finished <= clock():
        work.started, work.finished = reply.started, reply.finished
    return reply.value


def _interpreters(pool: Any) -> bool:
    """Python 3.14's pool of interpreters sends its functions elsewhere: they cannot be wrapped."""
    kind = getattr(concurrent.futures, "InterpreterPoolExecutor", None)
    return kind is not None and isinstance(pool, kind)
