"""Ways out of a Trace and back: JSON files, columns for numpy and pandas. Perfetto's format is in perfetto.py."""

from __future__ import annotations

import dataclasses
import json
import os
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from .trace import READY, RUNNING, WAITING, Hold, LoopTrace, Note, Reason, Span, Steps, TaskTrace, Trace, Work

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMAT, VERSION = "asyncviz trace", 1
OUTCOMES = {"returned", "raised", "cancelled", "lost", "pending"}
STATES = {"", RUNNING, READY, WAITING}
_PLAIN = {"name": str, "duration": float, "dropped": int, "simulated": bool, "failure": str}
_ROWS: dict[str, type[Any]] = {
    "reasons": Reason, "spans": Span, "work": Work, "notes": Note, "callbacks": Hold, "holds": Hold,
}  # fmt: skip
_STEPS = {"ready": "f", "start": "f", "stop": "f", "task": "i", "waker": "i", "reason": "i"}


class TraceFileError(ValueError):
    """A file holds no recording that this asyncviz can read, or a recording cannot be written."""


# -- out ---------------------------------------------------------------------------------------------------------------


def save(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write `trace` to a JSON file, whole or not at all: until the new file is complete, an old one stays.

    Raises FileNotFoundError where the folder does not exist, TraceFileError for a `path` that is a folder and for a
    trace that holds NaN or infinity, StillRecording for a recording that is not finished.
    """
    content: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    content |= {name: getattr(trace, name) for name in _PLAIN}
    content["threads"] = list(trace.threads)
    content |= {key: [row._asdict() for row in getattr(trace, key)] for key in _ROWS}
    content["tasks"] = [{f.name: getattr(t, f.name) for f in _task_fields()} for t in trace.tasks.values()]
    content["loops"] = [
        {"name": p.name, "kind": p.kind, "thread": p.thread, "runs": p.runs, "idle": p.idle} for p in trace.loops
    ]
    content["steps"] = {column: getattr(trace.steps, column) for column in _STEPS}
    try:
        text = json.dumps(content, allow_nan=False, default=lambda value: value.tolist())  # of numpy arrays, numbers
    except ValueError:
        raise TraceFileError("the recording was not saved: one of its times is NaN or infinite") from None
    write_whole(path, text.encode("ascii"))


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all, through a temporary file in the same folder."""
    target = Path(os.path.realpath(path))  # a link stays a link
    if target.is_dir():
        raise TraceFileError(f"{os.fspath(path)!r} is a folder: give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder of {os.fspath(path)!r} does not exist: make it first")
    unfinished = target.parent / f".asyncviz-{os.getpid()}-{id(data)}.tmp"
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


# -- in ----------------------------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str]) -> Trace:
    """The Trace that was saved in the file at `path`.

    Raises FileNotFoundError for a missing file, TraceFileError for anything that is not a whole, sound recording of
    this or an earlier version.
    """
    shown = repr(os.fspath(path))
    try:
        text = Path(path).read_text("utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no file {shown} in {os.getcwd()!r}: a recording is written by trace.save({shown})"
        ) from None
    except IsADirectoryError:
        raise TraceFileError(f"{shown} is a folder: give the name of a file in it") from None
    except UnicodeDecodeError:
        raise TraceFileError(f"{shown} is not JSON, so it is no recording saved by asyncviz") from None
    try:
        content = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise TraceFileError(f"{shown} is no recording saved by asyncviz") from None
    except ValueError as error:
        if text.startswith('{"format": "' + FORMAT) and not text.rstrip().endswith("}"):
            raise TraceFileError(f"{shown} is truncated: it ends in the middle of a recording") from None
        raise TraceFileError(f"{shown} is not JSON, so it is no recording saved by asyncviz: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TraceFileError(f"{shown} is JSON, but no recording saved by asyncviz")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise TraceFileError(f"{shown}: the version of a recording is a number, not {version!r}")
    if version > VERSION:
        raise TraceFileError(
            f"{shown} was saved by a newer asyncviz: its version is {version}, and this asyncviz reads up to {VERSION}"
        )
    try:
        return _trace(content)
    except TraceFileError as error:
        raise TraceFileError(f"{shown} is damaged: {error}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}")


def _need(condition: object, message: str) -> None:
    if not condition:
        raise TraceFileError(message)


def _trace(content: dict[str, Any]) -> Trace:
    trace = Trace()
    for name, kind in _PLAIN.items():
        setattr(trace, name, _value(content.get(name), kind, name))
    trace.threads = [_value(name, str, "threads") for name in _list(content, "threads")]
    for key, kind in _ROWS.items():  # `holds` is a cached property: a loaded trace need not find them again
        setattr(trace, key, [_row(row, kind, key) for row in _list(content, key)])
    tasks = [_row(row, TaskTrace, "tasks") for row in _list(content, "tasks")]
    trace.tasks = {task.label: task for task in tasks}
    trace.loops = [_loop(row) for row in _list(content, "loops")]
    columns = content.get("steps")
    if not isinstance(columns, dict):
        raise TraceFileError("steps are missing")
    trace.steps = Steps(**{name: _column(columns.get(name), kind, f"steps.{name}") for name, kind in _STEPS.items()})
    _check(trace, len(tasks))
    for task in tasks:
        task._trace = trace
    return trace


def _check(trace: Trace, tasks: int) -> None:
    """What pictures and sentences rely on."""
    steps = trace.steps
    lengths = {len(getattr(steps, column)) for column in _STEPS}
    _need(all(getattr(steps, column).ndim == 1 for column in _STEPS), "a column of steps is no plain list")
    _need(len(lengths) == 1, f"the columns of steps have different lengths: {sorted(lengths)}")
    for low, high, message in (
        (steps.ready, steps.start, "a step starts before it is ready"),
        (steps.start, steps.stop, "a step stops before it starts"),
    ):
        _need((low <= high).all(), message)
    for number, kind, top in ((steps.task, "task", tasks), (steps.reason, "reason", len(trace.reasons))):
        _need(((number >= 0) & (number < top)).all(), f"a step names a {kind} that is not in the file")
    _need((steps.waker < tasks).all(), "a step names a waker that is not in the file")
    _need(trace.reasons, "the list of reasons is empty")
    _need(len(trace.tasks) == tasks, "two tasks have the same label")
    for i, task in enumerate(trace.tasks.values()):
        _need(task.index == i, f"the task {task.label!r} has the index {task.index}, but is number {i}")
        _need(task.state in STATES, f"the task {task.label!r} has the unknown state {task.state!r}")
        _need(task.outcome in OUTCOMES, f"the task {task.label!r} has the unknown outcome {task.outcome!r}")
        _need(task.parent is None or task.parent in trace.tasks, f"the parent of {task.label!r} is not in the file")
        _need(0 <= task.reason < len(trace.reasons), f"the task {task.label!r} waits for a reason that is not there")
        _need(0 <= task.loop < max(1, len(trace.loops)), f"the task {task.label!r} has a loop that is not there")
        late = task.finished is None or task.finished >= (task.born or 0.0)
        _need(late, f"the task {task.label!r} ends before it begins")
    stretches: list[Span | Hold] = [*trace.spans, *trace.callbacks, *trace.holds]
    for piece in stretches:
        _need(piece.start <= piece.stop, f"{piece[0]!r} stops before it starts")
    for call in trace.work:
        late = call.started is None or call.finished is None or call.started <= call.finished
        _need(late, f"{call.name!r} stops before it starts")
    for loop in trace.loops:
        for times in (loop.runs, loop.idle):
            _need(times is None or (times[:, 0] <= times[:, 1]).all(), f"{loop.name!r} stops before it starts")


def _list(content: dict[str, Any], key: str) -> list[Any]:
    rows = content.get(key)
    if not isinstance(rows, list):
        raise TraceFileError(f"{key} is not a list" if key in content else f"{key} is missing")
    return rows


def _task_fields() -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(TaskTrace) if not field.name.startswith("_")]


_HINTS = {kind: {k: v for k, v in get_type_hints(kind).items() if k[0] != "_"} for kind in {*_ROWS.values(), TaskTrace}}


def _row(row: Any, kind: type[Any], where: str) -> Any:
    """One row of a list, made into its own type; only fields with a default may be missing."""
    hints = _HINTS[kind]
    if not isinstance(row, dict) or row.keys() - hints.keys():
        raise TraceFileError(f"a row of {where} has other fields than {', '.join(hints)}")
    try:
        return kind(**{name: _value(value, hints[name], f"{name} of {where}") for name, value in row.items()})
    except TypeError:
        raise TraceFileError(f"a row of {where} lacks some of the fields {', '.join(hints)}") from None


def _value(value: Any, hint: Any, where: str) -> Any:
    wanted = hint.__args__ if isinstance(hint, types.UnionType) else (hint,)
    if type(value) in wanted or (value is None and type(None) in wanted):
        _need(type(value) is not float or abs(value) < float("inf"), f"{where} is infinite")
        return value
    if type(value) is int and float in wanted:
        return float(value)
    if type(value) is list and all(type(item) is str for item in value) and tuple[str, ...] in wanted:
        return tuple(value)
    raise TraceFileError(f"{where} is {value!r:.40}")


def _column(values: Any, kind: str, where: str) -> npt.NDArray[Any]:
    """A list of numbers as an array of floats ("f") or of whole numbers ("i")."""
    import numpy as np

    try:
        column = np.array(values) if isinstance(values, list) else None
    except ValueError:  # lists of different lengths in it
        column = None
    if column is None or (len(column) and column.dtype.kind not in {kind, "i"}):
        raise TraceFileError(f"{where} is no list of {'' if kind == 'f' else 'whole '}numbers")
    if kind == "i":
        _need(not len(column) or np.abs(column).max() < 2**31, f"{where} holds numbers that are too large")
        return column.astype(np.int32)
    _need(np.isfinite(column).all(), f"{where} holds infinite numbers")
    return column.astype(float)


def _loop(row: Any) -> LoopTrace:
    if not isinstance(row, dict):
        raise TraceFileError("a row of loops has no fields")
    name, kind, thread = (_value(row.get(key), str, f"{key} of loops") for key in ("name", "kind", "thread"))
    idle = None if row.get("idle") is None else _pairs(row["idle"], f"idle of {name!r}")
    return LoopTrace(name, kind, thread, _pairs(row.get("runs"), f"runs of {name!r}"), idle)


def _pairs(values: Any, where: str) -> npt.NDArray[Any]:
    column = _column(values, "f", where)
    _need(not len(column) or column.shape[1:] == (2,), f"{where} holds other things than pairs of times")
    return column.reshape(-1, 2)


# -- columns -----------------------------------------------------------------------------------------------------------


def to_dict_of_arrays(trace: Trace) -> dict[str, np.ndarray[Any, Any]]:
    """The steps, in order of start: `task`, `waker`, `reason` as texts; `ready`, `start`, `stop` in seconds."""
    import numpy as np

    steps = trace.steps
    labels = [*trace.tasks]
    wakers, which = np.unique(steps.waker, return_inverse=True)
    names = np.array([labels[n] if n >= 0 else trace.waker(n) for n in wakers.tolist()], object)
    return {
        "task": np.array(labels, object)[steps.task],
        "ready": steps.ready,
        "start": steps.start,
        "stop": steps.stop,
        "waker": names[which],
        "reason": np.array([reason.text for reason in trace.reasons], object)[steps.reason],
    }


def to_dataframe(trace: Trace) -> Any:
    """The same columns as a pandas DataFrame. Raises ImportError where pandas is not installed."""
    try:
        import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise ImportError("to_dataframe needs pandas: install it, or use to_dict_of_arrays") from None
    return pd.DataFrame(to_dict_of_arrays(trace))
