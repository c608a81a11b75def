"""Setting attributes for the length of a recording, and putting back what was there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_ABSENT = object()


def replace(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Set an attribute of an object, class or module; returns the function that undoes it.

    Whatever was not in the owner's own `__dict__` is deleted again, so that the class shines through as before.
    If somebody else has replaced the attribute meanwhile, it is left to them.
    """
    before = vars(owner).get(name, _ABSENT)
    setattr(owner, name, value)

    def undo() -> None:
        if vars(owner).get(name, _ABSENT) is not value:
            return
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    return undo


def named_like(cls: Any, base: Any) -> Any:
    """Give `cls` the name of `base`, so that its instances print as those do."""
    cls.__name__, cls.__qualname__, cls.__module__ = base.__name__, base.__qualname__, base.__module__
    return cls


class Call:
    """A callback for a loop that makes its own handles. `__self__` stays visible: asyncio's messages name it."""

    __slots__ = ("__self__", "__wrapped__", "_args", "_callback", "_mark", "_when")

    @property
    def _context(self) -> Any:
        return self  # the loop's own handle has entered the real one

    def run(self, *call: Any) -> None:
        self._callback(*self._args)

    def __call__(self, *args: Any) -> None:
        self._args = args
        self._run()  # type: ignore[attr-defined]


class Raising:
    """A context in which running anything raises `error`."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def run(self, *call: Any) -> None:
        raise self.error


def wrap(cls: Any, callback: Any, mark: Any) -> Any:
    """A Call of class `cls` around `callback`, marked with what the class wants to know."""
    call = cls()
    call._callback = call.__wrapped__ = callback
    call.__self__ = getattr(callback, "__self__", None)
    call._mark = call._when = mark
    return call
