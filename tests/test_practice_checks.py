"""Checks survive whatever they are given, say what is wrong, and can expect everything that a timeline shows."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from asyncviz import clocks
from asyncviz.practice import check, checks, running
from asyncviz.practice.exercise import Case, Exercise, find
from asyncviz.practice.expect import (
    Expectation,
    asks,
    ends_when_cancelled,
    finishes_in_order,
    in_flight,
    leaves_nothing_running,
    never_holds,
    overlaps,
    returns,
    takes,
)
from asyncviz.practice.pretend import PretendService, ServiceFailed


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what never ends; everything else has its time, on a busy machine as well."""
    monkeypatch.setattr(running, "PATIENCE", 0.5)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    checks._failures.clear()
    yield
    checks._failures.clear()
    assert time.sleep is clocks.real_sleep
    assert sys.stdout is not None
    assert not isinstance(sys.stdout, running.Printed)


def exercise(*expectations: Expectation, **case: Any) -> Exercise:
    solution = "async def f(*given):\n    pass"
    return Exercise("99.1", "Sample", "Write `f`.", "f", solution, solution, (Case(expectations, **case),), ("hint",))


def missing(function: Any, *expectations: Expectation, **case: Any) -> str:
    verdict = check(exercise(*expectations, **case), function)
    assert bool(verdict) == (not verdict.missing)
    verdict._repr_mimebundle_()
    return verdict.missing


# -- what is no solution at all ---------------------------------------------------------------------------------------


async def nothing() -> None: ...


def test_a_coroutine_object_instead_of_a_function() -> None:
    coroutine = nothing()
    assert "hand over the function itself, without brackets" in missing(coroutine)
    assert coroutine.cr_frame is None  # closed: no warning in a later cell


@pytest.mark.parametrize("wrong", [None, 3, "f", [nothing], int])
def test_no_function(wrong: Any) -> None:
    assert 'check("99.1", f)' in missing(wrong)


def test_generators() -> None:
    async def numbers() -> Any:
        yield 1

    def others() -> Any:
        yield 1

    assert "makes it a generator" in missing(numbers)
    assert "makes it a generator" in missing(others)


def test_an_ordinary_function_is_called_inside_the_loop() -> None:
    assert missing(lambda: 3, returns(3)) == ""
    assert "returns an int" in missing(lambda: 3, returns([3]))
    assert missing(lambda: nothing(), returns(None)) == ""

    def prepare() -> None: ...

    verdict = check(exercise(), prepare)
    assert verdict.trace is not None
    assert list(verdict.trace.tasks) == ["prepare"]  # its row bears its name


async def without_brackets() -> None:
    async with asyncio.TaskGroup:
        pass


def test_brackets_forgotten_in_a_with() -> None:
    async def another() -> None:
        async with asyncio.timeout:
            pass

    async def not_asynchronous() -> None:
        with ThreadPoolExecutor as _:
            pass

    async def no_manager() -> None:
        async with 3:
            pass

    said = missing(without_brackets)
    assert said.startswith("it raises TypeError: 'type' object does not support the asynchronous context manager")
    assert said.endswith("). Are the brackets missing, as in `TaskGroup()`?")
    assert "Are the brackets missing" in missing(another)
    assert "Are the brackets missing" in missing(not_asynchronous)
    assert "brackets" not in missing(no_manager)


def test_wrong_parameters() -> None:
    async def f(one: int) -> None: ...

    assert "cannot be called as the exercise does: TypeError" in missing(f)


def test_an_unknown_exercise() -> None:
    with pytest.raises(ValueError, match=r"no exercise '00.9'; there are 00.1, "):
        check("00.9", nothing)


# -- what would hang or kill a kernel ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("_impatient")
def test_an_endless_loop() -> None:
    async def f() -> None:
        while True:
            pass

    assert "never came back to the event loop, and was stopped in line" in missing(f)


@pytest.mark.usefixtures("_impatient")
def test_an_endless_ordinary_function() -> None:
    def f() -> None:
        while True:
            pass

    assert "never came back to the event loop" in missing(f)


@pytest.mark.usefixtures("_impatient")
def test_waiting_for_ever() -> None:
    async def f() -> None:
        while True:
            await asyncio.sleep(1)

    assert "it was still going" in missing(f)


def test_a_long_sleep() -> None:
    async def f() -> None:
        time.sleep(3600)  # noqa: ASYNC251

    start = time.perf_counter()
    assert "f holds the loop for 3600 s in line" in missing(f, returns(None), never_holds())
    assert time.perf_counter() - start < 5


@pytest.mark.usefixtures("_impatient")
def test_a_blocking_call_without_end() -> None:
    async def f() -> None:
        never.wait()

    never = threading.Event()
    assert "blocking call that nothing can end" in missing(f)
    never.set()


@pytest.mark.parametrize("leave", [sys.exit, exit, lambda: os.kill(os.getpid(), 0) or sys.exit("bye")])
def test_exit(leave: Callable[[], None]) -> None:
    async def f() -> None:
        leave()

    assert "it ends the whole program with exit() (line" in missing(f)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, MemoryError, StopIteration]
)
def test_strange_errors(error: type[BaseException]) -> None:
    async def f() -> None:
        await asyncio.sleep(0.1)
        raise error

    assert "it raises" in missing(f)


def test_a_deadlock() -> None:
    async def f() -> None:
        gate = asyncio.Event()
        await gate.wait()

    assert 'f waits for Event "gate"' in missing(f)


def test_real_connections() -> None:
    async def f() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    assert "connections take real time" in missing(f)


def test_input() -> None:
    async def f() -> None:
        input("name? ")  # noqa: ASYNC250

    assert "input() cannot be answered" in missing(f)


def test_printing_a_lot(capsys: pytest.CaptureFixture[str]) -> None:
    async def f() -> None:
        for n in range(20_000):
            print("line", n)

    verdict = check(exercise(), f)
    assert verdict
    assert len(verdict.printed) == 11
    assert verdict.printed[-1].endswith("characters more")
    assert len(repr(verdict)) < 1000
    assert capsys.readouterr().out == ""


def test_errors_in_tasks_and_groups(capsys: pytest.CaptureFixture[str]) -> None:
    async def bad() -> None:
        raise ValueError("no tea")

    async def lonely() -> None:
        task = asyncio.create_task(bad())
        await asyncio.sleep(1)
        del task

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bad())

    assert missing(lonely, returns(1)) == "it returns nothing: is there a `return`?"
    assert missing(group).startswith("it raises ValueError: no tea (line")
    captured = capsys.readouterr()
    assert captured.err == ""


def test_a_forgotten_await_of_an_earlier_check_is_forgotten() -> None:
    async def tea() -> None: ...

    async def f() -> None:
        asyncio.run(tea())

    for _ in range(3):
        assert "A loop runs already" in missing(f)
        assert missing(nothing) == ""


def test_no_running_loop_is_the_other_way_round() -> None:
    async def f() -> None:
        await asyncio.to_thread(asyncio.get_running_loop)

    assert missing(f).startswith("it raises RuntimeError: no running event loop")
    assert "A loop runs already" not in missing(f)


# -- what can be expected ---------------------------------------------------------------------------------------------


async def nap(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def three(*given: Any) -> list[float]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(nap(s), name=n) for n, s in (("a", 0.3), ("b", 0.1), ("c", 0.2))]
    return [task.result() for task in tasks]


async def left(*given: Any) -> None:
    tasks.append(asyncio.create_task(nap(9), name="nap"))


tasks: list[Any] = []


@pytest.mark.parametrize(
    ("function", "expectation", "message"),
    [
        (three, returns([0.3, 0.1, 0.2]), ""),
        (three, returns([0.1, 0.2, 0.3]), "wrong order"),
        (three, returns([0.1]), "it returns 3 values where 1 are asked for"),
        (three, returns({"a": 1}), "it returns a list, [0.3, 0.1, 0.2], where a dict is asked for"),
        (three, returns([1.0, 2.0, 3.0]), "it returns [0.3, 0.1, 0.2] where [1.0, 2.0, 3.0] is asked for"),
        (three, takes(at_most=0.3), ""),
        (three, takes(at_most=0.2), "it takes 0.3 s, and 0.2 s is enough"),
        (three, takes(at_least=1, at_most=2), "it takes only 0.3 s"),
        (three, overlaps(at_least=3), ""),
        (three, overlaps(at_least=4), "at most 3 tasks overlap, and 4 could"),
        (three, overlaps(at_most=2), "3 tasks are in flight at once, and only 2 are allowed"),
        (nothing, overlaps(at_least=2), "nothing overlaps, and 2 could"),
        (three, finishes_in_order("b", "c", "a"), ""),
        (three, finishes_in_order("a", "b", "c"), "the order of finishing is b, c, a"),
        (three, finishes_in_order("z"), "there is no task called 'z' (there is: three, a, b and c)"),
        (left, finishes_in_order("nap"), "nap does not end"),
        (three, never_holds(), ""),
        (three, leaves_nothing_running(), ""),
        (left, leaves_nothing_running(), "nap was still running when your function returned"),
    ],
)
def test_expectations(function: Any, expectation: Expectation, message: str) -> None:
    said = missing(function, expectation)
    assert message in said
    assert bool(message) == bool(said)


def test_cancelling() -> None:
    expected = ends_when_cancelled(within=0.1)

    async def polite() -> None:
        await asyncio.gather(nap(9), nap(8))

    async def swallows() -> None:
        with suppress(asyncio.CancelledError):
            await nap(9)

    async def goes_on() -> None:
        with suppress(asyncio.CancelledError):
            await nap(9)
        await nap(1)

    async def deaf() -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1)

    async def cleans_up() -> None:
        try:
            await nap(9)
        finally:
            await nap(0.05)

    async def leaves_others() -> None:
        tasks.append(asyncio.create_task(nap(90), name="other"))
        await nap(9)

    def said(function: Any) -> str:
        return missing(function, expected, cancel_at=0.5)

    assert said(polite) == ""
    assert said(cleans_up) == ""
    assert "ended as if nothing had happened: CancelledError was swallowed" in said(swallows)
    assert "goes_on was asked to stop, but took 1 s for it" in said(goes_on)
    assert "deaf was asked to stop, but never did" in said(deaf)
    assert "other was asked to stop, but never did" in said(leaves_others)
    assert "it ended before the check could cancel it" in said(nothing)


SERVICE: dict[str, Any] = {"service": {"latency": 0.1}, "arguments": lambda service: (service.fetch,)}


async def polite_client(fetch: Any) -> list[str]:
    few = asyncio.Semaphore(2)

    async def get(name: str) -> str:
        async with few:
            return str((await fetch(name))["capital"])

    return await asyncio.gather(*map(get, ["oslo", "lima", "bern", "rome"]))


def test_the_service_is_asked() -> None:
    answers = returns(["Oslo", "Lima", "Bern", "Rome"])
    assert (
        missing(polite_client, answers, in_flight(at_least=2, at_most=2), asks(at_least=4, at_most=4), **SERVICE) == ""
    )
    assert "2 requests at once, and only 1 is allowed" in missing(polite_client, in_flight(at_most=1), **SERVICE)
    assert "at most 2 requests at once, and 4 could be" in missing(polite_client, in_flight(at_least=4), **SERVICE)
    assert "got 4 requests, and 3 were enough" in missing(polite_client, asks(at_most=3), **SERVICE)
    assert "is a failure tried again?" in missing(polite_client, asks(at_least=9, at_most=9), **SERVICE)


def test_retries() -> None:
    async def once(fetch: Any) -> str:
        try:
            return str((await fetch("oslo"))["capital"])
        except ServiceFailed:
            return "failed"

    async def again(fetch: Any) -> str:
        while (answer := await once(fetch)) == "failed":
            await asyncio.sleep(0.1)
        return answer

    failing = {**SERVICE, "service": {"latency": 0.1, "failure_rate": 0.6, "seed": 1}}
    assert missing(once, returns("Oslo"), **failing) == "it returns 'failed' where 'Oslo' is asked for"
    assert missing(again, returns("Oslo"), asks(at_least=2, at_most=20), **failing) == ""


def test_the_pretended_service_answers_like_the_real_one() -> None:
    async def program() -> None:
        service = PretendService(latency=0, jitter=0)
        assert (await service.fetch("oslo"))["capital"] == "Oslo"
        with pytest.raises(LookupError):
            await service.fetch("atlantis")
        task = asyncio.create_task(service.fetch("lima"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        stats = service.stats()
        assert (stats.requests, stats.ok, stats.not_found, stats.abandoned, stats.in_flight) == (3, 1, 1, 1, 0)

    asyncio.run(program())


def test_on_the_real_clock_with_the_real_service(monkeypatch: pytest.MonkeyPatch) -> None:
    import aiohttp

    monkeypatch.setattr(running, "PATIENCE", 10.0)

    async def f(urls: list[str]) -> int:
        async with aiohttp.ClientSession() as session:

            async def get(url: str) -> int:
                async with session.get(url) as answer:
                    return answer.status

            return sum(await asyncio.gather(*map(get, urls)))

    case: dict[str, Any] = {"real": True, "service": {"latency": 0.2}, "arguments": lambda service: (service.urls(3),)}
    said = missing(f, returns(600), in_flight(at_least=3), asks(at_least=3, at_most=3), takes(at_most=4), **case)
    assert said == ""


@pytest.mark.usefixtures("_impatient")
def test_the_real_clock_stops_as_well() -> None:
    async def endless() -> None:
        while True:
            pass

    async def fails() -> None:
        raise ValueError("no")

    assert "did not end" in missing(endless, real=True)
    assert "it raises ValueError: no" in missing(fails, real=True)


# -- the verdict ------------------------------------------------------------------------------------------------------


def test_a_verdict_in_words_and_pictures() -> None:
    task = find("00.1")
    verdict = check("00.1", running.load(task, task.starter))
    bundle = verdict._repr_mimebundle_()
    assert repr(verdict).startswith("Exercise 00.1, Two waits at once: not yet.\n  ✓ the result is right")
    assert "  ✗ it takes 0.8 s, and 0.5 s is enough\nHint: `await tea()` waits" in repr(verdict)
    assert bundle["text/plain"].startswith(repr(verdict))
    assert bundle["text/html"].count("<img alt=") == 1
    solved = check("00.1", running.load(task, task.solution))
    assert "2 runs on one time axis: yours and the model's." in solved._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize("real", [True, False])
def test_only_on_the_virtual_clock_somebody_is_faster(real: bool) -> None:
    async def f() -> None:
        await asyncio.sleep(0.05)

    quick = "async def f():\n    await asyncio.sleep(0.01)"
    verdict = check(dataclasses.replace(exercise(returns(None), real=real), solution=quick), f)
    text = verdict._repr_mimebundle_()["text/plain"]
    assert "2 runs on one time axis: yours and the model's." in text
    assert ("faster" in text) != real


def test_hints_begin_anew_with_another_mistake_and_after_success() -> None:
    task = find("00.1")
    starter, solution = running.load(task, task.starter), running.load(task, task.solution)
    assert [check(task, f).hint for f in (starter, starter, nothing, starter)] == [
        task.hints[0], task.hints[1], task.hints[0], task.hints[2]
    ]  # fmt: skip
    assert check(task, solution)
    assert check(task, starter).hint == task.hints[0]


async def forgets() -> None:
    nothing()


async def returns_what_it_waits_for() -> Any:
    return asyncio.gather(nothing(), nothing())


async def misspells() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(nap(once))  # noqa: F821


async def is_refused() -> None:
    raise ServiceFailed("not more than 3 at once")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (None, True),
        (forgets, True),
        (returns_what_it_waits_for, True),
        (without_brackets, True),
        (misspells, True),
        (is_refused, False),
        (nap, True),
    ],
)
def test_a_fault_that_is_told_in_full_gets_a_hint_only_when_it_is_made_again(function: Any, told: bool) -> None:
    task = find("00.1")
    hints = [check(task, function).hint for _ in range(len(task.hints) + 1)]
    assert hints == ["", *task.hints] if told else [*task.hints, task.hints[-1]]
