"""Programs with a fault that `diagnose()` must find on its line, and sound ones in which it must find none.

`python -m tests.gallery` runs them all and prints a table.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import io
import linecache
import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import asyncviz
from asyncviz.diagnosis import PREEMPTION, Diagnosis, diagnose

HERE = Path(__file__).parent
FAULTY = sorted((HERE / "faulty").glob("*.py"))
SOUND = sorted((HERE / "sound").glob("*.py"))


class Run(NamedTuple):
    """A program's recording, what was found in it, and what should have been; `line` of the fault in its file."""

    trace: asyncviz.Trace
    diagnosis: Diagnosis
    expected: str
    line: int | None

    @property
    def found(self) -> bool:
        return any(f.kind == self.expected for f in self.diagnosis)

    @property
    def line_right(self) -> bool:
        return any(f.kind == self.expected and f.line == self.line for f in self.diagnosis)

    @property
    def others(self) -> list[str]:
        """Kinds of findings that are neither expected nor the machine's doing."""
        return [f.kind for f in self.diagnosis if f.kind not in (self.expected, PREEMPTION)]


def run(path: Path) -> Run:
    """Record the program in `path` and diagnose it. What it prints and warns is left out."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    marked = [n for n, text in enumerate(linecache.getlines(str(path)), 1) if text.rstrip().endswith("# <- fault")]
    logger, level = logging.getLogger("asyncio"), logging.getLogger("asyncio").level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        gc.collect()
        gc.freeze()  # or the collector looks through all that a test session holds, in the middle of a step
        logger.setLevel(logging.CRITICAL + 1)
        try:
            with asyncviz.record(path.stem) as trace:
                asyncio.run(program.main())
        finally:
            gc.unfreeze()
            logger.setLevel(level)
    return Run(trace, diagnose(trace), getattr(program, "EXPECTED", ""), marked[0] if marked else None)
