"""What was there when a loop is hooked: tasks that run, are queued or wait, and timers."""

from __future__ import annotations

import asyncio
import re
from asyncio import events
from typing import Any

from . import cancels
from .loops import NEVER, UNKNOWN, TaskInfo, Watch
from .patch import Call, wrap

_SLOTS = ("_callback", "_args", "_cancelled", "_loop", "_source_traceback", "_repr", "_context")


def adopt_all(
    watch: Watch, loop: Any, now: float, early: bool, suspended: list[TaskInfo], step: Any, timer: Any
) -> TaskInfo | None:
    """Note them; returns the one that runs. `step` and `timer` are the classes that handles shall have from now on.

    `early`: the loop ran before the recording began; otherwise its tasks have been created just before it runs.
    """
    queued = {}
    for i, handle in enumerate(getattr(loop, "_ready", ()) if isinstance(loop, asyncio.BaseEventLoop) else ()):
        owner = getattr(handle._callback, "__self__", None)
        if isinstance(owner, asyncio.Future) and hasattr(owner, "get_coro") and not handle._cancelled:
            queued[id(owner)] = i, handle
    current, running = None, asyncio.current_task(loop)
    by, since = (UNKNOWN, -NEVER) if early else (cancels.between_runs(watch.session), now)
    # a set has no order; those that are not queued come in order of creation as far as their names tell it
    for task in sorted(asyncio.all_tasks(loop), key=lambda t: (queued.get(id(t), (-1, None))[0], _age(t))):
        info = watch.known.get(id(task)) or watch.meet(task, UNKNOWN, None, None if early else now)
        if cancels.note(info, task, by, since):
            info.by = by
        if info.ready in (None, NEVER):
            info.ready, info.waker = now, by
        info.reason = info.reason or 0.0
        if task is running:
            current = info
        elif id(task) in queued:  # nobody else holds the handle of a task's step
            i, plain = queued[id(task)]
            if issubclass(step, Call):
                plain._callback = wrap(step, plain._callback, info)
                continue
            handle = loop._ready[i] = object.__new__(step)
            for name in _SLOTS:
                setattr(handle, name, getattr(plain, name))
            handle._mark = info
        else:
            info.ready, info.reason = NEVER, None
            suspended.append(info)
    for handle in loop._scheduled if issubclass(step, events.Handle) else ():
        if type(handle) is events.TimerHandle:
            handle.__class__ = timer
    return current


def _age(task: Any) -> tuple[int, str]:
    """asyncio counts the tasks that it names."""
    name = str(task.get_name())
    number = re.fullmatch(r"Task-(\d+)", name)
    return (int(number[1]), "") if number else (0, name)
