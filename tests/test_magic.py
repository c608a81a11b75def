"""`%%timeline` in real kernels: the cell runs as it would without it, and its timeline follows."""

from __future__ import annotations

import re
import sys
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

GROUP = "async with asyncio.TaskGroup() as group:\n    group.create_task(fail())"
CELLS = {
    "before": f"async def fail(): raise ValueError('x')\n{GROUP}",
    "load": "%load_ext asyncviz",
    "awaits": """%%timeline concurrent
async def make(name, seconds):
    await asyncio.sleep(seconds)
    return name
x = await asyncio.gather(make("tea", 0.04), make("toast", 0.02))
print("hello")
x""",
    "variables": "print(_timeline.name, *_timeline.tasks, x, make.__name__, _, sep='|')",
    "lines": "print(_timeline.tasks['make'].slices[-3].line)",
    "error": "%%timeline boom --plain\nawait asyncio.sleep(0.01)\n1 / 0",
    "plain": "%%timeline 'my run' --plain\n!echo shell\ny = 3\nwith viz.span('resize'):\n    pass\ny + 1",
    "title": "%%timeline --title 'My <title>'\nawait asyncio.sleep(0.01)",
    "usage": "%%timeline --colour red\nz = 1",
    "syntax": "%%timeline\n1 +",
    "group": f"await asyncio.sleep(0)\n{GROUP}",
    "inside": "%%timeline inside --plain\nget_ipython().run_cell('w = 1')\nawait asyncio.sleep(0.01)\nw",
    "no_result": "%%timeline cut --plain\nget_ipython().events.trigger('post_run_cell', None)\nprint('later')",
    "captured": "%%capture out\n%%timeline --plain\nprint('in')\n5",
    "capture": "print(out.stdout)",
    "by_program": "get_ipython().run_cell_magic('timeline', 'called --plain', 'v = 7')\nv",
    "indented": "\n  %%timeline late --plain\n  u = 1\n  u",
    "string": "text = '''\n%%timeline no\n'''\ntext",
    "unload": "%unload_ext asyncviz",
    "on_again": "%load_ext asyncviz\n%reload_ext asyncviz",
    "again": "%%timeline again --plain\n1",
    "unload_again": "%unload_ext asyncviz",
    "unknown": "%%timeline\n1",
}
STATE = """shell = get_ipython()
print(*(len(calls) for calls in shell.events.callbacks.values()), shell.custom_exceptions,
      len(shell.input_transformers_cleanup), 'timeline' in shell.magics_manager.magics['cell'],
      shell.CustomTB.__func__.__module__)"""


def run(cells: list[str]) -> list[list[Any]]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)
    client.execute()
    return [joined(cell.outputs) for cell in notebook.cells]


def joined(outputs: list[Any]) -> list[Any]:
    """What is printed in one piece: a busy kernel sends it in several."""
    whole: list[Any] = []
    for output in outputs:
        if whole and output.get("name", "") == whole[-1].get("name"):
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


@pytest.fixture(scope="module")
def outputs() -> dict[str, list[Any]]:
    """The outputs of all cells, run in one kernel."""
    cells = {"imports": "import asyncio\nimport asyncviz as viz", "state": STATE, **CELLS, "state_after": STATE}
    return dict(zip(cells, run(list(cells.values())), strict=True))


def kinds(outputs: list[Any]) -> list[str]:
    return [output.output_type for output in outputs]


def text(outputs: list[Any]) -> str:
    return "".join(output.get("text", "") for output in outputs)


def test_a_cell_that_awaits_shows_its_timeline_below_its_result(outputs: dict[str, list[Any]]) -> None:
    stream, result, picture = outputs["awaits"]
    assert kinds(outputs["awaits"]) == ["stream", "execute_result", "display_data"]
    assert (stream.text, result.data["text/plain"]) == ("hello\n", "['tea', 'toast']")
    assert picture.data["text/plain"].startswith("concurrent: Up to 2 tasks were in flight at once")
    assert re.search(r'<img alt="[^"]*Up to 2 tasks', picture.data["text/html"])


def test_variables_are_the_users_and_the_recording_is_kept(outputs: dict[str, list[Any]]) -> None:
    assert text(outputs["variables"]) == "concurrent|cell|make|make 2|['tea', 'toast']|make|['tea', 'toast']\n"


def test_line_numbers_are_those_of_the_cell(outputs: dict[str, list[Any]]) -> None:
    assert text(outputs["lines"]) == "3\n"
    (error,) = [output for output in outputs["error"] if output.output_type == "error"]
    assert re.search(r"line.{0,9} ?3|---> .{0,9}3", re.sub(r"\x1b\[\d*(;\d+)*m", "", error.traceback[-2]))


def test_an_error_shows_as_usual_and_the_timeline_so_far_after_it(outputs: dict[str, list[Any]]) -> None:
    assert kinds(outputs["error"]) == ["error", "stream"]
    assert outputs["error"][0].ename == "ZeroDivisionError"
    assert text(outputs["error"]) == (
        "the cell waited for sleep 0.01 (line 2)\nthe cell was woken by a timer and ended\n"
    )


def test_a_plain_cell_with_shell_commands_and_a_result(outputs: dict[str, list[Any]]) -> None:
    assert kinds(outputs["plain"]) == ["stream", "execute_result", "stream"]
    assert outputs["plain"][0].text.split() == ["shell"]
    assert outputs["plain"][1].data["text/plain"] == "4"
    assert 'ran span "resize"' in outputs["plain"][2].text


def test_a_title(outputs: dict[str, list[Any]]) -> None:
    (picture,) = outputs["title"]
    assert picture.data["text/plain"] == "The cell waited for sleep 0.01."
    assert "image/png;base64" in picture.data["text/html"]


def test_mistakes_show_as_mistakes_without_a_timeline(outputs: dict[str, list[Any]]) -> None:
    assert "UsageError: unrecognized arguments: --colour" in text(outputs["usage"])
    assert kinds(outputs["usage"]) == ["stream"]
    assert kinds(outputs["syntax"]) == ["error"]
    assert outputs["syntax"][0].ename == "SyntaxError"
    assert "line 2" in outputs["syntax"][0].evalue


def test_an_exception_group_is_an_error(outputs: dict[str, list[Any]]) -> None:
    assert kinds(outputs["before"]) == ["stream"]  # without the extension: if this fails, IPython has learned it
    (error,) = outputs["group"]
    assert (error.output_type, error.ename) == ("error", "ExceptionGroup")
    assert "ValueError: x" in "\n".join(error.traceback)
    assert "interactiveshell" not in "\n".join(error.traceback)


def test_cells_run_inside_or_around(outputs: dict[str, list[Any]]) -> None:
    assert kinds(outputs["inside"]) == ["execute_result", "stream"]
    assert "waited for sleep 0.01" in text(outputs["inside"])
    assert text(outputs["capture"]).startswith("in\n")
    assert "the cell ran on" in text(outputs["capture"])
    assert "the cell ran on" in text(outputs["by_program"])
    assert outputs["by_program"][-1].data["text/plain"] == "7"


def test_a_cell_that_ends_without_a_result_ends_its_recording(outputs: dict[str, list[Any]]) -> None:
    assert text(outputs["no_result"]) == "the cell ran on\nlater\n"


def test_only_the_first_line_counts(outputs: dict[str, list[Any]]) -> None:
    assert "the cell ran on" in text(outputs["indented"])
    assert kinds(outputs["string"]) == ["execute_result"]
    assert "%%timeline no" in outputs["string"][0].data["text/plain"]


def test_unloading_undoes_everything_and_loading_again_works(outputs: dict[str, list[Any]]) -> None:
    assert text(outputs["state_after"]) == text(outputs["state"])
    assert kinds(outputs["again"]) == ["execute_result", "stream"]
    assert "not found" in text(outputs["unknown"])


INTERRUPTED = """%%timeline --plain
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
await asyncio.sleep(1)
await asyncio.sleep(1)"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_an_interrupted_cell_shows_what_it_did() -> None:
    _, interrupted, after = run(
        ["import asyncio, os, signal, threading\n%load_ext asyncviz", INTERRUPTED, "%%timeline --plain\n1"]
    )
    assert kinds(interrupted) == ["error", "stream"]
    assert interrupted[0].ename in ("CancelledError", "KeyboardInterrupt")
    assert "waited for sleep 1 (line 3)" in text(interrupted)
    assert text(after) == "the cell ran on\n"
