"""The picture: words that never touch, colours that can be told apart, lanes that fold, and matplotlib's manners."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import time
from collections.abc import Coroutine
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import asyncviz
from asyncviz import captions, ink, lanes, palette, timeline
from asyncviz.simulate import attempt, simulate
from asyncviz.trace import Hold, LoopTrace, Reason, Span, Steps, TaskTrace, Trace, Work

NAMES = [
    "fetch Oslo", "", "line one\nline two", "$x_1$ costs $5", "a\tb\x00c", "שלום עולם", "مرحبا", "データ取得 🚀",
    "\ud800", "x" * 300, "a very long name with many words that goes on and on and never seems to end",
    "%d {0} \\frac{1}{2}", "└",
]  # fmt: skip
OUTCOMES = ["returned", "raised", "cancelled", "lost", "pending"]


def make(
    tasks: int = 3, steps: int = 20, seed: int = 0, *, seconds: float = 1.0, names: list[str] | None = None,
    outcomes: list[str] | None = None, coroutines: int = 1, hold: float = 0.0, parents: bool = True,
) -> Trace:  # fmt: skip
    """A recording that keeps the invariants: steps of random tasks, one after the other, and waits of all kinds."""
    rng = np.random.default_rng(seed)
    start = np.sort(rng.uniform(0, seconds, steps))
    stop = start + np.minimum(np.diff(np.append(start, seconds)), rng.exponential(seconds / max(steps, 1) / 2, steps))
    if hold and steps > 2:
        start[1], stop[1] = start[0] + 1e-6, start[0] + 1e-6 + hold
        stop[0] = start[0]
        start[2:], stop[2:] = start[2:] + stop[1], stop[2:] + stop[1]
    task = rng.integers(0, max(tasks, 1), steps).astype(np.int32)
    before = np.zeros(steps)
    last: dict[int, float] = {}
    for i, t in enumerate(task):
        before[i] = last.get(int(t), 0.0)
        last[int(t)] = stop[i]
    ready = np.maximum(before, start - rng.exponential(seconds / 5, steps) * (rng.random(steps) < 0.5))
    trace = Trace("")
    trace.duration = float(max(stop.max(initial=0.0), seconds))
    waits = [("sleep", "sleep 0.1"), ("read", "read"), ("lock", 'Lock "$db$"'), ("group", "TaskGroup of 3")]
    waits += [("x", "y\n" * 90)]
    trace.reasons = [Reason("", ""), *(Reason(kind, text, "a.py", 3) for kind, text in waits)]
    used = set()
    for i in range(tasks):
        label = names[i % len(names)] if names else f"task {i}"
        while label in used:
            label += f" {i}"
        used.add(label)
        mine = np.nonzero(task == i)[0]
        born, end = (float(ready[mine[0]]), float(stop[mine[-1]])) if len(mine) else (0.0, trace.duration)
        outcome = outcomes[i % len(outcomes)] if outcomes else "returned"
        parent = list(trace.tasks)[int(rng.integers(0, i))] if parents and i and rng.random() < 0.7 else None
        t = TaskTrace(label, label, f"work{i % coroutines}", i, parent=parent, born=born, outcome=outcome,
                      finished=None if outcome == "pending" else end,
                      state="waiting" if outcome == "pending" else "", _trace=trace)  # fmt: skip
        trace.tasks[label] = t
    made = Steps(ready, start, stop, task, np.full(steps, -1, np.int32), rng.integers(0, 6, steps).astype(np.int32))
    trace._make_steps = lambda: made
    idle = np.column_stack((stop[:-1], start[1:])) if steps > 1 else np.empty((0, 2))
    trace.loops = [LoopTrace("event loop", "asyncio", "MainThread", np.array([[0.0, trace.duration]]), idle)]
    if not tasks:
        trace.loops = []
    return trace


def rich(seed: int, tasks: int = 8) -> Trace:
    """One of everything, with difficult names."""
    trace = make(tasks, 40, seed, names=NAMES, outcomes=OUTCOMES, hold=0.3)
    trace.name = NAMES[seed % len(NAMES)]
    labels = list(trace.tasks)
    for i in range(6):
        a = 0.1 * i
        trace.spans.append(Span(NAMES[i], a, a + 0.05, "MainThread", 0.0, labels[0] if i % 2 and labels else None))
        started = None if i == 5 else a + 0.1
        finished = None if i >= 4 else a + 0.2
        trace.work.append(Work(NAMES[-i], a, started, finished, f"w{i % 3}" if i < 5 else "", i % 2 == 0))
    trace.callbacks = [Hold("on $tick$", 0.5, 0.7, "computing", None, "a.py", 7, "tick")]
    long = "resize" * seed
    trace._make_hold = lambda start, stop, who: Hold(who, start, stop, "blocking call", 0.0, "a.py", 12, long)
    trace.failure, trace.dropped, trace.simulated = "ValueError: " + "x" * 200, 12_345, True
    return trace


def boxes(figure: Figure) -> list[tuple[str, tuple[float, float, float, float]]]:
    """All words of a drawn figure with the boxes that matplotlib measures for them, in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    found = []
    for ax in figure.axes:
        for picture in (a for a in ax.artists if isinstance(a, timeline.Timeline)):
            for word in picture.layout()[2]:
                font = matplotlib.font_manager.FontProperties(size=word.size, weight="bold" if word.bold else "normal")
                text = Text(word.x, word.y, word.text, fontproperties=font, parse_math=False, va="baseline")
                text.set_figure(figure)
                found.append((word.text, text.get_window_extent(canvas.get_renderer()).extents))
        if ax.xaxis.get_visible():
            for label in ax.xaxis.get_ticklabels():
                if label.get_visible() and label.get_text():
                    box = label.get_window_extent(canvas.get_renderer()).extents
                    if ax.bbox.x0 - 1 <= (box[0] + box[2]) / 2 <= ax.bbox.x1 + 1:
                        found.append((label.get_text(), box))
    return found


def complaints(figure: Figure) -> list[str]:
    """Words that touch each other, or leave the figure."""
    words, wrong = boxes(figure), []
    width, height = figure.bbox.width, figure.bbox.height
    for i, (text, a) in enumerate(words):
        if a[0] < -0.5 or a[1] < -0.5 or a[2] > width + 0.5 or a[3] > height + 0.5:
            wrong.append(f"{text!r} is clipped")
        for other, b in words[:i]:
            # half a pixel: the boxes of neighbouring lines may share an edge
            if min(a[2], b[2]) - max(a[0], b[0]) > 0.5 and min(a[3], b[3]) - max(a[1], b[1]) > 0.5:
                wrong.append(f"{text!r} on {other!r}")
    return wrong


def drawn(trace: Trace, theme: timeline.ThemeName = None) -> Figure:
    return timeline.figure_of([trace], [None], theme)


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Glyph .* missing")  # of the test's own measuring; drawing must not warn
@pytest.mark.parametrize(("tasks", "seed"), [(1, 0), (1, 1), (3, 2), (3, 3), (8, 3), (8, 4), (8, 5), (35, 0), (35, 1)])
def test_no_word_touches_another_or_is_clipped(tasks: int, seed: int) -> None:
    assert complaints(drawn(rich(seed, tasks))) == []


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
@pytest.mark.parametrize(("tasks", "steps"), [(0, 0), (1, 1), (500, 3_000), (2_000, 2_000)])
@pytest.mark.parametrize("coroutines", [1, 60])
def test_no_word_touches_another_with_many_tasks(tasks: int, steps: int, coroutines: int) -> None:
    trace = make(tasks, steps, 1, coroutines=coroutines, names=NAMES, outcomes=OUTCOMES)
    assert complaints(drawn(trace)) == []


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
@pytest.mark.parametrize(
    ("size", "layout"),
    # too small a figure is refused by the layout engines
    [((w, h), "none") for w, h in ((9, 6), (4, 3), (2, 1.5), (0.7, 0.5), (14, 20))]
    + [((w, h), engine) for w, h in ((10, 8), (14, 20)) for engine in ("constrained", "tight")],
)
def test_no_word_touches_another_in_subplots(size: tuple[float, float], layout: str) -> None:
    figure = Figure(figsize=size)
    figure.set_layout_engine(layout)
    for ax, tasks in zip(figure.subplots(2, 2).ravel(), (1, 3, 12, 60), strict=True):
        timeline.plot(make(tasks, 60, tasks, names=NAMES), ax)
    assert complaints(figure) == []


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
def test_the_check_of_words_can_fail() -> None:
    figure = drawn(make())
    picture = figure.axes[0].artists[0]
    words = picture.layout()[2]
    words[1] = words[1]._replace(x=words[0].x + 3, y=words[0].y + 2)
    words[2] = words[2]._replace(x=figure.bbox.width - 5)
    wrong = complaints(figure)
    assert any(" on " in w for w in wrong)
    assert any("clipped" in w for w in wrong)


def test_drawing_warns_of_no_missing_letter() -> None:
    trace = make(3, 20, names=["データ取得 🚀", "\ue000", "ok"])
    drawn(trace).savefig(io.BytesIO(), format="png")


def words_of(trace: Trace, critical: bool = False) -> list[str]:
    figure = timeline.figure_of([trace], [None], None, critical)
    return [w.text for w in figure.axes[0].artists[0].layout()[2]]


@pytest.mark.parametrize(
    ("blocking", "patient", "said"),
    [
        (["block"], ["tea", "toast"], "One long computation made everybody else late"),
        (["block"], ["tea"], "One long computation made 1 task late"),
        (["block", "again"], ["tea", "toast"], "2 long computations made 3 tasks late"),
    ],
)
def test_the_title_says_who_was_late(blocking: list[str], patient: list[str], said: str) -> None:
    async def block() -> None:
        await asyncio.sleep(0.1)
        asyncviz.busy(0.5)

    async def wait() -> None:
        await asyncio.sleep(0.2)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name in blocking:
                group.create_task(block(), name=name)
            for name in patient:
                group.create_task(wait(), name=name)

    assert captions.headline(asyncviz.simulate(main())[1]) == said


def test_a_simulation_that_waits_for_nothing_has_a_readable_axis() -> None:
    trace = make(1, 0, seconds=0.0)
    figure = drawn(trace)
    assert complaints(figure) == []
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()][1:4] == ["0", "0.2", "0.4"]


def test_dollar_signs_are_letters() -> None:
    trace = make(1, 4, names=["$x_1$"])
    assert "$x_1$" in words_of(trace)
    timeline.plot(trace, Figure().add_subplot(), title="costs $5$ or $6").figure.savefig(io.BytesIO(), format="svg")


def test_long_steps_are_named_with_length_and_line() -> None:
    trace = make(4, 30, 3, hold=0.4)
    trace._make_hold = lambda start, stop, who: Hold(who, start, stop, "blocking call", 0.0, "a.py", 12, "resize")
    assert "blocking call 0.40 s · resize(), line 12" in words_of(trace)
    assert any("loop held for " in w for w in words_of(trace))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.2, "1.2 s"), (0.4, "0.40 s"), (0.045, "45 ms"), (0.0008, "800 µs"), (0.0999, "0.10 s"), (250, "250 s")],
)
def test_times(value: float, text: str) -> None:
    assert captions.seconds(value) == text


# -- lanes ----------------------------------------------------------------------------------------------------------


def test_children_stand_under_their_parent_in_order_of_creation() -> None:
    trace = make(5, 10, parents=False)
    tasks = list(trace.tasks.values())
    tasks[3].parent, tasks[4].parent, tasks[2].parent = "task 0", "task 3", "task 0"
    rows = lanes.arrange(trace, []).rows
    assert [(r.label, r.depth) for r in rows if r.kind == "task"] == [
        ("task 0", 0), ("task 2", 1), ("task 3", 1), ("task 4", 2), ("task 1", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("tasks", [41, 500, 3_000])
@pytest.mark.parametrize("coroutines", [1, 7, 900])
@pytest.mark.parametrize("most", [3, 12, 40])
def test_lanes_fit_and_every_task_is_in_one(tasks: int, coroutines: int, most: int) -> None:
    trace = make(tasks, 2 * tasks, 2, coroutines=coroutines)
    found = lanes.arrange(trace, [], most)
    assert len(found.rows) <= most + 2  # a parent and a group at least, and the loop
    assert np.all((found.of_task >= 0) != (found.of_fold >= 0))
    shown = [i for row in found.rows for i in row.members]
    assert sorted(shown) == list(range(tasks))
    assert found.folded == sum(len(row.members) for row in found.rows if row.kind == "fold")
    for row in found.rows:
        if row.kind == "fold":
            assert row.label.endswith(f"× {len(row.members):,}")


def test_loud_tasks_keep_their_lane() -> None:
    trace = make(500, 1_000, 4)
    list(trace.tasks.values())[321].outcome = "raised"
    assert lanes.arrange(trace, []).of_task[321] >= 0
    assert any("quiet rows folded" in w for w in words_of(trace))


def test_workers_are_named_in_order_of_appearance() -> None:
    trace = make(1, 4)
    trace.work = [
        Work("b", 0.1, 0.3, 0.4, "asyncio_7"), Work("a", 0.1, 0.2, 0.3, "asyncio_9"),
        Work("p", 0.1, 0.2, 0.3, "process 77", True), Work("never", 0.1, None, None, ""),
    ]  # fmt: skip
    rows = [(r.label, [w.name for w in r.work]) for r in lanes.arrange(trace, []).rows if r.work]
    assert rows == [("thread 1", ["a"]), ("thread 2", ["b"]), ("no thread yet", ["never"]), ("process 1", ["p"])]


def test_spans_in_threads_beside_the_loop_are_work_of_these_threads() -> None:
    trace = make(2, 8)
    before = trace.overlap
    label = next(iter(trace.tasks))
    trace.work = [Work("open", 0.0, 0.2, 0.9, "asyncio_0")]
    trace.spans = [
        Span("query", 0.1, 0.9, "Thread-3"), Span("parse", 0.3, 0.5, "asyncio_0"), Span("commit", 0.9, 1.0, "Thread-3"),
        Span("own", 0.1, 0.2, "MainThread", 0.0, label), Span("before", 0.0, 0.1, "MainThread"),
    ]  # fmt: skip
    rows = lanes.arrange(trace, []).rows
    said = [(r.kind, r.label, r.depth, [s.name for s in r.spans]) for r in rows if r.kind in ("thread", "span")]
    assert said == [
        ("span", "own", 1, ["own"]), ("span", "before", 0, ["before"]), ("thread", "thread 1", 0, ["query", "commit"]),
        ("thread", "thread 2", 0, []), ("thread", "parse", 1, ["parse"]),
    ]  # fmt: skip
    assert not complaints(timeline.figure_of([trace], [None], None))
    assert {"query", "open", "parse"} <= set(words_of(trace))
    del trace.__dict__["overlap"]
    trace.spans = trace.spans[:3]
    assert trace.overlap == before
    alone = Trace()  # without tasks, spans are all there is
    alone.duration, alone.spans = 1.0, [Span("a", 0, 0.5, "T1"), Span("b", 0.1, 0.6, "T2")]
    assert alone.overlap == 2
    assert [r.kind for r in lanes.arrange(alone, []).rows] == ["span", "span"]


def test_a_long_step_says_what_its_spans_do_not() -> None:
    def said(function: str, spans: list[Span]) -> list[str]:
        trace = make(1, 4, seconds=1.0, hold=0.6)
        trace.spans = spans
        trace._make_hold = lambda start, stop, who: Hold(who, start, stop, "blocking call", 0.0, "a.py", 12, function)
        return [w.partition(" · ")[2] for w in words_of(trace) if w.startswith("blocking call 0")]

    assert said("fetch", []) == ["fetch(), line 12"]
    assert said("<module>", []) == ["line 12"]
    assert said("fetch", [Span("web", 0.0, 1.0, "MainThread", 0.0, "task 0")]) == [""]


def test_the_culprit_of_a_long_ready_stretch() -> None:
    trace = make(3, 30, 5, hold=0.5)
    steps = trace.steps
    steps.ready[2:4] = steps.start[1]
    other = [s for s in lanes.starved(trace) if trace.steps.task[1] != s.task and s.ready < 0.6]
    assert {s.culprit for s in other} <= {list(trace.tasks)[steps.task[1]], ""}


@pytest.mark.parametrize("seed", range(20))
def test_merged_slices_cover_the_same_time(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 3_000))
    left = np.sort(rng.uniform(0, 900, n))
    right = left + np.minimum(np.diff(np.append(left, 901)), rng.exponential(rng.choice([0.01, 1, 20]), n))
    bars = lanes.merge(np.zeros(n, np.int32), left, right)
    assert np.all(bars.right - bars.left >= 2 - 1e-9)
    middle = (left + right) / 2
    assert all(np.any((bars.left <= m) & (m <= bars.right)) for m in middle)
    # columns of one group touch; heights are rounded to eighths
    thin = bars.share < 1
    real = sum(np.clip(np.minimum(right, b) - np.maximum(left, a), 0, None).sum()
               for a, b in zip(bars.left[thin], bars.right[thin], strict=True))  # fmt: skip
    wide = (bars.right - bars.left)[thin]
    assert abs(real - float((wide * bars.share[thin]).sum())) <= wide.sum() / 16 + 1e-6


def test_tasks_that_take_turns_do_not_look_as_if_they_ran_at_once() -> None:
    lane = np.repeat(np.arange(3, dtype=np.int32), 1_000)
    left = np.concatenate([np.arange(1_000) * 0.3 + 0.1 * k for k in range(3)])
    bars = lanes.merge(lane, left, left + 0.1)
    assert sorted(set(bars.lane)) == [0, 1, 2]
    assert np.all((bars.share > 0.1) & (bars.share < 0.5))


def test_the_area_of_a_group_counts_who_is_in_flight() -> None:
    trace = make(90, 90, 6, parents=False)
    chart = drawn(trace).axes[0].artists[0].chart()
    ((number, edges, flight, _),) = chart.folded
    middle = (edges[:-1] + edges[1:]) / 2
    tasks = [chart.tasks[i] for i in chart.rows.rows[number].members]
    lives = [chart.x(np.array([task.born, task.finished])) for task in tasks]
    assert flight.tolist() == [sum(a < m <= b for a, b in lives) for m in middle]
    assert flight.max() > 5


# -- titles and measures -------------------------------------------------------------------------------------------


def title(trace: Trace) -> str:
    return captions.headline(trace)


async def waits(*seconds: float) -> None:
    for delay in seconds:
        await asyncio.sleep(delay)


async def waits_for_another(*, also_before: bool = False) -> None:
    if also_before:
        await asyncio.sleep(0.1)
    await asyncio.create_task(waits(0.2), name="other")


async def two_wait_for_another() -> None:
    other = asyncio.create_task(waits(0.2), name="other")

    async def wait() -> None:
        await other

    await asyncio.gather(wait(), wait())


def test_a_calculated_delay_is_written_with_three_digits() -> None:
    assert captions.waited_for(Reason("sleep", "sleep 0.294418")) == "sleep 0.294"
    assert captions.waited_for(Reason("sleep", "sleep 0.25")) == "sleep 0.25"
    assert captions.waited_for(Reason("lock", 'Lock "x"')) == 'Lock "x"'


async def one_by_one() -> None:
    lock = asyncio.Lock()

    async def wait() -> None:
        async with lock:
            await asyncio.sleep(0.1)

    await asyncio.gather(*(wait() for _ in range(4)))


def failing(main: Coroutine[Any, Any, None]) -> Trace:
    async def fails() -> None:
        await main
        raise ValueError("no more")

    return attempt(fails(), name="", timeout=10, space={}).trace


def test_titles_state_a_conclusion() -> None:
    assert title(Trace()) == "Nothing was recorded"
    assert title(make(3, 30)) == "3 tasks share one thread: their waits overlap"
    assert title(make(1, 3, seconds=0.01)) == "One task has the thread for itself"
    assert title(simulate(waits(0.2, 0.3))[1]) == "One task: one wait after another"
    assert title(simulate(waits(0.2))[1]) == "One task: it waits"
    spans = Trace()
    spans.duration, spans.spans = 1.0, [Span("a", 0, 0.4, "M"), Span("b", 0.4, 0.9, "M")]
    assert title(spans) == "One after another: nothing overlaps"
    assert title(simulate(waits_for_another())[1]) == "One task waits for the other"
    assert title(simulate(waits_for_another(also_before=True))[1]) == "One task waits for the other"
    assert title(simulate(two_wait_for_another())[1]) == "One task at a time: the others wait for it"
    assert title(simulate(one_by_one())[1]) == "4 tasks share one thread: they queue"
    assert title(failing(waits(0.2))) == "Ended by ValueError"
    for times, subject in ((1, "One long computation"), (2, "2 long computations")):
        held = make(4, 30, 3, hold=0.4)
        start, stop = float(held.steps.start[1]), float(held.steps.stop[1])
        held.steps.ready[2:6] = held.steps.start[1] + 0.1
        held.__dict__["holds"] = [Hold(list(held.tasks)[held.steps.task[1]], start, stop, "computing")] * times
        assert title(held).startswith(f"{subject} made ")


def test_the_measures_tell_what_is_wrong_with_a_recording() -> None:
    trace = make(3, 30)
    assert "never two running: checked" in captions.measures(trace)
    trace = make(3, 30)
    trace.steps.stop[3] = trace.steps.start[5]
    assert any(m.startswith("check failed: ") for m in captions.measures(trace))
    trace.dropped, trace.simulated, trace.failure = 3, True, "ValueError: no"
    text = " · ".join(captions.measures(trace))
    assert "the oldest 3 steps were not kept" in text
    assert "simulated time" in text
    assert "the recorder gave up: ValueError: no" in text


# -- the critical path -----------------------------------------------------------------------------------------------


def two_in_a_row() -> Trace:
    """`first` sleeps and then wakes `second`, which sleeps too; `idler` is not on the path."""
    trace = Trace("")
    trace.duration, trace.reasons = 1.0, [Reason("", ""), Reason("sleep", "sleep 0.4"), Reason("event", "Event.wait")]
    for i, (name, end) in enumerate((("idler", 0.2), ("first", 0.41), ("second", 0.91))):
        trace.tasks[name] = TaskTrace(name, name, "work", i, born=0.0, finished=end, outcome="returned", _trace=trace)
    rows = [(0.0, 0.01, 0, -1, 0), (0.01, 0.02, 1, -1, 0), (0.02, 0.03, 2, -1, 0), (0.19, 0.2, 0, -2, 1),
            (0.4, 0.41, 1, -2, 1), (0.41, 0.42, 2, 1, 2), (0.9, 0.91, 2, -2, 1)]  # fmt: skip
    start, stop, task, waker, reason = (np.array(column) for column in zip(*rows, strict=True))
    ints = (column.astype(np.int32) for column in (task, waker, reason))
    ready = np.array([0.0, 0.0, 0.0, 0.19, 0.4, 0.405, 0.9])
    trace._make_steps = lambda: Steps(ready, start, stop, *ints)
    return trace


def path_marks(figure: Figure) -> tuple[list[tuple[float, float]], int]:
    """(left, right) of the lines of the critical path inside the Axes, and how many arrows."""
    picture = figure.axes[0].artists[0]
    marks = [s for s in picture.layout()[1] if picture.theme.path in s[1:3]]
    lines = [s.path.vertices[:, 0] for s in marks if s.face]
    return [(v[::5].min(), v[1::5].max()) for v in lines], sum(not s.face for s in marks) - 1  # one in the legend


def test_the_critical_path_is_drawn_when_asked_for() -> None:
    trace = two_in_a_row()
    assert "critical path" not in words_of(trace)
    assert "critical path" in words_of(trace, critical=True)
    assert "critical path: 0.86 s waiting for sleep 0.4" in " · ".join(words_of(trace, critical=True))
    figure = timeline.figure_of([trace], [None], None, critical=True)
    chart = figure.axes[0].artists[0].chart()
    ((left, right),), arrows = path_marks(figure)
    assert (left, right) == pytest.approx((chart.x(0.0), chart.x(0.91)), abs=1)
    assert arrows == 1  # from `first` to `second`
    assert complaints(figure) == []
    ax = timeline.plot(trace, Figure().add_subplot(), critical=True)
    assert ax.artists[0].path == trace.critical_path()
    empty = timeline.figure_of([Trace()], [None], None, critical=True)
    assert complaints(empty) == []


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
@pytest.mark.parametrize("tasks", [3, 60])
def test_a_critical_path_touches_no_word(tasks: int) -> None:
    assert complaints(timeline.figure_of([rich(2, tasks)], [None], None, critical=True)) == []


# -- who woke whom, and several columns ------------------------------------------------------------------------------


def test_wake_ups_are_drawn_when_asked_for() -> None:
    trace = two_in_a_row()
    assert "wakes" not in " ".join(words_of(trace))
    figure = timeline.compare(trace, wakes=True).figure
    picture = figure.axes[0].artists[0]
    chart, theme = picture.chart(), picture.theme
    ((waker, woken, x),) = chart.wakes  # a start, a timer and the task itself are no wake-ups by another
    assert [chart.rows.rows[n].label for n in (waker, woken)] == ["first", "second"]
    assert x == pytest.approx(chart.x(0.405))
    drawn = [shape.path.vertices for shape in picture.layout()[1] if shape.edge == theme.path]
    arrow = next(points for points in drawn if points[0][0] == pytest.approx(x))
    assert arrow[0][1] > arrow[-1][1]  # downwards, from one bar's edge to the other's
    assert arrow[0][1] == pytest.approx(chart.y[waker] - chart.bar[waker] / 2)
    assert arrow[-1][1] == pytest.approx(chart.y[woken] + chart.bar[woken] / 2)
    assert "wakes" in [word.text for word in picture.layout()[2]]
    assert complaints(figure) == []
    assert complaints(timeline.figure_of([Trace()], [None], None, wakes=True)) == []
    assert timeline.plot(trace, Figure().add_subplot(), wakes=True).artists[0].wakes


def test_a_wake_up_after_no_time_is_drawn_too() -> None:
    async def sleeper() -> None:
        await asyncio.sleep(0.1)
        asyncviz.busy(0.5)
        await asyncio.sleep(1)  # suspends when main, which could run long since, is about to cancel it

    async def main() -> None:
        task = asyncio.create_task(sleeper(), name="sleeper")
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.wait([task])

    chart = timeline.compare(simulate(main())[1], wakes=True).figure.axes[0].artists[0].chart()
    found = [(chart.rows.rows[a].label, chart.rows.rows[b].label, x) for a, b, x in chart.wakes]
    assert found == [("main", "sleeper", chart.x(0.6)), ("sleeper", "main", chart.x(0.6))]


def test_a_task_that_gives_the_thread_back_is_not_woken_by_another() -> None:
    async def turns() -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(turns(), turns())

    chart = timeline.compare(simulate(main())[1], wakes=True).figure.axes[0].artists[0].chart()
    assert [chart.rows.rows[woken].label for _, woken, _ in chart.wakes] == ["main"]


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
@pytest.mark.parametrize("tasks", [3, 60])
def test_a_wake_up_touches_no_word(tasks: int) -> None:
    assert complaints(timeline.figure_of([rich(2, tasks)], [None], None, wakes=True)) == []


@pytest.mark.parametrize(("pictures", "columns"), [(6, 2), (5, 3), (1, 2), (2, 2)])
def test_pictures_beside_each_other(pictures: int, columns: int) -> None:
    figure = timeline.compare(*(make(2 + n, seed=n) for n in range(pictures)), columns=columns).figure
    assert complaints(figure) == []
    slots = [ax.artists[0].slot() for ax in figure.axes]
    columns = min(columns, pictures)
    for n, slot in enumerate(slots):
        assert slot.y1 == pytest.approx(slots[n - n % columns].y1)  # those of a row begin at one height
        assert slot.x0 == pytest.approx(slots[n % columns].x0)
        assert n < columns or slot.y1 <= slots[n - columns].y0 + 1e-6
    assert slots[columns - 1].x1 == pytest.approx(figure.get_size_inches()[0] * ink.UNITS)
    legends = ["returned" in [word.text for word in ax.artists[0].layout()[2]] for ax in figure.axes]
    assert legends == [n == columns - 1 for n in range(pictures)]


def test_there_is_at_least_one_column() -> None:
    with pytest.raises(ValueError, match="at least one column, not 0"):
        timeline.compare(make(), columns=0)


# -- colours ---------------------------------------------------------------------------------------------------------


def linear(colour: str) -> np.ndarray:
    c = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """The contrast of WCAG 2, from 1 to 21."""
    light, dark = sorted((float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXTS = [("text", "paper"), ("quiet", "paper"), ("on_running", "running"), ("on_work", "work"), ("hold", "paper"),
         ("ready_text", "ready_fill"), ("ready_text", "paper"), ("work", "paper")]  # fmt: skip
MARKS = ["running", "ready", "waiting", "hold", "path", "work", "busy"]


@pytest.mark.parametrize("theme", palette.THEMES.values(), ids=palette.THEMES)
def test_contrast(theme: palette.Theme) -> None:
    for letters, ground in TEXTS:
        assert contrast(getattr(theme, letters), getattr(theme, ground)) >= 4.5, (letters, ground)
    for mark in MARKS:
        assert contrast(getattr(theme, mark), theme.paper) >= 3, mark
    assert contrast(theme.busy, theme.idle) >= 3


# Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB
BLIND = {
    "nobody": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
LAB = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
OK = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
               [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def distance(a: str, b: str, blind: np.ndarray) -> float:
    """How different two colours look: the distance in Oklab, in which white and black are 1 apart."""
    x, y = (OK @ np.cbrt(LAB @ np.clip(blind @ linear(c), 0, 1)) for c in (a, b))
    return float(np.linalg.norm(x - y))


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("theme", palette.THEMES.values(), ids=palette.THEMES)
def test_states_differ_for_colour_blind_readers(theme: palette.Theme, kind: str) -> None:
    states = ["running", "ready", "waiting", "work"]
    for i, a in enumerate(states):
        for b in states[:i]:
            assert distance(getattr(theme, a), getattr(theme, b), BLIND[kind]) >= 0.1, (a, b)
    for a, b in (("hold", "running"), ("path", "running"), ("path", "waiting")):
        assert distance(getattr(theme, a), getattr(theme, b), BLIND[kind]) >= 0.1, (a, b)


def test_the_checks_of_colours_can_fail() -> None:
    assert contrast("#9fb4c7", "#ffffff") < 3  # the waiting line of the first sketch
    assert distance("#c0392b", "#5d7a1f", BLIND["deuteranopia"]) < 0.1 < distance("#c0392b", "#5d7a1f", BLIND["nobody"])


def test_every_state_has_a_shape_of_its_own() -> None:
    """In grey, and whatever its colour: outline, hatch, height and form of each sign differ."""
    found: dict[object, list[str]] = {}
    for sign in ink.LEGEND:
        shapes = ink.sign_for(sign, 0.0, 0.0, palette.LIGHT)
        looks = ((s.path.vertices.tobytes(), bool(s.face), bool(s.edge), bool(s.hatch), str(s.style)) for s in shapes)
        form = tuple(looks)
        found.setdefault(form, []).append(sign)
    assert [names for names in found.values() if len(names) > 1] == []


# -- matplotlib's manners ---------------------------------------------------------------------------------------------


def test_settings_are_left_alone() -> None:
    before = dict(matplotlib.rcParams)
    figure = drawn(rich(1))
    figure.savefig(io.BytesIO(), format="png")
    figure.savefig(io.BytesIO(), format="svg")
    assert dict(matplotlib.rcParams) == before


def test_the_axes_given_are_the_axes_returned() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert timeline.plot(make(), right) is right
    assert right.get_title() == "3 tasks share one thread: their waits overlap"
    right.set_title("mine")
    timeline.plot(make(2), right)  # draws anew, not on top
    assert len(right.artists) == 1
    assert not left.artists
    right.set_title("mine")
    assert "mine" in [w.text for w in right.artists[0].layout()[2]]


def test_without_axes_pyplot_knows_the_figure_and_display_leaves_none_open() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    with matplotlib.rc_context({"backend": "agg"}):
        pyplot.close("all")
        drawn(make())
        timeline.compare(make(), make(2))
        assert pyplot.get_fignums() == []
        ax = timeline.plot(make())
        assert pyplot.get_fignums() == [ax.figure.number]
        pyplot.close("all")
        with pytest.raises(ValueError, match="closed"):
            timeline.plot(make(), ax)


def test_bad_arguments_are_named() -> None:
    figure = Figure()
    with pytest.raises(TypeError, match="ordinary Axes, not Figure"):
        timeline.plot(make(), figure)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not ndarray"):
        timeline.plot(make(), figure.subplots(1, 2))
    with pytest.raises(TypeError, match="not polar"):
        timeline.plot(make(), figure.add_subplot(projection="polar"))
    with pytest.raises(TypeError, match="a recording is drawn, not int"):
        timeline.compare(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        timeline.compare()
    with pytest.raises(ValueError, match="longer"):
        timeline.compare(make(), titles=["a", "b"])
    with pytest.raises(ValueError, match="theme"):
        timeline.plot(make(), theme="pink")  # type: ignore[arg-type]
    ax = figure.add_subplot()
    figure.clear()
    with pytest.raises(ValueError, match="cleared"):
        timeline.plot(make(), ax)


def test_the_theme_follows_the_figure() -> None:
    dark = Figure(facecolor="#111111")
    timeline.plot(make(), dark.add_subplot())
    assert dark.axes[0].artists[0].theme is palette.DARK
    assert drawn(make(), "dark").get_facecolor() == matplotlib.colors.to_rgba(palette.DARK.paper)
    assert drawn(make()).axes[0].artists[0].theme is palette.LIGHT


def test_a_theme_of_its_own_brings_its_ground() -> None:
    figure = Figure(figsize=(8, 3), dpi=100)
    left, _ = figure.subplots(1, 2)
    timeline.plot(make(), left, theme="dark")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    assert tuple(pixels[250, 105]) == tuple(round(255 * c) for c in matplotlib.colors.to_rgb(palette.DARK.paper))
    assert tuple(pixels[290, 795]) == (255, 255, 255)
    timeline.plot(make(), left)
    assert len(left.artists) == 1


def test_subplots_that_share_their_time_axis_show_all_of_both() -> None:
    upper, lower = Figure().subplots(2, 1, sharex=True)
    timeline.plot(make(seconds=5.0), upper)
    timeline.plot(make(seconds=1.0), lower)
    assert upper.get_xlim() == lower.get_xlim()
    assert upper.get_xlim()[1] > upper.artists[0].trace.makespan


def test_the_picture_is_laid_out_anew_for_another_size_and_view() -> None:
    figure = Figure(figsize=(9, 4))
    ax = timeline.plot(make(30, 300), figure.add_subplot())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    many = len(ax.artists[0].layout()[2])
    figure.set_size_inches(3, 2)
    canvas.draw()
    assert len(ax.artists[0].layout()[2]) < many
    ax.set_xlim(0.2, 0.3)
    canvas.draw()
    assert complaints(figure) == []


def test_a_tight_bounding_box_keeps_the_picture() -> None:
    figure = Figure(figsize=(8, 3))
    timeline.plot(make(), figure.add_subplot())
    FigureCanvasAgg(figure).draw()
    for options in ({}, {"bbox_inches": "tight"}):
        figure.savefig(io.BytesIO(), format="png", **options)
    box = figure.get_tightbbox()
    assert box.width > 6


def test_matplotlib_is_imported_when_it_is_used() -> None:
    code = "import sys, asyncviz; sys.exit('matplotlib' in sys.modules or 'IPython' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_odd_recordings_are_drawn() -> None:
    for trace in (Trace(), make(1, 1, seconds=1e-9), make(3, 9, seconds=1e6)):
        drawn(trace).savefig(io.BytesIO(), format="png")
    blind = make(3, 9)
    blind.loops[0].idle = None
    assert "not seen" in words_of(blind)


# -- comparing -------------------------------------------------------------------------------------------------------


def test_comparing_writes_the_speed_up_on_one_time_axis() -> None:
    slow, fast = make(3, 30, seconds=2.0), make(3, 30, seconds=0.5)
    slow.name, fast.name = "blocking", "concurrent"
    both = timeline.compare(slow, fast)
    assert both.axes[0].get_xlim() == both.axes[1].get_xlim()
    assert both.axes[0].get_position().x0 == both.axes[1].get_position().x0
    first, second = ([w.text for w in ax.artists[0].layout()[2]] for ax in both.axes)
    assert not any("×" in w for w in first)
    assert any(w.endswith("× faster") for w in second)
    assert sum(w == "running" for w in first + second) == 1  # one legend
    assert complaints(both.figure) == []


def test_comparing_without_speed() -> None:
    slow, fast = make(3, 30, seconds=2.0), make(3, 30, seconds=0.5)
    slow.name, fast.name = "patient", "given up"
    assert "faster" in repr(timeline.compare(slow, fast))
    both = timeline.compare(slow, fast, speed=False)
    assert "faster" not in repr(both)
    assert not any("×" in w.text for ax in both.axes for w in ax.artists[0].layout()[2])


# -- speed ------------------------------------------------------------------------------------------------------------


def test_a_million_slices() -> None:
    trace = make(50, 2, seconds=10.0)
    n = 330_000  # each with its wait and its ready stretch
    start = np.linspace(0, 9.9, n)
    task = np.arange(n, dtype=np.int32) % 50
    none = np.full(n, -1, np.int32)
    made = Steps(np.maximum(start - 1e-4, 0), start, start + 1e-5, task, none, np.ones(n, np.int32))
    trace.__dict__.pop("steps", None)
    trace._make_steps = lambda: made
    drawn(make()).savefig(io.BytesIO(), format="png")
    begin = time.perf_counter()
    figure = drawn(trace)
    figure.savefig(io.BytesIO(), format="png", dpi=200)
    took = time.perf_counter() - begin
    svg = io.BytesIO()
    figure.savefig(svg, format="svg")
    assert len(svg.getvalue()) < 1_000_000
    assert took < 8  # the benchmark holds the goal of 2 s; here a busy machine may take longer


def test_a_line_across_the_lanes_crosses_no_word() -> None:
    picture = timeline.figure_of([make(3, 30)], [None], None).axes[0].artists[0]
    box, _, words = picture.layout()
    inside = [word for word in words if box.x0 < word.x and box.y0 < word.y < box.y1]
    assert inside
    for word in inside:
        width, high, deep = ink.measure(word.text, word.size, word.bold)
        parts = picture.beside_words(word.x + width / 2)
        assert all(b <= word.y - deep or a >= word.y + high for a, b in parts)
        assert sum(b - a for a, b in parts) > 0.4 * box.height  # and is still seen
        assert parts == sorted(parts)
    assert picture.beside_words(box.x0 + 1) == [(box.y0, box.y1)]
