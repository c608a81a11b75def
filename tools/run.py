#!/usr/bin/env python3
"""Set up the course and do one thing with it: ``python tools/run.py lab``.

The Makefile calls this file, and Windows users call it themselves. It needs nothing but Python's own
library, and it is written so that even an old Python can read it and say, in one clear message, what is missing
(hence no annotations and no f-strings here; tests/test_environment.py checks that).
"""

from __future__ import print_function

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

OLDEST = (3, 11)
OLDEST_PIP = (22, 3)  # the first with `pip --python`, needed only where venv cannot install pip itself
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "Scripts", "python.exe") if os.name == "nt" else os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "course-stamp.json")
# The Python that makes .venv: the one that runs this, unless that is .venv's own, which the set-up may have to remove.
INSIDE = os.path.realpath(sys.prefix) == os.path.realpath(VENV)
PYTHON = getattr(sys, "_base_executable", sys.executable) if INSIDE else sys.executable
# What would change the Python in .venv, or make each process of the tests compile them anew.
NEVER_FROM_OUTSIDE = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONDONTWRITEBYTECODE", "__PYVENV_LAUNCHER__")

# How outputs are compared: two notebooks at a time, each whole on one worker. What a notebook's own libraries warn
# about is not ours. tests.kernels: how the kernels are started.
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", "--nbval-sanitize-with=tests/sanitize.cfg"]
NBVAL += ["-n", "2", "--dist", "loadscope", "-o", "filterwarnings=default", "-p", "no:cacheprovider"]
NBVAL += ["-p", "tests.kernels"]

HELP = """\
make lab         set up what is missing, then open JupyterLab on the first lesson
make test        set up what is missing, then check everything: code, notebooks, their outputs
make notebooks   run all notebooks and write their outputs      (ARGS="00 05" for some of them)
make bench       measure what recording costs
make foreign     run CPython's asyncio tests and two libraries' tests, with and without a recording
make browser     run all notebooks in a real JupyterLab in Chromium, light and dark      (ARGS="03 06" for some)
make soak N=50   run all notebooks fifty times under load, and count what failed in which cell
make matrix      the test command on each Python from 3.11 to 3.14 that is found here
make site        the course as web pages, in build/site
make lock        renew requirements.lock and requirements-tools.lock  (ARGS=--upgrade for newer versions)
make clean       remove what the set-up and the checks have made
make setup       only the set-up

Another Python:  make PYTHON=python3.13 lab
Without make:    python3 tools/run.py lab        on Windows: py tools\\run.py lab
More for the program behind a command: make lab ARGS="--no-browser --port 8899"
"""


class Stopped(Exception):
    """A stage failed; the message says what to do about it."""


# -- Python itself ------------------------------------------------------------------------------------------------


def newer_pythons():
    """Commands on this machine that start a Python new enough, newest first."""
    which = getattr(shutil, "which", None)
    names = ["python3.{0}".format(minor) for minor in range(20, OLDEST[1] - 1, -1)]
    check = "import sys; sys.exit(sys.version_info[:2] < {0!r})".format(OLDEST)
    return [name for name in names if which and which(name) and quietly([name, "-c", check]) == 0]


def old_python_message(version, executable, found):
    """What to say to somebody who started this with a Python that is too old."""
    wanted = found[0] if found else "python{0}.{1}".format(*OLDEST)
    return "\n".join(
        [
            "This course needs Python {0}.{1} or newer. This is Python {2}.{3}.{4}:".format(*(OLDEST + version[:3])),
            "    {0}".format(executable),
            "Newer ones found here: {0}.".format(", ".join(found) if found else "none"),
            "Choose one by its name:   make PYTHON={0} lab".format(wanted),
            "                     or   {0} tools/run.py lab".format(wanted),
            "                     or   py -{0}.{1} tools\\run.py lab      (Windows)".format(*OLDEST),
            "If there is none yet, install it from https://www.python.org/downloads/",
            "or take the conda way, which brings its own: see README.md.",
        ]
    )


def quietly(command):
    """Exit code of `command`, whatever it prints; 1 if it cannot be started."""
    with open(os.devnull, "w") as nowhere:
        try:
            return subprocess.call(command, stdout=nowhere, stderr=nowhere)
        except OSError:
            return 1


# -- Set-up -------------------------------------------------------------------------------------------------------


def stage(name, commands):
    """Run `commands` as one stage: one line with its time, and the output only if one of them fails."""
    sys.stdout.write("  {0:<58}".format(name))
    sys.stdout.flush()
    start = time.time()
    for command in commands:
        child = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = child.communicate()[0].decode("utf-8", "replace")
        if child.returncode != 0:
            print("failed\n\n{0}".format("\n".join(output.strip().splitlines()[-40:])))
            raise Stopped("The set-up stopped at: {0}. The same command tries again from the start.".format(name))
    print("{0:6.1f} s".format(time.time() - start))
    sys.stdout.flush()


def environment(**more):
    """The variables for everything that runs inside .venv."""
    variables = {key: value for key, value in os.environ.items() if key not in NEVER_FROM_OUTSIDE}
    variables["VIRTUAL_ENV"] = VENV
    variables["PATH"] = os.path.dirname(VENV_PYTHON) + os.pathsep + variables.get("PATH", os.defpath)
    # Here the font cache is always warm and writable: otherwise Matplotlib's remark on it lands in a cell's output.
    variables["MPLCONFIGDIR"] = os.path.join(VENV, "matplotlib")
    variables.update(more)
    return variables


def fingerprint(*names):
    """One hash over the contents of some files of the project."""
    together = hashlib.sha256()
    for name in names:
        with open(os.path.join(ROOT, name), "rb") as file:
            together.update(hashlib.sha256(file.read()).digest())
    return together.hexdigest()


def wanted_stamps():
    """What each part of the set-up depends on. A folder that was moved or another Python means: all anew."""
    python = "{0}.{1}".format(*sys.version_info[:2])
    return {
        "packages": " ".join([fingerprint("requirements.lock"), python, ROOT]),
        "project": fingerprint("pyproject.toml", "tools/settle.py", "tools/overrides.json"),
        "tools": fingerprint("requirements-tools.lock"),
    }


def read_stamps():
    """What was set up before; nothing if that was interrupted, or if its Python is gone."""
    try:
        with open(STAMP) as file:
            stamps = json.load(file)
    except (OSError, IOError, ValueError):
        return {}
    whole = isinstance(stamps, dict) and quietly([VENV_PYTHON, "-c", ""]) == 0
    return stamps if whole else {}


def write_stamps(stamps):
    """Whole or not at all: half a stamp must never pass for a finished set-up."""
    with open(STAMP + ".new", "w") as file:
        json.dump(stamps, file)
    os.replace(STAMP + ".new", STAMP)


def what_is_due(tools):
    """The parts of the set-up that must be done anew, what they depend on, and what was done before."""
    wanted, done = wanted_stamps(), read_stamps()
    parts = ("packages", "project", "tools") if tools else ("packages", "project")
    return [part for part in parts if done.get(part) != wanted[part]], wanted, done


def take_turns(file):
    """Wait until no other set-up of this folder is at work. The system gives the turn back when `file` is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another set-up of this folder is at work. Waiting for it to end.")
        sys.stdout.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        pass


def set_up(tools=False):
    """Make .venv what the lock says. Costs nothing when it already is."""
    if not what_is_due(tools)[0]:
        return
    with open(os.path.join(ROOT, "requirements.lock")) as file:
        if fcntl is not None:
            take_turns(file)
        install_what_is_due(tools)


def install_what_is_due(tools):
    """The set-up itself: another one may have done some of it meanwhile."""
    due, wanted, done = what_is_due(tools)
    if not due:
        return
    print("Setting up .venv with Python {0}.{1}.{2}".format(*sys.version_info[:3]))
    if "packages" in due:
        make_venv()
        install_lock("requirements.lock", "locked packages (a few minutes the first time)")
        due, done = ["packages", "project"] + (["tools"] if tools else []), {}
    if "project" in due:
        install_project()
    if "tools" in due:
        install_lock("requirements-tools.lock", "locked packages for measuring, browser and site")
    done.update({part: wanted[part] for part in due})
    write_stamps(done)


def make_venv():
    """An empty .venv, whatever was there before."""
    if os.path.islink(VENV) or os.path.isfile(VENV):
        os.remove(VENV)
    elif os.path.isdir(VENV):
        shutil.rmtree(VENV)
    if quietly([PYTHON, "-c", "import ensurepip, venv"]) == 0:
        try:
            stage("virtual environment", [[PYTHON, "-m", "venv", ".venv"]])
            return
        except Stopped:
            print("  (trying again without pip in it)")
    # Debian and Ubuntu keep ensurepip in a package of its own, python3-venv: do without it.
    check = "import pip, sys; sys.exit(tuple(map(int, pip.__version__.split('.')[:2])) < {0!r})".format(OLDEST_PIP)
    if quietly([PYTHON, "-c", check]) != 0:
        raise Stopped(
            "This Python can make no virtual environment with pip, and has no pip of its own (22.3 or newer).\n"
            "Install one of the two and try again. On Debian or Ubuntu: sudo apt install python3-venv"
        )
    command = [PYTHON, "-m", "venv", "--clear", "--without-pip", ".venv"]
    stage("virtual environment (without python3-venv)", [command])


def pip_install(*what):
    """The command that installs into .venv, with its own pip or else with the pip of the Python outside."""
    inside = quietly([VENV_PYTHON, "-c", "import pip"]) == 0
    pip = [VENV_PYTHON, "-m", "pip"] if inside else [PYTHON, "-m", "pip", "--python", VENV_PYTHON]
    quiet = ["--disable-pip-version-check", "--no-input"]
    return pip + quiet + ["install", "--no-deps", "--no-compile", "--no-warn-script-location"] + list(what)


def install_lock(lock, title):
    """Every package of a lock file, each checked against its hash; then its byte code on all cores at once."""
    stage(title, [pip_install("--require-hashes", "-r", lock)])
    compile_all = "import compileall as c, sysconfig as s; c.compile_dir(s.get_path('purelib'), quiet=2, workers=0)"
    stage("byte code", [[VENV_PYTHON, "-c", compile_all]])


def install_project():
    """This repository's own package, built by the locked build backend, and the settings of its JupyterLab."""
    stage("asyncviz", [pip_install("--no-build-isolation", "-e", ".")])
    stage("JupyterLab settings, fonts", [[VENV_PYTHON, os.path.join("tools", "settle.py")]])


# -- The commands -------------------------------------------------------------------------------------------------


def run(*arguments, **variables):
    """Run .venv's Python on `arguments` and give its exit code. An interrupt is the child's to answer.

    Always `python -m ...`: the scripts beside it break in folders whose name has a space or is long.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call([VENV_PYTHON] + list(arguments), cwd=ROOT, env=environment(**variables))
    finally:
        signal.signal(signal.SIGINT, before)


def lab(*more):
    """JupyterLab on the first lesson."""
    set_up()
    return run("-m", "jupyterlab", "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb", *more)


def own_profile():
    """For checked runs: neither a learner's start-up files nor their progress may change, or be changed by, a cell."""
    return {"IPYTHONDIR": os.path.join(VENV, "ipython"), "ASYNCVIZ_PROGRESS": "off"}


def test(*more):
    """Everything that must hold. All stages run, so that one failure does not hide another."""
    start = time.time()
    set_up()
    stages = [
        ("ruff", ["-m", "ruff", "check", "."]),
        ("mypy", ["-m", "mypy"]),
        ("codespell", ["-m", "codespell_lib", "."]),
        # A file's tests share what is dear to start. Without nbval, which takes two seconds to import.
        ("tests", ["-m", "pytest", "-n", "2", "--dist", "loadfile", "-p", "no:nbval"] + list(more)),
        ("notebooks, compared with their committed outputs", ["-m", "pytest"] + NBVAL + ["notebooks"]),
    ]
    failed = []
    for name, arguments in stages:
        print("\n--- {0}".format(name))
        sys.stdout.flush()
        if run(*arguments, **own_profile()) != 0:
            failed.append(name)
    verdict = "FAILED: {0}".format("; ".join(failed)) if failed else "all stages good"
    print("\n--- {0} ({1:.0f} s)".format(verdict, time.time() - start))
    return 1 if failed else 0


def notebooks(*names):
    """Run notebooks in place, then write the glossary and the tables that are made from them."""
    set_up()
    failed = run(os.path.join("tools", "notebooks.py"), *names, **own_profile())
    return run(os.path.join("tools", "reference.py")) or failed


def bench(*more):
    """Measure what recording costs."""
    set_up(tools=True)
    return run(os.path.join("tools", "bench.py"), *more)


def foreign(*more):
    """Does recording change anything? Asked of other people's tests, in about ten minutes."""
    set_up()
    return run(os.path.join("tools", "foreign.py"), *more)


def browser(*more):
    """Run notebooks in a real JupyterLab."""
    set_up(tools=True)
    return run(os.path.join("tools", "browser.py"), *more, **own_profile())


def soak(*more):
    """Run notebooks many times under load."""
    set_up()
    return run(os.path.join("tools", "soak.py"), *more, **own_profile())


def matrix(*more):
    """Test on several Pythons. Without .venv: each of them makes its own."""
    return subprocess.call([sys.executable, os.path.join("tools", "matrix.py")] + list(more), cwd=ROOT)


def site(*more):
    """The course as web pages."""
    set_up(tools=True)
    return run(os.path.join("tools", "pages.py"), *more)


def lock(*more):
    """Write the two lock files anew. Without .venv: a lock that cannot be installed must not stand in its own way."""
    return subprocess.call([sys.executable, os.path.join("tools", "lock.py")] + list(more), cwd=ROOT)


def setup(*_):
    """Only the set-up."""
    set_up()
    return 0


def clean(*_):
    """Remove what the set-up and the checks have made."""
    names = [".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", "build", "asyncviz_course.egg-info"]
    for name in names:
        shutil.rmtree(os.path.join(ROOT, name), ignore_errors=True)
    return 0


def show_help(*_):
    """What there is."""
    print(HELP)
    return 0


COMMANDS = {
    "lab": lab,
    "test": test,
    "notebooks": notebooks,
    "bench": bench,
    "foreign": foreign,
    "browser": browser,
    "soak": soak,
    "matrix": matrix,
    "site": site,
    "lock": lock,
    "clean": clean,
    "setup": setup,
    "help": show_help,
}


def main(arguments):
    """Exit code of the command that `arguments` name."""
    name = arguments[0] if arguments else "help"
    if name not in COMMANDS:
        print(HELP)
        print("There is no command {0!r}.".format(name))
        return 2
    if sys.version_info[:2] < OLDEST:
        print(old_python_message(tuple(sys.version_info), sys.executable, newer_pythons()))
        return 1
    try:
        return COMMANDS[name](*arguments[1:])
    except Stopped as reason:
        print("\n{0}".format(reason))
    except KeyboardInterrupt:
        print("\nInterrupted. The same command tries again from the start.")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
