"""Does recording change anything? Runs other people's test suites inside recordings and without, and compares.

    make foreign                                             # CPython's own asyncio tests, aiofiles' and anyio's
    make foreign ARGS="asyncio --python python3.14 --python python3.13"
    make foreign ARGS="asyncio --only test_tasks"            # modules or test files whose name contains this

Each file of tests runs in a process of its own: without a recording, inside one recording, and with one recording a
test. A test whose result differs is run again, in its file, up to twice both ways: what comes and goes without a
recording too is no difference. Printed are the counts, each difference by name, and what the recordings say of
themselves: problems (broken invariants) and failures (errors of the recorder). The exit code is 1 if there is any.

Each Python must have what this project needs. Tests of asyncio come with Python; those of the libraries, in the
installed versions, and what they need to run, are fetched with pip into build/foreign.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import unittest
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "foreign"
MODES = ("without", "inside", "each")
NEEDS = {
    "aiofiles": ["pytest", "pytest-asyncio"],
    "anyio": [
        "pytest",
        "pytest-timeout",
        "pytest-mock",
        "hypothesis",
        "psutil",
        "trustme",
        "truststore",
        "trio",
        "blockbuster",
    ],
}
SECONDS = 120  # for one file of tests


# -- in the process that runs the tests ------------------------------------------------------------------------------


class Child:
    """Records as its mode says, and writes down the result of each test."""

    def __init__(self, mode: str, output: str) -> None:
        self.mode, self.output = mode, output
        self.results: dict[str, str] = {}
        self.problems: dict[str, list[str]] = {}
        self.tasks = self.steps = 0
        self.open: Any = None
        self.trace: Any = None

    def begin(self, mode: str) -> None:
        if self.mode == mode:
            import asyncviz

            self.open = asyncviz.record()
            self.trace = self.open.__enter__()

    def end(self, mode: str, name: str) -> None:
        if self.mode == mode and self.open is not None:
            recording, self.open = self.open, None
            recording.__exit__(None, None, None)
            trace = self.trace
            self.tasks += len(trace.tasks)
            self.steps += len(trace.steps.start)
            bad = [*trace.problems, *([f"FAILED {trace.failure}"] if trace.failure else [])]
            if bad:
                self.problems[name] = bad

    def note(self, name: str, result: str) -> None:
        """The worst result counts: a test may fail in its body and again in its tear-down."""
        order = ("passed", "skipped", "failed")
        if order.index(result) >= order.index(self.results.get(name, "passed")):
            self.results[name] = result

    def write(self) -> None:
        self.end("inside", "whole file")
        told = {"results": self.results, "problems": self.problems, "tasks": self.tasks, "steps": self.steps}
        pathlib.Path(self.output).write_text(json.dumps(told))


def run_unittest(child: Child, module: str) -> None:
    class Result(unittest.TextTestResult):
        def startTest(self, test: Any) -> None:
            super().startTest(test)
            child.begin("each")

        def stopTest(self, test: Any) -> None:
            child.end("each", test.id())
            super().stopTest(test)

        def addSuccess(self, test: Any) -> None:
            super().addSuccess(test)
            child.note(test.id(), "passed")

        def addSkip(self, test: Any, reason: str) -> None:
            super().addSkip(test, reason)
            child.note(test.id(), "skipped")

        def addExpectedFailure(self, test: Any, err: Any) -> None:
            super().addExpectedFailure(test, err)
            child.note(test.id(), "passed")

        def addError(self, test: Any, err: Any) -> None:
            super().addError(test, err)
            child.note(test.id(), "failed")

        def addFailure(self, test: Any, err: Any) -> None:
            super().addFailure(test, err)
            child.note(test.id(), "failed")

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            super().addSubTest(test, subtest, err)
            if err is not None:
                child.note(test.id(), "failed")

        def addUnexpectedSuccess(self, test: Any) -> None:
            super().addUnexpectedSuccess(test)
            child.note(test.id(), "failed")

    from test import support

    for resource in ("network", "cpu"):
        support.use_resources = [*(support.use_resources or []), resource]
    if child.mode != "without":
        import numpy as np  # noqa: F401  # what is imported later must not count as a change a test has made

        import asyncviz.freeze  # noqa: F401
    child.begin("inside")
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    unittest.TextTestRunner(verbosity=1, resultclass=Result).run(suite)
    child.write()


_child = Child(os.environ.get("FOREIGN_MODE", ""), os.environ.get("FOREIGN_OUTPUT", ""))
if _child.mode:  # a shell has background jobs ignore it; tests of interrupts would wait for ever
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: Any) -> None:
    _child.begin("inside")


def pytest_runtest_logstart(nodeid: str, location: Any) -> None:
    _child.begin("each")


def pytest_runtest_logfinish(nodeid: str, location: Any) -> None:
    _child.end("each", nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    _child.note(report.nodeid, report.outcome)


def pytest_sessionfinish(session: Any) -> None:
    _child.write()


# -- in the command --------------------------------------------------------------------------------------------------


def fetch(python: str, suite: str) -> tuple[pathlib.Path, pathlib.Path]:
    """(the folder of the sdist, the folder of what its tests need), fetched if they are not there yet."""
    ask = f"import sys, importlib.metadata as m; print(m.version({suite!r}), '%d.%d' % sys.version_info[:2])"
    release, version = subprocess.check_output([python, "-c", ask], text=True).split()
    source, needs = CACHE / f"{suite}-{release}", CACHE / f"needs-{suite}-{version}"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "-q"]
    if not source.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", CACHE, f"{suite}=={release}"], check=True
        )
        with tarfile.open(next(CACHE.glob(f"{suite}-{release}.tar.gz"))) as archive:
            archive.extractall(CACHE, filter="data")
    if not needs.exists():
        subprocess.run([*pip, "install", "--target", needs, *NEEDS[suite]], check=True)
    return source, needs


def files_of(python: str, suite: str, only: str) -> list[tuple[str, list[str], dict[str, str], pathlib.Path]]:
    """(name, command, environment, folder) of each file of tests."""
    if suite == "asyncio":
        where = "import test.test_asyncio as t; print(t.__path__[0])"
        folder = pathlib.Path(subprocess.check_output([python, "-c", where], text=True).strip())
        names = [f"test.test_asyncio.{path.stem}" for path in sorted(folder.glob("test_*.py"))]
        command, ours = [python, str(pathlib.Path(__file__).resolve()), "--child"], {"PYTHONPATH": str(ROOT)}
        jobs = [(n, [*command, n], ours, CACHE) for n in names]
    else:
        source, needs = fetch(python, suite)
        paths = sorted(str(path.relative_to(source)) for path in (source / "tests").rglob("test_*.py"))
        options = ["-m", "pytest", "-q", "-p", "foreign", "-p", "no:cacheprovider", "-p", "no:randomly"]
        path = os.pathsep.join([str(ROOT), str(ROOT / "tools"), str(needs)])
        jobs = [(n, [python, *options, n], {"PYTHONPATH": path}, source) for n in paths]
    return [job for job in jobs if only in job[0]]


def run(job: tuple[str, list[str], dict[str, str], pathlib.Path], mode: str) -> dict[str, Any]:
    name, command, environment, folder = job
    CACHE.mkdir(parents=True, exist_ok=True)
    output = CACHE / f"result-{os.getpid()}.json"
    output.unlink(missing_ok=True)
    environment = {**os.environ, **environment, "FOREIGN_MODE": mode, "FOREIGN_OUTPUT": str(output)}
    log = CACHE / f"log-{name.replace(os.sep, '.')}-{mode}.txt"
    with log.open("w") as file, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command, env=environment, cwd=folder, stdout=file, stderr=subprocess.STDOUT, timeout=SECONDS, check=False
        )
    if not output.exists():
        return {"results": {"the whole file": "failed"}, "problems": {}, "tasks": 0, "steps": 0}
    told: dict[str, Any] = json.loads(output.read_text())
    output.unlink()
    return told


def compare(python: str, suite: str, only: str, modes: list[str]) -> int:
    """Run one suite; returns the number of differences and problems."""
    version = subprocess.check_output([python, "-c", "import sys; print(sys.version.split()[0])"], text=True).strip()
    counts = {mode: collections.Counter[str]() for mode in ("without", *modes)}
    differences: list[str] = []
    problems: dict[str, list[str]] = {}
    told = collections.Counter[str]()
    for job in files_of(python, suite, only):
        plain = run(job, "without")["results"]
        counts["without"].update(plain.values())
        for mode in modes:
            found = run(job, mode)
            counts[mode].update(found["results"].values())
            told[f"{mode} tasks"] += found["tasks"]
            told[f"{mode} steps"] += found["steps"]
            for test, texts in found["problems"].items():
                for text in texts:
                    problems.setdefault(f"[{mode}] {text}", []).append(test)
            unlike = {t for t in plain | found["results"] if plain.get(t) != found["results"].get(t)}
            for _ in range(2):  # does it differ again?
                if unlike:
                    again, anew = run(job, "without")["results"], run(job, mode)["results"]
                    unlike = {t for t in unlike if again.get(t) == plain.get(t) and anew.get(t) != again.get(t)}
            differences += [f"[{mode}] {t}: {plain.get(t)} without, {found['results'].get(t)} recorded" for t in unlike]
    print(f"{suite} on Python {version}")
    for mode, count in counts.items():
        numbers = " · ".join(f"{count[r]} {r}" for r in ("passed", "failed", "skipped"))
        seen = f"   ({told[mode + ' tasks']:,} tasks, {told[mode + ' steps']:,} steps)" if mode != "without" else ""
        print(f"    {mode:8} {numbers}{seen}")
    for line in sorted(differences):
        print(f"    {line}")
    for text, tests in list(problems.items())[:40]:
        print(f"    {text}: {len(tests)} times, as in {', '.join(tests[:2])}")
    print(f"    {len(differences)} differences, {len(problems)} problems", flush=True)
    return len(differences) + len(problems)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", help=f"of: asyncio {' '.join(NEEDS)} (default: all)")
    parser.add_argument("--python", action="append", help="an interpreter; may be repeated (default: this one)")
    parser.add_argument("--only", default="", help="only files whose name contains this")
    parser.add_argument("--mode", action="append", choices=MODES[1:], help="inside one recording, or one for each test")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_unittest(_child, options.child)
        return
    bad = 0
    for suite in options.suites or ["asyncio", *NEEDS]:
        if suite not in ("asyncio", *NEEDS):
            parser.error(f"{suite!r} is no suite: asyncio, {', '.join(NEEDS)}")
        for python in options.python or [sys.executable]:
            bad += compare(python, suite, options.only, options.mode or list(MODES[1:]))
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
