"""One `time.sleep` holds everybody."""

from __future__ import annotations

import asyncio
import time

import asyncviz as viz
from asyncviz.trace import READY


async def beat() -> None:
    for _ in range(5):
        await asyncio.sleep(0.1)


async def rude() -> None:
    time.sleep(1)  # noqa: ASYNC251


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(beat(), name="beat")
        group.create_task(rude(), name="rude")


def test_the_heartbeat_stops_while_another_task_blocks() -> None:
    _, trace = viz.simulate(main())
    assert trace.tasks["beat"].seconds(READY) == 0.9
    assert trace.makespan == 1.4
    assert [hold.who for hold in trace.holds] == ["rude"]
