"""`python -m asyncviz.practice grade FOLDER` runs students' notebooks and prints what is solved in each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Exit code: 0 if every notebook ran to its end, 1 if not, 2 if there are none, or nothing that runs them."""
    parser = argparse.ArgumentParser(prog="python -m asyncviz.practice", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="grade")
    grading = commands.add_parser("grade", help="run the notebooks in a folder, and print a table")
    grading.add_argument(
        "folder", type=Path,
        help="with the notebooks of a student, or of a class with a folder for each; or one notebook. They are not "
        "changed, but run with your rights: grade only what you would run by hand",
    )  # fmt: skip
    folder = parser.parse_args(arguments).folder
    try:
        from asyncviz.practice.grade import grade, notebooks, table
    except ModuleNotFoundError as error:
        advice = "Use the course's own Python: .venv/bin/python -m asyncviz.practice grade FOLDER"
        print(f"{error}. {advice}", file=sys.stderr)
        return 2

    paths = notebooks(folder) if folder.exists() else []
    if not paths:
        print(f"There are no notebooks in {folder}.", file=sys.stderr)
        return 2
    rows = []
    for path in paths:
        print(path, file=sys.stderr)
        rows.append(grade(path, folder if folder.is_dir() else folder.parent))
    print(table(rows))
    return 1 if any(row.trouble for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
