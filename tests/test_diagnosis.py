"""The diagnosis: every fault of the gallery is found on its line, none in the sound programs, under load as well."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gallery import FAULTY, SOUND, Run, run

import asyncviz
from asyncviz import trace as model
from asyncviz.diagnosis import ADVICE, PREEMPTION, Diagnosis, diagnose

# Under load the gallery takes a minute: `make test ARGS="-m loaded"`.
MACHINES = ["quiet", pytest.param("loaded", marks=pytest.mark.loaded)]


@pytest.fixture(scope="module", params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The machine as it is, and with every core taken by somebody else."""
    spinners = min(os.cpu_count() or 1, 4) if request.param == "loaded" else 0
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(spinners)]
    yield request.param
    for other in others:
        other.kill()
        other.wait()


def settled(path: Path) -> Run:
    """A run of a program. On a core that is wanted by many, three runs in a thousand still take it for a blocking call
    that another thread of the process kept the interpreter and had no core, and now and then what should overlap does
    not, so that there is no fault to be found: then the program is run again."""
    for _ in range(4):
        result = run(path)
        if not result.others and (result.found or not result.expected):
            break
    return result


def told(result: Run) -> str:
    return f"{result.diagnosis}\nholds: {[h[:5] for h in result.trace.holds]}"


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_every_fault_is_found_on_its_line(machine: str, path: Path) -> None:
    result = settled(path)
    assert result.line is not None
    assert result.found, told(result)
    assert result.line_right, told(result)
    assert result.others == [], told(result)


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)
def test_sound_programs_have_no_findings(machine: str, path: Path) -> None:
    result = settled(path)
    assert result.others == [], told(result)
    assert str(result.diagnosis).startswith("nothing found")


def test_the_gallery_has_every_kind() -> None:
    expected = {re.search(r'EXPECTED = "(.*)"', path.read_text(encoding="utf-8"))[1] for path in FAULTY}  # type: ignore[index]
    assert expected == set(ADVICE) - {PREEMPTION}
    assert len(FAULTY) >= 15
    assert len(SOUND) >= 15


# -- what is said ------------------------------------------------------------------------------------------------------


def test_text_has_place_cost_victims_and_advice() -> None:
    result = settled(next(path for path in FAULTY if path.stem == "blocking_sleep"))
    (finding,) = [f for f in result.diagnosis if f.kind != PREEMPTION]
    assert (finding.kind, finding.file, finding.line) == ("blocking call", "blocking_sleep.py", result.line)
    assert finding.victims == ("heartbeat",)
    assert 0.15 < finding.cost < 0.5
    lines = str(result.diagnosis).splitlines()
    head = r"1\. blocking call \(blocking_sleep\.py, line \d+, ≈ 0\.\d\d s\): "
    assert re.fullmatch(head + r"clerk held the loop in a blocking call\. Held up: heartbeat\.", lines[0])
    assert lines[1].strip() == "→ " + ADVICE["blocking call"]
    assert repr(result.diagnosis) == str(result.diagnosis)
    assert not hasattr(result.diagnosis, "_repr_mimebundle_")


@pytest.mark.parametrize("stem", ["convoy", "pool_shared", "sequence_tasks", "lost_task"])
def test_text_holds_no_clock_readings_but_approximate_ones(stem: str) -> None:
    """What is left without them is the same in every run."""
    path = next(path for path in FAULTY if path.stem == stem)
    texts = [str(settled(path).diagnosis).partition("(The system")[0] for _ in (1, 2)]
    texts = [re.sub(r"≈ [\d.]+ (s|ms)", "≈", text) for text in texts]
    assert texts[0].strip() == texts[1].strip()
    assert not re.search(r"\d\.\d", texts[0])


def test_one_line_that_forgets_many_times_is_one_finding() -> None:
    found = run(next(path for path in FAULTY if path.stem == "never_awaited")).diagnosis
    assert [each.message for each in found] == [
        "save() was called 2 times, but the coroutines were never awaited: they never ran."
    ]


def test_a_convoy_is_found_beside_a_blocking_call() -> None:
    lock = asyncio.Lock()

    async def buy() -> None:
        async with lock:
            await asyncio.sleep(0.04)

    async def block() -> None:
        await asyncio.sleep(0.05)
        time.sleep(0.4)  # noqa: ASYNC251

    async def main() -> None:
        await asyncio.gather(block(), *(buy() for _ in range(6)))

    assert {finding.kind for finding in asyncviz.simulate(main())[1].diagnose()} == {"convoy", "blocking call"}


def test_nothing_found() -> None:
    assert str(diagnose(model.Trace())) == "nothing found"
    assert diagnose(model.Trace()) == ()
    assert isinstance(diagnose(model.Trace()), Diagnosis)


def test_saved_recordings_say_the_same(tmp_path: Path) -> None:
    for stem in ("blocking_sleep", "convoy", "never_awaited", "pool_shared"):
        trace = run(next(path for path in FAULTY if path.stem == stem)).trace
        trace.save(tmp_path / "run.json")
        assert diagnose(asyncviz.load(tmp_path / "run.json")) == diagnose(trace)


def test_in_a_running_loop_the_recording_task_is_not_blamed() -> None:
    async def child() -> None:
        await asyncio.sleep(0.02)

    async def main() -> asyncviz.Trace:
        with asyncviz.record() as trace:
            tasks = [asyncio.create_task(child()) for _ in range(3)]
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)
        return trace

    assert [f for f in asyncio.run(main()).diagnose() if f.kind != PREEMPTION] == []


# -- by hand: what cannot be had from a real run at will ---------------------------------------------------------------


def by_hand(*steps: tuple[float, float, float, int, int], names: str = "ab") -> model.Trace:
    """A trace of steps (ready, start, stop, task, waker), whose tasks are called by letters."""
    trace = model.Trace("by hand")
    trace.duration = max(step[2] for step in steps)
    for index, name in enumerate(names):
        task = trace.tasks[name] = model.TaskTrace(name, name, name, index, born=0.0, _trace=trace)
        task.finished = max((step[2] for step in steps if step[3] == index), default=trace.duration)
        task.outcome = "returned"
    columns = list(zip(*sorted(steps, key=lambda step: step[1]), strict=True))
    floats = [np.array(column, float) for column in columns[:3]]
    ints = [np.array(column, np.int32) for column in columns[3:]]
    trace.steps = model.Steps(*floats, *ints, np.zeros(len(steps), np.int32))
    return trace


def holds(trace: model.Trace, **how: object) -> list[tuple[str, float, tuple[str, ...]]]:
    trace._make_hold = lambda start, stop, who: model.Hold(who, start, stop, **how)  # type: ignore[arg-type]
    return [(f.kind, round(f.cost, 6), f.victims) for f in diagnose(trace)]


def test_holds_are_told_apart_by_cpu_time() -> None:
    def two(length: float) -> model.Trace:
        return by_hand((0, 0, length, 0, -1), (0, length, length + 0.001, 1, -1))

    assert holds(two(0.2), kind="blocking call", cpu=0.01) == [("blocking call", 0.19, ("b",))]
    assert holds(two(0.2), kind="computing", cpu=0.19) == [("computing", 0.19, ("b",))]
    assert holds(two(0.2), kind="pre-empted", cpu=0.08) == [("computing", 0.08, ("b",))]  # long enough on its own
    assert holds(two(0.2), kind="pre-empted", cpu=0.03) == [(PREEMPTION, 0.17, ("b",))]
    assert holds(two(0.06), kind="computing", cpu=0.045) == [(PREEMPTION, 0.015, ("b",))]
    assert holds(two(0.2), kind="unknown", cpu=None) == []
    assert holds(two(0.04), kind="blocking call", cpu=0.0) == []


def test_the_machine_is_told_last_and_not_counted() -> None:
    trace = by_hand((0, 0, 0.2, 0, -1), (0, 0.2, 0.201, 1, -1))
    trace._make_hold = lambda start, stop, who: model.Hold(who, start, stop, "pre-empted", 0.03)
    text = "(The system took the core away for ≈ 0.17 s. That is the machine's doing, not the program's.)"
    assert str(diagnose(trace)) == f"nothing found\n{text}"


def test_computing_that_holds_up_nobody_is_no_fault() -> None:
    assert holds(by_hand((0, 0, 0.3, 0, -1), names="a"), kind="computing", cpu=0.3) == []
    assert holds(by_hand((0, 0, 0.3, 0, -1), names="a"), kind="blocking call", cpu=0.0) == [("blocking call", 0.3, ())]


@pytest.mark.parametrize(
    ("outcome", "cancelling", "rounds", "found"),
    [
        ("returned", 1, 4, 1),
        ("returned", 0, 4, 0),
        ("cancelled", 1, 4, 0),
        ("returned", 1, 2, 0),
        ("pending", 1, 4, 1),
    ],
)
def test_swallowed_cancellation(outcome: str, cancelling: int, rounds: int, found: int) -> None:
    """Found if the request stands and the task waited again; not if it was taken back, obeyed, or ended the task."""
    trace = by_hand(*((n / 10, n / 10, n / 10 + 0.01, 0, -2) for n in range(rounds)), names="a")
    trace.reasons.append(model.Reason("sleep", "sleep 0.1", "app.py", 7))
    trace.steps.reason[1:] = 1
    task = trace.tasks["a"] = model.TaskTrace("a", "a", "a", 0, born=0.0, _trace=trace)
    task.finished, task.asked, task.asked_by = trace.duration, 0.15, "timer"
    task.outcome, task.cancelling = outcome, cancelling
    kinds = [(f.kind, f.file, f.line) for f in diagnose(trace)]
    assert kinds == [("cancellation swallowed", "app.py", 7)] * found


def test_a_big_recording_is_diagnosed_quickly() -> None:
    n = 100_000
    start = np.arange(n) * 1e-5
    trace = by_hand((0, 0, 0, 0, -1), names="".join(chr(0x4E00 + i) for i in range(500)))
    task = (np.arange(n) % 500).astype(np.int32)
    ready = np.maximum(start - 5e-3, 0)
    trace.steps = model.Steps(ready, start, start + 5e-6, task, np.full(n, -2, np.int32), np.zeros(n, np.int32))
    begin = time.perf_counter()
    diagnose(trace)
    assert time.perf_counter() - begin < 5
