"""For asyncio's own loops: calls from other threads, and timers. Their steps are in hooks.py."""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Callable
from heapq import heappush
from typing import Any

from .loops import Watch
from .patch import debugged, replace

LOCKABLE = getattr(events, "_ThreadSafeHandle", None)  # Python 3.14


def replace_methods(
    watch: Watch, loop: Any, who: Callable[[], float], thread_call: Any, timer: Any
) -> Callable[[], None]:
    """Have the loop make handles of our classes, as its own methods would; returns what undoes that.

    `who` tells the waker; the other two are the classes.
    """
    at = loop.call_at
    plain_timers = type(loop).call_at is asyncio.BaseEventLoop.call_at

    def call_soon_threadsafe(callback: Any, *args: Any, context: Any = None) -> Any:
        here = loop
        if here is None:  # somebody kept this function beyond the recording
            return watch.original("call_soon_threadsafe", callback, *args, context=context)
        if here._closed:
            here._check_closed()
        if here._debug:
            here._check_callback(callback, "call_soon_threadsafe")
        if here._debug and not LOCKABLE:
            handle = debugged(thread_call, callback, args, here, context)
        else:
            handle = thread_call(callback, args, here, context)
            if handle._source_traceback:
                del handle._source_traceback[-2:]
        handle._mark = who()
        here._ready.append(handle)
        here._write_to_self()
        return handle

    def call_at(when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        here, original = loop, at
        if here is None:
            return watch.original("call_at", when, callback, *args, context=context)
        if not plain_timers or when is None:
            handle = original(when, callback, *args, context=context)
            if type(handle) is events.TimerHandle:
                handle.__class__ = timer
            return handle
        if here._debug:
            here._check_thread()
            here._check_callback(callback, "call_at")
        handle = timer(when, callback, args, here, context)  # as the original does, and no frame deeper
        if handle._source_traceback:
            del handle._source_traceback[-1]
        heappush(here._scheduled, handle)
        handle._scheduled = True
        return handle

    undo = [replace(loop, method.__name__, method) for method in (call_soon_threadsafe, call_at)]

    def restore() -> None:
        nonlocal loop, at
        for each in undo:
            each()
        loop = at = None  # not to keep the loop alive

    return restore
