"""Not `get_event_loop`, `run_until_complete` and `loop=`, but `run`, `Runner` and `TaskGroup`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


async def work() -> int:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0, n)) for n in (1, 2)]
    return sum(task.result() for task in tasks)


def test_run_and_runner() -> None:
    assert asyncio.run(work()) == 3
    with asyncio.Runner() as runner:
        assert [runner.run(work()), runner.run(work())] == [3, 3]


def test_afterwards_there_is_no_loop_to_get() -> None:
    asyncio.run(work())
    with pytest.raises(RuntimeError, match="no current event loop"):
        asyncio.get_event_loop()


@pytest.mark.parametrize("old", [asyncio.Queue, asyncio.Lock, asyncio.Event])
def test_nothing_takes_a_loop_any_more(old: Any) -> None:
    with pytest.raises(TypeError):
        old(loop=None)
