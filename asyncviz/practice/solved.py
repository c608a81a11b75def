"""What a reader has solved, kept in `.progress.json` beside the notebooks. Delete the file to begin anew.

Nothing is kept where there are no notebooks, and none in a test or on a CI machine: what a cell shows must not depend
on what was solved before. The environment variable ASYNCVIZ_PROGRESS names another file, or says "off".
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

NAME = ".progress.json"
VERSION = 1


def path() -> Path | None:
    """The file in which progress is kept, or None where none is."""
    wanted = os.environ.get("ASYNCVIZ_PROGRESS", "")
    if wanted:
        return None if wanted == "off" else Path(wanted)
    if any(name in os.environ for name in ("CI", "PYTEST_VERSION")):
        return None
    here = Path.cwd()
    return here / NAME if here.name != "solutions" and any(here.glob("*.ipynb")) else None


def read() -> dict[str, Any]:
    """What is known: {"exercises": {id: {"solved": bool, "tries": int}}, "quizzes": {lesson: {number: bool}}}."""
    empty: dict[str, Any] = {"version": VERSION, "exercises": {}, "quizzes": {}}
    file = path()
    if file is None:
        return empty
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["version"] == VERSION and isinstance(known["exercises"], dict) and isinstance(known["quizzes"], dict):
            return {**empty, **known}
    except FileNotFoundError:
        return empty
    except (OSError, ValueError, KeyError, TypeError):
        pass
    with suppress(OSError):  # damaged, or of another version: begin anew, but lose nothing
        os.replace(file, file.with_name(f"{NAME}.unreadable"))
    return empty


def note_exercise(number: str, solved: bool) -> None:
    """Note a try. What was solved once stays solved."""
    known = read()
    entry = known["exercises"].setdefault(number, {"solved": False, "tries": 0})
    entry["solved"], entry["tries"] = entry["solved"] or solved, entry["tries"] + 1
    _write(known)


def note_answer(lesson: str, number: int, right: bool) -> None:
    """Note an answer to a quiz question: the last one counts."""
    known = read()
    known["quizzes"].setdefault(lesson, {})[str(number)] = right
    _write(known)


def _write(known: dict[str, Any]) -> None:
    """Replace the file in one step. A folder that cannot be written to is no reason to fail."""
    file = path()
    if file is None:
        return
    with suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=NAME, suffix=".tmp")
        try:
            with open(handle, "w", encoding="utf-8") as target:
                json.dump(known, target, indent=1, sort_keys=True)
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise


def reset_progress() -> None:
    """Forget what was solved."""
    file = path()
    if file is not None:
        file.unlink(missing_ok=True)


class Progress:
    """What is solved, as a table."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known

    def __repr__(self) -> str:
        from asyncviz.practice import exercise, quizzes

        lines, solved = [], self.known["exercises"]
        for task in exercise.every():
            mark = "✓" if solved.get(task.id, {}).get("solved") else "·"
            lines.append(f"{mark} {task.id}  {task.title}")
        for lesson in quizzes.lessons():
            answers = self.known["quizzes"].get(lesson, {})
            total = len(quizzes.load(lesson))
            right = sum(bool(answers.get(str(n))) for n in range(1, total + 1))
            lines.append(f"{'✓' if right == total else '·'} {lesson}    quiz: {right} of {total}")
        return "\n".join(sorted(lines, key=lambda line: line[2:]))


def progress() -> Progress:
    """Show what is solved: exercises and quizzes of all lessons."""
    return Progress(read())
