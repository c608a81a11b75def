"""Rules that every notebook of the course keeps, each a pure function from a notebook to a list of complaints.

A notebook is the plain dictionary that its JSON file holds. ``complaints()`` applies all rules.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from nbformat.validator import iter_validate

Notebook = dict[str, Any]
Cell = dict[str, Any]
Rule = Callable[[Notebook], list[str]]

MOST_LINES = 20
MOST_COLUMNS = 100
MOST_BYTES = 1_500_000
RAISES = "raises-exception"

ANSI = re.compile(r"\x1b\[[\d;]*m")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$", re.MULTILINE)
MARKDOWN_LINK = re.compile(
    r"""(?P<mark>!?)\[(?P<words>(?:[^\[\]]|\[[^\]]*\])*)\]          # the words, which may hold a picture in brackets
        \(\s*(?:<(?P<bracketed>[^>]*)>|(?P<bare>[^)\s]+))       # the target, in <> if it has spaces
        (?:\s+(?:"[^"]*"|'[^']*'))?\s*\)                       # perhaps a title""",
    re.VERBOSE,
)

# What no output may hold, because it differs from machine to machine or from run to run.
TOP_FOLDERS = "home|Users|root|tmp|var|usr|opt|etc|mnt|srv|private|work|workspaces?|builds|Library|Applications"
ABSOLUTE_PATH = re.compile(
    rf"""(?<![\w.:/~<-])/(?:{TOP_FOLDERS})/[^\s'"]* | \b[A-Za-z]:\\(?!n)[^\s'"]+ | ~[/\\][\w.][^\s'"]*""", re.VERBOSE
)
MEMORY_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
LOOPBACK_PORT = re.compile(
    r"""(?:127\.0\.0\.1|0\.0\.0\.0|\blocalhost|\[::1\]):\d{2,5}\b           # as in an address
        | ['"](?:127\.0\.0\.1|0\.0\.0\.0|localhost|::1)['"],\ \d{2,5}\b    # as in a socket's name""",
    re.VERBOSE,
)
KERNEL_FILE = re.compile(r"ipykernel_\d+")


# -- Reading a notebook ---------------------------------------------------------------------------------------------


def cells(notebook: Notebook, kind: str) -> Iterator[tuple[int, Cell]]:
    """Cells of one kind, each with its place in the notebook, counted from 1 as a reader would."""
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] == kind:
            yield number, cell


def text(value: Any) -> str:
    """A multi-line value of the notebook format, which may be a string or a list of lines."""
    return "".join(value) if isinstance(value, list) else str(value)


def source(cell: Cell) -> str:
    """What the author wrote."""
    return text(cell["source"])


def tags(cell: Cell) -> list[str]:
    """The cell's tags."""
    return list(cell["metadata"].get("tags", []))


def prose(cell: Cell) -> str:
    """A Markdown cell without its code: what is in there is neither a heading nor a link."""
    return CODE_SPAN.sub("", FENCE.sub("", source(cell)))


def output_texts(cell: Cell) -> Iterator[str]:
    """Everything in the cell's outputs that a reader can read, pictures left out."""
    for output in cell.get("outputs", []):
        yield text(output.get("text", ""))
        yield ANSI.sub("", "\n".join([output.get("evalue", ""), *output.get("traceback", [])]))
        for mime, value in output.get("data", {}).items():
            if mime.startswith("text/") or mime == "image/svg+xml":
                yield re.sub(r"data:image/\w+;base64,[A-Za-z0-9+/=\n]+", "", text(value))


class Pictures(HTMLParser):
    """The alternative texts of all pictures in a piece of HTML; None where there is none."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.alternatives: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note each picture."""
        if tag == "img":
            self.alternatives.append(dict(attrs).get("alt"))


def without_alternative(html: str) -> int:
    """How many pictures in `html` say nothing to somebody who cannot see them."""
    return sum(not (alternative or "").strip() for alternative in Pictures(html).alternatives)


# -- The rules ------------------------------------------------------------------------------------------------------


def format_is_valid(notebook: Notebook) -> list[str]:
    """It is a notebook of format 4.5, the first with cell ids."""
    if (notebook.get("nbformat"), notebook.get("nbformat_minor")) != (4, 5):
        return ["is not of notebook format 4.5"]
    errors = iter_validate(notebook, version=4, version_minor=5)
    return [f"is not a valid notebook: {error.message}" for error in errors]


def kernel_is_python3(notebook: Notebook) -> list[str]:
    """It names the kernel that is there in every installation: otherwise JupyterLab stops at a dialog."""
    name = notebook["metadata"].get("kernelspec", {}).get("name")
    return [] if name == "python3" else [f"kernelspec is {name!r}, not 'python3'"]


def form_is_fixed(notebook: Notebook) -> list[str]:
    """Nothing in it tells who ran it when: no patch version of Python, no time stamps."""
    found = []
    if "version" in notebook["metadata"].get("language_info", {}):
        found.append("names a patch version of Python: write it with `make notebooks`")
    for number, cell in cells(notebook, "code"):
        if "execution" in cell["metadata"]:
            found.append(f"cell {number} holds time stamps: write the notebook with `make notebooks`")
    return found


def cells_have_ids(notebook: Notebook) -> list[str]:
    """Each cell has an id of its own, so that changes can be followed."""
    found, seen = [], set()
    for number, cell in enumerate(notebook["cells"], 1):
        if not cell.get("id"):
            found.append(f"cell {number} has no id")
        elif cell["id"] in seen:
            found.append(f"cell {number} has the id of another cell")
        seen.add(cell.get("id"))
    return found


def no_cell_is_empty(notebook: Notebook) -> list[str]:
    """No cell is empty, least of all the last one."""
    return [f"cell {number} is empty" for number, cell in enumerate(notebook["cells"], 1) if not source(cell).strip()]


def ran_from_top_to_bottom(notebook: Notebook) -> list[str]:
    """Execution counts are 1, 2, 3 …: it was run once, in order. Without counts nbval would compare nothing."""
    counts = [cell["execution_count"] for _, cell in cells(notebook, "code")]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"execution counts are {counts}: run it from the top"]


def prints(cell: Cell) -> bool:
    """Whether the cell surely prints something: a `print(…)` with arguments as a statement of its own, at the top."""
    try:
        statements = ast.parse(source(cell)).body
    except SyntaxError:  # a magic
        return False
    calls = [statement.value for statement in statements if isinstance(statement, ast.Expr)]
    return any(
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print" and call.args
        for call in calls
    )


def outputs_are_committed(notebook: Notebook) -> list[str]:
    """Outputs are there: for the reader on a web page, and for nbval, which compares with them."""
    code = list(cells(notebook, "code"))
    if code and not any(cell["outputs"] for _, cell in code):
        return ["has no outputs at all"]
    return [f"cell {n} prints, but has no output" for n, cell in code if prints(cell) and not cell["outputs"]]


def errors_are_wanted(notebook: Notebook) -> list[str]:
    """A cell raises if, and only if, its tag says so."""
    found = []
    for number, cell in cells(notebook, "code"):
        errors = [output["ename"] for output in cell["outputs"] if output["output_type"] == "error"]
        if errors and RAISES not in tags(cell):
            found.append(f"cell {number} raises {errors[0]} without the tag {RAISES}")
        if not errors and RAISES in tags(cell):
            found.append(f"cell {number} has the tag {RAISES}, but raises nothing")
    return found


def outputs_without(pattern: re.Pattern[str], what: str) -> Rule:
    """A rule: no output holds what `pattern` finds."""

    def rule(notebook: Notebook) -> list[str]:
        return [
            f"cell {number} shows {what}: {hit.group()}"
            for number, cell in cells(notebook, "code")
            for output in output_texts(cell)
            for hit in pattern.finditer(output)
        ]

    return rule


no_absolute_path = outputs_without(ABSOLUTE_PATH, "an absolute path")
no_memory_address = outputs_without(MEMORY_ADDRESS, "a memory address")
no_loopback_port = outputs_without(LOOPBACK_PORT, "a port number")
no_kernel_file = outputs_without(KERNEL_FILE, "a temporary file of the kernel")


def code_is_short(notebook: Notebook) -> list[str]:
    """A code cell fits on a screen together with its output, and no line has to be scrolled."""
    found = []
    for number, cell in cells(notebook, "code"):
        lines = source(cell).splitlines()
        if len(lines) > MOST_LINES:
            found.append(f"cell {number} has {len(lines)} lines, more than {MOST_LINES}")
        wide = [line for line in lines if len(line) > MOST_COLUMNS]
        found += [f"cell {number} has a line of {len(line)} characters, more than {MOST_COLUMNS}" for line in wide]
    return found


def headings_are_a_tree(notebook: Notebook) -> list[str]:
    """One title, first of all headings; below it no level is skipped."""
    found = []
    headings = [
        (number, len(hit.group(1)), hit.group(2))
        for number, cell in cells(notebook, "markdown")
        for hit in HEADING.finditer(FENCE.sub("", source(cell)))
    ]
    titles = [title for _, level, title in headings if level == 1]
    if len(titles) != 1:
        found.append(f"has {len(titles)} titles (headings of level 1), not one")
    above = 0
    for number, level, title in headings:
        if level > above + 1:
            found.append(f"cell {number}: the heading {title!r} is of level {level}, right after level {above}")
        above = level
    return found


def file_is_small(notebook: Notebook) -> list[str]:
    """It loads quickly, on a web page as well."""
    size = len(json.dumps(notebook, ensure_ascii=False, indent=1).encode())
    return [] if size < MOST_BYTES else [f"has {size:,} bytes, {MOST_BYTES:,} or more"]


def pictures_can_be_heard(notebook: Notebook) -> list[str]:
    """Each picture has an alternative text. JupyterLab shows one only for <img alt="…"> in HTML."""
    found = []
    for number, cell in cells(notebook, "code"):
        for output in cell["outputs"]:
            data = output.get("data", {})
            html = text(data.get("text/html", ""))
            bare = any(mime.startswith("image/") for mime in data) and not Pictures(html).alternatives
            if bare or without_alternative(html):
                found.append(f"cell {number} shows a picture without alternative text")
    for number, cell in cells(notebook, "markdown"):
        written = prose(cell)
        bare = any(link["mark"] and not link["words"].strip() for link in MARKDOWN_LINK.finditer(written))
        if bare or without_alternative(written):
            found.append(f"cell {number} has a picture without alternative text")
    return found


def links_resolve(notebook: Notebook, folder: Path) -> list[str]:
    """Each relative link in the prose leads to a file, seen from the notebook's own folder."""
    found = []
    for number, cell in cells(notebook, "markdown"):
        for link in MARKDOWN_LINK.finditer(prose(cell)):
            target = link["bracketed"] or link["bare"]
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or not parts.path:  # elsewhere, an attachment, or within the page
                continue
            if parts.path.startswith("/") or not (folder / unquote(parts.path)).exists():
                found.append(f"cell {number}: the link {target} leads nowhere")
    return found


RULES: tuple[Rule, ...] = (
    format_is_valid,
    kernel_is_python3,
    form_is_fixed,
    cells_have_ids,
    no_cell_is_empty,
    ran_from_top_to_bottom,
    outputs_are_committed,
    errors_are_wanted,
    no_absolute_path,
    no_memory_address,
    no_loopback_port,
    no_kernel_file,
    code_is_short,
    headings_are_a_tree,
    file_is_small,
    pictures_can_be_heard,
)


def complaints(notebook: Notebook, folder: Path) -> list[str]:
    """All that is wrong with a notebook that lies in `folder`."""
    return [complaint for rule in RULES for complaint in rule(notebook)] + links_resolve(notebook, folder)
