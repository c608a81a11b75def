"""A Trace as a Perfetto trace file, for https://ui.perfetto.dev: one track a task, arrows from wakers to the woken.

The format is protobuf. What is needed of it are four messages of numbers and texts, so they are encoded here; the
tests read them back with the classes that Perfetto publishes. Field numbers are those of perfetto_trace.proto.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from .formats import write_whole
from .trace import RUNNING, WAITING, TaskTrace, Trace

if TYPE_CHECKING:
    from .trace import Ints

_BEGIN, _END = 1, 2  # TrackEvent.Type
_EXPLICIT = 3  # TrackDescriptor.ChildTracksOrdering: the order of sibling_order_rank
_ROOT = 1  # the track that holds all others

Piece = tuple[float, float, str, int | None]  # start and stop in seconds, name, line


def to_perfetto(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write `trace` to a file (ending: .pftrace) that ui.perfetto.dev opens; whole or not at all, as `save` does.

    Tracks: the tasks in order of creation, their spans below them; the loops (busy, idle); worker and other threads.
    Raises FileNotFoundError where the folder does not exist, TraceFileError for a `path` that is a folder.
    """
    write_whole(path, b"".join(_packets(trace)))


def _packets(trace: Trace) -> Iterator[bytes]:
    yield _track(_ROOT, trace.name or "asyncviz", 0, rank=0)
    woken, flows_out = _flows(trace)
    uuid = _ROOT
    of_task: dict[str | None, list[Piece]] = {}
    for span in trace.spans:
        of_task.setdefault(span.task, []).append((span.start, span.stop, span.name, None))
    for task in trace.tasks.values():
        uuid += 1
        yield _track(uuid, task.label, _ROOT, uuid)
        yield from _life(trace, task, uuid, woken, flows_out)
        if task.label in of_task:
            uuid += 1
            yield _track(uuid, f"spans of {task.label}", _ROOT, uuid)
            yield from _slices(uuid, of_task[task.label])
    lanes: dict[str, list[Piece]] = {}
    for loop in trace.loops:
        pieces = lanes.setdefault(f"{loop.name} ({loop.thread})", [])
        pieces += [(start, stop, "running", None) for start, stop in loop.runs.tolist()]
        pieces += [(start, stop, "idle", None) for start, stop in (loop.idle if loop.idle is not None else ())]
    for span in trace.spans:
        if span.task is None:
            lanes.setdefault(f"thread {span.thread}", []).append((span.start, span.stop, span.name, None))
    for work in trace.work:
        if work.started is not None:
            stop = trace.duration if work.finished is None else work.finished
            kind = "process" if work.process else "thread"
            lanes.setdefault(f"{kind} {work.worker}", []).append((work.started, stop, work.name, None))
    for name, pieces in lanes.items():
        uuid += 1
        yield _track(uuid, name, _ROOT, uuid)
        yield from _slices(uuid, pieces)


def _flows(trace: Trace) -> tuple[Ints, dict[int, list[int]]]:
    """For each step, 1 if an arrow ends at it; for each step, the steps woken in it."""
    import numpy as np

    steps, (order, first) = trace.steps, trace._by_task
    woken = np.zeros(len(steps.start), np.int32)
    out: dict[int, list[int]] = {}
    for waker in np.unique(steps.waker[steps.waker >= 0]).tolist():
        own = order[first[waker] : first[waker + 1]]
        targets = np.nonzero((steps.waker == waker) & (steps.task != waker))[0]
        # a task is made ready in the last step of its waker that began before
        at = np.searchsorted(steps.start[own], steps.ready[targets], "right") - 1
        for target, place in zip(targets.tolist(), at.tolist(), strict=True):
            if place >= 0:
                woken[target] = 1
                out.setdefault(int(own[place]), []).append(target + 1)
    return woken, out


def _life(trace: Trace, task: TaskTrace, uuid: int, woken: Ints, out: dict[int, list[int]]) -> Iterator[bytes]:
    """The slices of a task; the running ones carry the flows."""
    order, first = trace._by_task
    mine = iter(order[first[task.index] : first[task.index + 1]].tolist())
    for piece in task.slices:
        name = piece.reason or WAITING if piece.state == WAITING else piece.state
        flows = b""
        if piece.state == RUNNING:
            step = next(mine)
            flows = b"".join(_tag(47, 1) + struct.pack("<Q", flow) for flow in out.get(step, ()))
            flows += _tag(48, 1) + struct.pack("<Q", step + 1) if woken[step] else b""
        yield _event(piece.start, uuid, _BEGIN, _name(name, piece.line) + flows)
        yield _event(piece.stop, uuid, _END)


def _slices(uuid: int, pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Slices that may lie in each other; of two that overlap, the second is cut where the first ends."""
    open_until: list[float] = []
    for start, stop, name, line in sorted(pieces, key=lambda piece: (piece[0], -piece[1])):
        while open_until and open_until[-1] <= start:
            yield _event(open_until.pop(), uuid, _END)
        open_until.append(min(stop, open_until[-1]) if open_until else stop)
        yield _event(start, uuid, _BEGIN, _name(name, line))
    while open_until:
        yield _event(open_until.pop(), uuid, _END)


# -- protobuf ----------------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


@lru_cache
def _tag(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _number(field: int, number: int) -> bytes:
    return _tag(field, 0) + _varint(number)


def _bytes(field: int, data: bytes | str) -> bytes:
    data = data.encode("utf-8", "replace") if isinstance(data, str) else data
    return _tag(field, 2) + _varint(len(data)) + data


def _packet(content: bytes) -> bytes:
    return _bytes(1, content + _number(10, 1))  # Trace.packet; TracePacket.trusted_packet_sequence_id


def _track(uuid: int, name: str, parent: int, rank: int) -> bytes:
    content = _number(1, uuid) + _bytes(2, name)
    content += _number(5, parent) + _number(12, rank) if parent else _number(11, _EXPLICIT)
    return _packet(_bytes(60, content))


@lru_cache(maxsize=4096)
def _name(name: str, line: int | None) -> bytes:
    note = b"" if line is None else _bytes(4, _bytes(10, "line") + _number(4, line))  # a DebugAnnotation
    return _bytes(23, name) + note


def _event(seconds: float, uuid: int, kind: int, more: bytes = b"") -> bytes:
    event = _number(9, kind) + _number(11, uuid) + more
    return _packet(_number(8, round(seconds * 1e9)) + _bytes(11, event))
