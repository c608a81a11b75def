"""The test command on every Python of this machine that the course is for: ``make matrix``.

    make matrix ARGS="python3.13 path/to/python3.14"    # those named here

Looked for on the PATH and among pyenv's versions, the newest patch of each. Each has a copy of the checkout and its
own set-up in build/matrix, which the next run finds again.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "matrix"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ASK = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.base_prefix)"


def version(python: str) -> tuple[str, str] | None:
    """Version and home of a Python; None if it cannot be started."""
    try:
        said = subprocess.run([python, "-c", ASK], capture_output=True, text=True, timeout=30)
    except OSError:
        return None
    return tuple(said.stdout.strip().split(" ", 1)) if said.returncode == 0 else None  # type: ignore[return-value]


def found() -> dict[str, str]:
    """The newest of each version, as a command."""
    commands = [name for minor in PYTHONS if (name := shutil.which(f"python{minor}"))]
    commands += map(str, Path.home().glob(".pyenv/versions/*/bin/python"))
    newest: dict[str, tuple[list[int], str]] = {}
    for command in commands:
        about = version(command)
        minor = ".".join(about[0].split(".")[:2]) if about else ""
        if about and minor in PYTHONS:
            newest[minor] = max(newest.get(minor, ([], "")), ([int(n) for n in about[0].split(".")], command))
    return {minor: command for minor, (_, command) in sorted(newest.items())}


def copy_to(folder: Path) -> None:
    """What git would take of the checkout, over what lies there; the set-up of an earlier run stays."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    names = {name for name in os.fsdecode(listed.stdout).split("\0") if name and (ROOT / name).is_file()}
    kept = (".venv", "build")
    for old in sorted(folder.rglob("*"), reverse=True):
        name = old.relative_to(folder)
        if name.parts[0] not in kept and old.is_file() and name.as_posix() not in names:
            old.unlink()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def main(arguments: list[str]) -> int:
    """1 if it failed on any of them, or if there is none."""
    parser = argparse.ArgumentParser(prog="make matrix", description=__doc__.splitlines()[0])
    parser.add_argument("pythons", nargs="*", help="commands that start a Python; without: all that are found")
    options = parser.parse_args(arguments)
    pythons = {}
    for command in options.pythons or found().values():
        about = version(command)
        if about is None:
            parser.error(f"{command!r} is no Python that can be started")
        pythons[about[0]] = command
    if not pythons:
        parser.error(f"none of Python {', '.join(PYTHONS)} was found; name one: make matrix ARGS=python3.13")
    rows = []
    for number, command in pythons.items():
        folder = WORK / number
        folder.mkdir(parents=True, exist_ok=True)
        copy_to(folder)
        start = time.monotonic()
        tool = [command, "tools/run.py"]
        environment = os.environ | {"CI": "true"}
        set_up = subprocess.run([*tool, "setup"], cwd=folder, env=environment, capture_output=True, text=True)
        ready = time.monotonic()
        said = subprocess.run([*tool, "test"], cwd=folder, env=environment, capture_output=True, text=True)
        end = time.monotonic()
        (WORK / f"{number}.log").write_text(set_up.stdout + set_up.stderr + said.stdout + said.stderr, encoding="utf-8")
        sums = re.findall(r"^=+ (.*(?:passed|failed).*) in [\d.]+s.*=+$", said.stdout, re.MULTILINE)
        verdict = "failed" if set_up.returncode or said.returncode else "good"
        rows.append((number, verdict, f"{ready - start:.0f} s", f"{end - ready:.0f} s", " · ".join(sums)))
        print("{:<8} {:<7} set-up {:>5}  tests {:>6}  {}".format(*rows[-1]), flush=True)
    failed = [row[0] for row in rows if row[1] == "failed"]
    for number in failed:
        print(f"What Python {number} said: {(WORK / f'{number}.log').relative_to(ROOT)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
