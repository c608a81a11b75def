"""Each exercise: its solution passes, its starter and typical wrong answers fail with the right message."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncviz.narrative import alternative_text
from asyncviz.practice import check, checks
from asyncviz.practice.exercise import Exercise, every
from asyncviz.practice.running import load

TESTS = Path(__file__).resolve().parent
NOTEBOOKS = TESTS.parent / "notebooks"
Wrong = tuple[str, str, str]


Right = tuple[str, str]


def answers() -> tuple[dict[str, list[Wrong]], dict[str, list[Right]]]:
    """Of each exercise: wrong answers, and right ones that are not the solution."""
    wrong: dict[str, list[Wrong]] = {}
    right: dict[str, list[Right]] = {}
    for path in sorted((TESTS / "exercises").glob("lesson_*.py")):
        spec = importlib.util.spec_from_file_location(f"wrong_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        wrong.update(module.WRONG)
        right.update(getattr(module, "RIGHT", {}))
    return wrong, right


EXERCISES = {exercise.id: exercise for exercise in every()}
WRONG, RIGHT = answers()
each = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))


@pytest.fixture(autouse=True)
def _no_memory() -> Iterator[None]:
    checks._failures.clear()
    yield
    checks._failures.clear()


@each
def test_the_solution_passes(exercise: Exercise) -> None:
    verdict = check(exercise, load(exercise, exercise.solution))
    assert verdict, repr(verdict)
    assert verdict.model is not None
    assert len(set(verdict.good)) == len(verdict.good), "two expectations that say the same can contradict each other"


@each
def test_the_starter_fails_and_hints_grow(exercise: Exercise) -> None:
    hints = [check(exercise, load(exercise, exercise.starter)).hint for _ in range(len(exercise.hints) + 1)]
    assert hints in ([*exercise.hints, exercise.hints[-1]], ["", *exercise.hints])  # "": see test_practice_checks.py
    assert not check(exercise, load(exercise, exercise.starter))


@each
def test_the_exercise_is_complete(exercise: Exercise) -> None:
    assert re.fullmatch(r"\d\d\.\d", exercise.id)
    assert len(exercise.hints) >= 2, f"exercise {exercise.id} needs two hints at least"
    assert len(set(exercise.hints)) == len(exercise.hints)
    file = f"tests/exercises/lesson_{exercise.id[:2]}.py"
    assert len(WRONG.get(exercise.id, [])) >= 3, f"add three typical wrong answers to {exercise.id} in {file}"
    assert exercise.function in exercise.statement
    for source in (exercise.starter, exercise.solution):
        assert len(source.splitlines()) <= 16
        assert max(map(len, source.splitlines())) <= 100


@pytest.mark.parametrize(
    ("exercise", "source", "message"),
    [pytest.param(EXERCISES[i], s, m, id=f"{i} {name}") for i, rows in WRONG.items() for name, s, m in rows],
)
def test_typical_wrong_answers(exercise: Exercise, source: str, message: str) -> None:
    verdict = check(exercise, load(exercise, source))
    assert not verdict
    assert message in verdict.missing
    assert verdict.hint or not verdict.good


@pytest.mark.parametrize(
    ("exercise", "source"),
    [pytest.param(EXERCISES[i], s, id=f"{i} {name}") for i, rows in RIGHT.items() for name, s in rows],
)
def test_other_right_answers(exercise: Exercise, source: str) -> None:
    verdict = check(exercise, load(exercise, source))
    assert verdict, repr(verdict)


@each
def test_a_check_is_quick(exercise: Exercise) -> None:
    function = load(exercise, exercise.solution)
    check(exercise, function)  # imports what is needed
    times = []
    for _ in range(5):
        start = time.perf_counter()
        check(exercise, function)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3


@each
def test_two_checks_say_the_same(exercise: Exercise) -> None:
    for source in (exercise.solution, exercise.starter):
        said = set()
        for _ in range(3):
            checks._failures.clear()
            verdict = check(exercise, load(exercise, source))
            said.add((repr(verdict), verdict.trace and alternative_text(verdict.trace)))
        assert len(said) == 1
        assert verdict._repr_mimebundle_()["text/plain"].startswith(repr(verdict))


def cells(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def lacking(exercise: Exercise, code: str, folder: Path) -> str:
    """The first thing that is not in the exercise's notebook word for word, as what to do; "" if all is there."""
    paths = sorted(folder.glob(f"{exercise.id[:2]}_*.ipynb"))
    if not paths:
        pytest.skip("this lesson's notebook is not written yet")
    sources = cells(paths[0])
    flat = [" ".join(source.split()) for source in sources]
    call = f'check("{exercise.id}", {exercise.function})'
    lost = [t for t in (exercise.id, exercise.title, exercise.statement, call) if not has(flat, " ".join(t.split()))]
    lost += [] if has(sources, code) else [code]
    return f"put this into {paths[0].relative_to(NOTEBOOKS.parent)}, word for word:\n\n{lost[0]}\n" if lost else ""


def has(sources: list[str], text: str) -> bool:
    return any(text in source for source in sources)


@each
def test_the_lesson_has_the_same_text(exercise: Exercise) -> None:
    assert not (todo := lacking(exercise, exercise.starter, NOTEBOOKS)), todo


@each
def test_the_solution_has_the_same_text(exercise: Exercise) -> None:
    assert not (todo := lacking(exercise, exercise.solution, NOTEBOOKS / "solutions")), todo
