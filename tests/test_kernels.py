"""How nbval starts the kernels of the notebooks: nothing that two of them could share, and not given up at once."""

import subprocess
import sys
from pathlib import Path

import kernels
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
LISTENS = "import json, ipykernel\njson.loads(ipykernel.get_connection_info())['transport']"


def starter(failures: int) -> tuple[list[str], object]:
    """A function that starts a kernel after so many failures, and the list of its calls."""
    calls: list[str] = []

    def start(name: str) -> str:
        calls.append(name)
        if len(calls) <= failures:
            raise RuntimeError("Kernel didn't respond in 60 seconds")
        return "started"

    return calls, kernels.start_or_again(start)


def test_a_kernel_that_does_not_start_is_replaced_once() -> None:
    calls, start = starter(failures=1)
    with pytest.warns(UserWarning, match=r"another one was started in its place \(Kernel didn't respond in 60"):
        assert start("python") == "started"
    assert calls == ["python", "python"]


def test_a_kernel_that_never_starts_fails() -> None:
    calls, start = starter(failures=2)
    with pytest.warns(UserWarning, match="did not start"), pytest.raises(RuntimeError, match="didn't respond"):
        start("python")
    assert len(calls) == 2


def test_a_kernel_that_starts_is_started_once() -> None:
    calls, start = starter(failures=0)
    assert (start("python"), calls) == ("started", ["python"])


@pytest.mark.skipif(sys.platform == "win32", reason="ZeroMQ has no files as sockets on Windows")
def test_kernels_listen_in_a_folder_of_their_own(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LISTENS, execution_count=1)])
    notebook.cells[0].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "'ipc'"}, execution_count=1)]
    nbformat.write(notebook, tmp_path / "listens.ipynb")
    options = ["--nbval", "--nbval-current-env", "-p", "tests.kernels", "-p", "no:cacheprovider", "-q"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path / "listens.ipynb")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "1 passed" in done.stdout, done.stdout
