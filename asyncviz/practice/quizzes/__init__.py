"""Quizzes: `quiz("00")` shows the questions of a lesson, `answer("00", 1, "b")` says right or wrong, and why.

The questions lie in data files beside this one, one a lesson; of the answers only salted hashes, and the explanations
packed, so that nobody reads them by accident. tests/tools/quizzes.py turns a file into plain text and back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

from asyncviz.practice import solved
from asyncviz.trace import Trace

FOLDER = Path(__file__).resolve().parent


class Question(NamedTuple):
    """`choices` is empty where a value is asked for; `measure` then names the attribute that a Trace is asked for.

    `recording` is what the lesson calls that Trace.
    """

    text: str
    choices: dict[str, str]
    measure: str
    salt: str
    hashes: tuple[str, ...]
    packed: str
    recording: str = "trace"

    @property
    def explanation(self) -> str:
        return unpack(self.packed)


def lessons() -> list[str]:
    """Return the lessons that have a quiz."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def load(lesson: str) -> list[Question]:
    """Return a lesson's questions. Raises ValueError when there are none."""
    if lesson not in lessons():
        raise ValueError(f"there is no quiz for lesson {lesson!r}; there is one for {', '.join(lessons())}")
    rows = json.loads((FOLDER / f"{lesson}.json").read_text(encoding="utf-8"))
    return [Question(**{**row, "hashes": tuple(row["hashes"])}) for row in rows]


def pack(text: str) -> str:
    return base64.b85encode(zlib.compress(text.encode())).decode()


def unpack(packed: str) -> str:
    return zlib.decompress(base64.b85decode(packed)).decode()


def digest(salt: str, given: str) -> str:
    """What is kept of an answer."""
    return hashlib.sha256(f"{salt} {given}".encode()).hexdigest()[:20]


def normal(given: Any, measure: str) -> str:
    """An answer in the one form that is hashed: a letter, or a number of two decimals without trailing zeros."""
    if isinstance(given, Trace):
        given = getattr(given, measure) if measure else "a recording"
    if isinstance(given, Real):
        return f"{round(float(given), 2):g}"
    return str(given).strip().strip("()").lower()


class Quiz:
    """A lesson's questions. On the last line of a cell they are shown."""

    def __init__(self, lesson: str, questions: dict[int, Question]) -> None:
        self.lesson, self.questions = lesson, questions

    def __repr__(self) -> str:
        return "\n\n".join(self._lines(n, question, "   ") for n, question in self.questions.items())

    def _repr_markdown_(self) -> str:
        return "\n\n".join(self._lines(n, question, "\n") for n, question in self.questions.items())

    def _lines(self, number: int, question: Question, indent: str) -> str:
        lines = [f"{number}. {question.text}" if indent != "\n" else f"**{number}.** {question.text}"]
        for letter, text in question.choices.items():
            lines.append(f"{indent}{letter}) {text}")
        if not question.choices:
            lines.append(f'{indent}answer("{self.lesson}", {number}, {question.recording}) or the number itself')
        return "\n".join(lines)


class Answer:
    """Right or wrong, and why. True if right."""

    def __init__(self, text: str, right: bool) -> None:
        self._text, self._right = text, right

    def __bool__(self) -> bool:
        return self._right

    def __repr__(self) -> str:
        return self._text


def quiz(lesson: str) -> Quiz:
    """Show the questions of a lesson, such as "00". Raises ValueError for a lesson without a quiz."""
    return Quiz(lesson, dict(enumerate(load(lesson), 1)))


def answer(lesson: str, number: Any, given: Any = None) -> Quiz | Answer:
    """Answer a question: a letter, a number, or a recording, as the question says. Without an answer: the question.

    Raises ValueError for a lesson or a question that does not exist.
    """
    questions = load(lesson)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(questions):
        raise ValueError(f"lesson {lesson} has questions 1 to {len(questions)}, not {number!r}")
    question = questions[number - 1]
    if given is None or given is ...:
        return Quiz(lesson, {number: question})
    said = normal(given, question.measure)
    if question.choices and said not in question.choices:
        return Answer(f"Answer with one of {', '.join(question.choices)}: answer({lesson!r}, {number}, …)", False)
    right = digest(question.salt, said) in question.hashes
    solved.note_answer(lesson, number, right)
    if right:
        return Answer(f"Right. {question.explanation}", True)
    again = "Look at the question once more, or try it out in a cell."
    return Answer(f"{said} is not it. {again if question.measure else question.explanation}", False)
