"""Runs the gallery and prints what was found: `python -m tests.gallery`, with a word to run only what contains it."""

from __future__ import annotations

import sys

from . import FAULTY, SOUND, run


def main(word: str = "") -> int:
    """Print the table; returns the number of faults not found, lines not right, and false alarms."""
    wrong = 0
    print(f"{'faulty program':26} {'fault':24} {'found':7} {'line':6} others")
    for path in FAULTY:
        if word in path.stem:
            result = run(path)
            wrong += (not result.found) + (not result.line_right) + len(result.others)
            found, line = ("yes" if result.found else "NO"), ("right" if result.line_right else "WRONG")
            print(f"{path.stem:26} {result.expected:24} {found:7} {line:6} {', '.join(result.others)}")
    print(f"\n{'sound program':26} false alarms")
    for path in SOUND:
        if word in path.stem:
            others = run(path).others
            wrong += len(others)
            print(f"{path.stem:26} {', '.join(others) or 'none'}")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:2])))
