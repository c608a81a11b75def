"""Files: what is saved is loaded again, in every field; nothing else is taken for a recording."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncviz import formats, narrative, perfetto, record, span
from asyncviz import trace as model
from asyncviz.formats import TraceFileError
from asyncviz.story import story

words = st.text(max_size=12)
short = st.integers(0, 10_000).map(lambda n: n / 2**20)  # seconds that can be added and halved exactly
seconds = st.floats(0, 1e6)
lines = st.none() | st.integers(1, 5000)


@st.composite
def traces(draw: st.DrawFn) -> model.Trace:
    """Recordings that keep the rules of the model, with everything that one can hold."""
    trace = model.Trace(draw(words))
    kinds = st.sampled_from(["sleep", "lock", "queue", "task", "gather", "read", "thread"])
    trace.reasons += draw(st.lists(st.builds(model.Reason, kinds, words, words, lines), max_size=5))
    trace.threads = draw(st.lists(words, max_size=2))
    labels = draw(st.lists(words, max_size=6, unique=True))
    now, steps = 0.0, []
    free: list[float] = []
    for index, label in enumerate(labels):
        task = model.TaskTrace(label, label, draw(words), index)
        parent = draw(st.none() | st.sampled_from(labels[:index])) if index else None
        task.parent, task.born = parent, draw(st.none() | st.just(now))
        task.file, task.line = draw(words), draw(lines)
        trace.tasks[label], task._trace = task, trace
        free.append(task.born or 0.0)
        for _ in range(draw(st.integers(not index, 3))):
            who = draw(st.integers(0, index))
            start = now + draw(short)
            ready = max(free[who], start - draw(short))
            now = free[who] = start + draw(short)
            waker = draw(st.sampled_from([-1, -2, -3, -10, *range(index + 1)]))
            steps.append((ready, start, now, who, waker, draw(st.integers(0, len(trace.reasons) - 1))))
    trace.duration = now + draw(short)
    for task in trace.tasks.values():
        task.outcome = draw(st.sampled_from(sorted(formats.OUTCOMES)))
        if task.outcome == "pending":
            task.state = draw(st.sampled_from(["", "ready", "waiting"]))
            task.reason = draw(st.integers(0, len(trace.reasons) - 1))
        else:
            task.finished = free[task.index]
            task.error = draw(words) if task.outcome == "raised" else ""
            task.cancelled_by = draw(st.none() | words) if task.outcome == "cancelled" else None
    columns = list(zip(*steps, strict=True)) or [()] * 6
    trace.steps = model.Steps(*(np.array(c, float) for c in columns[:3]), *(np.array(c, np.int32) for c in columns[3:]))
    places = st.tuples(seconds, short).map(lambda pair: (pair[0], pair[0] + pair[1]))
    who = st.sampled_from(labels) if labels else words
    hold_kinds = st.sampled_from(["blocking call", "computing", "pre-empted", "unknown"])
    trace.holds = [
        model.Hold(draw(who), *draw(places), draw(hold_kinds), draw(st.none() | seconds), draw(words), draw(lines), "f",
                   tuple(draw(st.lists(words, max_size=2))))
        for _ in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    trace.spans = [
        model.Span(draw(words), *draw(places), draw(words), draw(seconds), draw(st.none() | who) if labels else None)
        for _ in range(draw(st.integers(0, 3)))
    ]
    works = st.builds(model.Work, words, seconds, st.none(), st.none(), words, st.booleans())
    trace.work = draw(st.lists(works, max_size=2))
    trace.notes = draw(st.lists(st.builds(model.Note, seconds, words, words, words, lines), max_size=2))
    if labels or draw(st.booleans()):
        runs = np.array([[0.0, trace.duration]])
        idle = draw(st.sampled_from([None, np.empty((0, 2)), runs]))
        trace.loops = [model.LoopTrace(draw(words), draw(words), draw(words), runs, idle)]
    trace.dropped, trace.simulated, trace.failure = draw(st.integers(0, 9)), draw(st.booleans()), draw(words)
    return trace


def content(trace: model.Trace) -> dict[str, Any]:
    """Every field, as plain values that can be compared; arrays with their types."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tolist()
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [f.name for f in dataclasses.fields(value) if not f.name.startswith("_")]
            return type(value).__name__, {name: plain(getattr(value, name)) for name in names}
        return [plain(v) for v in value] if isinstance(value, list) else value

    names = [name for name in vars(model.Trace()) if not name.startswith("_") and name != "tasks"]
    found = {name: plain(getattr(trace, name)) for name in [*names, "steps", "holds"]}
    return found | {"tasks": {label: plain(task) for label, task in trace.tasks.items()}}


def a_run() -> model.Trace:
    """A small real recording with all that a recording can hold."""

    async def sleeper() -> None:
        await asyncio.sleep(0.01)

    async def bad() -> None:
        time.sleep(0.06)  # noqa: ASYNC251
        raise ValueError("x")

    async def main() -> None:
        tasks = [asyncio.create_task(sleeper(), name="sleeper"), asyncio.create_task(bad(), name="bad")]
        with span("between"):
            forever = asyncio.create_task(asyncio.sleep(100), name="long")
        await asyncio.to_thread(time.sleep, 0.05)  # from 3.14 on, what is done at once is not waited for
        forever.cancel()
        await asyncio.gather(*tasks, forever, return_exceptions=True)

    with record("run") as trace:
        asyncio.run(main())
    return trace


@given(trace=traces())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_saved_is_loaded_again(tmp_path_factory: pytest.TempPathFactory, trace: model.Trace) -> None:
    path = tmp_path_factory.mktemp("traces") / "run.json"
    formats.save(trace, path)
    loaded = formats.load(path)
    assert content(loaded) == content(trace)
    for text in (narrative.alternative_text, story, narrative.summary):
        assert text(loaded) == text(trace)  # type: ignore[operator]
    assert [task.slices for task in loaded.tasks.values()] == [task.slices for task in trace.tasks.values()]


def test_a_real_recording_survives(tmp_path: Path) -> None:
    trace = a_run()
    assert trace.holds  # these are made late, from what only the recorder knows
    trace.save(tmp_path / "run.json")
    loaded = formats.load(tmp_path / "run.json")
    assert content(loaded) == content(trace)
    assert loaded.problems == trace.problems == []
    for measure in ("makespan", "overlap", "longest_block", "loop_busy"):
        assert getattr(loaded, measure) == getattr(trace, measure)
    formats.save(loaded, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "run.json").read_bytes()


def many_steps(tasks: int = 1000, each: int = 100) -> model.Trace:
    trace, number = model.Trace("many"), np.arange(tasks * each)
    for i in range(tasks):
        trace.tasks[f"t{i}"] = model.TaskTrace(f"t{i}", f"t{i}", "t", i, born=0.0, _trace=trace)
    trace.duration = len(number) / 1000
    whole = [column.astype(np.int32) for column in (number % tasks, (number - 1) % tasks, 0 * number)]
    trace.steps = model.Steps(*((number + part) / 1000 for part in (0.1, 0.2, 1 / 3)), *whole)
    return trace


def test_a_hundred_thousand_steps_in_two_seconds(tmp_path: Path) -> None:
    trace = many_steps()
    took = []
    for _ in range(3):
        begin = time.thread_time()  # of this thread, whatever else the machine does
        formats.save(trace, tmp_path / "many.json")
        formats.load(tmp_path / "many.json")
        took.append(time.thread_time() - begin)
    assert min(took) < 2


# -- bad files ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("good") / "run.json"
    formats.save(a_run(), path)
    return path.read_text()


BAD = {
    "not_a_trace": (lambda c: c.update(format="other"), "no recording"),
    "newer": (lambda c: c.update(version=2), "saved by a newer asyncviz"),
    "no_version": (lambda c: c.pop("version"), "version"),
    "odd_version": (lambda c: c.update(version="1"), "version"),
    "no_steps": (lambda c: c.pop("steps"), "steps are missing"),
    "no_tasks": (lambda c: c.pop("tasks"), "tasks is missing"),
    "tasks_no_list": (lambda c: c.update(tasks={}), "tasks is not a list"),
    "short_column": (lambda c: c["steps"]["stop"].pop(), "different lengths"),
    "no_column": (lambda c: c["steps"].pop("stop"), "stop"),
    "words_in_column": (lambda c: c["steps"]["stop"].__setitem__(0, "1.5"), "numbers"),
    "null_in_column": (lambda c: c["steps"]["stop"].__setitem__(0, None), "numbers"),
    "nested_column": (lambda c: c["steps"].update(stop=[[s] for s in c["steps"]["stop"]]), "plain list"),
    "broken_task": (lambda c: c["steps"]["task"].__setitem__(0, 0.5), "whole numbers"),
    "huge_task": (lambda c: c["steps"]["task"].__setitem__(0, 2**40), "too large"),
    "step_backwards": (lambda c: c["steps"]["stop"].__setitem__(0, 0.0), "stops before it starts"),
    "step_early": (lambda c: c["steps"]["start"].__setitem__(0, 0.0), "before it is ready"),
    "unknown_task": (lambda c: c["steps"]["task"].__setitem__(0, 99), "task that is not"),
    "negative_task": (lambda c: c["steps"]["task"].__setitem__(0, -1), "task that is not"),
    "unknown_waker": (lambda c: c["steps"]["waker"].__setitem__(0, 99), "waker"),
    "unknown_reason": (lambda c: c["steps"]["reason"].__setitem__(0, 99), "reason"),
    "infinite": (lambda c: c["steps"]["stop"].__setitem__(0, 1e999), "infinite"),
    "infinite_duration": (lambda c: c.update(duration=1e999), "duration is infinite"),
    "unknown_state": (lambda c: c["tasks"][0].update(state="asleep"), "unknown state 'asleep'"),
    "unknown_outcome": (lambda c: c["tasks"][0].update(outcome="won"), "unknown outcome 'won'"),
    "unknown_parent": (lambda c: c["tasks"][0].update(parent="nobody"), "parent"),
    "wrong_index": (lambda c: c["tasks"][0].update(index=7), "index"),
    "task_backwards": (lambda c: c["tasks"][0].update(born=9e9), "ends before"),
    "same_label": (lambda c: c["tasks"][1].update(label=c["tasks"][0]["label"]), "same label"),
    "wrong_type": (lambda c: c["tasks"][0].update(label=3), "label of tasks is 3"),
    "true_is_no_number": (lambda c: c.update(dropped=True), "dropped is True"),
    "unknown_field": (lambda c: c["spans"][0].update(colour="red"), "other fields"),
    "lost_field": (lambda c: c["spans"][0].pop("stop"), "lacks"),
    "row_no_object": (lambda c: c["spans"].append(3), "other fields"),
    "span_backwards": (lambda c: c["spans"][0].update(stop=0.0), "stops before it starts"),
    "hold_backwards": (lambda c: c["holds"][0].update(stop=0.0), "stops before it starts"),
    "work_backwards": (lambda c: c["work"][0].update(started=9e9), "stops before it starts"),
    "loop_backwards": (lambda c: c["loops"][0].update(runs=[[2, 1]]), "stops before it starts"),
    "loop_flat": (lambda c: c["loops"][0].update(runs=[1, 2]), "pairs"),
    "loop_no_object": (lambda c: c["loops"].append("x"), "loops"),
    "no_reasons": (lambda c: c.update(reasons=[]), "reason"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_damaged_file_is_refused(tmp_path: Path, good: str, name: str) -> None:
    spoil, message = BAD[name]
    damaged = json.loads(good)
    spoil(damaged)  # type: ignore[no-untyped-call]
    text = json.dumps(damaged).replace("Infinity", "1e999")  # which is a number in JSON
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(TraceFileError, match=message) as caught:
        formats.load(tmp_path / "run.json")
    assert "run.json" in str(caught.value)


def test_the_file_that_is_damaged_was_sound(tmp_path: Path, good: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps(json.loads(good)))
    formats.load(tmp_path / "run.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "not JSON"), ("{", "not JSON"), ("hello", "not JSON"),
     ("[]", "no recording"), ("[" * 100_000, "no recording"),
     ('{"format": "asyncviz trace", "version": 1, "duration": NaN}', "NaN"), (b"\xff\xfe\x00", "not JSON")],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TraceFileError, match=message):
        formats.load(tmp_path / "x")


def test_a_truncated_file_says_so(tmp_path: Path, good: str) -> None:
    for length in range(40, len(good) - 1, max(1, len(good) // 50)):
        (tmp_path / "x").write_text(good[:length])
        with pytest.raises(TraceFileError, match=None if good[:length].endswith("}") else "truncated"):
            formats.load(tmp_path / "x")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"trace\.save"):
        formats.load(tmp_path / "nothing.json")
    with pytest.raises(TraceFileError, match="folder"):
        formats.load(tmp_path)
    with pytest.raises(TraceFileError, match="folder"):
        formats.save(model.Trace(), tmp_path)
    with pytest.raises(FileNotFoundError, match="folder"):
        formats.save(model.Trace(), tmp_path / "no" / "run.json")


# -- whole or not at all -----------------------------------------------------------------------------------------------


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    formats.save(model.Trace("old"), path)

    def full(self: Path, data: bytes) -> int:
        with open(self, "wb") as file:
            file.write(data[:10])
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="no space"):
            formats.save(model.Trace("new"), path)
    assert formats.load(path).name == "old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_not_a_number_is_refused(tmp_path: Path) -> None:
    trace = model.Trace()
    trace.spans = [model.Span("x", float("nan"), 1.0, "t")]
    with pytest.raises(TraceFileError, match="NaN"):
        formats.save(trace, tmp_path / "run.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "run.json")
    formats.save(model.Trace("x"), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert formats.load(tmp_path / "real" / "run.json").name == "x"


def test_a_recording_that_is_not_finished_is_not_saved(tmp_path: Path) -> None:
    with record() as trace, pytest.raises(model.StillRecording):
        formats.save(trace, tmp_path / "run.json")
    assert os.listdir(tmp_path) == []


# -- columns -----------------------------------------------------------------------------------------------------------


def test_columns() -> None:
    trace = a_run()
    columns = formats.to_dict_of_arrays(trace)
    assert {len(column) for column in columns.values()} == {len(trace.steps.start)}
    woken = {(task, waker) for task, waker in zip(columns["task"], columns["waker"], strict=True)}
    assert ("sleeper", "timer") in woken
    assert ("long", "main") in woken
    assert (columns["ready"] <= columns["start"]).all()
    assert {"sleep 0.01", "to_thread(sleep)"} <= set(columns["reason"])
    assert all(len(column) == 0 for column in formats.to_dict_of_arrays(model.Trace()).values())


def test_a_data_frame_needs_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pandas"):
        formats.to_dataframe(model.Trace())
    stand_in = types.ModuleType("pandas")
    stand_in.DataFrame = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stand_in)
    assert formats.to_dataframe(a_run()).keys() == {"task", "ready", "start", "stop", "waker", "reason"}


# -- Perfetto ----------------------------------------------------------------------------------------------------------


def read_perfetto(path: Path) -> tuple[dict[int, Any], dict[int, list[Any]]]:
    """Track descriptors and events by track, read with Perfetto's own classes; unknown fields are an error."""
    pytest.importorskip("perfetto", reason="Perfetto's schema is in the package perfetto")
    from google.protobuf import unknown_fields
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2

    trace = perfetto_trace_pb2.Trace()
    trace.ParseFromString(path.read_bytes())
    tracks, events = {}, {}

    def known(message: Any) -> None:
        assert len(unknown_fields.UnknownFieldSet(message)) == 0
        for field, value in message.ListFields():
            if field.message_type is not None:
                for part in value if field.is_repeated else [value]:
                    known(part)

    known(trace)
    for packet in trace.packet:
        assert packet.trusted_packet_sequence_id == 1
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        else:
            assert packet.track_event.track_uuid in tracks
            events.setdefault(packet.track_event.track_uuid, []).append(packet)
    return tracks, events


def nested(events: list[Any]) -> list[tuple[str, int, int]]:
    """The slices of a track; asserts that begins and ends match and that time never goes back."""
    stack, slices, now = [], [], 0
    for packet in events:
        assert packet.timestamp >= now
        now = packet.timestamp
        if packet.track_event.type == 1:
            stack.append((packet.track_event.name, now))
        else:
            assert packet.track_event.type == 2
            slices.append((*stack.pop(), now))
    assert not stack
    return slices


def test_perfetto_has_a_track_a_task_and_an_arrow_a_wake_up(tmp_path: Path) -> None:
    trace = a_run()
    perfetto.to_perfetto(trace, tmp_path / "run.pftrace")
    tracks, events = read_perfetto(tmp_path / "run.pftrace")
    by_name = {track.name: uuid for uuid, track in tracks.items()}
    assert by_name["run"] == 1
    assert {track.parent_uuid for uuid, track in tracks.items() if uuid != 1} == {1}
    assert [t.name for t in tracks.values()][1:3] == ["main", "spans of main"]
    for label, task in trace.tasks.items():
        expected = [(s.reason or s.state, round(s.start * 1e9), round(s.stop * 1e9)) for s in task.slices]
        assert nested(events[by_name[label]]) == expected
    assert [name for name, *_ in nested(events[by_name["spans of main"]])] == ["between"]
    loop = {name for name, *_ in nested(events[by_name["event loop (MainThread)"]])}
    assert "running" in loop
    assert loop <= {"running", "idle"}  # a loop that never had to wait was never idle
    assert any(name.startswith("thread asyncio") for name in by_name)
    # each wake-up by a task is one arrow: from a running slice of the waker to the step that it made possible
    starts, ends = {}, {}
    for uuid, packets in events.items():
        for packet in packets:
            starts |= dict.fromkeys(packet.track_event.flow_ids, (uuid, packet.timestamp))
            ends |= dict.fromkeys(packet.track_event.terminating_flow_ids, (uuid, packet.timestamp))
    steps, labels = trace.steps, list(trace.tasks)
    assert starts.keys() == ends.keys() == {i + 1 for i, w in enumerate(steps.waker) if w >= 0 and w != steps.task[i]}
    for flow in starts:
        step = flow - 1
        assert starts[flow][0] == by_name[labels[steps.waker[step]]]
        assert ends[flow] == (by_name[labels[steps.task[step]]], round(float(steps.start[step]) * 1e9))
        assert starts[flow][1] <= ends[flow][1]


def test_spans_that_overlap_are_cut_to_lie_in_each_other(tmp_path: Path) -> None:
    trace = model.Trace()
    places = {"a": (0.0, 2.0), "b": (1.0, 3.0), "c": (1.0, 1.5), "d": (2.0, 4.0), "e": (5.0, 5.0)}
    trace.spans = [model.Span(name, start, stop, "main") for name, (start, stop) in places.items()]
    perfetto.to_perfetto(trace, tmp_path / "run.pftrace")
    _, events = read_perfetto(tmp_path / "run.pftrace")
    slices = sorted((name, start / 1e9, stop / 1e9) for name, start, stop in nested(*events.values()))
    assert slices == [("a", 0, 2), ("b", 1, 2), ("c", 1, 1.5), ("d", 2, 4), ("e", 5, 5)]


@given(trace=traces())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_perfetto_reads_any_recording(tmp_path_factory: pytest.TempPathFactory, trace: model.Trace) -> None:
    path = tmp_path_factory.mktemp("perfetto") / "run.pftrace"
    perfetto.to_perfetto(trace, path)
    tracks, events = read_perfetto(path)
    assert len(tracks) >= 1 + len(trace.tasks)
    for packets in events.values():
        nested(packets)
