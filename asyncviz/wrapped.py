"""For loops that make their own handles, as uvloop's do: each callback is wrapped on its way into the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .loops import COLUMNS, ROWS, Watch
from .patch import replace, wrap

_FULL = ROWS * COLUMNS


def replace_methods(
    watch: Watch, loop: Any, look: Callable[..., Any], who: Callable[[], float], step: Any, call: Any, timer: Any
) -> Callable[[], None]:
    """Have the loop wrap what it is given; returns what undoes that.

    `look` tells the task of a callback, `who` the waker; the other three are the classes of what is put around.
    """
    clock = watch.session.clock
    soon, threadsafe, at, later = loop.call_soon, loop.call_soon_threadsafe, loop.call_at, loop.call_later

    def call_soon(callback: Any, *args: Any, context: Any = None) -> Any:
        original = soon
        if original is None:  # somebody kept this function beyond the recording
            return watch.original("call_soon", callback, *args, context=context)
        if len(watch.rows) > _FULL:
            watch.pack(watch.rows)
        mark = look(type(callback), callback, args)
        wrapped = wrap(call, callback, who()) if mark is None else wrap(step, callback, mark)
        return original(wrapped, *args, context=context)

    def call_soon_threadsafe(callback: Any, *args: Any, context: Any = None) -> Any:
        original = threadsafe
        if original is None:
            return watch.original("call_soon_threadsafe", callback, *args, context=context)
        return original(wrap(call, callback, who()), *args, context=context)

    def call_at(when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        original, here = at, loop
        if original is None or here is None:
            return watch.original("call_at", when, callback, *args, context=context)
        return original(when, wrap(timer, callback, clock() + when - here.time()), *args, context=context)

    def call_later(delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        original = later
        if original is None:
            return watch.original("call_later", delay, callback, *args, context=context)
        return original(delay, wrap(timer, callback, clock() + delay), *args, context=context)

    undo = [replace(loop, method.__name__, method) for method in (call_soon, call_soon_threadsafe, call_at, call_later)]

    def restore() -> None:
        nonlocal loop, soon, threadsafe, at, later
        for each in undo:
            each()
        loop = soon = threadsafe = at = later = None  # not to keep the loop alive

    return restore
