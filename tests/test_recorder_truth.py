"""Random programs on a clock that only jumps: the recording against what the program itself saw, to the last figure."""

from __future__ import annotations

import asyncio
import itertools
import pathlib
import random
import selectors
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncviz import check, hooks
from asyncviz.freeze import freeze
from asyncviz.loops import IO, UNKNOWN
from asyncviz.recorder import Session
from asyncviz.trace import READY, RUNNING, WAITING, Trace


class Clock(asyncio.SelectorEventLoop):
    """A loop on whose clock nothing takes time but waiting, and what the program says."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(selectors.SelectSelector())
        wait = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None = None) -> Any:
            assert timeout is not None, "the program hangs"
            self.now = round(self.now + timeout, 6)
            return wait(0)

        self._selector.select = select  # type: ignore[attr-defined]
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.now


def run(main: Any, factory: Any = None) -> Trace:
    """Record `main(loop)` on the loop's own clock."""
    loop = Clock()
    session, trace = Session(now=loop.time), Trace.open("")
    session.limit = 10**6
    if factory is not None:
        loop.set_task_factory(factory)
    asyncio.events._set_running_loop(None)  # type: ignore[attr-defined]
    task = loop.create_task(main(loop))
    session.enters(loop)
    try:
        loop.run_until_complete(task)
    finally:
        session.stop()
        loop.close()
    freeze(session, trace, -1e-9, loop.now + 1e-9, UNKNOWN, 10**6)
    trace.duration = loop.now + 1e-9
    return trace


class Program:
    """A tree of tasks made from a seed, which writes down every step: (task, begin, end, what it did then)."""

    def __init__(self, seed: int, loop: Clock) -> None:
        self.random, self.loop, self.count = random.Random(seed), loop, 0
        self.lock, self.queue, self.seats = asyncio.Lock(), asyncio.Queue[int](2), asyncio.Semaphore(2)
        self.steps: list[tuple[str, float, float]] = []
        self.parents: dict[str, str | None] = {"main": None}
        self.begun: dict[str, float] = {}

    def begin(self, name: str) -> None:
        self.begun[name] = self.loop.now

    def end(self, name: str) -> None:
        self.steps.append((name, self.begun.pop(name), self.loop.now))

    async def suspend(self, name: str, wait: Any) -> Any:
        """Await something that does suspend."""
        self.end(name)
        try:
            return await wait
        finally:
            self.begin(name)

    async def task(self, name: str, depth: int) -> None:
        self.begin(name)
        try:
            for _ in range(self.random.randint(0, 4)):
                self.loop.now = round(self.loop.now + self.random.choice((0, 0, 0.001, 0.02)), 6)  # work
                await self.act(name, depth)
        finally:
            self.end(name)

    def child(self, name: str, depth: int) -> Any:
        self.count += 1
        label = f"t{self.count}"
        self.parents[label] = name
        return self.loop.create_task(self.task(label, depth + 1), name=label)

    async def act(self, name: str, depth: int) -> None:
        what = self.random.choice(("sleep", "switch", "child", "gather", "lock", "event", "cancel"))
        if what == "sleep":
            await self.suspend(name, asyncio.sleep(self.random.choice((0.01, 0.01, 0.03))))
        elif what == "switch":
            await self.suspend(name, asyncio.sleep(0))
        elif depth < 3 and what == "child":
            await self.suspend(name, self.child(name, depth))
        elif depth < 3 and what == "gather":
            await self.suspend(name, asyncio.gather(*(self.child(name, depth) for _ in range(2))))
        elif what == "lock":
            if self.lock.locked() or self.lock._waiters:  # type: ignore[attr-defined]
                await self.suspend(name, self.lock.acquire())
            else:
                await self.lock.acquire()
            try:
                await self.suspend(name, asyncio.sleep(0.01))
            finally:
                self.lock.release()
        elif what == "event":
            event = asyncio.Event()
            self.loop.call_later(0.01, event.set)
            await self.suspend(name, event.wait())
        elif depth < 3 and what == "cancel":
            child = self.child(name, depth)
            await self.suspend(name, asyncio.sleep(0.01))
            child.cancel()
            await self.suspend(name, asyncio.wait([child]))


def recorded(trace: Trace) -> list[tuple[str, float, float]]:
    labels, steps = list(trace.tasks), trace.steps
    rows = zip(steps.task, steps.start, steps.stop, strict=True)
    return [(labels[task], round(float(start), 6), round(float(stop), 6)) for task, start, stop in rows]


def compare(seed: int, factory: Any = None) -> None:
    programs: list[Program] = []

    async def main(loop: Clock) -> None:
        programs.append(Program(seed, loop))
        await programs[0].task("main", 0)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest)

    trace = run(main, factory)
    program = programs[0]
    assert trace.failure == ""
    assert trace.problems == []
    seen = [row for row in recorded(trace) if row[0] in program.parents]
    told = [row for row in program.steps if row[0] != "main"]
    if factory is None:  # every step, in order, with its times; an eager one is recorded in pieces
        assert [row for row in seen if row[0] != "main"] == [*told, *[]] or _unstarted(trace, seen, told)
    for label, task in trace.tasks.items():
        assert task.parent == program.parents[label]
        pieces = task.slices
        assert all(a.stop == b.start for a, b in itertools.pairwise(pieces)), "slices tile a life"
        assert {piece.state for piece in pieces} <= {RUNNING, READY, WAITING}
        assert task.outcome in ("returned", "cancelled")
    for piece in (p for t in trace.tasks.values() for p in t.slices if p.reason.startswith("sleep 0.")):
        if piece.state == WAITING and piece.stop < trace.duration:
            asked = float(piece.reason.removeprefix("sleep "))
            assert round(piece.stop - piece.start, 6) <= asked  # exactly, or less if cancelled or late


def _unstarted(trace: Trace, seen: list[Any], told: list[Any]) -> bool:
    """A task that is cancelled before it begins has a step of which it knows nothing."""
    unknown = {name for name, _, _ in seen} - {name for name, _, _ in told}
    rest = [row for row in seen if row[0] != "main" and row[0] not in unknown]
    return rest == told and all(trace.tasks[name].outcome == "cancelled" for name in unknown)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_random_programs(seed: int) -> None:
    compare(seed)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came in 3.12")
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_random_programs_of_eager_tasks(seed: int) -> None:
    compare(seed, asyncio.eager_task_factory)  # type: ignore[attr-defined]


# -- one program, all of it known ------------------------------------------------------------------------------------


async def known(loop: Clock) -> None:
    """tea and toast share a lock; milk is woken by tea; the timer wakes all others."""
    lock, event = asyncio.Lock(), asyncio.Event()

    async def tea() -> None:
        async with lock:
            await asyncio.sleep(0.2)
        loop.now += 0.5  # computing
        event.set()

    async def toast() -> None:
        async with lock:
            await asyncio.sleep(0.1)

    async def milk() -> None:
        await event.wait()

    async with asyncio.TaskGroup() as group:
        for make in (tea, toast, milk):
            group.create_task(make(), name=make.__name__)


def life(trace: Trace, label: str) -> list[tuple[str, float, float, str]]:
    pieces = [(p.state, round(p.start, 6), round(p.stop, 6), p.reason) for p in trace.tasks[label].slices]
    return [piece for piece in pieces if piece[2] > piece[1]]


def wakers(trace: Trace, label: str) -> list[str]:
    s = trace.steps
    return [trace.waker(int(w)) for w, t in zip(s.waker, s.task, strict=True) if t == trace.tasks[label].index]


def test_the_known_program() -> None:
    trace = run(known)
    assert trace.problems == []
    assert life(trace, "tea") == [("waiting", 0.0, 0.2, "sleep 0.2"), ("running", 0.2, 0.7, "")]
    assert life(trace, "toast") == [
        ("waiting", 0.0, 0.2, 'Lock "lock"'),
        ("ready", 0.2, 0.7, ""),  # tea let go of the lock, and kept the thread
        ("waiting", 0.7, 0.8, "sleep 0.1"),
    ]
    assert life(trace, "milk") == [("waiting", 0.0, 0.7, 'Event "event"')]
    assert wakers(trace, "tea") == ["known", "timer"]
    assert wakers(trace, "toast") == ["known", "tea", "timer"]
    assert wakers(trace, "milk") == ["known", "tea"]
    assert [t.parent for t in trace.tasks.values()] == [None, "known", "known", "known"]
    assert trace.loops[0].idle_seconds == pytest.approx(0.3)
    assert trace.loop_busy == pytest.approx(0.5)


def test_a_timer_that_is_due_while_another_task_runs_makes_ready_when_it_is_due() -> None:
    async def main(loop: Clock) -> None:
        async def nap() -> None:
            await asyncio.sleep(0.1)

        task = loop.create_task(nap(), name="nap")
        await asyncio.sleep(0.05)
        loop.now += 1.0  # holds the loop
        await task

    assert life(run(main), "nap") == [("waiting", 0.0, 0.1, "sleep 0.1"), ("ready", 0.1, 1.05, "")]


def test_a_callback_that_works_before_it_wakes_is_not_the_timer() -> None:
    async def main(loop: Clock) -> None:
        event = asyncio.Event()

        def work() -> None:
            loop.now += 0.5
            event.set()

        loop.call_later(0.1, work)
        await event.wait()

    assert life(run(main), "main") == [("waiting", 0.0, 0.6, 'Event "event"')]


# -- what must be noticed: each invariant, broken on purpose ----------------------------------------------------------


def test_a_waker_that_is_left_over_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `cause` were not cleared after select: the last task to run would be the waker of everything."""
    source = pathlib.Path(hooks.__file__).read_text()
    assert source.count("        cause = IO\n        if nested") == 1
    assert source.count("                        cause = IO\n                        moment = stop\n") == 1
    source = source.replace("        cause = IO\n        if nested", "        if nested")
    source = source.replace("                        cause = IO\n                        moment = stop\n", "")
    source = source.replace("cause, due = TIMER, self._when + offset", "due = 0.0")
    space: dict[str, Any] = {"__name__": hooks.__name__, "__package__": "asyncviz", "__file__": hooks.__file__}
    exec(compile(source, hooks.__file__, "exec"), space)
    monkeypatch.setattr(hooks, "hook", space["hook"])
    trace = run(known)
    assert wakers(trace, "tea") != ["known", "timer"]
    assert any("is said to have woken" in text for text in trace.problems)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came in 3.12")
def test_an_eager_step_that_is_dropped_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(loop: Clock) -> None:
        async def short() -> None:
            loop.now += 0.1

        loop.create_task(short(), name="short")
        await asyncio.sleep(0.1)

    factory = asyncio.eager_task_factory  # type: ignore[attr-defined]
    assert life(run(main, factory), "short") == [("running", 0.0, 0.1, "")]
    trace = run(main, factory)
    keep = trace.steps.task != trace.tasks["short"].index
    for column in ("ready", "start", "stop", "task", "waker", "reason"):
        setattr(trace.steps, column, getattr(trace.steps, column)[keep])
    trace.__dict__.pop("_by_task", None)
    assert list(check.problems(trace)) == ["1 tasks have ended, but not in a step, as short"]


def broken(change: Any) -> list[str]:
    trace = run(known)
    assert trace.problems == []
    change(trace, trace.steps, {label: task.index for label, task in trace.tasks.items()})
    trace.__dict__.pop("_by_task", None)
    return list(check.problems(trace))


def test_two_tasks_at_once_are_noticed() -> None:
    def change(trace: Trace, steps: Any, index: dict[str, int]) -> None:
        long = int((steps.stop - steps.start).argmax())
        steps.start[long + 1] -= 0.1
        steps.ready[long + 1] = steps.start[long + 1]

    assert any("run at once" in text for text in broken(change))


def test_ready_before_the_last_step_has_ended_is_noticed() -> None:
    def change(trace: Trace, steps: Any, index: dict[str, int]) -> None:
        mine = (steps.task == index["toast"]).nonzero()[0]
        steps.ready[mine[-1]] = -1.0

    assert "a task is ready before its last step has ended" in broken(change)


def test_a_step_backwards_in_time_is_noticed() -> None:
    def change(trace: Trace, steps: Any, index: dict[str, int]) -> None:
        steps.stop[0] = -1.0

    assert "a step starts before it is ready, or stops before it starts" in broken(change)


def test_a_cause_that_does_not_exist_is_noticed() -> None:
    def change(trace: Trace, steps: Any, index: dict[str, int]) -> None:
        steps.waker[0] = 99

    assert broken(change) == ["a wake-up has a cause that does not exist"]


def test_idle_time_that_does_not_add_up_is_noticed() -> None:
    def twice(trace: Trace, steps: Any, index: dict[str, int]) -> None:
        trace.loops[0].idle[1, 0] = 0.0  # type: ignore[index]

    def within_a_step(trace: Trace, steps: Any, index: dict[str, int]) -> None:
        trace.loops[0].idle[0, 1] = 0.65  # type: ignore[index]

    def beyond(trace: Trace, steps: Any, index: dict[str, int]) -> None:
        trace.loops[0].runs[0, 1] = 0.1

    assert any("do not add up" in text for text in broken(twice))
    assert any("do not add up" in text or "is idle" in text for text in broken(within_a_step))
    assert any("a task runs while the event loop does not" in text for text in broken(beyond))


def test_a_wake_up_without_a_cause_is_marked_unknown() -> None:
    assert IO != UNKNOWN
    trace = run(known)
    assert set(trace.steps.waker.tolist()) <= {*range(len(trace.tasks)), -1, -2, -3}
