"""The cards of the cheat sheet: what they show is what ran, and every word is there to be read."""

from __future__ import annotations

import asyncio
import html
import json
from pathlib import Path

import notebook_rules as rules
import pytest

from asyncviz.practice.sheet import Card, Sheet, Small, really, small_figure
from asyncviz.trace import Trace

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "cheat_sheet.ipynb"
WIDEST = 53  # letters of code beside each other in a column


async def tea() -> None:
    await asyncio.sleep(0.4)


def pause() -> None:
    asyncio.run(tea())  # the whole body


def lock() -> Card:
    line = "async with stove: await tea()"
    return Card("Lock", "one at a time", "stove = asyncio.Lock()", {"Ada": line, "Ben": line, "Cleo": "await tea()"})


def test_a_card_shows_its_code_and_whose_it_is() -> None:
    assert lock().shown().splitlines() == [
        "stove = asyncio.Lock()",
        "async with stove: await tea()  # Ada, Ben",
        "await tea()  # Cleo",
    ]
    assert Card("sleep", "", "", {"Ada": "await tea()"}).shown() == "await tea()  # Ada"
    assert Card("run", "", pause).shown() == "asyncio.run(tea())  # the whole body"


def test_a_card_records_what_it_shows_on_the_virtual_clock() -> None:
    trace = lock().recorded(globals())
    assert (trace.name, trace.makespan, trace.simulated) == ("Lock", 0.8, True)
    assert list(trace.tasks) == ["main", "Ada", "Ben", "Cleo"]
    assert next(piece.reason for piece in trace.tasks["Ben"].slices if piece.state == "waiting") == 'Lock "stove"'


def test_a_card_lets_a_timeout_pass_and_nothing_else() -> None:
    limited = "async with asyncio.timeout(0.3): await tea()"
    assert Card("timeout", "", limited).recorded(globals()).makespan == 0.3
    with pytest.raises(NameError):
        Card("mistake", "", "await coffee()").recorded(globals())
    with pytest.raises(ExceptionGroup):
        Card("mistake", "", "", {"Ada": "await coffee()"}).recorded(globals())


def test_a_function_is_recorded_for_real() -> None:
    async def short() -> None:
        await asyncio.sleep(0.01)

    trace = really(lambda: asyncio.run(short()))
    assert list(trace.tasks) == ["short"]
    assert not trace.simulated
    assert Card("run", "", pause, trace=trace).recorded({}).name == "run"


def test_cards_of_a_sheet_have_one_time_axis_and_can_be_heard() -> None:
    sheet = Sheet(globals(), Card("await", "a < b", "await tea()"), lock())
    assert sheet.limits[0] <= 0
    assert 0.8 < sheet.limits[1] < 0.9
    shown = sheet._repr_mimebundle_()
    assert rules.without_alternative(shown["text/html"]) == 0
    assert shown["text/html"].count("<img ") == 2
    assert "a &lt; b" in shown["text/html"]
    assert "await: a < b\n    await tea()\nawait: main waited for sleep 0.4. main returned." in shown["text/plain"]


def picture(trace: Trace) -> Small:
    (found,) = (a for a in small_figure(trace, (0.0, 1.0)).axes[0].artists if isinstance(a, Small))
    return found


def test_a_small_picture_has_lanes_and_an_axis_only() -> None:
    words = [word.text for word in picture(lock().recorded(globals())).layout()[2]]
    assert words[:4] == ["main", "Ada", "Ben", "Cleo"]
    assert set(words[4:]) == {"TaskGroup of 3", "sleep 0.4", 'Lock "stove"'}


def test_no_line_of_code_on_the_sheet_is_cut() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    outputs = [text for _, cell in rules.cells(notebook, "code") for text in rules.output_texts(cell)]
    code = [
        line for text in outputs for block in text.split("<pre")[1:] for line in block.split("</pre>")[0].splitlines()
    ]
    lines = [
        html.unescape(line).partition('">')[2] if line.startswith(" style") else html.unescape(line) for line in code
    ]
    assert len(lines) > 30
    assert [line for line in lines if len(line) > WIDEST] == []
