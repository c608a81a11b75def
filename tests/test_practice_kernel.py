"""In a real kernel: each mistake that a new learner makes gets its answer, and the kernel survives them all."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

START = """\
import asyncio, sys, time
import asyncviz as viz
from asyncviz.practice import check, predict, quiz, running
running.PATIENCE = 1.0

async def tea():
    await asyncio.sleep(0.3)
    return "tea"

async def toast():
    await asyncio.sleep(0.5)
    return "toast"
"""
CANCEL = """\
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import ends_when_cancelled
case = Case((ends_when_cancelled(within=0.1),), cancel_at=1)
sample = Exercise("99.1", "Stop", "", "breakfast", "", "async def breakfast(): await asyncio.sleep(9)", (case,), ("",))

async def breakfast():
    try:
        await asyncio.sleep(9)
    except asyncio.CancelledError:
        pass
check(sample, breakfast)
"""


def body(*lines: str) -> str:
    return "\n    ".join(["async def breakfast():", *lines]) + '\n\ncheck("00.1", breakfast)'


CELLS = {
    "forgotten await": (body("first = tea()", "return [first, await toast()]"), "tea() is called, but never awaited"),
    "sequential": (body("return [await tea(), await toast()]"), "it takes 0.8 s, and 0.5 s is enough"),
    "blocking sleep": (body("time.sleep(3600)", "return ['tea', 'toast']"), "holds the loop for 3600 s in line 2"),
    "swallowed cancellation": (CANCEL, "CancelledError was swallowed"),
    "endless loop": (body("while True: pass"), "never came back to the event loop, and was stopped in line 2"),
    "exit": (body("sys.exit()"), "it ends the whole program with exit() (line 2)"),
    "quit": (body("quit()"), ": not yet."),
    "deadlock": (body("await asyncio.Event().wait()"), "deadlock at 0 s of simulated time"),
    "interrupt": (body("raise KeyboardInterrupt"), "it raises KeyboardInterrupt (line 2)"),
    "input": (body("input('name? ')"), "input() cannot be answered"),
    "flood": (body("while True: print('x' * 1000)"), "never came back"),
    "object": ('async def breakfast(): ...\ncheck("00.1", breakfast())', "hand over the function itself"),
    "number": ('check("00.1", 3)', "this is 3, and no function"),
    "right": (body("return list(await asyncio.gather(tea(), toast()))"), "Exercise 00.1, Two waits at once: solved."),
}
END = """\
print(time.sleep is sys.modules["asyncviz.clocks"].real_sleep, input is not running._input)
await asyncio.sleep(0.01)
result, trace = viz.simulate(tea())
print(result, trace.makespan)
"""


@pytest.fixture(scope="module")
def outputs() -> list[Any]:
    sources = [START, *(source for source, _ in CELLS.values()), END]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize("number", range(len(CELLS)), ids=list(CELLS))
def test_each_mistake_is_answered(outputs: list[Any], number: int) -> None:
    (answer,) = outputs[number + 1]
    assert answer.output_type == "execute_result"
    assert list(CELLS.values())[number][1] in " ".join(answer.data["text/plain"].split())  # long lines are wrapped
    assert len(answer.data["text/plain"]) < 4000


def test_the_kernel_is_as_before(outputs: list[Any]) -> None:
    assert outputs[-1][0].text == "True True\ntea 0.3\n"
