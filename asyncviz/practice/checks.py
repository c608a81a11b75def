"""Checks: `check("00.1", breakfast)` runs a reader's function and judges it by its result and its timeline."""

from __future__ import annotations

import inspect
import re
import textwrap
import traceback
from collections import Counter
from itertools import chain
from types import FunctionType
from typing import Any

from asyncviz.display import preformatted
from asyncviz.practice import exercise as exercises
from asyncviz.practice import solved
from asyncviz.practice.exercise import Exercise
from asyncviz.practice.expect import Run, brief
from asyncviz.practice.running import Printed, dispose, load, parts, run_case
from asyncviz.simulate import Deadlock, NotSimulated, Overrun
from asyncviz.trace import Trace

_failures: Counter[tuple[str, str]] = Counter()  # how often in a row, by exercise and what was missing


class Verdict:
    """The answer of a check: true if the exercise is solved. On the last line of a cell it is text and timeline.

    `good` lists what is right, `missing` says the first thing that is not, `hint` how to go on ("" where `missing` says
    it all). `trace` is the recording of the reader's function, `model` that of the model solution once it is solved.
    """

    def __init__(
        self, exercise: Exercise, good: list[str], missing: str, hint: str, trace: Trace | None, printed: list[str]
    ) -> None:
        self.exercise, self.good, self.missing, self.hint = exercise, good, missing, hint
        self.trace, self.printed = trace, printed
        self.model = _model(exercise) if not missing else None

    def __bool__(self) -> bool:
        return not self.missing

    def _lines(self) -> list[str]:
        """The verdict in words, without clock readings."""
        title = f"Exercise {self.exercise.id}, {self.exercise.title}"
        lines = [f"{title}: {'solved.' if self else 'not yet.'}", *(f"  ✓ {text}" for text in self.good)]
        if self.missing:
            lines.append(f"  ✗ {self.missing}")
        if self.hint:
            lines.append(f"Hint: {self.hint}")
        if self.printed:
            lines += ["It printed:", *(f"  | {line}" for line in self.printed)]
        return lines

    def __repr__(self) -> str:
        wrapped = (textwrap.wrap(line, 110, subsequent_indent="    ") or [line] for line in self._lines())
        return "\n".join(chain.from_iterable(wrapped))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        text, page = repr(self), preformatted("\n".join(self._lines()))
        picture = self._picture()
        if picture is None:
            return {"text/html": page, "text/plain": text}
        return {"text/html": page + picture["text/html"], "text/plain": f"{text}\n\n{picture['text/plain']}"}

    def _picture(self) -> dict[str, str] | None:
        """The reader's timeline, and beside it the model's when there is nothing left to find out."""
        if self.trace is None or self.trace.empty:
            return None
        from asyncviz import display, timeline  # Matplotlib: only for those who look

        if self.model is None:
            return display.bundle(self.trace)
        # on a real clock it is luck which of two right runs is the faster one
        pair = timeline.compare(self.trace, self.model, speed=self.trace.simulated)
        bundle: dict[str, str] = pair._repr_mimebundle_()
        return bundle


def check(exercise: str | Exercise, function: Any = None) -> Verdict:
    """Run `function` and say whether it solves the exercise: what is right, the first thing missing, and a hint.

    exercise: its number, such as "00.1".
    function: the reader's function itself, not a call of it.

    Takes a moment on the virtual clock. Whatever the function does, the notebook goes on. Called again after another
    failure of the same kind, the hint is more explicit. A mistake against Python or asyncio that is told in full gets
    its first hint only when it is made again. Raises ValueError for a number that is none.
    """
    task = exercises.find(exercise) if isinstance(exercise, str) else exercise
    good, missing, told, trace, printed = _judge(task, function)
    hint = ""
    if missing:
        _failures[task.id, missing] += 1
        count = _failures[task.id, missing] - told  # hints are about the exercise, and here something else is wrong
        hint = task.hints[min(count, len(task.hints)) - 1] if count else ""
    else:
        for key in [key for key in _failures if key[0] == task.id]:
            del _failures[key]
    solved.note_exercise(task.id, not missing)
    return Verdict(task, good, missing, hint, trace, printed.summary())


def _judge(exercise: Exercise, function: Any) -> tuple[list[str], str, bool, Trace | None, Printed]:
    """What is right, what is missing (or ""), whether that says it all, the trace to show, and what was printed."""
    printed = Printed()
    missing = _unusable(exercise, function)
    if missing:
        return [], missing, True, None, printed
    good: list[str] = []
    shown: Trace | None = None
    for case in exercise.cases:
        run = run_case(case, function, "yours", printed)
        missing = _general_fault(exercise, function, run)
        if missing:
            dispose(run.result)
            return [], missing, _is_told(run.error), run.trace, printed
        faults = [(expectation.right, expectation.fault(run)) for expectation in case.expectations]
        right = [text for text, fault in faults if not fault]
        missing = next((fault for _, fault in faults if fault), "")
        if missing:
            return right, missing, False, run.trace, printed
        good += [text for text in right if text not in good]
        shown = shown or run.trace
    return good, "", False, shown, printed


def _unusable(exercise: Exercise, function: Any) -> str:
    """What is wrong with what was handed over instead of a function; "" for a function."""
    call = f'check("{exercise.id}", {exercise.function})'
    if function is None:
        return f"hand over your function: {call}"
    if inspect.iscoroutine(function):
        function.close()
        return f"this is a coroutine object, what a call gives; hand over the function itself, without brackets: {call}"
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        return f"{function.__name__} has a `yield`, which makes it a generator: give the result back with `return`"
    if not callable(function) or inspect.isclass(function):
        return f"this is {brief(function)}, and no function: {call}"
    return ""


def _general_fault(exercise: Exercise, function: Any, run: Run) -> str:
    """Mistakes that need no expectation: errors, and what was called but never awaited."""
    forgotten = [note for note in run.trace.notes if note.kind == "coroutine was never awaited"]
    if forgotten:
        return _forgotten(forgotten[0].text.rpartition(".")[2])
    if run.error is not None:
        return _explain(exercise, function, run.error)
    for thing in parts(run.result):
        if inspect.iscoroutine(thing):
            return _forgotten(thing.__name__)
        if inspect.isawaitable(thing):
            what = type(thing).__name__.strip("_")
            return f"a {what} is in what it returns, where its result should be: `await` it first"
    return ""


def _forgotten(name: str) -> str:
    if name == "_wait_for_one":  # asyncio's own, which the reader has never heard of
        return "what as_completed gives in each round is called, but never awaited: `await` it to get the result"
    return f"{name}() is called, but never awaited: a call alone makes a coroutine object, and runs nothing"


def _is_told(error: BaseException | None) -> bool:
    """Whether a general fault says what to change. An error may also be raised by what the exercise asks to tame."""
    return error is None or isinstance(_first(error), AttributeError | NameError | TypeError)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _explain(exercise: Exercise, function: Any, error: BaseException) -> str:
    error = _first(error)
    if isinstance(error, (Deadlock, Overrun, NotSimulated)):
        return str(error)
    where = _line(function, error)
    if isinstance(error, SystemExit):
        return f"it ends the whole program with exit(){where}: give a result back instead"
    text = " ".join(str(error).split())
    said = f"{type(error).__name__}{': ' if text else ''}{text[:200]}{where}"
    if isinstance(error, RuntimeError) and "from a running event loop" in text:
        return f"it raises {said}. A loop runs already: write `await` instead"
    if re.search(r"'(type|function|method)' object .* context manager protocol", text):
        return f"it raises {said}. Are the brackets missing, as in `TaskGroup()`?"
    if isinstance(error, TypeError) and not where:
        return f"it cannot be called as the exercise does: {said}"
    return f"it raises {said}"


def _line(function: Any, error: BaseException) -> str:
    """The innermost line in the reader's own cell, as " (line 5)"."""
    plain = inspect.unwrap(function)
    file = plain.__code__.co_filename if isinstance(plain, FunctionType) else None
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" (line {lines[-1]})" if lines else ""


def _model(exercise: Exercise) -> Trace:
    """The timeline of the model solution."""
    return run_case(exercise.cases[0], load(exercise, exercise.solution), "the model's", Printed()).trace
