"""The ways to set up the course agree: pyproject.toml, lock files, environment.yml, Binder; and the set-up itself."""

import ast
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jsonschema
import pytest
import tool_files
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {name: [Requirement(line) for line in lines] for name, lines in PROJECT["optional-dependencies"].items()}
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
LOCKED_EXTRAS = {"requirements.lock": ("course", "test"), "requirements-tools.lock": ("bench", "browser", "site")}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "linux": {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
}


def locked(lock: str) -> list[tuple[Requirement, int]]:
    """The entries of a lock file, each with its number of hashes."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text(encoding="utf-8").strip())
    return [(Requirement(entry.split("\\\n")[0].strip()), entry.count("--hash=sha256:")) for entry in entries]


def where(python: str, system: str) -> dict[str, str]:
    """The environment in which a marker is judged."""
    marker = SYSTEMS[system] | {"python_version": python, "python_full_version": f"{python}.9"}
    return marker | {"implementation_name": "cpython", "platform_python_implementation": "CPython"}


def direct(lock: str) -> list[Requirement]:
    """What pyproject.toml asks for, and `lock` has to hold."""
    return [*RUNTIME, *itertools.chain.from_iterable(EXTRAS[name] for name in LOCKED_EXTRAS[lock])]


# -- The lock files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKED_EXTRAS)
def test_lock_names_no_host_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|\bfile:|^-|@ |[A-Za-z]:\\|(?<!# )/(?:home|opt|root|tmp)", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKED_EXTRAS)
def test_every_locked_package_has_one_version_and_hashes(lock: str) -> None:
    for requirement, hashes in locked(lock):
        assert re.fullmatch(r"==[\w.!+]+", str(requirement.specifier)), requirement
        assert hashes > 0, f"{requirement.name} has no hash"


@pytest.mark.parametrize("lock", LOCKED_EXTRAS)
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_lock_serves_every_python_on_every_system(lock: str, python: str, system: str) -> None:
    here = where(python, system)
    versions: dict[str, Version] = {}
    for requirement, _ in locked(lock):
        if requirement.marker is None or requirement.marker.evaluate(here):
            assert requirement.name not in versions, f"two versions of {requirement.name}"
            versions[canonicalize_name(requirement.name)] = Version(str(requirement.specifier).removeprefix("=="))
    for requirement in direct(lock):
        if requirement.marker is None or requirement.marker.evaluate(here):
            version = versions.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement.name} is not in the lock: run `make lock`"
            assert version in requirement.specifier, f"{requirement} and the lock's {version}: run `make lock`"


def test_the_two_locks_agree() -> None:
    first, second = (
        {(entry.name, str(entry.marker)): str(entry.specifier) for entry, _ in locked(lock)} for lock in LOCKED_EXTRAS
    )
    shared = first.keys() & second.keys()
    assert {key: second[key] for key in shared} == {key: first[key] for key in shared}


def test_python_versions_agree() -> None:
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert [name.split(" :: ")[-1] for name in PROJECT["classifiers"] if "Python :: 3." in name] == list(PYTHONS)
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == list(PYTHONS)


# -- environment.yml and Binder -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def conda() -> list[str]:
    """What environment.yml takes from conda."""
    return [line for line in environment_lines() if isinstance(line, str)]


@pytest.fixture(scope="module")
def pip_lines() -> list[str]:
    """What environment.yml takes from the Python package index."""
    (lines,) = (line["pip"] for line in environment_lines() if isinstance(line, dict))
    return lines


def environment_lines() -> list[str | dict[str, list[str]]]:
    """The dependencies in environment.yml."""
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


@pytest.fixture(scope="module")
def binder_python(conda: list[str]) -> str:
    """The one Python version in environment.yml, in the only form Binder's builder reads."""
    (line,) = (line for line in conda if line.startswith("python"))
    assert re.fullmatch(r"python=3\.\d+", line)
    return line.removeprefix("python=")


def test_environment_installs_the_repository_last(pip_lines: list[str]) -> None:
    assert pip_lines[-1] == "-e ."
    assert not (ROOT / "binder").exists(), "it would hide environment.yml"
    assert not (ROOT / ".binder").exists(), "it would hide environment.yml"


def test_environment_and_project_ask_for_the_same(conda: list[str], pip_lines: list[str], binder_python: str) -> None:
    assert binder_python in PYTHONS
    asked = [Requirement(line) for line in [*conda, *pip_lines[:-1]] if not line.startswith(("python=", "pip"))]
    assert sorted(map(str, asked)) == sorted(map(str, [*RUNTIME, *EXTRAS["course"]]))


def test_locked_versions_satisfy_the_environment(pip_lines: list[str], binder_python: str) -> None:
    here = where(binder_python, "linux")
    entries = [entry for entry, _ in locked("requirements.lock") if entry.marker is None or entry.marker.evaluate(here)]
    versions = {canonicalize_name(entry.name): str(entry.specifier).removeprefix("==") for entry in entries}
    for requirement in map(Requirement, pip_lines[:-1]):
        assert Version(versions[canonicalize_name(requirement.name)]) in requirement.specifier


@pytest.mark.skipif(sys.platform == "win32", reason="repo2docker does not run on Windows")
def test_binder_builds_the_intended_environment(tmp_path: Path, binder_python: str) -> None:
    for name in ("environment.yml", "postBuild", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    plan = run.stdout + run.stderr
    assert run.returncode == 0, plan
    assert f"python={binder_python}" in plan
    # the first is COPY --chown=…, with the number of whoever runs this
    steps = [" src/ ${REPO_DIR}/", "env update -p ${NB_PYTHON_PREFIX} --file", "./postBuild"]
    places = [plan.rindex(step) for step in steps]
    assert places == sorted(places), "the repository must be there before the installation, and that before postBuild"


def wheels_exist(python: str, packages: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Ask the package index whether `packages` have wheels for `python` on Binder's Linux."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--only-binary=:all:"]
    command += ["--target", str(folder), "--python-version", python]
    command += ["--retries", "0", "--timeout", "5", "--quiet"]
    for platform in ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"):
        command += ["--platform", platform]
    return subprocess.run([*command, *packages], capture_output=True, text=True, timeout=120)


def test_every_package_exists_for_binders_python(
    conda: list[str], pip_lines: list[str], binder_python: str, tmp_path: Path
) -> None:
    packages = [line for line in [*conda, *pip_lines[:-1]] if not line.startswith("python=")]
    run = wheels_exist(binder_python, packages, tmp_path)
    if run.returncode != 0 and wheels_exist(binder_python, ["pip"], tmp_path).returncode != 0:
        pytest.skip("the package index cannot be reached from here")
    assert run.returncode == 0, run.stderr


def test_jupyterlab_knows_the_settings_we_give_it() -> None:
    schemas = Path(sys.prefix, "share", "jupyter", "lab", "schemas")
    for plugin, settings in json.loads((ROOT / "tools/overrides.json").read_text(encoding="utf-8")).items():
        package, name = plugin.split(":")
        schema = json.loads((schemas / package / f"{name}.json").read_text(encoding="utf-8"))
        for key, value in settings.items():
            jsonschema.validate(value, schema["properties"][key])


# -- The set-up (tools/run.py) --------------------------------------------------------------------------------------


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/run.py as a module, for a project in a folder of its own, where nothing is really installed."""
    module = tool_files.tool("run")
    project = tmp_path / "a course ü"
    (project / "tools").mkdir(parents=True)
    for name in (*LOCKED_EXTRAS, "pyproject.toml", "tools/settle.py", "tools/overrides.json"):
        (project / name).write_text(name)
    monkeypatch.setattr(module, "ROOT", str(project))
    monkeypatch.setattr(module, "VENV", str(project / ".venv"))
    monkeypatch.setattr(module, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(module, "STAMP", str(project / ".venv" / "course-stamp.json"))
    module.done = []
    for name in ("install_lock", "install_project"):
        monkeypatch.setattr(module, name, lambda *what, name=name: module.done.append(" ".join([name, *what[:1]])))

    def make_venv() -> None:
        module.done.append("make_venv")
        Path(module.VENV).mkdir(exist_ok=True)
        Path(module.STAMP).unlink(missing_ok=True)

    monkeypatch.setattr(module, "make_venv", make_venv)
    return module


ALL_ANEW = ["make_venv", "install_lock requirements.lock", "install_project"]


def set_up(tool: ModuleType, **options: bool) -> list[str]:
    """What a set-up does."""
    tool.done.clear()
    tool.set_up(**options)
    return list(tool.done)


def test_a_second_set_up_does_nothing(tool: ModuleType) -> None:
    assert set_up(tool) == ALL_ANEW
    assert set_up(tool) == []


@pytest.mark.parametrize(
    ("changed", "done"),
    [
        ("requirements.lock", ALL_ANEW),
        ("pyproject.toml", ["install_project"]),
        ("tools/overrides.json", ["install_project"]),
        ("requirements-tools.lock", []),
    ],
)
def test_a_set_up_does_what_has_changed(tool: ModuleType, changed: str, done: list[str]) -> None:
    set_up(tool)
    Path(tool.ROOT, changed).write_text("changed")
    assert set_up(tool) == done
    assert set_up(tool) == []


def test_a_set_up_with_tools_adds_their_packages_once(tool: ModuleType) -> None:
    set_up(tool)
    assert set_up(tool, tools=True) == ["install_lock requirements-tools.lock"]
    assert set_up(tool, tools=True) == []
    assert set_up(tool) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such lock")
def test_two_set_ups_of_one_folder_take_turns(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other: list[threading.Thread] = []
    install = tool.install_project

    def install_while_another_begins() -> None:
        if not other:
            other.append(threading.Thread(target=tool.set_up))
            other[0].start()
            until = time.monotonic() + 30
            while "Another set-up of this folder is at work" not in capsys.readouterr().out:
                assert time.monotonic() < until
                time.sleep(0.01)
        install()

    monkeypatch.setattr(tool, "install_project", install_while_another_begins)
    assert set_up(tool) == ALL_ANEW
    other[0].join()
    assert tool.done == ALL_ANEW


def test_an_interrupted_set_up_starts_anew(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tool, "install_project", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tool.set_up()
    assert set_up(tool) == ALL_ANEW


@pytest.mark.parametrize("stamp", ["", "{", "[]", '"x"'])
def test_a_damaged_stamp_means_all_anew(tool: ModuleType, stamp: str) -> None:
    set_up(tool)
    Path(tool.STAMP).write_text(stamp)
    assert set_up(tool) == ALL_ANEW


def test_an_environment_whose_python_is_gone_is_made_anew(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(tool)
    monkeypatch.setattr(tool, "VENV_PYTHON", os.path.join(tool.VENV, "gone"))
    assert set_up(tool) == ALL_ANEW


def test_a_moved_folder_or_another_python_means_all_anew(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(tool)
    with monkeypatch.context() as patch:
        patch.setattr(tool, "sys", SimpleNamespace(version_info=(3, 99, 0)))
        assert set_up(tool) == ALL_ANEW
    moved = shutil.copytree(tool.ROOT, tool.ROOT + " moved")
    monkeypatch.setattr(tool, "ROOT", moved)
    assert set_up(tool) == ALL_ANEW


def test_a_failed_stage_shows_why_and_stops(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(tool.Stopped, match="The set-up stopped at: packages"):
        tool.stage("packages", [[sys.executable, "-c", "print('no such package'); raise SystemExit(3)"]])
    assert "no such package" in capsys.readouterr().out


def test_test_command_fails_with_any_of_its_stages(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "set_up", lambda: None)
    for failing, code in (("ruff", 1), ("mypy", 1), ("--nbval", 5), ("nothing", 0)):
        outcome = {failing: code}
        monkeypatch.setattr(
            tool, "run", lambda *words, outcome=outcome, **_: max(outcome.get(word, 0) for word in words)
        )
        assert tool.test() == bool(code)


def test_an_unknown_command_is_refused(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["lba"]) == 2
    assert "There is no command 'lba'" in capsys.readouterr().out


def test_make_and_the_tool_have_the_same_commands(tool: ModuleType) -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(phony.split()) == sorted(tool.COMMANDS)


def test_an_old_python_can_read_the_tool() -> None:
    source = (ROOT / "tools" / "run.py").read_bytes()
    assert source.isascii()
    tree = ast.parse(source, feature_version=(3, 6))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)]


def old_pythons() -> Iterator[Path]:
    """Pythons on this machine that are too old for the course, oldest first."""
    for minor in range(6, 11):
        yield from sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)


def test_an_old_python_gets_a_clear_message() -> None:
    for python in old_pythons():
        version = subprocess.run([python, "--version"], capture_output=True, text=True)
        if version.returncode == 0:
            break
    else:
        pytest.skip("no Python older than 3.11 on this machine")
    run = subprocess.run([python, ROOT / "tools" / "run.py", "lab"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert "needs Python 3.11 or newer" in run.stdout
    assert version.stdout.split()[1] in run.stdout
    assert "make PYTHON=" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_an_old_python_is_told_which_newer_one_to_choose(tool: ModuleType) -> None:
    message = tool.old_python_message((3, 8, 18), "python3", ["python3.13", "python3.12"])
    assert "This is Python 3.8.18" in message
    assert "make PYTHON=python3.13 lab" in message
    assert "Newer ones found here: none." in tool.old_python_message((3, 8, 18), "python3", [])
