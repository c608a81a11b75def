"""Run all notebooks again and again under load, and say which cells did not give the same: ``make soak N=50``.

    make soak N=20 ARGS="03 04"              # some of them
    make soak N=20 ARGS="--one-core 03"      # all on one core, which is busy already (Linux)

Beside the notebooks, one process for each core computes all the time. A cell that gives something else once in fifty
rounds is a bug in the cell.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from run import NBVAL

from notebooks import ROOT, find


def compute() -> None:
    """Keep a core busy, for as long as the process that asked for it lives."""
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(100_000))


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that compute, while the block lasts."""
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=compute, daemon=True) for _ in range(processes)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.terminate()
            process.join()


def failures(report: Path) -> dict[str, str]:
    """Each failed cell of one round, with what pytest said first."""
    found = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        for kind in ("failure", "error"):
            if (said := case.find(kind)) is not None:
                lines = [line for line in (said.text or "").splitlines() if "assert" in line or "mismatch" in line]
                found[f"{case.get('classname')} {case.get('name')}"] = " ".join(lines)[:200]
    return found


def main(arguments: list[str]) -> int:
    """1 if any cell failed in any round."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, help="how many rounds")
    parser.add_argument("names", nargs="*", help="the start of notebooks' names; without: all")
    parser.add_argument("--one-core", action="store_true", help="everything on one core, with one process computing")
    options = parser.parse_intermixed_args(arguments)  # names may stand behind --one-core
    if options.rounds < 1:
        parser.error("at least one round: make soak N=50")
    if options.one_core:
        if not hasattr(os, "sched_setaffinity"):
            parser.error("this system cannot bind a process to a core")
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # inherited by all that is started from here
    paths = [str(path.relative_to(ROOT)) for path in find(options.names)]
    counts: collections.Counter[str] = collections.Counter()
    examples: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, load(1 if options.one_core else os.cpu_count() or 1):
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", *NBVAL, "-q", f"--junit-xml={report}", *paths]
        for number in range(1, options.rounds + 1):
            start = time.monotonic()
            report.unlink(missing_ok=True)
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if not report.exists():
                print(done.stdout)
                return 1
            failed = failures(report)
            counts.update(failed.keys())
            examples |= failed
            print(f"round {number:3}: {len(failed)} cells failed, {time.monotonic() - start:.0f} s", flush=True)
    for cell, count in counts.most_common():
        print(f"{count:4} of {options.rounds}  {cell}\n              {examples[cell]}")
    print(f"\n{counts.total()} failed in {options.rounds} rounds of {len(paths)} notebooks")
    return int(bool(counts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
