"""The replay: each moment of a run, a strip of the chosen ones, and controls where there are widgets."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import asyncviz as viz
from asyncviz.replay import Moment, Replay
from asyncviz.trace import Hold, LoopTrace, Reason, Steps, TaskTrace, Trace


async def signal() -> None:
    """`first` wakes `second` and `third`, and queues itself again behind them."""
    flag = asyncio.Event()

    async def give() -> None:
        await asyncio.sleep(1)
        flag.set()
        await asyncio.sleep(0)

    async def take() -> None:
        await flag.wait()
        await asyncio.sleep(0.5)

    async with asyncio.TaskGroup() as group:
        group.create_task(give(), name="first")
        group.create_task(take(), name="second")
        group.create_task(take(), name="third")


@pytest.fixture(scope="module")
def exact() -> Trace:
    return viz.simulate(signal())[1]


def says(moment: Moment) -> tuple[str, tuple[str, ...], dict[str, str]]:
    return moment.running, moment.ready, moment.waiting


def test_each_moment_tells_who_runs_who_is_ready_and_who_waits_for_what(exact: Trace) -> None:
    group, event = {"signal": "TaskGroup of 3"}, 'Event "flag"'
    assert [says(moment) for moment in Replay(exact)] == [
        ("signal", ("first", "second", "third"), {}),
        ("first", ("second", "third"), group),
        ("second", ("third",), {**group, "first": "sleep 1"}),
        ("third", (), {**group, "first": "sleep 1", "second": event}),
        ("", (), {**group, "first": "sleep 1", "second": event, "third": event}),
        ("first", ("second", "third"), group),
        ("second", ("third", "first"), group),  # all at one time: the order of the queue counts, not the clock
        ("third", ("first",), {**group, "second": "sleep 0.5"}),
        ("first", (), {**group, "second": "sleep 0.5", "third": "sleep 0.5"}),
        ("", (), {**group, "second": "sleep 0.5", "third": "sleep 0.5"}),
        ("second", ("third",), group),
        ("third", ("signal",), {}),
        ("signal", (), {}),
    ]


def test_a_moment_has_its_time_and_the_source_line(exact: Trace) -> None:
    replay = Replay(exact)
    assert [m.time for m in replay] == pytest.approx([0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1.25, 1.5, 1.5, 1.5])
    assert replay[1].source == "await asyncio.sleep(1)"
    assert replay[2].source == "await flag.wait()"
    assert replay[-1].source == "async with asyncio.TaskGroup() as group:"
    assert replay[4][1:4] == ("", None, "")  # nobody runs


def test_source_lines_of_files_with_the_same_short_name(tmp_path: Path) -> None:
    """As notebook cells have them while nbval runs them: it does not count cells."""
    space: dict[str, Any] = {"asyncio": asyncio}
    for folder, text in (("a", "async def tea(): await asyncio.sleep(0.1)"), ("b", "async def toast(): await tea()")):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "cell.py"
        path.write_text(text)
        exec(compile(text, str(path), "exec"), space)
    _, trace = viz.simulate(space["toast"]())
    assert Replay(trace)[0].source == "async def tea(): await asyncio.sleep(0.1)"


def test_a_loaded_recording_has_lines_but_claims_no_source(exact: Trace, tmp_path: object) -> None:
    path = f"{tmp_path}/run.json"
    exact.save(path)
    assert [(m.running, m.line) for m in Replay(viz.load(path))] == [(m.running, m.line) for m in Replay(exact)]
    assert not any(m.source for m in Replay(viz.load(path)))


def blocked() -> Trace:
    """`slow` blocks the loop for 0.4 s; `late` was ready for 0.3 of these."""
    trace = Trace("$blocked$ <b>")
    trace.duration = 1.0
    trace.reasons = [Reason("", ""), Reason("sleep", "sleep 0.1", "a.py", 3), Reason("sleep", "sleep 0.2", "a.py", 5)]
    for i, (name, end) in enumerate((("slow", 0.5), ("late", 0.51), ("never", None))):
        trace.tasks[name] = TaskTrace(
            name, name, "work", i, born=0.0, finished=end, outcome="returned" if end else "pending", reason=1,
            state="" if end else "waiting", _trace=trace,
        )  # fmt: skip
    columns = [(0.0, 0.001, 0.0, 0, -1, 0), (0.001, 0.002, 0.0, 1, -1, 0), (0.002, 0.003, 0.0, 2, -1, 0),
               (0.1, 0.5, 0.1, 0, -2, 1), (0.5, 0.51, 0.2, 1, -2, 2)]  # fmt: skip
    start, stop, ready, *ints = (np.array(column) for column in zip(*columns, strict=True))
    made = Steps(ready, start, stop, *(column.astype(np.int32) for column in ints))
    trace._make_steps = lambda: made
    hold = Hold("slow", 0.1, 0.5, "blocking call", 0.0, "a.py", 7, "resize")
    trace._make_hold = lambda start, stop, who: hold
    trace.loops = [LoopTrace("event loop", "asyncio", "MainThread", np.array([[0.0, 1.0]]), np.array([[0.51, 1.0]]))]
    return trace


def test_the_chosen_moments() -> None:
    replay = Replay(blocked())
    assert [says(m) for m in replay.moments] == [
        ("slow", ("late", "never"), {}),
        ("", (), {"slow": "sleep 0.1", "late": "sleep 0.2", "never": "sleep 0.1"}),
        ("slow", ("late",), {"never": "sleep 0.1"}),
        ("late", (), {"never": "sleep 0.1"}),
    ]
    assert replay.moments[2].line == 7  # of the call that blocks, not of the wait before or after it
    assert repr(replay).splitlines() == [
        "Replay of $blocked$ <b>, 4 moments:",
        "1. the start: slow runs (line 3); ready, in this order: late and never; nobody waits.",
        "2. everybody waits: nobody runs; nobody is ready; "
        "waiting: slow and never for sleep 0.1 and late for sleep 0.2.",
        "3. late could run, but another task has the thread: slow runs (line 7); ready, in this order: late; "
        "waiting: never for sleep 0.1.",
        "4. the end: late runs (line 5); nobody is ready; waiting: never for sleep 0.1.",
    ]


def test_a_machine_that_is_late_is_no_other_task(exact: Trace) -> None:
    """A task that starts late because the system gave nobody the core, or took it from another one."""
    taken = blocked()
    taken._make_hold = lambda start, stop, who: Hold(who, start, stop, "pre-empted", 0.0)
    idle = blocked()
    idle.steps.start[3], idle._make_hold = 0.4999, None  # the same wait for the thread, but hardly any step in it
    for trace in (taken, idle):
        assert "another task has the thread" not in repr(Replay(trace))


def test_a_wake_up_is_chosen(exact: Trace) -> None:
    assert "3. second is woken: first runs" in repr(Replay(exact))


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.alts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.alts += [value or "" for name, value in attrs if name == "alt"]


def test_the_strip_has_a_picture_with_alternative_text_for_each_moment() -> None:
    replay = Replay(blocked())
    bundle = replay._repr_mimebundle_()
    assert sorted(bundle) == ["text/html", "text/plain"]
    tags = Tags(bundle["text/html"])
    assert set(tags.found) == {"figure", "img", "figcaption", "b", "ul", "li"}
    assert tags.found.count("img") == len(replay.moments) == 4
    lines = bundle["text/plain"].splitlines()[1:]
    assert [f"{n}. {alt}" for n, alt in enumerate(tags.alts, 1)] == lines
    assert len(bundle["text/html"]) < 300_000


def test_texts_are_free_of_clock_readings_and_the_same_in_the_next_run() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name, seconds in (("tea", 0.05), ("toast", 0.1), ("egg", 0.15)):  # gaps of the same length
                group.create_task(asyncio.sleep(seconds), name=name)

    def run() -> Replay:
        with viz.record("breakfast") as trace:
            asyncio.run(main())
        return Replay(trace)

    one, two = run(), run()
    assert repr(one) == repr(two)
    assert "≈" not in repr(one)
    strip = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=]+")
    pages = [strip.sub("", replay._repr_mimebundle_()["text/html"]) for replay in (one, two)]
    assert pages[0] == pages[1]


def test_the_playhead_is_at_its_time() -> None:
    replay = Replay(blocked())
    chart = replay._picture[1].chart()
    for seconds in (0.1, 0.7):
        image = Image.open(io.BytesIO(replay.frame(seconds))).convert("RGB")
        pixels = np.asarray(image)[image.height // 2].astype(int)
        accent = np.array([int(replay._picture[1].theme.path[i : i + 2], 16) for i in (1, 3, 5)])
        columns = np.flatnonzero(np.abs(pixels - accent).max(axis=1) <= 2)
        assert columns.mean() == pytest.approx(2 * chart.x(seconds), abs=2)


def test_without_a_step_the_strip_is_the_picture() -> None:
    with viz.record("only a span") as trace, viz.span("tea"):
        pass
    replay = Replay(trace)
    assert len(replay) == 0
    assert replay.moments == []
    assert repr(replay) == "Replay of only a span: no task ran."
    assert replay.play() is replay
    assert Tags(replay._repr_mimebundle_()["text/html"]).found == ["figure", "img"]


def test_controls_step_through_all_moments(exact: Trace) -> None:
    widgets = pytest.importorskip("ipywidgets")
    replay = Replay(exact)
    box = replay.play()
    (player, back, slider, on), picture, page = box.children[0].children, *box.children[1:]
    assert isinstance(player, widgets.Play)
    assert player.max == slider.max == len(replay) - 1
    first = picture.value
    assert "signal runs" in page.value
    slider.value = 5
    assert "first runs" in page.value
    assert picture.value == replay.frame(replay[5].time) != first
    on.click()
    assert slider.value == 6
    slider.value = 0
    back.click()
    assert slider.value == 0
    box.close_all()


def test_without_widgets_there_is_the_strip(exact: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    replay = Replay(exact)
    assert replay.play() is replay


def test_widgets_are_imported_when_they_are_used() -> None:
    code = "import sys, asyncviz.replay; sys.exit('ipywidgets' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_long_run() -> None:
    n, tasks = 100_000, 100
    trace = Trace()
    trace.duration = 1.0
    start = np.linspace(0, 1, n, endpoint=False)
    task = np.arange(n, dtype=np.int32) % tasks
    made = Steps(np.maximum(start - 5e-5, 0), start, start + 1e-6, task, np.full(n, -2, np.int32), np.ones(n, np.int32))
    trace._make_steps = lambda: made
    trace.reasons = [Reason("", ""), Reason("sleep", "sleep 0.1")]
    for i in range(tasks):
        trace.tasks[f"t{i}"] = TaskTrace(f"t{i}", f"t{i}", "work", i, born=0.0, finished=1.0, _trace=trace)
    begin = time.perf_counter()
    replay = Replay(trace)
    assert len(replay.moments) >= 2
    for i in range(1_000, len(replay), len(replay) // 50):
        assert len(replay[i].waiting) > 80
    assert time.perf_counter() - begin < 2  # 0.1 s on a quiet machine
