"""Grading: runs students' notebooks in fresh kernels, and counts what they solve.

A notebook is run as it is, with the rights of whoever grades: run only what you would run by hand.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient

from asyncviz.practice import exercise, quizzes
from asyncviz.practice.exercise import Exercise

CELL_TIMEOUT = 120  # seconds; a cell that takes longer is interrupted, and the next one runs


class Row(NamedTuple):
    """What one notebook solved. `trouble` says what kept it from running to its end, or "".

    `untouched` are the exercises whose starter is as it was given; `tried` those that a check found not solved.
    """

    name: str
    solved: tuple[str, ...]
    tried: tuple[str, ...]
    untouched: tuple[str, ...]
    asked: tuple[str, ...]
    answers: int
    questions: int
    errors: int
    trouble: str


def notebooks(place: Path) -> list[Path]:
    """The notebooks of a folder and the folders in it, in order; or the one notebook that `place` is."""
    if place.is_file():
        return [place] if place.suffix == ".ipynb" else []
    every = place.rglob("*.ipynb")
    return sorted(path for path in every if not any(part.startswith(".") for part in path.relative_to(place).parts))


def grade(path: Path, folder: Path) -> Row:
    """Run one notebook, which is not changed, and see what its checks and answers said.

    The row's name is the path from `folder` on.
    """
    trouble, errors = "", 0
    sources: list[str] = []
    with _own_progress() as file:
        try:
            notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
            sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
            resources = {"metadata": {"path": str(path.parent)}}
            client = NotebookClient(
                notebook, timeout=CELL_TIMEOUT, interrupt_on_timeout=True, allow_errors=True, kernel_name="python3",
                resources=resources, extra_arguments=["--IPKernelApp.log_level=ERROR"],
            )  # fmt: skip
            client.execute()
            outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
            wanted = [cell for cell in notebook.cells if "raises-exception" in cell.metadata.get("tags", ())]
            errors = sum(o.output_type == "error" for o in outputs) - len(wanted)
        except Exception as error:  # no notebook, or its kernel died
            trouble = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
        known = json.loads(file.read_text(encoding="utf-8") or "{}")
    tries, answered = known.get("exercises", {}), known.get("quizzes", {})
    # a learning platform renames the file: what was checked says which lesson it is
    numbers = [n[:2] for n in (*tries, *answered)] or re.findall(r"(?<!\d)\d\d(?=_)", path.name)[-1:]
    lesson = max(numbers, key=numbers.count, default="")
    answers = [right for quiz in answered.values() for right in quiz.values()]
    return Row(
        path.relative_to(folder).as_posix(),
        tuple(sorted(n for n, entry in tries.items() if entry["solved"])),
        tuple(sorted(n for n, entry in tries.items() if not entry["solved"])),
        tuple(task.id for task in exercise.every() if _untouched(task, sources)),
        tuple(task.id for task in exercise.every() if task.id.startswith(f"{lesson}.")),
        sum(answers),
        len(quizzes.load(lesson)) if lesson in quizzes.lessons() else len(answers),
        max(errors, 0),
        trouble,
    )


def _untouched(task: Exercise, sources: list[str]) -> bool:
    """Whether what is checked is the starter's cell, as it was given."""
    checks = [n for n, source in enumerate(sources) if f'check("{task.id}"' in source]
    before = sources[: checks[-1] + 1] if checks else []
    defining = [source.strip() for source in before if f"def {task.function}(" in source]
    return defining[-1:] == [task.starter.strip()]


@contextmanager
def _own_progress() -> Iterator[Path]:
    """A progress file for one run, so that the student's own neither counts nor changes."""
    before = os.environ.get("ASYNCVIZ_PROGRESS")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "progress.json")
        file.write_text("", encoding="utf-8")
        os.environ["ASYNCVIZ_PROGRESS"] = str(file)  # the kernel inherits it
        try:
            yield file
        finally:
            if before is None:
                del os.environ["ASYNCVIZ_PROGRESS"]
            else:
                os.environ["ASYNCVIZ_PROGRESS"] = before


def table(rows: list[Row]) -> str:
    """One line a notebook: exercises solved, not solved, not even tried, quiz, errors."""
    head = ("notebook", "exercises", "solved", "not solved", "not tried", "quiz", "cells with errors")
    lines = [head]
    for row in rows:
        missing = [n for n in dict.fromkeys([*row.asked, *row.tried]) if n not in row.solved]
        lines.append(
            (
                row.name,
                f"{len(row.solved)} of {len(row.solved) + len(missing)}",
                ", ".join(row.solved) or "-",
                ", ".join(n for n in missing if n not in row.untouched) or "-",
                ", ".join(n for n in missing if n in row.untouched) or "-",
                f"{row.answers} of {row.questions}" if row.questions else "-",
                row.trouble or str(row.errors or "-"),
            )
        )
    solved = sum(len(row.solved) for row in rows)
    answers = sum(row.answers for row in rows)
    lines.append(("total", str(solved), "", "", "", str(answers), ""))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([shown[0], "-" * len(shown[0]), *shown[1:]])
