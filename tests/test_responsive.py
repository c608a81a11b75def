"""The interface of lesson 06, without a browser: its buttons pressed in a loop, by hand and by the lesson's user."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from asyncviz.practice.work import compute

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "06_responsive.ipynb"


def test_computing_many_times_is_as_much_work_in_one_call() -> None:
    once = min(compute(20_000) for _ in range(5))
    assert compute(20_000, 10) > 5 * once


async def lesson() -> dict[str, Any]:
    """The names that the cells about the interface define; their loop is the running one."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    sources = {cell["id"]: "".join(cell["source"]) for cell in cells}
    names: dict[str, Any] = {}
    for cell in ("imports", "loop", "interface", "panel", "blocking", "awaiting", "user"):
        exec(compile(sources[cell].replace("if lab:", "if False:"), cell, "exec"), names)
    return names


async def pressed(job: str) -> tuple[Any, str]:
    """Start, and Cancel as soon as the loop lets us, with the widgets' own buttons: the interface, and what it says."""
    names = await lesson()
    interface = names["Interface"](names[job])
    box = names["panel"](interface)
    start, cancel, bar = box.children[0].children
    start.click()
    await asyncio.sleep(0.12)
    cancel.click()
    await asyncio.wait([interface.task])
    await asyncio.sleep(0)
    assert bar.value == interface.step
    return interface, box.children[1].value


def test_a_job_that_blocks_hears_cancel_when_it_is_over() -> None:
    interface, said = asyncio.run(pressed("blocking_job"))
    assert said == "Cancel was heard after step 20 of 20: too late"
    assert interface.task.result() is None


def test_a_job_that_awaits_hears_it_at_once() -> None:
    interface, said = asyncio.run(pressed("awaiting_job"))
    assert interface.task.cancelled()
    assert 0 < interface.step < 20
    assert said == f"Cancel was heard after step {interface.step} of 20: in time"


@pytest.mark.parametrize(("job", "verdict"), [("blocking_job", "too late"), ("awaiting_job", "in time")])
def test_the_user_in_the_thread_is_answered(job: str, verdict: str) -> None:
    async def main() -> None:
        names = await lesson()
        interface = names["Interface"](names[job])
        trace, waited = await names["used"](interface, job)
        assert interface.verdict == verdict
        assert waited < trace.duration
        assert trace.tasks["job"].outcome == ("returned" if verdict == "too late" else "cancelled")

    asyncio.run(main())


def test_cancel_before_start_and_start_twice_do_no_harm() -> None:
    async def main() -> None:
        names = await lesson()
        interface = names["Interface"](names["awaiting_job"])
        interface.cancel()
        assert interface.verdict == "nothing to cancel"
        interface.start()
        task = interface.task
        interface.start()
        assert interface.task is task
        interface.cancel()
        await asyncio.wait([task])
        interface.cancel()
        assert interface.verdict == "in time"

    asyncio.run(main())
