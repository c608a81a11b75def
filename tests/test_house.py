"""Which module may import which: the table in CONTRIBUTING.md, kept."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = {path.stem: path for path in (ROOT / "asyncviz").glob("*.py")}
MODULES = FILES.keys() - {"__init__"}


def imported(source: str, *, everywhere: bool) -> set[str]:
    """The modules of the package that `source` imports: everywhere, or only when it is itself imported."""
    tree = ast.parse(source)
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    inside = {id(n) for function in functions for n in ast.walk(function)}
    typing = (n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    later = inside | {id(n) for block in typing for n in ast.walk(block)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (everywhere or id(node) not in later):
            module = (node.module or "").removeprefix("asyncviz").removeprefix(".")
            if node.level == 1 or (node.module or "").startswith("asyncviz"):
                found |= {module.split(".")[0]} if module else {name.name for name in node.names}
        elif isinstance(node, ast.Import) and (everywhere or id(node) not in later):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("asyncviz.")}
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {name: imported(FILES[name].read_text("utf-8"), everywhere=False) & MODULES for name in MODULES}
    assert circle(graph) == []
    assert circle(graph | {"trace": {"story"}}), "the check sees no circle"


def test_the_model_imports_neither_asyncio_nor_what_draws_or_speaks() -> None:
    source = FILES["trace"].read_text("utf-8")
    assert imported(source, everywhere=False) <= {"records"}
    assert not re.search(r"^(import|from) (asyncio|matplotlib)", source, re.MULTILINE)


def test_practice_stands_on_top() -> None:
    users = [name for name in FILES if "practice" in imported(FILES[name].read_text("utf-8"), everywhere=True)]
    assert users == []
    assert "practice" in imported("def f():\n    from asyncviz.practice import check", everywhere=True)


def test_every_module_stands_in_the_table_of_contributing() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert [name for name in sorted(MODULES) if f"`{name}`" not in table] == []


@pytest.mark.parametrize("dear", ["matplotlib", "IPython", "ipywidgets"])
def test_the_face_imports_nothing_dear(dear: str) -> None:
    code = f"import sys, asyncviz; sys.exit({dear!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
