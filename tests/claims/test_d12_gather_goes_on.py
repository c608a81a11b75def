"""On an error `gather` lets the others go on; a TaskGroup cancels them."""

from __future__ import annotations

import asyncio

import pytest

import asyncviz as viz


async def fail() -> None:
    await asyncio.sleep(0.1)
    raise ValueError


async def gathered() -> None:
    with pytest.raises(ValueError, match=r"^$"):
        await asyncio.gather(fail(), asyncio.create_task(asyncio.sleep(1), name="other"))
    await asyncio.sleep(2)


async def grouped() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        group.create_task(asyncio.sleep(1), name="other")


async def watched() -> None:
    with pytest.raises(ExceptionGroup):
        await grouped()


def test_what_becomes_of_the_other_task() -> None:
    other = viz.simulate(gathered())[1].tasks["other"]
    assert (other.outcome, other.finished) == ("returned", 1.0)
    other = viz.simulate(watched())[1].tasks["other"]
    assert (other.outcome, other.finished) == ("cancelled", 0.1)
