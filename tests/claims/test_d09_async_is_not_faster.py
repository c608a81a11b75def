"""Async overlaps waiting; it makes neither calls nor computing faster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import perf_counter

import asyncviz as viz


async def wait() -> None:
    await asyncio.sleep(0.1)


async def compute() -> None:
    viz.busy(0.1)


async def three(kind: str) -> None:
    jobs: list[Awaitable[None]] = [wait() if kind == "wait" else compute() for _ in range(3)]
    await asyncio.gather(*jobs)


def test_waits_overlap_and_computing_does_not() -> None:
    assert viz.simulate(three("wait"))[1].makespan == 0.1
    assert viz.simulate(three("compute"))[1].makespan == 0.3


def function() -> None: ...


async def coroutine() -> None: ...


async def costs() -> tuple[float, float]:
    """Seconds of 1,000 calls, and of 1,000 tasks: the best of ten, which no busy machine can spoil."""
    calls, tasks = [], []
    for _ in range(10):
        start = perf_counter()
        for _ in range(1000):
            function()
        calls.append(perf_counter() - start)
        start = perf_counter()
        for _ in range(1000):
            await asyncio.create_task(coroutine())
        tasks.append(perf_counter() - start)
    return min(calls), min(tasks)


def test_a_task_costs_much_more_than_a_call() -> None:
    call, task = asyncio.run(costs())
    assert task > 10 * call
