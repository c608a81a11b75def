"""Edits the quizzes. `.venv/bin/python tests/tools/quizzes.py show 00 > draft.json`; back: `… build 00 draft.json`.

The draft is a list of questions: text, choices (letter → text, or empty), measure ("" or an attribute of Trace),
answers (letters or numbers that are right), explanation, and perhaps recording (what the lesson calls the Trace).
Drafts are not committed: they hold the answers.
"""

from __future__ import annotations

import json
import secrets
import string
import sys
from pathlib import Path
from typing import Any

from asyncviz.practice import quizzes


def show(lesson: str) -> list[dict[str, Any]]:
    """The questions in plain text. Answers are found by trying letters and numbers."""
    tried = [*string.ascii_lowercase[:8], *(f"{n / 100:g}" for n in range(100_000))]
    return [
        {
            "text": q.text,
            "choices": q.choices,
            "measure": q.measure,
            "answers": [a for a in tried if quizzes.digest(q.salt, a) in q.hashes],
            "explanation": q.explanation,
            "recording": q.recording,
        }
        for q in quizzes.load(lesson)
    ]


def build(draft: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The questions as they are kept."""
    rows = []
    for question in draft:
        salt = secrets.token_hex(8)
        hashes = [quizzes.digest(salt, quizzes.normal(a, question["measure"])) for a in question["answers"]]
        kept = {key: question[key] for key in ("text", "choices", "measure")}
        rows.append({**kept, "salt": salt, "hashes": hashes, "packed": quizzes.pack(question["explanation"])})
        if question.get("recording", "trace") != "trace":
            rows[-1]["recording"] = question["recording"]
    return rows


def main(command: str, lesson: str, *draft: str) -> None:
    if command == "show":
        print(json.dumps(show(lesson), indent=1, ensure_ascii=False))
    else:
        rows = build(json.loads(Path(draft[0]).read_text(encoding="utf-8")))
        text = json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
        (quizzes.FOLDER / f"{lesson}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
