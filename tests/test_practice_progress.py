"""Progress is kept beside the notebooks, never in a test run, and a folder of notebooks can be graded."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
import pytest

from asyncviz.practice import answer, check, progress, reset_progress, solved
from asyncviz.practice.__main__ import main
from asyncviz.practice.exercise import find
from asyncviz.practice.running import load

HIDDEN = ("CI", "PYTEST_VERSION", "ASYNCVIZ_PROGRESS")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of notebooks, as a learner has it."""
    (tmp_path / "00_start_here.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    for name in HIDDEN:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def solve(number: str = "00.1", right: bool = True) -> None:
    task = find(number)
    check(number, load(task, task.solution if right else task.starter))


def test_what_is_solved_stays_solved(folder: Path) -> None:
    assert "· 00.1  Two waits at once" in repr(progress())
    solve(right=False)
    assert "· 00.1" in repr(progress())
    solve()
    solve(right=False)
    answer("00", 1, "b")
    known = json.loads((folder / ".progress.json").read_text())
    assert known["exercises"] == {"00.1": {"solved": True, "tries": 3}}
    assert known["quizzes"] == {"00": {"1": True}}
    assert "✓ 00.1  Two waits at once" in repr(progress())
    assert "· 00    quiz: 1 of 6" in repr(progress())
    reset_progress()
    reset_progress()
    assert [path.name for path in folder.iterdir()] == ["00_start_here.ipynb"]
    assert "✓" not in repr(progress())


@pytest.mark.parametrize("damage", ["", "{", "[]", "3", '{"version": 99}', '{"version": 1, "exercises": 3}'])
def test_a_damaged_file_is_set_aside(folder: Path, damage: str) -> None:
    (folder / ".progress.json").write_text(damage)
    solve()
    assert "✓ 00.1" in repr(progress())
    assert (folder / ".progress.json.unreadable").read_text() == damage


def test_nothing_is_half_written(folder: Path) -> None:
    threads = [threading.Thread(target=solved.note_answer, args=("00", n, True)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.loads((folder / ".progress.json").read_text())
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    solve()
    assert "· 00.1" in repr(progress())


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_is_kept_in_tests(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    solve()
    monkeypatch.setenv(name, "off")
    assert "✓" not in repr(progress())  # or a notebook's outputs would differ
    solve("00.2")
    monkeypatch.delenv(name)
    assert "· 00.2" in repr(progress())


def test_nothing_is_kept_for_solutions_and_without_notebooks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("solutions", "elsewhere"):
        (folder / name).mkdir()
        if name == "solutions":
            (folder / name / "00.ipynb").write_text("{}")
        monkeypatch.chdir(folder / name)
        solve()
        assert not (folder / name / ".progress.json").exists()


def student(*sources: str) -> str:
    head = "import asyncio, time\nfrom asyncviz.practice import answer, check"
    cells = [nbformat.v4.new_code_cell(source) for source in (head, *sources)]
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))


def test_grading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = find("00.1"), find("00.2"), find("00.3")
    notebook = tmp_path / "anna" / "4711_my start.ipynb"  # as a learning platform names it
    text = student(
        f"{one.solution}\n\ncheck('00.1', breakfast)",
        f"{two.starter}\n# tried",
        f'check("00.2", {two.function})',
        three.starter,
        f'check("00.3", {three.function})',
        "answer('00', 1, 'b')",
        "answer('00', 2, 'b')",
        "1 / 0",
    )
    notebook.parent.mkdir()
    notebook.write_text(text, encoding="utf-8")
    (tmp_path / "broken.ipynb").write_text("no notebook")
    assert main(["grade", str(tmp_path)]) == 1
    table, running = capsys.readouterr()
    assert "not solved  not tried  quiz" in table
    assert "\nanna/4711_my start.ipynb  1 of 3     00.1    00.2        00.3       1 of 6  1\n" in table
    assert "\nbroken.ipynb " in table
    assert "NotJSONError" in table
    assert running.splitlines() == [str(notebook), str(tmp_path / "broken.ipynb")]
    assert notebook.read_text(encoding="utf-8") == text
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["4711_my start.ipynb", "anna", "broken.ipynb"]


def test_grading_one_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = tmp_path / "Fritz Muster_4711_file_00_start_here.ipynb"
    notebook.write_text("no notebook")
    assert main(["grade", str(notebook)]) == 1
    assert f"\n{notebook.name}  0 of 3     -       00.1, 00.2, 00.3  -          0 of 6" in capsys.readouterr().out


def test_grading_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("")
    for path in (tmp_path, tmp_path / "none", other):
        assert main(["grade", str(path)]) == 2
        assert f"There are no notebooks in {path}." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([])


def test_grading_without_what_runs_notebooks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "00_start_here.ipynb").write_text("{}")
    monkeypatch.setitem(sys.modules, "nbformat", None)
    monkeypatch.delitem(sys.modules, "asyncviz.practice.grade", raising=False)
    assert main(["grade", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "nbformat" in said
    assert ".venv" in said


def test_the_help_says_whose_notebooks_are_run_and_how(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["grade", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "of a class" in said
    assert "with your rights" in said
