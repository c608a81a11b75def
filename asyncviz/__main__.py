"""`python -m asyncviz [--out FILE] [--limit N] app.py [args …]`, or `-m module [args …]`: run a program and record it.

The program runs as `python app.py` would run it. Nothing of its output is touched; what asyncviz says goes to stderr:
a summary, the timeline or where it was written, and what went wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import runpy
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from . import formats, narrative, perfetto, words
from .recorder import LIMIT, record
from .trace import Trace

if TYPE_CHECKING:
    import numpy as np

    from .trace import Floats

WIDTH, LANES, NAMES = 100, 30, 24  # columns and lanes of a text timeline, columns for names
MARKS = {"returned": "●", "raised": "✕", "cancelled": "⊘", "lost": "?"}
PLAIN = str.maketrans("█▒─●✕⊘≈×µ…–“”→", "#:-oX0~xu.-''>")  # for terminals that know ASCII only


def _picture(trace: Trace, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")  # whatever the program used: no window is to open
    data = io.BytesIO()
    trace.plot().figure.savefig(data, format=path.suffix[1:].lower())
    formats.write_whole(path, data.getvalue())


WRITERS: dict[str, Callable[[Trace, Path], None]] = {
    ".png": _picture, ".svg": _picture, ".json": formats.save, ".pftrace": perfetto.to_perfetto,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run and record what the command line says; returns the exit status, or ends by the program's own exception."""
    parser = argparse.ArgumentParser(
        "python -m asyncviz",
        description="Run an asyncio program, show its timeline and what went wrong. Ctrl-C ends one without end.",
    )
    parser.add_argument("--out", metavar="FILE", help=f"where the timeline goes: {', '.join(WRITERS)}")
    parser.add_argument("--limit", type=int, default=LIMIT, help="number of steps kept (default %(default)s)")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="a module to run, and its arguments")
    parser.add_argument("program", nargs=argparse.REMAINDER, help="a script, after all options, and its arguments")
    options = parser.parse_args(argv)
    words = options.module or options.program
    if not words:
        parser.error("name a program: python -m asyncviz app.py")
    if not options.module and not os.path.exists(words[0]):
        parser.error(f"there is no file {words[0]!r}")
    if options.limit < 1:
        parser.error("--limit is a number of steps, at least 1")
    out = _writable(options.out, parser) if options.out else None

    problem: BaseException | None = None
    with record(os.path.basename(words[0]), limit=options.limit) as trace:
        try:
            _run(words, bool(options.module))
        except BaseException as error:  # also SystemExit and KeyboardInterrupt
            problem = error
    if problem is not None and not isinstance(problem, SystemExit):
        problem.__traceback__ = _own_part(problem.__traceback__)
        sys.excepthook(type(problem), problem, problem.__traceback__)
    status = int(problem is not None)
    with contextlib.suppress(OSError, AttributeError):
        sys.stdout.flush()  # the program's words first
    try:
        _report(trace, out)
    except (OSError, formats.TraceFileError) as error:
        _say(f"asyncviz: the timeline was not written: {error}")
        status = 1
    if isinstance(problem, SystemExit):
        raise SystemExit(problem.code)
    if isinstance(problem, KeyboardInterrupt):
        sys.excepthook = lambda *_: None  # was shown above; Python ends as after any interrupt
        raise KeyboardInterrupt
    return status


def _writable(name: str, parser: argparse.ArgumentParser) -> Path:
    """The absolute path of --out, if a file can be written there: known before the program runs."""
    path = Path(name).absolute()  # the program may change the folder
    if path.suffix.lower() not in WRITERS:
        parser.error(f"--out {name}: the ending says what is written, and is one of {', '.join(WRITERS)}")
    if path.is_dir():
        parser.error(f"--out {name}: this is a folder")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        parser.error(f"--out {name}: nothing can be written in that folder ({error.strerror})")
    return path


def _run(words: list[str], module: bool) -> None:
    sys.argv = list(words)
    if module:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        if not sys.flags.safe_path:
            sys.path[0] = os.path.dirname(os.path.realpath(words[0]))  # where `python app.py` looks for modules
        runpy.run_path(words[0], run_name="__main__")


def _own_part(tb: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of asyncviz and runpy, which come before the program's own."""
    while tb is not None and tb.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        tb = tb.tb_next
    return tb


def _report(trace: Trace, out: Path | None) -> None:
    _say(narrative.summary(trace))
    if out is None and not trace.empty:
        _say(text_timeline(trace, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)))
    if trace.tasks:
        _say(str(trace.diagnose()))
    if out is not None:
        WRITERS[out.suffix.lower()](trace, out)
        _say(f"asyncviz: the timeline is in {out}")


def _say(text: str) -> None:
    try:
        text.encode(sys.stderr.encoding or "ascii")
    except UnicodeError:
        text = text.translate(PLAIN)
    print(text, file=sys.stderr)


# -- a timeline in words and blocks ------------------------------------------------------------------------------------


def text_timeline(trace: Trace, width: int = WIDTH) -> str:
    """The timeline in at most `width` columns: █ running, ▒ ready, ─ waiting; ● returned, ✕ raised, ⊘ cancelled.

    What ran is at least one column wide. Of many lanes the first are shown.
    """
    import numpy as np

    steps, (order, first) = trace.steps, trace._by_task
    room = max(width - NAMES - 3, 10)
    scale = room / (trace.duration or 1.0)
    lines, depth = list[str](), dict[str | None, int]()
    for task in trace.tasks.values():
        depth[task.label] = depth.get(task.parent, -1) + 1
        if len(lines) == LANES:
            break
        mine = order[first[task.index] : first[task.index + 1]]
        ready, start, stop = steps.ready[mine] * scale, steps.start[mine] * scale, steps.stop[mine] * scale
        end = trace.duration if task.finished is None else task.finished
        lane = np.full(room, " ")
        _paint(lane, "─", np.array([(task.born or 0.0) * scale]), np.array([end * scale]))
        long = start - ready >= 0.5  # columns
        _paint(lane, "▒", ready[long], start[long])
        _paint(lane, "█", start, stop)
        mark = MARKS.get(task.outcome, "")
        lines.append(_line("  " * depth[task.label] + task.label, "".join(lane), int(end * scale) + 1, mark))
    for span in [span for span in trace.spans if span.task is None][: LANES - len(lines)]:
        lane = np.full(room, " ")
        _paint(lane, "█", np.array([span.start * scale]), np.array([span.stop * scale]))
        lines.append(_line(span.name, "".join(lane)))
    more = len(trace.tasks) + sum(span.task is None for span in trace.spans) - len(lines)
    if more:
        lines.append(f"… and {words.plural(more, 'more lane')}")
    right = words.approximately(trace.duration)
    return "\n".join([*lines, _line("", "0" + right.rjust(room - 1))])


def _paint(lane: np.ndarray[tuple[int], np.dtype[np.str_]], mark: str, starts: Floats, stops: Floats) -> None:
    """Draw stretches, in columns, on a lane; each at least one column wide."""
    import numpy as np

    change = np.zeros(len(lane) + 1, int)
    left = np.clip(starts.astype(int), 0, len(lane) - 1)
    np.add.at(change, left, 1)
    np.add.at(change, np.clip(np.ceil(stops).astype(int), left + 1, len(lane)), -1)
    lane[np.cumsum(change)[:-1] > 0] = mark


def _line(name: str, lane: str, end: int = 0, mark: str = "") -> str:
    """A name, cut and filled up to its columns, and its lane with the mark of the outcome behind the last step."""
    name, shown, columns = name.rstrip(), "", 0
    for letter in "".join(c if c.isprintable() else " " for c in name):
        wide = 0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        if columns + wide > NAMES - 1:
            shown, columns = shown + "…", columns + 1
            break
        shown, columns = shown + letter, columns + wide
    if mark:
        lane = f"{lane} "
        lane = lane[:end] + mark + lane[end + 1 :]
    return f"{shown}{' ' * (NAMES - columns)} {lane}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
