"""Write the course's glossary, its index of concepts and its coverage table: the end of ``make notebooks``.

The words are in notebooks/reference/concepts.toml, the official documentation's names in coverage.toml beside it. Where
they occur is found by searching the notebooks. ``pages()`` gives the texts, so that a test can hold the committed ones
against them.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LESSON = "[0-9][0-9]_*.ipynb"
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$", re.MULTILINE)
NUMBER = re.compile(r"^(\d+)\. ")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
DOCS = "https://docs.python.org/3.14/library"
UNQUOTED = ":,;?!'/=@&+"  # JupyterLab does not decode these in a link
WRITTEN = "<!-- Written by tools/reference.py from {}: do not edit. -->"


class Section(NamedTuple):
    """A heading of a lesson and all that stands below it, down to the next heading of its level or above."""

    heading: str
    level: int
    text: str  # prose, then code, with single spaces
    folded: str  # the same in small letters

    def has(self, forms: Iterable[str]) -> bool:
        """Whether any of these words occurs."""
        return any(form.lower() in self.folded for form in forms) and bool(pattern(forms).search(self.text))


class Lesson(NamedTuple):
    """A notebook of the course. `names` are those of asyncio that it uses."""

    name: str
    title: str
    sections: tuple[Section, ...]
    names: frozenset[str]

    @property
    def number(self) -> str:
        return self.name[:2]

    def section(self, heading: str) -> Section | None:
        """The section with this heading, which may lack its number."""
        return next((s for s in self.sections if heading in (s.heading, NUMBER.sub("", s.heading))), None)


class Concept(NamedTuple):
    """A word of the course, and where it is explained first. `section` is "" while there is no such notebook."""

    term: str
    means: str
    lesson: str
    section: str
    find: list[str]

    @property
    def key(self) -> str:
        return self.term.strip("`").casefold()


# -- Reading -----------------------------------------------------------------------------------------------------------


def read_lesson(path: Path) -> Lesson:
    """A notebook, cut at its headings. What is in a fence is no heading."""
    found: list[tuple[str, int, list[str], list[str]]] = [("", 0, [], [])]
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            found[-1][3].append(source)
            continue
        start = 0
        bare = FENCE.sub(lambda fence: " " * len(fence[0]), source)
        for heading in HEADING.finditer(bare):
            found[-1][2].append(source[start : heading.start()])
            start = heading.start()
            found.append((heading[2], len(heading[1]), [], []))
        found[-1][2].append(source[start:])
    sections = []
    for number, (heading, level, *_) in enumerate(found[1:], 1):
        end = next((n for n in range(number + 1, len(found)) if found[n][1] <= level), len(found))
        text = " ".join(text for kind in (2, 3) for part in found[number:end] for text in part[kind])
        text = " ".join(text.split())
        sections.append(Section(heading, level, text, text.lower()))
    prose, code = ("\n".join(text for part in found for text in part[kind]) for kind in (2, 3))
    return Lesson(path.stem, sections[0].heading, tuple(sections), names_in(prose, code))


def names_in(prose: str, code: str) -> frozenset[str]:
    """The names of asyncio in a lesson: after `asyncio.`, or in the prose as code by itself.

    By itself only a name that is not an ordinary word as well: `run` may be anybody's.
    """
    alone = (re.match(r"\w*", span[1]) for span in CODE_SPAN.finditer(FENCE.sub("", prose)))
    sure = {name[0] for name in alone if name and (name[0] != name[0].lower() or "_" in name[0])}
    return frozenset(sure.union(re.findall(r"\basyncio\.(\w+)", f"{prose}\n{code}")))


def read_lessons(folder: Path = NOTEBOOKS) -> dict[str, Lesson]:
    """The lessons that there are, by name, in order."""
    return {path.stem: read_lesson(path) for path in sorted(folder.glob(LESSON))}


def read_concepts(path: Path = NOTEBOOKS / "reference" / "concepts.toml") -> list[Concept]:
    """All concepts, in the order of the file."""
    return [
        Concept(row["term"], row["means"], lesson, row.get("section", ""), row.get("find", [row["term"].strip("`")]))
        for lesson, rows in tomllib.loads(path.read_text(encoding="utf-8")).items()
        for row in rows
    ]


def read_coverage(path: Path = NOTEBOOKS / "reference" / "coverage.toml") -> list[dict[str, Any]]:
    """The pages of the official documentation."""
    return list(tomllib.loads(path.read_text(encoding="utf-8"))["page"])


# -- Searching ---------------------------------------------------------------------------------------------------------


def pattern(forms: Iterable[str]) -> re.Pattern[str]:
    """What finds any of `forms` as whole words: one with a capital letter as it stands, the others in any case."""
    found = []
    for form in forms:
        words = re.escape(form) + ("(?:e?s)?" if form[-1].isalpha() else "")
        found.append(words if form != form.lower() else f"(?i:{words})")
    return re.compile(rf"(?<![\w-])(?:{'|'.join(found)})(?!\w)")


# -- Writing -----------------------------------------------------------------------------------------------------------


def anchor(heading: str) -> str:
    """The name that JupyterLab gives a heading."""
    return re.sub(r"[`*]", "", heading).replace(" ", "-")


def link(words: str, lesson: Lesson, heading: str = "") -> str:
    """A link to a lesson or to a section of it, seen from the reference's folder."""
    place = f"#{quote(anchor(heading), safe=UNQUOTED)}" if heading else ""
    return f"[{words}](../{lesson.name}.ipynb{place})"


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def taught(concepts: list[Concept], lessons: dict[str, Lesson]) -> list[Concept]:
    """The concepts whose lesson is there."""
    return [concept for concept in concepts if concept.lesson in lessons]


def to_come(concepts: list[Concept], lessons: dict[str, Lesson]) -> list[str]:
    """One line on those whose lesson is not there yet, if there are any."""
    terms = ", ".join(concept.term for concept in concepts if concept.lesson not in lessons)
    return ["", f"Not here yet, because their lessons are being written: {terms}."] if terms else []


def glossary(concepts: list[Concept], lessons: dict[str, Lesson]) -> str:
    """Term, meaning, and the section that explains it first, in alphabetical order."""
    lines = [
        "# Glossary",
        "",
        WRITTEN.format("concepts.toml"),
        "",
        "What the words of the course mean, and where each is explained first.",
        "",
        row("word", "meaning", "explained in"),
        row("---", "---", "---"),
    ]
    for concept in sorted(taught(concepts, lessons), key=lambda concept: concept.key):
        lesson = lessons[concept.lesson]
        section = lesson.section(concept.section)
        where = link(f"{lesson.number} · {section.heading}", lesson, section.heading) if section else ""
        lines.append(row(f"**{concept.term}**", concept.means, where))
    return "\n".join([*lines, *to_come(concepts, lessons)]) + "\n"


def index(concepts: list[Concept], lessons: dict[str, Lesson]) -> str:
    """Where each concept occurs, and what is new in each lesson."""
    lines = [
        "# Index of concepts",
        "",
        WRITTEN.format("concepts.toml and the notebooks"),
        "",
        "Found by searching the text and the code of the lessons. What they mean is in the [glossary](glossary.md).",
        "",
        "## Where each occurs",
        "",
        "A lesson, and the numbers of its sections.",
        "",
        row("concept", "lesson and sections"),
        row("---", "---"),
    ]
    here = taught(concepts, lessons)
    for concept in sorted(here, key=lambda concept: concept.key):
        places = []
        for lesson in lessons.values():
            numbers = [
                link(number[1], lesson, section.heading)
                for section in lesson.sections
                if section.level == 2 and (number := NUMBER.match(section.heading)) and section.has(concept.find)
            ]
            if numbers:
                places.append(f"**{lesson.number}:** {', '.join(numbers)}")
        lines.append(row(concept.term, " · ".join(places)))
    lines += ["", "## What is new in each lesson", "", "In the order in which it comes.", ""]
    for lesson in lessons.values():
        new = [concept for concept in here if concept.lesson == lesson.name]
        new.sort(key=lambda concept: first(concept, lesson))
        if new:
            lines.append(f"- {link(f'{lesson.number} {lesson.title}', lesson)}: {', '.join(c.term for c in new)}")
    return "\n".join([*lines, *to_come(concepts, lessons)]) + "\n"


def first(concept: Concept, lesson: Lesson) -> tuple[int, int]:
    """In which section a concept comes up, and how far down in it."""
    section = lesson.section(concept.section)
    hit = pattern(concept.find).search(section.text) if section else None
    return (lesson.sections.index(section), hit.start()) if section and hit else (0, 0)


def where_taught(page: dict[str, Any], name: str, lessons: dict[str, Lesson]) -> list[Lesson]:
    """The lessons that have a name of a page."""
    forms = page.get("find", {}).get(name, ())
    return [lesson for lesson in lessons.values() if name in lesson.names or lesson.sections[0].has(forms)]


def topics(page: dict[str, Any]) -> list[str]:
    """The names of a page; of one without names, what is to be found of it."""
    return list(page.get("names") or page["find"])


def why_not(page: dict[str, Any], name: str) -> str:
    """Why no lesson has a name of a page."""
    if later := page.get("to_come", {}).get(name):
        return f"to come, in lesson {later[:2]}"
    return "not taught: " + next((why for why, names in page.get("not_taught", {}).items() if name in names), "?")


def coverage(pages: list[dict[str, Any]], lessons: dict[str, Lesson]) -> str:
    """The pages and names of the official documentation, and the lessons that have them."""
    lines = [
        "# What of asyncio is taught where",
        "",
        WRITTEN.format("coverage.toml and the notebooks"),
        "",
        "The pages of the official documentation, and every public name in `asyncio.__all__` of Python 3.14 on Linux,",
        "with the lessons that use or explain it, found by searching their text and code.",
    ]
    for page in pages:
        found = {name: where_taught(page, name, lessons) for name in topics(page)}
        number = sum(map(bool, found.values()))
        lines += ["", f"## {page['title']}", ""]
        lines += [f"[The page]({DOCS}/{page['file']}.html): {number} of {len(found)} taught.", ""]
        lines += [row("name" if page.get("names") else "topic", "lessons"), row("---", "---")]
        for name, where in found.items():
            links = ", ".join(link(lesson.number, lesson) for lesson in where)
            lines.append(row(f"`{name}`" if page.get("names") else name, links or why_not(page, name)))
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """The texts of the three files, by name."""
    concepts, lessons = read_concepts(), read_lessons()
    return {
        "glossary.md": glossary(concepts, lessons),
        "concepts.md": index(concepts, lessons),
        "coverage.md": coverage(read_coverage(), lessons),
    }


if __name__ == "__main__":
    for file, text in pages().items():
        (NOTEBOOKS / "reference" / file).write_text(text, encoding="utf-8", newline="\n")
