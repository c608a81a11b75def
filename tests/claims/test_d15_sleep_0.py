"""`sleep(0)` slices CPU work, so that others get their turn; the total does not shrink."""

from __future__ import annotations

import asyncio

import pytest

import asyncviz as viz
from asyncviz.trace import READY


async def whole() -> None:
    viz.busy(1)


async def sliced() -> None:
    for _ in range(100):
        viz.busy(0.01)
        await asyncio.sleep(0)


async def beat() -> None:
    for _ in range(5):
        await asyncio.sleep(0.1)


async def main(slices: bool) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(beat(), name="beat")
        group.create_task(sliced() if slices else whole(), name="work")


def test_the_others_wait_less_and_the_work_takes_as_long() -> None:
    _, one = viz.simulate(main(False))
    _, many = viz.simulate(main(True))
    assert (one.longest_block, many.longest_block) == pytest.approx((1, 0.01))
    assert many.tasks["beat"].seconds(READY) < one.tasks["beat"].seconds(READY) / 2
    assert many.tasks["work"].finished == one.tasks["work"].finished == 1
    assert len(many.steps.task) > 10 * len(one.steps.task)  # each slice costs a turn of the loop
