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

    __slots__ = ("again", "coro", "info", "n", "ready", "reason", "waker")


def hook_create_task(
    watch: Watch,
    loop: Any,
    begin: Callable[[Any], Any],
    finished: Callable[[Any, Any, TaskInfo | None], None],
    cause: Callable[[], float],
) -> tuple[Callable[[Any], TaskInfo | None], Callable[[], None]]:
    """Watch `loop.create_task`. Returns `adopt`, which knows a task that is just being created, and the undoing."""
    being_created: list[_StandIn] = []
    if sys.version_info < (3, 12):
        return lambda task: None, lambda: None
    create: Any = loop.create_task

    def adopt(task: Any) -> TaskInfo | None:
        """The task has scheduled a step while it is created: the first one, or, if it has begun, its second."""
        if not being_created or task.get_coro() is not being_created[-1].coro:
            return None
        stand_in = being_created[-1]
        stand_in.info = info = watch.meet(task, stand_in.waker, None, stand_in.ready, stand_in.n)
        stand_in.again = getattr(stand_in.coro, "cr_suspended", False)
        return info

    def create_task(coro: Any, **kwargs: Any) -> Any:
        if watch.unhook is None:  # somebody kept this function beyond the recording
            return asyncio.get_running_loop().create_task(coro, **kwargs)
        if loop.get_task_factory() is None and not kwargs.get("eager_start"):
            return _without_us(create(coro, **kwargs))
        stand_in = _StandIn()
        stand_in.coro, stand_in.n, stand_in.waker = coro, next(watch.session.numbers), cause()
        stand_in.again, stand_in.reason, stand_in.info = False, 0.0, None
        made = waits.user_place(sys._getframe(1))
        before = begin(stand_in)
        being_created.append(stand_in)
        task = None
        try:
            task = create(coro, **kwargs)
            return _without_us(task)
        finally:
            being_created.pop()
            info = stand_in.info
            ran = stand_in.again
            if info is None and hasattr(task, "get_coro") and watch.number(task) is None:
                info = watch.meet(task, stand_in.waker, None, stand_in.ready, stand_in.n)
                info.code = getattr(coro, "cr_code", info.code)
                ran = True
            if info is not None:
                info.made = made
            finished(stand_in, before, info if ran else None)

    undo = replace(loop, "create_task", create_task)

    def restore() -> None:
        nonlocal loop, create
        undo()
        loop = create = None  # not to keep the loop alive

    return adopt, restore


def _without_us(task: Any) -> Any:
    """In debug mode a task remembers the stack that created it, and prints its end: leave this module out of it."""
    stack = getattr(task, "_source_traceback", None)
    if stack:
        stack[:] = [frame for frame in stack if frame.filename != __file__]
    return task
