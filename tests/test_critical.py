"""The critical path: its links tile the makespan, and it goes through those who set it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from itertools import pairwise

import pytest

import asyncviz
from asyncviz import Trace
from asyncviz.critical import critical_path


def tiles(trace: Trace) -> bool:
    path = critical_path(trace)
    gapless = all(a.stop == b.start for a, b in pairwise(path))
    forward = all(link.start < link.stop for link in path)
    return gapless and forward and sum(link.seconds for link in path) == pytest.approx(trace.makespan, abs=1e-9)


def chain(trace: Trace) -> list[tuple[str, str, float, str]]:
    return [(link.label, link.state, round(link.seconds, 6), link.reason) for link in critical_path(trace)]


def test_the_path_goes_from_waker_to_waker() -> None:
    """On a virtual clock: a child, held up by another, and then a consumer fed by its producer."""

    async def make(seconds: float) -> None:
        await asyncio.sleep(seconds)
        asyncviz.busy(0.5)

    async def eat(dishes: asyncio.Queue[str]) -> None:
        await dishes.get()
        await asyncio.sleep(1)

    async def main() -> None:
        dishes: asyncio.Queue[str] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(make(1), name="tea")
            group.create_task(make(1.2), name="egg")
        eater = asyncio.create_task(eat(dishes), name="eater")
        for _ in range(2):
            await asyncio.sleep(1.5)
        dishes.put_nowait("egg")
        await eater

    _, trace = asyncviz.simulate(main())
    assert chain(trace) == [
        ("egg", "waiting", 1.2, "sleep 1.2"),
        ("egg", "ready", 0.3, "tea"),
        ("egg", "running", 0.5, ""),
        ("main", "waiting", 3.0, "sleep 1.5"),
        ("eater", "waiting", 1.0, "sleep 1"),
    ]
    assert tiles(trace)
    first, second = str(critical_path(trace)).splitlines()[:2]
    assert first.startswith("egg waited for sleep 1.2 (line ")
    assert second == "egg was ready, but tea had the thread"
    sleeps = {"waiting for sleep 1.5": 3, "waiting for sleep 1.2": 1.2, "waiting for sleep 1": 1}
    assert critical_path(trace).seconds == pytest.approx({**sleeps, "computing": 0.5, "ready": 0.3})
    assert "≈" not in str(critical_path(trace))
    assert critical_path(trace).text(times=True).splitlines()[0].endswith(": ≈ 1.2 s")


def test_real_runs_are_tiled() -> None:
    """Threads, timeouts, errors, yields, background tasks: whatever happens, there is neither a gap nor an overlap."""

    async def leaf(dice: random.Random, depth: int) -> None:
        for _ in range(dice.randrange(4)):
            match dice.randrange(5):
                case 0:
                    await asyncio.sleep(0)
                case 1:
                    await asyncio.sleep(dice.random() / 200)
                case 2:
                    await asyncio.to_thread(time.sleep, 0.001)
                case 3:
                    await asyncio.wait([asyncio.create_task(asyncio.sleep(9))], timeout=0.001)
                case _ if depth:
                    await asyncio.gather(*(leaf(dice, depth - 1) for _ in range(3)), return_exceptions=True)
        if dice.random() < 0.1:
            raise ValueError

    for seed in range(12):
        with asyncviz.record() as trace, contextlib.suppress(ValueError):
            asyncio.run(leaf(random.Random(seed), 3))
        assert tiles(trace), critical_path(trace).text(times=True)
        assert critical_path(trace)


def test_a_recording_inside_a_task_ends_with_that_task() -> None:
    async def main() -> Trace:
        with asyncviz.record() as trace:
            background = asyncio.create_task(asyncio.sleep(5))
            await asyncio.sleep(0.03)
        background.cancel()
        return trace

    trace = asyncio.run(main())
    assert tiles(trace)
    assert str(critical_path(trace)).startswith("main waited for sleep 0.03 (line ")
    # on a busy machine the steps around the wait may be long enough to be told
    assert set(str(critical_path(trace)).splitlines()[1:]) <= {"short steps of main", "main was ready"}


def test_many_short_steps_are_told_together() -> None:
    async def turns() -> None:
        for _ in range(500):
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(turns(), turns())

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert tiles(trace)
    assert "turns 2" in str(critical_path(trace))
    assert len(str(critical_path(trace)).splitlines()) < 10


def test_spans_without_tasks() -> None:
    with asyncviz.record() as trace:
        with asyncviz.span("first"):
            time.sleep(0.01)
        time.sleep(0.01)
        with asyncviz.span("second"):
            time.sleep(0.01)
    assert [(link.label, link.state) for link in critical_path(trace)] == [
        ("first", "running"), ("", "waiting"), ("second", "running"),
    ]  # fmt: skip
    assert tiles(trace)
    assert str(critical_path(trace)) == "first ran\nwaited\nsecond ran"


def test_an_empty_recording_has_no_path() -> None:
    assert critical_path(Trace()) == ()
    assert str(critical_path(Trace())) == "nothing was recorded"
