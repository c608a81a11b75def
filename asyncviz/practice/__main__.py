"""`python -m asyncviz.practice grade FOLDER` runs a student's notebooks and prints what is solved in each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Exit code: 0 if every notebook ran to its end, 1 if not, 2 for a folder without notebooks."""
    parser = argparse.ArgumentParser(prog="python -m asyncviz.practice", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="grade")
    grading = commands.add_parser("grade", help="run the notebooks in a folder, and print a table")
    grading.add_argument("folder", type=Path, help="with the notebooks of one student; they are not changed")
    folder = parser.parse_args(arguments).folder
    from asyncviz.practice.grade import grade, notebooks, table

    if not folder.is_dir() or not notebooks(folder):
        print(f"There are no notebooks in {folder}.", file=sys.stderr)
        return 2
    rows = [grade(path) for path in notebooks(folder)]
    print(table(rows))
    return 1 if any(row.trouble for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
