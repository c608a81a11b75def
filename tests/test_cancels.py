"""Requests to be cancelled: when, by whom, and whether somebody took them back."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import asyncviz
from asyncviz.trace import TaskTrace


def recorded(main: Callable[[], Awaitable[Any]]) -> asyncviz.Trace:
    with asyncviz.record() as trace:
        asyncio.run(main())  # type: ignore[arg-type]
    assert trace.failure == ""
    assert trace.problems == []
    return trace


def last_waker(trace: asyncviz.Trace, label: str) -> str:
    return trace.waker(int(trace.steps.waker[trace.steps.task == trace.tasks[label].index][-1]))


def told(task: TaskTrace) -> tuple[str, str | None, str | None, int]:
    assert (task.asked is None) == (task.asked_by is None)
    return task.outcome, task.cancelled_by, task.asked_by, task.cancelling


async def stubborn() -> None:
    for seconds in (0.3, 0.01, 0.01):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(seconds)


def test_a_request_that_is_swallowed() -> None:
    async def main() -> None:
        task = asyncio.create_task(stubborn(), name="worker")
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])

    trace = recorded(main)
    worker = trace.tasks["worker"]
    assert told(worker) == ("returned", None, "main", 1)
    step = [s for s in trace.tasks["main"].slices if s.state == "running"][1]
    assert worker.asked is not None
    assert step.start <= worker.asked <= step.stop
    assert trace.tasks["main"].asked is None


def test_a_request_that_is_obeyed() -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(10), name="worker")
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])

    assert told(recorded(main).tasks["worker"]) == ("cancelled", "main", "main", 1)


def test_a_timeout_takes_its_request_back() -> None:
    async def main() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        await asyncio.sleep(0.001)

    assert told(recorded(main).tasks["main"]) == ("returned", None, "timer", 0)


def test_who_waits_for_a_task_is_asked_when_it_is() -> None:
    """The request goes down to what can be cancelled at once; the one in the middle swallows it."""

    async def outer(inner: Awaitable[None]) -> None:
        await inner
        await asyncio.sleep(0.005)

    async def main() -> None:
        inner = asyncio.create_task(stubborn(), name="inner")
        task = asyncio.create_task(outer(inner), name="outer")
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])

    trace = recorded(main)
    assert told(trace.tasks["inner"]) == ("returned", None, "main", 1)
    assert told(trace.tasks["outer"]) == ("returned", None, "main", 1)
    asked = [trace.tasks[name].asked or 0.0 for name in ("inner", "outer")]
    assert abs(asked[1] - asked[0]) < 0.004


def test_through_a_gather() -> None:
    async def outer() -> None:
        await asyncio.gather(stubborn(), asyncio.sleep(10))

    async def main() -> None:
        task = asyncio.create_task(outer(), name="outer")
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.sleep(0.1)  # the gather does not wait for those that go on

    trace = recorded(main)
    assert told(trace.tasks["outer"]) == ("cancelled", "main", "main", 1)
    assert told(trace.tasks["stubborn"]) == ("returned", None, "main", 1)
    assert told(trace.tasks["sleep"]) == ("cancelled", "main", "main", 1)


def test_while_it_is_ready() -> None:
    """Nothing of asyncio's is called then: that it was asked shows when it waits again; by whom does not."""

    async def main() -> None:
        event = asyncio.Event()

        async def work() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await event.wait()
            await asyncio.sleep(0.001)

        task = asyncio.create_task(work(), name="worker")
        await asyncio.sleep(0.001)
        event.set()
        task.cancel()
        await asyncio.wait([task])

    trace = recorded(main)
    worker = trace.tasks["worker"]
    assert told(worker) == ("returned", None, "unknown", 1)
    step = [s for s in worker.slices if s.state == "running"][1]
    assert worker.asked == pytest.approx(step.start)


def test_before_it_begins() -> None:
    async def main() -> None:
        task = asyncio.create_task(stubborn(), name="worker")
        task.cancel()
        await asyncio.wait([task])

    assert recorded(main).tasks["worker"].outcome == "cancelled"


def test_a_task_still_at_work_when_the_recording_ends() -> None:
    async def main() -> asyncviz.Trace:
        task = asyncio.create_task(stubborn(), name="worker")
        with asyncviz.record() as trace:
            await asyncio.sleep(0.002)
            task.cancel()
            await asyncio.sleep(0.002)
        with asyncviz.record() as later:
            await asyncio.sleep(0.001)
        assert (later.tasks["worker"].asked, later.tasks["worker"].cancelling) == (None, 1)  # before this recording
        await task
        return trace

    assert told(asyncio.run(main()).tasks["worker"]) == ("pending", None, "main", 1)


@pytest.mark.parametrize("kind", ["waiting", "for a task", "ready"])
def test_asyncio_run_cancels_what_is_left(kind: str) -> None:
    async def waits() -> None:
        await asyncio.sleep(10)

    async def waits_for_a_task() -> None:
        await asyncio.create_task(waits(), name="inner")

    async def yields() -> None:
        while True:
            await asyncio.sleep(0)

    async def main() -> None:
        left = {"waiting": waits, "for a task": waits_for_a_task, "ready": yields}[kind]
        main.task = asyncio.create_task(left(), name="left")  # type: ignore[attr-defined]
        await asyncio.sleep(0.005)

    trace = recorded(main)
    left, end = trace.tasks["left"], trace.tasks["main"].finished
    assert told(left) == ("cancelled", "asyncio.run", "asyncio.run", 1)
    assert end is not None
    assert (left.asked or 0.0) >= end
    assert last_waker(trace, "left") == {"waiting": "asyncio.run", "for a task": "inner", "ready": "left"}[kind]
    assert "left was cancelled by asyncio.run" in trace.story().replace("  ", "") or kind != "waiting"


def test_between_two_runs_of_a_loop() -> None:
    """It is this thread that cancels, while the loop does not run."""
    loop = asyncio.new_event_loop()
    with asyncviz.record() as trace:
        task = loop.create_task(asyncio.sleep(10), name="sleeper")
        loop.run_until_complete(asyncio.sleep(0.001))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()
    assert (trace.failure, trace.problems) == ("", [])
    assert told(trace.tasks["sleeper"]) == ("cancelled", "MainThread", "MainThread", 1)
    assert last_waker(trace, "sleeper") == "MainThread"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came in 3.12")
def test_eager_tasks() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        task = asyncio.create_task(stubborn(), name="worker")
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])

    assert told(recorded(main).tasks["worker"]) == ("returned", None, "main", 1)


def test_saved_and_loaded(tmp_path: Any) -> None:
    async def main() -> None:
        task = asyncio.create_task(stubborn(), name="worker")
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])

    trace = recorded(main)
    trace.save(tmp_path / "run.json")
    again = asyncviz.load(tmp_path / "run.json").tasks["worker"]
    assert (told(again), again.asked) == (told(trace.tasks["worker"]), trace.tasks["worker"].asked)
    (finding,) = [f for f in trace.diagnose() if f.kind == "cancellation swallowed"]
    assert finding.message == "worker was asked to be cancelled by main, but went on."
