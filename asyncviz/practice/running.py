"""Runs a reader's function for a check, so that whatever it does, the kernel survives."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import gc
import inspect
import io
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import asyncviz
from asyncviz.patch import replace
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import Run
from asyncviz.practice.pretend import PretendService
from asyncviz.practice.service import WebService, web_service
from asyncviz.simulate import Attempt, Overrun, attempt, guarded
from asyncviz.trace import Trace

PATIENCE = 4.0  # real seconds for one call; what is right needs a hundredth of one
STEPS = 20_000  # kept of a run; more cannot be looked at
PRINTED = 2_000  # characters kept of what is printed
GRACE = 10.0  # seconds that a cancelled function is watched

Function = Callable[..., Any]


class Printed(io.TextIOBase):
    """Takes what is printed, keeps the beginning, and counts the rest."""

    def __init__(self) -> None:
        self.text, self.more = "", 0

    def write(self, text: str) -> int:
        kept = text[: PRINTED - len(self.text)]
        self.text += kept
        self.more += len(text) - len(kept)
        return len(text)

    def summary(self) -> list[str]:
        """The first lines, and how much more there was."""
        lines = self.text.splitlines()
        more = sum(len(line) + 1 for line in lines[10:]) + self.more
        return lines[:10] + ([f"… and {more:,} characters more"] if more else [])


def load(exercise: Exercise, source: str) -> Function:
    """Define the exercise's function from the text of a cell, as a notebook would."""
    space: dict[str, Any] = {"asyncio": asyncio, "time": time, "__name__": "__main__"}
    exec(compile(source, "cell", "exec"), space)
    function: Function = space[exercise.function]
    return function


def run_case(case: Case, function: Function, name: str, printed: Printed) -> Run:
    """Call `function` as the case says. Its errors are in the result; nothing is raised, shown or left patched."""
    with _quiet(printed, _names(function)):
        run = _run_real(case, function, name) if case.real else _run_simulated(case, function, name)
        _let_go(run.error)
        for argument in run.arguments:
            dispose(argument)
        gc.collect(0)  # what complains when it is collected shall do so here, where nobody hears it
    return run


def _run_simulated(case: Case, function: Function, name: str) -> Run:
    service = PretendService(**case.service) if case.service is not None else None
    arguments = case.arguments(service)
    done = _simulated(case, function, arguments, name)
    if case.comes_out is not None and isinstance(done.error, case.comes_out):
        done = Attempt(done.error, None, done.trace)
    stats = service.stats() if service is not None else None
    return Run(done.result, done.error, done.trace, arguments, stats, case.cancel_at)


def _run_real(case: Case, function: Function, name: str) -> Run:
    with _service(case) as service:
        done, arguments = _recorded(case, function, service, name)
        stats = service.stats() if service is not None else None
    return Run(done.result, done.error, done.trace, arguments, stats, case.cancel_at)


def _let_go(error: BaseException | None) -> None:
    """Clear what the frames of an error hold, coroutines that were never awaited for instance. Lines stay known."""
    known = set()
    waiting = [error]
    while waiting:
        error = waiting.pop()
        if error is not None and id(error) not in known:
            known.add(id(error))
            traceback.clear_frames(error.__traceback__)
            waiting += [error.__cause__, error.__context__]
            waiting += error.exceptions if isinstance(error, BaseExceptionGroup) else ()


@contextlib.contextmanager
def _quiet(printed: Printed, space: dict[str, Any]) -> Iterator[None]:
    """Nothing is shown, nobody is asked, and nothing of earlier programs is collected, whose complaints would count."""
    collecting = gc.isenabled()
    gc.disable()
    # what IPython calls exit would end the kernel
    shell: dict[str, Any] = {name: space[name] for name in ("exit", "quit") if name in space}
    space.update(dict.fromkeys(shell, sys.exit))
    undo = replace(builtins, "input", _input)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(Printed()):
            warnings.simplefilter("ignore")  # a forgotten await is told in the verdict
            yield
    finally:
        undo()
        space.update(shell)
        if collecting:
            gc.enable()


def _input(prompt: object = "") -> str:
    raise RuntimeError("input() cannot be answered while your function is checked")


@contextlib.contextmanager
def _service(case: Case) -> Iterator[WebService | None]:
    if case.service is None:
        yield None
    else:
        with web_service(**case.service) as service:
            yield service


def _program(case: Case, function: Function, arguments: tuple[Any, ...]) -> Coroutine[Any, Any, Any]:
    """The coroutine to run: the reader's own where possible, so that the timeline shows nothing else."""
    if case.cancel_at is not None:
        return check(function, arguments, case.cancel_at)
    if inspect.iscoroutinefunction(function) and not case.later:
        program: Coroutine[Any, Any, Any] = function(*arguments)
        return program
    return call(function, arguments, case.later)


async def call(function: Function, arguments: tuple[Any, ...], later: float = 0.0) -> Any:
    """Call an ordinary function inside the loop, where it can be stopped, and await what it gives."""
    task = asyncio.current_task()
    if task is not None:
        task.set_name(getattr(function, "__name__", "function"))  # for its row in the picture
    if later:
        clock = asyncio.get_running_loop()
        begin = clock.create_future()
        clock.call_later(later, begin.set_result, None)
        await begin
    result = function(*arguments)
    return await result if inspect.isawaitable(result) else result


async def check(function: Function, arguments: tuple[Any, ...], cancel_at: float) -> Any:
    """Run the function as a task, cancel it, and watch what becomes of it."""
    task = asyncio.create_task(call(function, arguments), name=getattr(function, "__name__", "function"))
    await asyncio.wait([task], timeout=cancel_at)
    task.cancel()
    await asyncio.wait([task], timeout=GRACE)
    return task.result() if task.done() and not task.cancelled() else None


def _simulated(case: Case, function: Function, arguments: tuple[Any, ...], name: str) -> Attempt:
    try:
        main = _program(case, function, arguments)
    except Exception as error:  # wrong arguments
        return Attempt(None, error, Trace(name))
    return attempt(main, name=name, timeout=PATIENCE, limit=STEPS, space=_names(function))


def _names(function: Function) -> dict[str, Any]:
    """The global names that the function sees."""
    plain = inspect.unwrap(function)
    return plain.__globals__ if isinstance(plain, types.FunctionType) else {}


def _recorded(case: Case, function: Function, service: Any, name: str) -> tuple[Attempt, tuple[Any, ...]]:
    """The same on the real clock: in a helper thread, because the notebook's own runs a loop already.

    The arguments are made there, since they may belong to the loop's thread.
    """
    import numpy  # noqa: F401  # the recorder needs it, and a thread that is stopped would leave half of it

    done: list[tuple[Attempt, tuple[Any, ...]]] = []

    def work() -> None:
        result, failure = None, None
        arguments = case.arguments(service)
        with asyncviz.record(name, limit=STEPS) as trace:
            try:
                result = asyncio.run(_program(case, function, arguments))
            except BaseException as error:
                failure = error
        done.append((Attempt(result, failure, trace), arguments))

    late = guarded(work, PATIENCE)
    if late is None:
        return done[0]
    trace = done[0][0].trace if done else Trace(name)
    return Attempt(None, Overrun(f"the program did not end within {PATIENCE:g} s"), trace), ()


def dispose(value: Any) -> None:
    """Close coroutines and take errors out of tasks in a result, so that Python does not complain about them later."""
    for thing in parts(value):
        if inspect.iscoroutine(thing):
            thing.close()
        elif isinstance(thing, asyncio.Future) and thing.done() and not thing.cancelled():
            with suppress(Exception):
                thing.exception()


def parts(value: Any) -> list[Any]:
    """The value itself, or what it holds."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]
