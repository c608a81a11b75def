"""The course as web pages: ``make site`` writes build/site; open index.html there.

Sphinx and MyST-NB render the notebooks with their committed outputs, README as the first page, and asyncviz's reference
from its docstrings. Nothing is run and nothing is fetched. A link that leads nowhere is an error.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SOURCE, SITE = ROOT / "build" / "pages", ROOT / "build" / "site"
# What is shown: the texts and everything that these link to.
SHOWN = ("README.md", "CONTRIBUTING.md", "LICENSE", "LICENSE-TEXT", "notebooks", "data", "tests")
REFERENCE = ("asyncviz", "asyncviz.practice")
SETTINGS = {
    "project": "Asynchronous Python, seen",
    "copyright": "the authors of the course, CC BY 4.0",
    "extensions": ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"],
    "root_doc": "README",
    "html_theme": "furo",
    "html_title": "Asynchronous Python, seen",
    "html_copy_source": False,
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": "pages.slug",
    "myst_enable_extensions": ["attrs_block"],
    "autodoc_member_order": "bysource",
    "autodoc_typehints": "description",
    "default_role": "literal",
    "exclude_patterns": [".doctrees"],
    # The lexer for cells with magics, and the licences, which are no documents.
    "suppress_warnings": ["misc.highlighting_failure"],
}


def slug(heading: str) -> str:
    """The anchor that JupyterLab gives a heading, as the links have it."""
    return quote(heading.replace(" ", "-"), safe=":,;?!'/=@&+()")


def contents(title: str, pages: list[str]) -> str:
    """A part of the table of contents."""
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {title}", ":titlesonly:", "", *pages, "```", ""])


def stage() -> None:
    """Lay out what Sphinx reads: the files as they are, the reference, and a table of contents in README."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    for name in SHOWN:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, SOURCE / name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        else:
            shutil.copy(ROOT / name, SOURCE)
    for module in REFERENCE:
        (SOURCE / f"{module}.rst").write_text(reference(module), encoding="utf-8")
    folder = SOURCE / "notebooks"
    lessons = sorted(f"notebooks/{path.stem}" for path in folder.glob("*.ipynb"))
    solutions = sorted(f"notebooks/solutions/{path.stem}" for path in (folder / "solutions").glob("*.ipynb"))
    texts = sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in folder.rglob("*.md"))
    parts = {
        "Lessons": [page for page in lessons if re.search(r"/\d\d_", page)],
        "At hand": [*(page for page in lessons if not re.search(r"/\d\d_", page)), *texts],
        "asyncviz": list(REFERENCE),
        "Solutions": solutions,
        "The project": ["CONTRIBUTING", "data/README"],
    }
    with open(SOURCE / "README.md", "a", encoding="utf-8") as readme:
        readme.writelines(contents(title, pages) for title, pages in parts.items())


def reference(module: str) -> str:
    """The reference of a module's public names."""
    lines = [module, "=" * len(module), "", f".. automodule:: {module}", ""]
    imported = importlib.import_module(module)
    for name in imported.__all__:
        thing = getattr(imported, name)
        kind = "class" if inspect.isclass(thing) else "function" if callable(thing) else "data"
        members = ["   :members:"] if kind == "class" else []
        lines += [name, "-" * len(name), "", f".. auto{kind}:: {module}.{name}", *members, ""]
    return "\n".join(lines)


class Page(HTMLParser):
    """What a page links to, and what in it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        known = dict(attrs)
        self.anchors |= {known[key] or "" for key in ("id", "name") if known.get(key)}
        self.links |= {known[key] or "" for key in ("href", "src") if known.get(key)}


def dead_links(folder: Path) -> list[str]:
    """Links between the pages of `folder` that lead nowhere."""
    pages = {path: Page(path) for path in folder.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            missing = not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors
            )
            if missing:
                dead.append(f"{path.relative_to(folder).as_posix()}: {link}")
    return dead


def main() -> int:
    """1 if Sphinx warned of anything, or a link is dead."""
    from sphinx.application import Sphinx
    from sphinx.util import console

    stage()
    shutil.rmtree(SITE, ignore_errors=True)
    warned = io.StringIO()
    with contextlib.chdir(ROOT):
        console.nocolor()
        application = Sphinx(
            SOURCE, None, SITE, SOURCE / ".doctrees", "html", SETTINGS, status=None, warning=warned
        )  # fmt: skip
        application.build(force_all=True)
    shutil.copy(SITE / "README.html", SITE / "index.html")
    problems = [line for line in warned.getvalue().splitlines() if line.strip()] + dead_links(SITE)
    print("\n".join(problems))
    pages = len(list(SITE.rglob("*.html")))
    print(f"{pages} pages in {SITE.relative_to(ROOT).as_posix()}, {len(problems)} problems")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
