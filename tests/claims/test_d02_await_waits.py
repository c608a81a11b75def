"""`await` waits: two awaits in a row are sequential. Tasks create concurrency."""

from __future__ import annotations

import asyncio

import asyncviz as viz


async def fetch(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def in_a_row() -> None:
    await fetch(0.3)
    await fetch(0.5)


async def as_tasks() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fetch(0.3))
        group.create_task(fetch(0.5))


async def tasks_awaited_one_by_one() -> None:
    await asyncio.create_task(fetch(0.3))
    await asyncio.create_task(fetch(0.5))


def test_two_awaits_in_a_row_take_the_sum_and_two_tasks_the_longer_one() -> None:
    _, row = viz.simulate(in_a_row())
    _, tasks = viz.simulate(as_tasks())
    _, one_by_one = viz.simulate(tasks_awaited_one_by_one())
    assert (row.makespan, tasks.makespan, one_by_one.makespan) == (0.8, 0.5, 0.8)
    assert (row.overlap, tasks.overlap, one_by_one.overlap) == (1, 2, 1)
