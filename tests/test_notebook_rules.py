"""Every notebook keeps the rules; every rule is seen to fail; and nbval's patterns hide no verdict."""

import copy
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import nbformat
import notebook_rules as rules
import pytest
from nbval.plugin import get_sanitize_patterns
from tool_files import tool

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path for path in ROOT.glob("notebooks/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts)
SANITIZE = ROOT / "tests" / "sanitize.cfg"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = f'<img alt="x" src="data:image/png;base64,{PNG}">'


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT / "notebooks").as_posix())
def test_notebook_keeps_the_rules(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert rules.complaints(notebook, path.parent) == []


def neighbours(names: list[str], texts: dict[str, str]) -> list[str]:
    """Lessons that do not link to the one before and the one after."""
    pairs = itertools.pairwise(names)
    links = [pair for one, other in pairs for pair in ((one, other), (other, one))]
    return [f"{here} does not link to {there}" for here, there in links if f"({there})" not in texts[here]]


def test_each_lesson_links_to_its_neighbours() -> None:
    lessons = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    texts = {}
    for name in lessons:
        notebook = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))
        texts[name] = " ".join(rules.source(cell) for _, cell in rules.cells(notebook, "markdown"))
    assert not (missing := neighbours(lessons, texts)), "\n".join(missing)
    assert neighbours(["a", "b"], {"a": "[b](b)", "b": ""}) == ["b does not link to a"]


# -- Each rule, seen failing ----------------------------------------------------------------------------------------


def markdown(text: str) -> dict:
    """A Markdown cell."""
    return {"cell_type": "markdown", "id": f"md-{abs(hash(text)) % 10**8}", "metadata": {}, "source": text}


def code(text: str, count: int | None, *outputs: dict, tag: str | None = None) -> dict:
    """A code cell that was run."""
    return {
        "cell_type": "code",
        "id": f"code-{count}",
        "metadata": {"tags": [tag]} if tag else {},
        "source": text,
        "execution_count": count,
        "outputs": list(outputs),
    }


def stdout(text: str) -> dict:
    """Printed text."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data: str) -> dict:
    """A rich output; `text_html` stands for text/html."""
    data = {name.replace("_", "/"): value for name, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def error(*traceback: str) -> dict:
    """An exception."""
    return {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": list(traceback)}


def good() -> dict:
    """A small notebook without fault. Each test gets one of its own to break."""
    return {
        "cells": [
            markdown("# Boil\n\n![a kettle](kettle.png) [next](<01 next.ipynb>) [web](https://example.org/x)"),
            markdown("## Do it\n\n```python\n# not a heading\n```\nThe path `[x](nowhere)` is code."),
            code("print('done')", 1, stdout("done in ≈ 0.31 s\n")),
            code("1 / 0", 2, error("Cell In[2], line 1", "\x1b[31mValueError\x1b[39m: no"), tag="raises-exception"),
            code("show()", 3, shown(text_plain="a picture", text_html=PICTURE)),
            code("x = 1", 4),
        ],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the links of the good notebook resolve."""
    (tmp_path / "kettle.png").touch()
    (tmp_path / "01 next.ipynb").touch()
    return tmp_path


def test_the_good_notebook_is_good(folder: Path) -> None:
    assert rules.complaints(good(), folder) == []


def last(notebook: dict, *outputs: dict) -> None:
    """Give the notebook's last cell these outputs."""
    notebook["cells"][-1]["outputs"] = list(outputs)


Break = Callable[[dict], object]
BROKEN: list[tuple[rules.Rule, str, Break]] = [
    (rules.format_is_valid, "format 4.5", lambda nb: nb.update(nbformat_minor=4)),
    (rules.format_is_valid, "not a valid notebook", lambda nb: nb["cells"][0].pop("source")),
    (rules.kernel_is_python3, "'my-env'", lambda nb: nb["metadata"]["kernelspec"].update(name="my-env")),
    (rules.kernel_is_python3, "None", lambda nb: nb["metadata"].pop("kernelspec")),
    (rules.form_is_fixed, "patch version", lambda nb: nb["metadata"]["language_info"].update(version="3.12.1")),
    (rules.form_is_fixed, "cell 3 holds time", lambda nb: nb["cells"][2]["metadata"].update(execution={})),
    (rules.cells_have_ids, "cell 1 has no id", lambda nb: nb["cells"][0].pop("id")),
    (rules.cells_have_ids, "id of another cell", lambda nb: nb["cells"][1].update(id=nb["cells"][0]["id"])),
    (rules.no_cell_is_empty, "cell 7 is empty", lambda nb: nb["cells"].append(markdown(" \n"))),
    (rules.ran_from_top_to_bottom, "None", lambda nb: nb["cells"][-1].update(execution_count=None)),
    (rules.ran_from_top_to_bottom, "[1, 2, 3, 9]", lambda nb: nb["cells"][-1].update(execution_count=9)),
    (rules.outputs_are_committed, "no outputs", lambda nb: [cell.update(outputs=[]) for cell in nb["cells"][2:]]),
    (rules.outputs_are_committed, "cell 3 prints", lambda nb: nb["cells"][2].update(outputs=[])),
    (rules.errors_are_wanted, "cell 4 raises", lambda nb: nb["cells"][3]["metadata"].clear()),
    (rules.errors_are_wanted, "raises nothing", lambda nb: nb["cells"][3].update(outputs=[])),
    (rules.no_absolute_path, "/home/ada/x.py", lambda nb: last(nb, stdout("in /home/ada/x.py"))),
    (rules.no_absolute_path, "/tmp/x", lambda nb: last(nb, shown(text_html="<b>'/tmp/x'</b>"))),
    (rules.no_absolute_path, "C:\\Users", lambda nb: last(nb, shown(text_plain="C:\\Users\\ada"))),
    (rules.no_absolute_path, "~/course", lambda nb: last(nb, error("File \x1b[32m~/course/x.py:3"))),
    (rules.no_memory_address, "0x7f3c5d2e1a90", lambda nb: last(nb, stdout("<Task at 0x7f3c5d2e1a90>"))),
    (rules.no_loopback_port, "127.0.0.1:40123", lambda nb: last(nb, stdout("http://127.0.0.1:40123/x"))),
    (rules.no_loopback_port, "'localhost', 40123", lambda nb: last(nb, stdout("('localhost', 40123)"))),
    (rules.no_kernel_file, "ipykernel_12345", lambda nb: last(nb, stdout("ipykernel_12345/99.py:1: Warning"))),
    (rules.code_is_short, "cell 6 has 21 lines", lambda nb: nb["cells"][-1].update(source="x = 1\n" * 21)),
    (rules.code_is_short, "cell 6 has a line of 101", lambda nb: nb["cells"][-1].update(source="x" * 101)),
    (rules.headings_are_a_tree, "has 2 titles", lambda nb: nb["cells"].append(markdown("# Another"))),
    (rules.headings_are_a_tree, "has 0 titles", lambda nb: nb["cells"].pop(0)),
    (rules.headings_are_a_tree, "'Deep' is of level 4", lambda nb: nb["cells"].append(markdown("#### Deep"))),
    (rules.file_is_small, "1,500,000 or more", lambda nb: last(nb, shown(image_png="A" * 1_500_000))),
    (rules.pictures_can_be_heard, "cell 6", lambda nb: last(nb, shown(image_png=PNG, text_plain="<Figure>"))),
    (rules.pictures_can_be_heard, "cell 6", lambda nb: last(nb, shown(text_html='<img alt=" " src="x.png">'))),
    (rules.pictures_can_be_heard, "cell 1", lambda nb: nb["cells"][0].update(source="# Boil\n\n![](kettle.png)")),
    (
        rules.pictures_can_be_heard,
        "cell 1",
        lambda nb: nb["cells"][0].update(source='# Boil\n\n<img src="kettle.png">'),
    ),
]


@pytest.mark.parametrize(("rule", "expected", "break_it"), BROKEN)
def test_rule_fails_when_broken(rule: rules.Rule, expected: str, break_it: Break) -> None:
    notebook = good()
    break_it(notebook)
    before = copy.deepcopy(notebook)
    assert expected in "\n".join(rule(notebook))
    assert notebook == before, "a rule only looks"


def test_every_rule_was_seen_failing() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(rules.RULES)


@pytest.mark.parametrize(
    "link", ["[x](missing.ipynb)", "![x](<no such.png>)", "[x](/root.md)", "[x](kettle.png/../a#b)"]
)
def test_dead_links_are_found(folder: Path, link: str) -> None:
    notebook = good()
    notebook["cells"].append(markdown(link))
    assert "leads nowhere" in "\n".join(rules.complaints(notebook, folder))


# -- What nbval may overlook ----------------------------------------------------------------------------------------


def sanitized(text: str) -> str:
    """`text` as nbval compares it."""
    for pattern, replacement in get_sanitize_patterns(SANITIZE.read_text(encoding="ascii")):
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("took ≈ 0.31 s, ok", "took ≈ 12 s, ok"),
        ("≈ 12 ms", "≈ 9.5 ms"),
        ("≈ 4.4 µs each", "≈ 4.4 μs each"),
        ("≈ 950 ns", "≈ 1.1 µs"),
        ("≈ 2.9 × faster", "≈ 3.1 × faster"),
        ('<img alt="a" src="data:image/png;base64,iVBO+/x=">', '<img alt="a" src="data:image/png;base64,AAAA">'),
    ],
)
def test_patterns_even_out_what_varies(here: str, there: str) -> None:
    assert sanitized(here) == sanitized(there)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("the work overlapped ✓ in ≈ 0.31 s", "the work did not overlap ✗ in ≈ 0.31 s"),
        ("≈ 0.31 s: faster", "≈ 0.31 s: slower"),
        ("3 of 3 done, ≈ 12 ms", "2 of 3 done, ≈ 12 ms"),
        ("≈ 3 switches", "≈ 4 switches"),
        ("≈ 3 seconds ok", "≈ 4 seconds ok"),
        ("≈ 10 tasks", "≈ 100 tasks"),
        ("0.31 s", "0.32 s"),
        ("≈0.31 s", "≈0.32 s"),
        ("True", "False"),
        ("tea, toast, egg", "toast, tea, egg"),
        (PICTURE.replace("x", "overlapped", 1), PICTURE.replace("x", "in turn", 1)),
        ('src="data:image/png;base64,AAAA"> ✓', 'src="data:image/png;base64,AAAA"> ✗'),
    ],
)
def test_patterns_hide_no_verdict(here: str, there: str) -> None:
    assert sanitized(here) != sanitized(there)


def test_nbval_with_the_patterns_tells_a_changed_verdict_from_a_changed_clock(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    for number, (cell, committed) in enumerate(
        [("print('ok after ≈ 0.1 s')", "ok after ≈ 77 ms\n"), ("print('ok after ≈ 0.1 s')", "failed after ≈ 0.1 s\n")],
        1,
    ):
        output = nbformat.v4.new_output("stream", name="stdout", text=committed)
        notebook["cells"].append(nbformat.v4.new_code_cell(cell, execution_count=number, outputs=[output]))
    path = tmp_path / "changed.ipynb"
    nbformat.write(notebook, path)
    options = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={SANITIZE}", "-p", "no:cacheprovider", "-v"]
    command = [sys.executable, "-m", "pytest", f"--rootdir={tmp_path}", *options, str(path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert run.returncode == 1, run.stdout
    assert "Cell 0 PASSED" in run.stdout
    assert "Cell 1 FAILED" in run.stdout


# -- How notebooks are written (tools/notebooks.py) -----------------------------------------------------------------


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    """tools/notebooks.py as a module."""
    return tool("notebooks")


def test_normal_form_is_reached_once_and_kept(writer: ModuleType) -> None:
    notebook = good()
    notebook["metadata"]["language_info"]["version"] = "3.12.1"
    notebook["cells"][2]["metadata"]["execution"] = {"iopub.execute_input": "2026-01-01"}
    notebook["cells"][1].pop("id")
    notebook["cells"][5]["id"] = notebook["cells"][0]["id"]
    writer.normalise(notebook)
    once = copy.deepcopy(notebook)
    writer.normalise(notebook)
    assert notebook == once
    assert rules.form_is_fixed(notebook) + rules.cells_have_ids(notebook) + rules.format_is_valid(notebook) == []


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (
            "\x1b[36mFile \x1b[39m\x1b[32m~/a b/.venv/lib/python3.12/site-packages/x/y.py:3\x1b[39m",
            "\x1b[36mFile \x1b[39m\x1b[32mx/y.py:3\x1b[39m",
        ),
        ("File /usr/lib/python3.11/asyncio/runners.py:190, in run(main)", "File asyncio/runners.py:190, in run(main)"),
        ('  File "C:\\Python313\\Lib\\asyncio\\runners.py", line 1', '  File "asyncio\\runners.py", line 1'),
        ("File ~/asyncviz/course/asyncviz/recorder.py:10, in x", "File asyncviz/recorder.py:10, in x"),
        ("Cell \x1b[32mIn[3]\x1b[39m, line 1", "Cell \x1b[32mIn[3]\x1b[39m, line 1"),
    ],
)
def test_tracebacks_lose_the_folders_of_this_machine(writer: ModuleType, written: str, kept: str) -> None:
    assert writer.FRAME_FOLDER.sub(r"\g<file>", written) == kept


def test_a_notebook_that_raises_is_not_written(
    writer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FOLDER", tmp_path)
    monkeypatch.setattr(writer, "find", lambda names: sorted(tmp_path.glob("*.ipynb")))
    for name, cell in (("bad", "1 / 0"), ("good", "1 + 1")):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    before = (tmp_path / "bad.ipynb").read_bytes()
    assert writer.main([]) == 1
    assert (tmp_path / "bad.ipynb").read_bytes() == before
    written = (tmp_path / "good.ipynb").read_bytes()
    assert writer.main([]) == 1
    assert (tmp_path / "good.ipynb").read_bytes() == written, "running it again changes no byte"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.ipynb", "good.ipynb"]


def test_notebooks_are_found_by_the_start_of_their_name(writer: ModuleType, tmp_path: Path) -> None:
    for name in ("00_start.ipynb", "01_wait.ipynb", ".ipynb_checkpoints/00_old.ipynb", "solutions/01_x.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in writer.find([], tmp_path)] == ["00_start.ipynb", "01_wait.ipynb", "01_x.ipynb"]
    assert [path.name for path in writer.find(["01"], tmp_path)] == ["01_wait.ipynb", "01_x.ipynb"]
    assert writer.find([str(tmp_path / "00_start.ipynb")], tmp_path) == [tmp_path / "00_start.ipynb"]
    with pytest.raises(SystemExit, match="No notebook is called '07'"):
        writer.find(["07"], tmp_path)


# -- The picture at the top of a lesson ------------------------------------------------------------------------------

LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_picture_at_the_top_is_the_one_of_the_run_below(writer: ModuleType, path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    picture = writer.headline(notebook)
    assert picture is not None, "no cell tagged `headline` shows a picture"
    assert writer.headline_path(path).read_bytes() == picture, "the picture is from another run: `make notebooks`"
    assert f"](pictures/{path.stem}.png)" in "".join(notebook["cells"][0]["source"]), "the first cell does not show it"


def test_a_headline_is_found_only_where_the_tag_is(writer: ModuleType) -> None:
    cell = code("picture", 1, shown(text_html=PICTURE), tag="headline")
    assert writer.headline({"cells": [markdown("# A"), cell]}) is not None
    cell["metadata"]["tags"] = []
    assert writer.headline({"cells": [markdown("# A"), cell]}) is None
