"""Quizzes: questions without their answers, and answers explained at once."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import asyncviz as viz
from asyncviz.practice import answer, quiz, quizzes

TOOL = Path(__file__).resolve().parent / "tools" / "quizzes.py"
NOTEBOOKS = TOOL.parents[2] / "notebooks"
LESSONS = quizzes.lessons()
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("quiz_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_quiz_is_complete(lesson: str, tool: Any) -> None:
    draft = tool.show(lesson)
    assert 5 <= len(draft) <= 6
    assert sum(bool(question["measure"]) for question in draft) >= 2  # answerable only by running something
    for question in draft:
        assert question["answers"]
        assert len(question["explanation"]) > 40
        assert bool(question["choices"]) != bool(question["measure"])
        assert set(question["answers"]) <= set(question["choices"]) or question["measure"]
    letters = [question["answers"][0] for question in draft if question["choices"]]
    assert len(set(letters)) > 1  # not always the same


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_answer_in_plain_sight(lesson: str, tool: Any) -> None:
    text = (quizzes.FOLDER / f"{lesson}.json").read_text(encoding="utf-8")
    for question in tool.show(lesson):
        assert question["explanation"][:30] not in text
        for given in question["answers"]:
            assert f'"{given}",' not in text.split('"hashes"')[1]
    salts = [question.salt for question in quizzes.load(lesson)]
    assert len(set(salts)) == len(salts)


@pytest.mark.parametrize("lesson", LESSONS)
def test_programs_in_questions_give_the_answer(lesson: str) -> None:
    for number, question in enumerate(quizzes.load(lesson), 1):
        found = CODE.search(question.text)
        if question.measure and found is not None:  # others ask for a recording made in the lesson
            space: dict[str, Any] = {"asyncio": asyncio, "time": time, "viz": viz}
            exec(found[1], space)
            trace = space["trace"]
            assert answer(lesson, number, trace)
            assert answer(lesson, number, getattr(trace, question.measure))
            assert not answer(lesson, number, getattr(trace, question.measure) + 1)


NUMBERS = dict(zip(("one", "two", "three", "four", "five", "six", "seven", "eight"), range(1, 9), strict=True))


@pytest.mark.parametrize("lesson", LESSONS)
def test_counts_are_those_of_their_explanations(lesson: str) -> None:
    """Recordings made in a lesson are not made here; what is counted in them is the first word of the explanation."""
    for number, question in enumerate(quizzes.load(lesson), 1):
        first = question.explanation.split()[0].strip(".:,").lower()
        if question.measure == "overlap":
            assert answer(lesson, number, NUMBERS[first])


def test_a_third_dish_in_the_nested_program(tmp_path: Path) -> None:
    """Question 3 of lesson 13: the lesson's own program, changed as the question says."""
    notebook = json.loads((NOTEBOOKS / "13_asyncio_run_in_a_notebook.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    (program,) = [found[1] for source in sources if (found := re.search(r'^NESTED = """(.*?)"""', source, re.DOTALL))]
    (call,) = re.findall(r"`(group.create_task\(.*?\))`", quizzes.load("13")[2].text)
    last = '        group.create_task(toast(), name="toast")\n'
    assert program.count(last) == 1
    program = program.replace(last, f"{last}        {call}\n")
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "nested.json")], check=True)
    nested = viz.load(tmp_path / "nested.json")
    assert "more tea" in nested.tasks
    assert answer("13", 3, nested)


def test_the_tool_goes_back_and_forth(tool: Any) -> None:
    draft = tool.show("00")
    rows = tool.build(draft)
    for key in ("text", "measure", "recording"):
        assert [row.get(key, "trace") for row in rows] == [question[key] for question in draft]
    for question, row in zip(draft, rows, strict=True):
        assert row["hashes"] == [quizzes.digest(row["salt"], given) for given in question["answers"]]


def test_the_questions_are_shown() -> None:
    shown = quiz("00")
    assert repr(shown).startswith("1. ")
    assert repr(shown).count("\n   b) ") == 4
    assert shown._repr_markdown_().startswith("**1.** ")
    assert repr(answer("00", 2)) in repr(shown)
    assert repr(answer("00", 2, ...)) == repr(answer("00", 2))
    assert 'answer("00", 5, trace)' in repr(answer("00", 5))
    assert 'answer("00", 6, broken)' in repr(answer("00", 6))  # by the name that the lesson gave it


def test_right_and_wrong_are_explained(tool: Any) -> None:
    right = tool.show("00")[0]["answers"][0]
    wrong = next(letter for letter in "abc" if letter != right)
    for form in (right, right.upper(), f" ({right}) ", f"{right})"):
        assert answer("00", 1, form)
    assert repr(answer("00", 1, right)).startswith("Right. While")
    assert repr(answer("00", 1, wrong)).startswith(f"{wrong} is not it. While")
    assert repr(answer("00", 1, "x")).startswith("Answer with one of a, b, c")
    assert "try it out" in repr(answer("00", 5, 7))  # may be tried again: nothing is given away


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="no quiz for lesson '77'"):
        quiz("77")
    for number in (0, 7, "1", True):
        with pytest.raises(ValueError, match="questions 1 to 6"):
            answer("00", number, "a")
