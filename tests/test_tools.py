"""What the tools for notebooks in a browser, under load, on other Pythons and as web pages make of what they see."""

import subprocess
import sys
from pathlib import Path

import pytest
from tool_files import TOOLS, tool


def test_a_heading_that_skips_a_level() -> None:
    skipped = tool("browser").skipped
    assert skipped([(0, ""), (1, "title"), (2, "part"), (3, "piece"), (2, "part")]) == []
    assert skipped([(0, ""), (1, "title"), (3, "piece")]) == ["the heading 'piece' skips a level"]


def test_a_browser_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tool("browser")
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with pytest.raises(SystemExit, match="no browser called 'no-such-browser'"):
        browser.chromium()
    monkeypatch.delenv("CHROMIUM")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="Install one"):
        browser.chromium()


def test_what_a_round_under_load_reports(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="notebooks.00" name="Cell 1"/>'
        '<testcase classname="notebooks.00" name="Cell 2"><failure>Input:\n mismatch text</failure></testcase>'
        '<testcase classname="notebooks.00" name="Cell 3"><error>assert 1 == 2</error></testcase>'
        "</testsuite></testsuites>"
    )
    found = tool("soak").failures(report)
    assert found == {"notebooks.00 Cell 2": " mismatch text", "notebooks.00 Cell 3": "assert 1 == 2"}


def test_load_ends_with_its_block() -> None:
    """Processes that compute are there in the block, and not after it."""
    program = (
        "import multiprocessing, soak\n"
        "with soak.load(2):\n    print(len(multiprocessing.active_children()))\n"
        "print(len(multiprocessing.active_children()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=TOOLS, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["2", "0"], done.stderr


def test_the_newest_of_each_python(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = tool("matrix")
    known = {"a": "3.12.9", "b": "3.12.10", "c": "3.10.1", "d": None}
    monkeypatch.setattr(matrix.shutil, "which", dict(zip(("python3.11", "python3.12"), ("a", "b"), strict=True)).get)
    monkeypatch.setattr(matrix.Path, "glob", lambda *_: ["a", "c", "d"])
    monkeypatch.setattr(matrix, "version", lambda name: (known[name], "") if known[name] else None)
    assert matrix.found() == {"3.12": "b"}
    assert tool("matrix").version("no-such-python") is None


def test_names_may_stand_behind_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    soak, asked = tool("soak"), list[list[str]]()

    def find(names: list[str]) -> list[Path]:
        asked.append(names)
        raise SystemExit

    monkeypatch.setattr(soak, "find", find)
    monkeypatch.setattr(soak.os, "sched_setaffinity", lambda *_: None, raising=False)
    monkeypatch.setattr(soak.os, "sched_getaffinity", lambda _: {0}, raising=False)
    for words in (["2", "--one-core", "03", "04"], ["2", "03", "04", "--one-core"], ["2", "03", "04"]):
        with pytest.raises(SystemExit):
            soak.main(words)
    assert asked == [["03", "04"]] * 3


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a><a href="https://example.org/x">2</a><a href="#x"></a>'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="c.html">3</a><img src="d.png"><a href="a.html#y"></a>')
    assert sorted(tool("pages").dead_links(tmp_path)) == [
        "a.html: #x",
        "b.html: a.html#y",
        "b.html: c.html",
        "b.html: d.png",
    ]


def test_every_public_name_is_in_the_reference() -> None:
    text = tool("pages").reference("asyncviz")
    for name in ("record", "span", "Trace", "compare", "simulate", "load", "busy"):
        assert f"asyncviz.{name}\n" in text
