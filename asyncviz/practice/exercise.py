"""What an exercise is, and how one is found by its number."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncviz.practice.expect import Expectation

Arguments = Callable[[Any], tuple[Any, ...]]


def no_arguments(service: Any) -> tuple[Any, ...]:
    """The reader's function is called without arguments."""
    return ()


@dataclass(frozen=True)
class Case:
    """One call of the reader's function, and what is expected of it.

    arguments: makes the arguments, given the service (None where there is none).
    service: settings of the service that the function shall use: a PretendService on the virtual clock, a `web_service`
        on the real one.
    real: run on the real clock.
    cancel_at: seconds after which the function is cancelled.
    later: what the loop's clock says when the function is called; a virtual one begins at 0, which no real one does.
    comes_out: a kind of error that the function shall let out; the error is then its result.
    """

    expectations: tuple[Expectation, ...]
    arguments: Arguments = no_arguments
    service: Mapping[str, Any] | None = None
    real: bool = False
    cancel_at: float | None = None
    later: float = 0.0
    comes_out: type[Exception] | None = None


@dataclass(frozen=True)
class Exercise:
    """An exercise. `starter` and `solution` are the text of cells that define `function`; hints grow more explicit."""

    id: str
    title: str
    statement: str
    function: str
    starter: str
    solution: str
    cases: tuple[Case, ...]
    hints: tuple[str, ...]


def find(number: str) -> Exercise:
    """Return the exercise of this id, such as "00.1". Raises ValueError when there is none."""
    known = {exercise.id: exercise for exercise in every()}
    if number not in known:
        raise ValueError(f"there is no exercise {number!r}; there are {', '.join(known)}")
    return known[number]


def every() -> list[Exercise]:
    """Return all exercises of all lessons, in order."""
    from asyncviz.practice import exercises

    names = sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))
    modules = [importlib.import_module(f"{exercises.__name__}.{name}") for name in names]
    return [exercise for module in modules for exercise in module.EXERCISES]
