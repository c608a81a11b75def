"""Setting attributes for the length of a recording, putting back what was there, and leaving no trace in tracebacks."""

from __future__ import annotations

import dis
import os
import types
from asyncio import events
from collections.abc import Callable
from functools import cache
from typing import Any

_ABSENT = object()
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def replace(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Set an attribute of an object, class or module; returns the function that undoes it.

    Whatever was not in the owner's own `__dict__` is deleted again, so that the class shines through as before.
    If somebody else has replaced the attribute meanwhile, it is left to them.
    """
    before = vars(owner).get(name, _ABSENT)
    put, take = object.__setattr__, object.__delattr__  # not what the owner's class may have made of them
    if isinstance(owner, (type, types.ModuleType)):
        put, take = setattr, delattr
    put(owner, name, value)

    def undo() -> None:
        nonlocal owner
        if vars(owner).get(name, _ABSENT) is value:
            if before is _ABSENT:
                take(owner, name)
            else:
                put(owner, name, before)
        owner = types.SimpleNamespace()  # not to keep it alive

    return undo


def is_ours(code: types.CodeType) -> bool:
    return code.co_filename.startswith(_HERE) or code in _disguised


def disguise(method: Any, original: Any) -> None:
    """Have `method` appear in stacks as the line of `original` that calls what `run` names, the same as its own.

    Warnings, debug messages and printed stacks tell file and line of who has called; so they stay as they were.
    """
    code, theirs = method.__code__, original.__code__
    line = code.co_firstlineno + _line_of_run(theirs) - _line_of_run(code)
    method.__code__ = code.replace(co_filename=theirs.co_filename, co_firstlineno=line)
    _disguised.add(method.__code__)


_disguised: set[types.CodeType] = set()


@cache
def _line_of_run(code: types.CodeType) -> int:
    return next(i.positions.lineno or 0 for i in dis.get_instructions(code) if i.argval == "run" and i.positions)


def without_us(error: BaseException | None) -> None:
    """Take this package's frames out of an error's traceback, so that it prints as it would without a recording."""
    entries, entry = [], getattr(error, "__traceback__", None)
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    kept = [e for e in entries if not is_ours(e.tb_frame.f_code)]
    if error is not None and len(kept) < len(entries):
        for one, following in zip(kept, [*kept[1:], None], strict=True):
            one.tb_next = following
        error.__traceback__ = kept[0] if kept else None


def dressed_like(cls: Any, base: Any, run: Any) -> Any:
    """Give `cls` the name of `base`, so that its instances print as those do, and to its `_run` the place of `run`."""
    cls.__name__, cls.__qualname__, cls.__module__ = base.__name__, base.__qualname__, base.__module__
    if run is not None:
        disguise(cls._run, run)
    return cls


def locked(cls: Any) -> None:
    """Python 3.14 looks again, with a lock held, whether another thread has cancelled a call."""
    unlocked = cls._run

    def _run(self: Any) -> None:
        with self._lock:
            if not self._cancelled:
                unlocked(self)

    cls._run = _run


def debugged(cls: Any, callback: Any, args: Any, loop: Any, context: Any) -> Any:
    """A handle made as deep in calls as the original: what it remembers of the stack ends at a certain depth."""
    handle = object.__new__(cls)
    events.Handle.__init__(handle, callback, args, loop, context)
    del handle._source_traceback[-2:]
    return handle


class Call:
    """A callback for a loop that makes its own handles. It looks like the callback that it wraps."""

    __slots__ = ("__wrapped__", "_args", "_callback", "_mark", "_when")

    @property
    def _context(self) -> Any:
        return self  # the loop's own handle has entered the real one

    def run(self, *call: Any) -> None:
        self._callback(*self._args)

    def __call__(self, *args: Any) -> None:
        self._args = args
        self._run()

    def _run(self) -> None:
        self.run()

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_callback"), name)

    def __repr__(self) -> str:
        return repr(self._callback)


class Raising:
    """Put in the place of a handle's context for one time: to run anything in it raises `error`."""

    def __init__(self, handle: Any, error: BaseException) -> None:
        self.handle, self.error, self.context = handle, error, handle._context
        handle._context = self

    def run(self, *call: Any) -> None:
        self.handle._context = self.context  # an exception handler runs in it
        error, self.error, self.handle = self.error, None, None  # type: ignore[assignment]
        try:
            raise error
        finally:
            del error


def wrap(cls: Any, callback: Any, mark: Any) -> Any:
    """A Call of class `cls` around `callback`, marked with what the class wants to know."""
    call = cls()
    call._callback = call.__wrapped__ = callback
    call._mark = call._when = mark
    return call
