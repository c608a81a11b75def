"""Eager tasks (Python 3.12 and later): their first step runs inside the call that creates them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from . import waits
from .loops import TaskInfo, Watch
from .patch import replace


class _StandIn:
    """Stands for a task during its first step: the task object is known to others only afterwards."""

    __slots__ = ("again", "born", "coro", "info", "made", "n", "parent", "ready", "reason", "waker")
    again: bool
    born: float
    coro: Any
    info: TaskInfo | None
    made: waits.Place | None
    n: float
    parent: float
    ready: float
    reason: float
    waker: float


def hook_create_task(
    watch: Watch,
    loop: Any,
    begin: Callable[[Any], Any],
    finished: Callable[[Any, Any, TaskInfo | None], None],
    cause: Callable[[], float],
) -> tuple[Callable[[Any], TaskInfo | None], Callable[[], None]]:
    """Watch `loop.create_task`. Returns `adopt`, which knows a task that is just being created, and the undoing."""
    being_created: list[_StandIn] = []
    if not hasattr(asyncio, "eager_task_factory"):
        return lambda task: None, lambda: None
    create: Any = loop.create_task
    failed, plain = watch.session.failed, isinstance(loop, asyncio.BaseEventLoop)

    def adopt(task: Any) -> TaskInfo | None:
        """The task has scheduled a step while it is created: the first one, or, if it has begun, its second."""
        if not being_created:
            return None
        stand_in = being_created[-1]
        if task.get_coro() is not stand_in.coro:  # created by the first step, or the factory has put a wrapper round
            return watch.meet(task, stand_in.parent, None, watch.session.clock()) if _unstarted(stand_in.coro) else None
        stand_in.info = info = watch.meet(task, stand_in.parent, None, stand_in.born, stand_in.n)
        stand_in.again = getattr(stand_in.coro, "cr_suspended", False)
        return info

    def create_task(coro: Any, **kwargs: Any) -> Any:
        if create is None:  # somebody kept this function beyond the recording
            target: Any = watch.loop()
            return type(target).create_task(target, coro, **kwargs)
        if plain and loop._task_factory is None and "eager_start" not in kwargs and not loop._debug:
            return create(coro, **kwargs)
        if not _has_factory(loop) and "eager_start" not in kwargs:
            task = create(coro, **kwargs)
        else:
            task = eager(coro, **kwargs)
        return _without_us(task) if getattr(task, "_source_traceback", None) else task

    def eager(coro: Any, **kwargs: Any) -> Any:
        """Create a task that may run its first step at once."""
        stand_in, before, made, task = _StandIn(), None, create, None
        try:
            stand_in.coro, stand_in.n = coro, next(watch.session.numbers)
            stand_in.parent = stand_in.waker = cause()
            stand_in.again, stand_in.reason, stand_in.info = False, 0.0, None
            stand_in.made = waits.user_place(sys._getframe(2))
            before = begin(stand_in)
            stand_in.born = stand_in.ready
            being_created.append(stand_in)
        except Exception as error:
            failed(error)
        try:
            task = made(coro, **kwargs)
            return task
        finally:
            try:
                if stand_in in being_created:
                    being_created.remove(stand_in)
                    finished(stand_in, before, created(stand_in, task))
            except Exception as error:
                failed(error)

    def created(stand_in: _StandIn, task: Any) -> TaskInfo | None:
        """The task's info, if it has run its first step; None if it has not, or if there is no new task at all."""
        info, ran = stand_in.info, stand_in.again
        if info is None and hasattr(task, "get_coro") and watch.number(task) is None:
            info = watch.meet(task, stand_in.parent, None, stand_in.born, stand_in.n, stand_in.coro)
            ran = True
        if info is not None:
            info.made = stand_in.made
        return info if ran else None

    undo = replace(loop, "create_task", create_task)

    def restore() -> None:
        nonlocal loop, create
        undo()
        loop = create = None  # not to keep the loop alive

    return adopt, restore


def _has_factory(loop: Any) -> bool:
    """Somebody's own loop may know nothing of task factories."""
    try:
        return loop.get_task_factory() is not None
    except (AttributeError, NotImplementedError):
        return False


def _without_us(task: Any) -> Any:
    """In debug mode a task remembers the stack that created it, and prints its end: leave this module out of it."""
    task._source_traceback[:] = [frame for frame in task._source_traceback if frame.filename != __file__]
    return task


def _unstarted(coro: Any) -> bool:
    return getattr(coro, "cr_frame", None) is not None and not (coro.cr_running or coro.cr_suspended)
