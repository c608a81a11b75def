"""`python -m asyncviz`: the program runs as ever, and its timeline is told on stderr or written to a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from test_formats import a_run, traces

from asyncviz import formats
from asyncviz import trace as model
from asyncviz.__main__ import LANES, text_timeline

PROGRAM = """
import asyncio, json, os, sys, time
import neighbour

async def make(seconds):
    await asyncio.sleep(seconds)

async def block():
    time.sleep(0.1)

async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(make(0.08), name="tea")
        group.create_task(make(0.04), name="toast")
        group.create_task(block(), name="block")

print(json.dumps([__name__, os.path.basename(__file__), sys.argv, sys.path[0], __spec__ is None]))
asyncio.run(main())
print("out")
print("err", file=sys.stderr)
os.chdir("/")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "neighbour.py").write_text("")
    path = tmp_path / "sub" / "app.py"
    path.write_text(PROGRAM)
    return path


def python(cwd: Path, *words: object, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=60)


def viz(cwd: Path, *words: object, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    return python(cwd, "-m", "asyncviz", *words, encoding=encoding)


def program(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "app.py"
    path.write_text(source)
    return path


# -- the program -------------------------------------------------------------------------------------------------------


def test_the_program_runs_as_ever(tmp_path: Path, app: Path) -> None:
    words = ("sub/app.py", "-x", "--out", "y")
    alone, recorded = python(tmp_path, *words), viz(tmp_path, *words)
    assert alone.returncode == recorded.returncode == 0
    assert recorded.stdout == alone.stdout  # name, file, arguments and path among it
    assert recorded.stderr.startswith("err\n")


def test_the_program_has_said_all_before_its_timeline_is_told(tmp_path: Path, app: Path) -> None:
    command = [sys.executable, "-m", "asyncviz", str(app)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    both = subprocess.check_output(command, cwd=tmp_path, env=buffered, stderr=subprocess.STDOUT, timeout=60)
    assert both.index(b"out\n") < both.index(b"The run took")


def test_a_module(tmp_path: Path, app: Path) -> None:
    (tmp_path / "neighbour.py").write_text("")
    alone, recorded = (python(tmp_path, *words, "-m", "sub.app", "-q", "--limit") for words in ((), ("-m", "asyncviz")))
    assert recorded.stdout == alone.stdout
    assert recorded.returncode == 0


@pytest.mark.parametrize(
    ("source", "status"),
    [("import sys; sys.exit(7)", 7), ("import sys; sys.exit('bye')", 1), ("import sys; sys.exit()", 0),
     ("1 / 0", 1), ("1 +", 1), ("raise KeyboardInterrupt", -signal.SIGINT)],
)  # fmt: skip
def test_the_end_is_the_programs_own(tmp_path: Path, source: str, status: int) -> None:
    path = program(tmp_path, f"import atexit; atexit.register(print, 'at exit')\n{source}\n")
    alone, recorded = python(tmp_path, path), viz(tmp_path, path)
    assert recorded.returncode == alone.returncode
    assert sys.platform == "win32" or alone.returncode == status
    assert recorded.stdout == alone.stdout
    said = [line for line in recorded.stderr.splitlines() if not line.startswith("app.py: Nothing was recorded")]
    if "1 +" not in source:  # a syntax error has no frame of the program's own, and Python's import frames before it
        assert said == alone.stderr.splitlines()
    else:
        assert said[-3:] == alone.stderr.splitlines()[-3:]


def test_an_error_in_a_task_shows_the_tasks_up_to_it(tmp_path: Path) -> None:
    source = "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    1 / 0\nasyncio.run(f())\n"
    recorded = viz(tmp_path, program(tmp_path, source))
    assert recorded.returncode == 1
    assert "runpy" not in recorded.stderr
    assert recorded.stderr.index("ZeroDivisionError") < recorded.stderr.index("app.py: The run took ≈ ")
    assert any(line.startswith("f ") and line.endswith("✕") for line in recorded.stderr.splitlines())


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_text_timeline(tmp_path: Path, app: Path) -> None:
    lines = viz(tmp_path, app).stderr.splitlines()
    assert "block held the loop longest, for ≈ " in lines[1]
    lanes = {line.split()[0]: line for line in lines[2:7]}
    assert list(lanes) == ["main", "tea", "toast", "block", "0"]
    assert max(map(len, lines[2:7])) <= 100
    assert lines[3].startswith("  tea")
    assert "─▒" in lanes["toast"]
    assert lanes["toast"].endswith("█●")
    assert lanes["block"].count("█") > 30
    assert lanes["main"].count("█") < 10


def test_what_went_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    source = "import asyncio\nasync def late():\n    pass\nasync def main():\n    late()\nasyncio.run(main())\n"
    assert "1. never awaited (app.py, line 5): late() was called" in viz(tmp_path, program(tmp_path, source)).stderr
    repaired = program(tmp_path, source.replace(" late()\n", " await late()\n"))
    assert viz(tmp_path, repaired).stderr.endswith("nothing found\n")


def test_a_terminal_that_knows_ascii_only(tmp_path: Path, app: Path) -> None:
    recorded = viz(tmp_path, app, encoding="ascii")
    assert "took ~ " in recorded.stderr
    assert "-:" in recorded.stderr
    assert "\\u" not in recorded.stderr


def test_many_lanes_are_folded_and_names_are_cut() -> None:
    trace = model.Trace("many")
    trace.duration = 1.0
    for i in range(100):
        label = f"task {i} with a name that is much too long\n\x1b"
        trace.tasks[label] = model.TaskTrace(label, label, "t", i, born=0.0, _trace=trace)
    lines = text_timeline(trace).splitlines()
    assert len(lines) == LANES + 2
    assert lines[-2] == "… and 70 more lanes"
    assert lines[0].startswith("task 0 with a name that… ─")
    assert "\x1b" not in "".join(lines)


@given(trace=traces())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_recording_has_a_text_timeline(trace: model.Trace) -> None:
    trace.spans = [span._replace(start=0.0, stop=trace.duration) for span in trace.spans]
    lines = text_timeline(trace).splitlines()
    assert len(lines) == 1 + len(trace.tasks) + sum(span.task is None for span in trace.spans)
    assert all(len(line) <= 100 and line.isprintable() for line in lines)


def test_where_what_is_drawn() -> None:
    trace = a_run()
    lane = next(line for line in text_timeline(trace).splitlines() if line.startswith("  bad"))[25:]
    task = trace.tasks["bad"]
    for state, mark in (("running", "█"), ("ready", "▒")):
        share = task.seconds(state) / trace.duration
        assert lane.count(mark) / 73 == pytest.approx(share, abs=2.1 / 73)
    assert lane.rstrip()[-1] == "✕"


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "begin"),
    [("run.png", b"\x89PNG"), ("run.svg", b"<?xml"), ("run.json", b'{"format"'), ("run.PFTRACE", b"\n")],
)
def test_a_file(tmp_path: Path, app: Path, name: str, begin: bytes) -> None:
    recorded = viz(tmp_path, "--limit", "1000", "--out", name, app)
    assert recorded.returncode == 0, recorded.stderr
    assert (tmp_path / name).read_bytes().startswith(begin)  # although the program went to another folder
    assert recorded.stderr.splitlines()[-1].endswith(name)
    assert "█" not in recorded.stderr
    assert sorted(os.listdir(tmp_path)) == sorted([name, "sub"])
    if name == "run.json":
        assert [*formats.load(tmp_path / name).tasks] == ["main", "tea", "toast", "block"]


def test_the_limit_counts(tmp_path: Path) -> None:
    source = "import asyncio\nasync def f():\n    for _ in range(50): await asyncio.sleep(0)\nasyncio.run(f())\n"
    viz(tmp_path, "--limit", 10, "--out", "run.json", program(tmp_path, source))
    assert len(formats.load(tmp_path / "run.json").steps.start) == 10


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "name a program"), (["nothing.py"], "no file 'nothing.py'"), (["--limit", "0", "app.py"], "at least 1"),
     (["--out", "run.gif", "app.py"], ".png, .svg, .json, .pftrace"),
     (["--out", "no/run.png", "app.py"], "in that folder"),
     (["--out", "folder.png", "app.py"], "this is a folder"), (["--colour", "app.py"], "unrecognized")],
)  # fmt: skip
def test_mistakes_are_found_before_the_program_runs(tmp_path: Path, words: list[str], message: str) -> None:
    program(tmp_path, "print('ran')")
    (tmp_path / "folder.png").mkdir()
    recorded = viz(tmp_path, *words)
    assert (recorded.returncode, recorded.stdout) == (2, "")
    assert message in recorded.stderr
    assert "Traceback" not in recorded.stderr


def test_a_folder_that_went_away_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    recorded = viz(tmp_path, "--out", "gone/run.json", program(tmp_path, "import os; os.rmdir('gone')"))
    assert recorded.returncode == 1
    assert "the timeline was not written" in recorded.stderr
    assert "Traceback" not in recorded.stderr
    assert np.array_equal(os.listdir(tmp_path), ["app.py"])
