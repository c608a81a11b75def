"""Run notebooks in place and write them in one fixed form: ``make notebooks``, or with names ``ARGS="00 05"``.

What is written is what nbval will compare, so the form must not depend on who ran it: no time stamps, no patch
version of Python, no folder of this machine in a traceback. A notebook is written whole or not at all, and not at
all if a cell raises without the tag ``raises-exception``.
"""

import base64
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
CELL_TIMEOUT = 120  # twice what the tests allow: a slow laptop may write what CI then checks

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
# Everything before a library's or asyncviz's own name, in the line that says which file a frame is in.
HEADLINE = "headline"  # the tag of the cell whose picture sums the lesson up
PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
FRAME_FOLDER = re.compile(
    r"""(?P<file>File\ (?:\x1b\[[\d;]*m)*"?)        # 'File ', perhaps in colour, perhaps a quotation mark
        [^\x1b"\n]*[\\/]                            # a folder of this machine
        (?:site-packages[\\/]|python3\.\d+[\\/]|Lib[\\/]|(?=asyncviz[\\/]))""",
    re.VERBOSE,
)


def find(names: list[str], folder: Path = FOLDER) -> list[Path]:
    """The notebooks that `names` mean: the start of a file's name, or a path; without names all of them."""
    every = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not names:
        return every
    found = []
    for name in names:
        matches = [path for path in every if path.name.startswith(name) or path == Path(name).resolve()]
        if not matches:
            raise SystemExit(f"No notebook is called {name!r}. There are: {', '.join(path.stem for path in every)}")
        found += [path for path in matches if path not in found]
    return found


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`, in a fresh kernel of this environment."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # no remark on its TCP port between our lines
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()


def normalise(notebook: dict[str, Any]) -> None:
    """Bring everything around the cells' text and outputs into the one fixed form."""
    notebook["metadata"] = {"kernelspec": dict(KERNELSPEC), "language_info": dict(LANGUAGE_INFO)}
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    seen: set[str] = set()
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = stable_id(cell, number, seen)
        for key in ("execution", "collapsed", "scrolled"):
            cell["metadata"].pop(key, None)
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                output["traceback"] = [FRAME_FOLDER.sub(r"\g<file>", line) for line in output["traceback"]]


def stable_id(cell: dict[str, Any], number: int, seen: set[str]) -> str:
    """The cell's own id; if it has none, or one that was there before, one that depends on nothing but the cell."""
    own = cell.get("id")
    if not own or own in seen:
        own = hashlib.sha256(f"{number} {cell['source']}".encode()).hexdigest()[:8]
    seen.add(own)
    return str(own)


def headline(notebook: dict[str, Any]) -> bytes | None:
    """The PNG that stands at the top of the lesson: the picture of the cell tagged `headline`, from the same run."""
    for cell in notebook["cells"]:
        if HEADLINE in cell["metadata"].get("tags", []):
            for output in cell.get("outputs", []):
                html = output.get("data", {}).get("text/html", "")
                found = PICTURE.search(html if isinstance(html, str) else "".join(html))
                if found:
                    return base64.b64decode(found[1])
    return None


def headline_path(path: Path) -> Path:
    """Where that picture is kept: beside the notebook, under its name."""
    return path.parent / "pictures" / f"{path.stem}.png"


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace `path` in one step, so that an interrupt cannot leave half a notebook."""
    path.parent.mkdir(exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def rewrite(path: Path) -> None:
    """Run one notebook and write it back."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    normalise(raw)  # before the library sees it: it would make up an id, another one each time
    notebook = nbformat.reads(json.dumps(raw), as_version=4)
    execute(notebook, path.parent)
    normalise(notebook)
    nbformat.validate(notebook)
    write_whole(path, nbformat.writes(notebook).rstrip("\n") + "\n")
    picture = headline(notebook)
    if picture is not None:
        write_whole(headline_path(path), picture)


def main(names: list[str]) -> int:
    """Number of notebooks that could not be written."""
    failed = 0
    for path in find(names):
        print(f"{path.relative_to(FOLDER).as_posix():<56}", end="", flush=True)
        start = time.perf_counter()
        try:
            rewrite(path)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            failed += 1
            print(f"not written\n{error}")
        else:
            print(f"{time.perf_counter() - start:6.1f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
