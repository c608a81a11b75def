"""The glossary, the index of concepts and the coverage table say what the lessons say."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import tool_files

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks" / "reference"
HOW = "run `make notebooks`, or `.venv/bin/python tools/reference.py`"
LINK = re.compile(r"\]\(([^)\s]+)\)")

# Technical words: a definition may use one only if the glossary explains it as well.
JARGON = re.findall(
    r"\S+",
    """
    async asynchronously atomic await backpressure barrier blocking bottleneck buffer callback cancel cancellation
    cancelled CancelledError colour comprehension concurrency concurrent condition context coroutine CPU daemon deadline
    deadlock debug descriptor driver eager event executor factory fairness free-threaded future garbage generator GIL
    handle handler idempotent I/O jitter kernel lag latency lock loop makespan monotonic mutex non-blocking overlap
    parallel parallelism poll pool pre-emption primitive process protocol proxy queue race ready recording reentrant
    resolver retry scheduler selector semaphore shield signal simulated slice socket span starvation step stream
    subprocess suspend suspended suspension switch task thread throughput timeout timer transaction transport turn
    virtual worker
    """,
)


tool = tool_files.tool("reference")
LESSONS = tool.read_lessons()
CONCEPTS = tool.read_concepts()
COVERAGE = tool.read_coverage()
PAGES: dict[str, str] = tool.pages()
Lessons = dict[str, Any]


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_file_is_the_generated_one(name: str) -> None:
    committed, generated = (FOLDER / name).read_text(encoding="utf-8").splitlines(), PAGES[name].splitlines()
    changed = [line for line in generated if line not in committed] + [
        line for line in committed if line not in generated
    ]
    assert changed[:2] == [], HOW
    assert committed == generated, HOW


# -- The words ---------------------------------------------------------------------------------------------------------


def misplaced(concepts: list[Any], lessons: Lessons) -> list[str]:
    """Words that point to a lesson or section that is not there, or in which they do not occur."""
    found, numbers = [], {lesson.number for lesson in lessons.values()}
    for concept in concepts:
        lesson = lessons.get(concept.lesson)
        if lesson is None:
            if concept.lesson[:2] in numbers or not re.fullmatch(r"\d\d_[a-z_]+", concept.lesson):
                found.append(f"{concept.term}: there is no lesson {concept.lesson}")
        elif not concept.section:
            found.append(f"{concept.term}: {concept.lesson} is there now, so say in which section it explains this")
        elif (section := lesson.section(concept.section)) is None:
            found.append(f"{concept.term}: {concept.lesson} has no section {concept.section!r}")
        elif not section.has(concept.find):
            found.append(f"{concept.term}: does not occur in section {concept.section!r} of {concept.lesson}")
    return found


def twice(concepts: list[Any], lessons: Lessons) -> list[str]:
    """Words that are defined more than once."""
    keys = [concept.key for concept in concepts]
    return [f"{key}: is defined twice" for key in sorted(set(keys)) if keys.count(key) > 1]


def unexplained(concepts: list[Any], lessons: Lessons) -> list[str]:
    """Words in definitions that would need a definition themselves: technical ones, and names written as code."""
    known = tool.pattern([form for c in concepts for form in (c.term.strip("`"), *c.find)])
    technical = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, JARGON))})(?:e?s|ed|ing)?(?![\w-])")
    found = []
    for concept in concepts:
        covered = {place for hit in known.finditer(concept.means) for place in range(*hit.span())}
        prose = re.sub("`[^`]+`", lambda code: " " * len(code[0]), concept.means)
        words = [(hit[0], hit.start()) for hit in technical.finditer(prose)]
        words += [(hit[1], hit.start(1)) for hit in re.finditer(r"`([^`]+)`", concept.means)]
        for word, place in words:
            if place not in covered and not all(map(ordinary_python, re.findall(r"\w+", word))):
                found.append(f"{concept.term}: uses {word}, which the glossary does not explain")
    return found


def ordinary_python(word: str) -> bool:
    """Keywords and built-in names, such as `finally` and `RuntimeWarning`."""
    return keyword.iskeyword(word) or hasattr(builtins, word)


def unfinished(concepts: list[Any], lessons: Lessons) -> list[str]:
    """Definitions that are no sentences, or more than two."""
    return [
        f"{concept.term}: is defined in one or two sentences that end with a full stop"
        for concept in concepts
        if not concept.means.endswith(".") or not 1 <= len(re.findall(r"\.(?= [A-Z`]|$)", concept.means)) <= 2
    ]


CHECKS: tuple[Callable[[list[Any], Lessons], list[str]], ...] = (misplaced, twice, unexplained, unfinished)


@pytest.mark.parametrize("check", CHECKS)
def test_the_words_are_in_order(check: Callable[[list[Any], Lessons], list[str]]) -> None:
    assert check(CONCEPTS, LESSONS) == []


def changed(term: str, /, **changes: str) -> list[Any]:
    """The concepts with one of them spoiled."""
    assert term in {concept.term for concept in CONCEPTS}
    return [concept._replace(**changes) if concept.term == term else concept for concept in CONCEPTS]


def without(term: str) -> list[Any]:
    return [concept for concept in CONCEPTS if concept.term != term]


BROKEN: list[tuple[Callable[[list[Any], Lessons], list[str]], str, list[Any]]] = [
    (misplaced, "makespan: there is no lesson 00_start", changed("makespan", lesson="00_start")),
    (misplaced, "makespan: there is no lesson 77-new", changed("makespan", lesson="77-new")),
    (misplaced, "makespan: 00_start_here is there now", changed("makespan", section="")),
    (misplaced, "makespan: 00_start_here has no section 'Two'", changed("makespan", section="Two")),
    (misplaced, "heartbeat: does not occur in section", changed("heartbeat", section="Your prediction")),
    (twice, "makespan: is defined twice", changed("latency", term="Makespan")),
    (unexplained, "timer: uses callback, which", without("callback")),
    (unexplained, "makespan: uses mutex, which", changed("makespan", means="What a mutex takes.")),
    (unexplained, "makespan: uses `?call_at", changed("makespan", means="What `call_at` takes.")),
    (unfinished, "makespan: is defined in one or two", changed("makespan", means="What a run takes")),
    (unfinished, "makespan: is defined in one or two", changed("makespan", means="One. Two. Three.")),
]


@pytest.mark.parametrize(("check", "expected", "concepts"), BROKEN)
def test_each_check_fails_when_broken(
    check: Callable[[list[Any], Lessons], list[str]], expected: str, concepts: list[Any]
) -> None:
    assert re.search(expected, "\n".join(check(concepts, LESSONS)))


def test_every_check_was_seen_failing() -> None:
    assert {check for check, _, _ in BROKEN} == set(CHECKS)


def test_words_of_a_lesson_to_come_are_left_out_and_named_in_one_line() -> None:
    concepts = [*CONCEPTS, tool.Concept("wormhole", "A short way.", "99_beyond", "", ["wormhole"])]
    for page in (tool.glossary(concepts, LESSONS), tool.index(concepts, LESSONS)):
        (line,) = (line for line in page.splitlines() if "wormhole" in line)
        assert line.startswith("Not here yet, because their lessons are being written: ")


# -- The links ---------------------------------------------------------------------------------------------------------


def dead_links(text: str) -> list[str]:
    """Links that lead to no file, or to no heading of a lesson."""
    anchors = {
        f"../{lesson.name}.ipynb": {tool.anchor(section.heading) for section in lesson.sections}
        for lesson in LESSONS.values()
    }
    found = []
    for target in LINK.findall(text):
        path, _, anchor = target.partition("#")
        if path.startswith(tool.DOCS):
            continue
        if not (FOLDER / path).is_file() or (anchor and unquote(anchor) not in anchors[path]):
            found.append(target)
    return found


def test_links_lead_to_headings() -> None:
    assert dead_links("".join(PAGES.values())) == []
    there = "](../00_start_here.ipynb#2.-One-after-another)"
    assert dead_links(there) == []
    assert dead_links(there.replace("another", "one"))
    assert dead_links(there.replace("here", "there"))


def test_headings_of_a_lesson_are_those_outside_its_code(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# A\n", "a\n", "## 1. B\n", "```\n# not this\n```\n", "b"]},
        {"cell_type": "code", "source": ["# nor this\n", "c"]},
        {"cell_type": "markdown", "source": ["### C\n", "d\n", "## 2. E"]},
    ]
    path = tmp_path / "77_x.ipynb"
    path.write_text(tool.json.dumps({"cells": cells}), encoding="utf-8")
    lesson = tool.read_lesson(path)
    assert [(section.heading, section.level) for section in lesson.sections] == [
        ("A", 1), ("1. B", 2), ("C", 3), ("2. E", 2),
    ]  # fmt: skip
    assert lesson.section("1. B").text == "## 1. B ``` # not this ``` b ### C d # nor this c"
    assert lesson.section("C").text == "### C d"


@pytest.mark.parametrize(
    ("form", "text", "found"),
    [
        ("task", "Two Tasks", True),
        ("task", "multitasking", False),
        ("lock", "a block", False),
        ("blocking", "non-blocking", False),
        ("Handle", "a handle", False),
        ("Handle", "two Handles", True),
        ("to_thread", "asyncio.to_thread(f)", True),
        ("sleep(0)", "`sleep(0)`", True),
    ],
)
def test_forms_are_found_as_whole_words(form: str, text: str, found: bool) -> None:
    assert tool.Section("", 1, text, text.lower()).has([form]) is found


# -- The lessons -------------------------------------------------------------------------------------------------------


def unlisted(lessons: Lessons, readme: str, start: str) -> list[str]:
    """Lessons that README.md or lesson 00 does not link to, and lessons with the title of an earlier one."""
    first: dict[str, str] = {}
    found = []
    for name, lesson in lessons.items():
        if f"(notebooks/{name}.ipynb)" not in readme:
            found.append(f"{name}: add it to the table in README.md")
        if not name.startswith("00_") and f"({name}.ipynb)" not in start.partition("**Next:**")[0]:
            found.append(f"{name}: add it to the table in lesson 00")
        if first.setdefault(lesson.title, name) != name:
            found.append(f"{name}: has the title of {first[lesson.title]}")
    return found


def test_every_lesson_is_listed_and_has_a_title_of_its_own() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    start = LESSONS["00_start_here"].sections[0].text
    assert not (todo := unlisted(LESSONS, readme, start)), "\n".join(todo)
    title = LESSONS["13_asyncio_run_in_a_notebook"].title
    more = LESSONS | {"14_more": LESSONS["01_asynchronous_functions"]._replace(name="14_more", title=title)}
    assert unlisted(more, readme, start + " **Next:** [14](14_more.ipynb)") == [
        "14_more: add it to the table in README.md",
        "14_more: add it to the table in lesson 00",
        "14_more: has the title of 13_asyncio_run_in_a_notebook",
    ]


# -- The names of asyncio ----------------------------------------------------------------------------------------------


def uncovered(pages: list[dict[str, Any]], lessons: Lessons) -> list[str]:
    """Names that are neither in a lesson nor said to be left out, or both."""
    found = []
    for page in pages:
        excused = [name for names in page.get("not_taught", {}).values() for name in names]
        planned = page.get("to_come", {})
        for name in tool.topics(page):
            said = excused.count(name) + (name in planned)
            if tool.where_taught(page, name, lessons):
                if said:
                    found.append(f"{name}: is in a lesson now; take it out of `not_taught` or `to_come`")
            elif said != 1:
                found.append(f"{name}: is in no lesson, and has {said} reasons")
            elif planned.get(name) in lessons:
                found.append(f"{name}: {planned[name]} is there now, but has not got it")
        found += [
            f"{name}: is no name of {page['title']}" for name in (*excused, *planned) if name not in tool.topics(page)
        ]
    return found


def test_every_name_is_taught_or_has_a_reason() -> None:
    assert uncovered(COVERAGE, LESSONS) == []


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ({"names": ["Transport"]}, "Transport: is in no lesson, and has 0 reasons"),
        ({"names": ["Transport"], "not_taught": {"a": ["Transport"], "b": ["Transport"]}}, "has 2 reasons"),
        ({"names": ["run"], "not_taught": {"a": ["run"]}}, "run: is in a lesson now"),
        ({"names": ["Transport"], "to_come": {"Transport": "00_start_here"}}, "00_start_here is there now"),
        ({"names": ["run"], "not_taught": {"a": ["walk"]}}, "walk: is no name of X"),
    ],
)
def test_a_name_without_a_place_is_found(page: dict[str, Any], expected: str) -> None:
    assert expected in "\n".join(uncovered([{"title": "X", **page}], LESSONS))


@pytest.mark.skipif(sys.version_info[:2] != (3, 14) or sys.platform != "linux", reason="the names of 3.14 on Linux")
def test_the_names_are_those_of_asyncio() -> None:
    import asyncio

    names = [name for page in COVERAGE for name in page.get("names", [])]
    assert sorted(names) == sorted(name for name in asyncio.__all__ if not name.startswith("_"))
