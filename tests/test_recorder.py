"""`record` and `span`: how they are used and misused, what they put back, what they do not change, what they keep."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import hashlib
import os
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import asyncviz
from asyncviz import hooks, loops, recorder, session, waits, watchdog
from asyncviz import trace as model
from asyncviz.trace import StillRecording


async def nap(seconds: float = 0.001) -> str:
    await asyncio.sleep(seconds)
    return "slept"


def sound(trace: asyncviz.Trace) -> asyncviz.Trace:
    assert trace.failure == ""
    assert trace.problems == []
    return trace


# -- use and misuse --------------------------------------------------------------------------------------------------


def test_a_recording_can_be_read_when_its_block_is_left() -> None:
    with asyncviz.record("nap") as trace:
        with pytest.raises(StillRecording, match=r"'nap' is not finished: read trace.tasks after"):
            trace.tasks  # noqa: B018
        assert asyncio.run(nap()) == "slept"
    assert list(sound(trace).tasks) == ["nap"]
    assert trace.tasks["nap"].outcome == "returned"


def test_names_and_limits() -> None:
    with pytest.raises(TypeError, match="name of a recording is a string, not int"):
        asyncviz.record(3)  # type: ignore[arg-type]
    for limit in (0, -1):
        with pytest.raises(ValueError, match=f"limit is {limit}, but at least one step"):
            asyncviz.record(limit=limit)
    for odd in (1.5, "10", True, None):
        with pytest.raises(TypeError, match="limit is a number of steps"):
            asyncviz.record(limit=odd)  # type: ignore[arg-type]


def test_used_twice_never_entered_or_left() -> None:
    recording = asyncviz.record()
    with pytest.raises(RuntimeError, match="not open"):
        recording.__exit__(None, None, None)
    with recording, pytest.raises(RuntimeError, match="used already"):
        recording.__enter__()
    with pytest.raises(RuntimeError, match="used already"), recording:
        pass
    with pytest.raises(AttributeError, match="no 'tasks' before it has run"):
        asyncviz.record().tasks  # type: ignore[attr-defined]  # noqa: B018


def test_async_with_is_refused() -> None:
    async def main() -> None:
        async with asyncviz.record():  # type: ignore[attr-defined]
            pass

    with pytest.raises(TypeError, match="plain `with`"):
        asyncio.run(main())


def test_a_closed_loop_says_what_it_always_says() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    coro = nap()
    with asyncviz.record() as trace, pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_until_complete(coro)
    coro.close()
    assert sound(trace).loops == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_left_by_an_exception(error: type[BaseException]) -> None:
    before = state()
    with pytest.raises(error), asyncviz.record() as trace:  # noqa: PT012
        asyncio.run(nap())
        raise error
    assert list(sound(trace).tasks) == ["nap"]
    assert state() == before


def test_the_recorder_asks_the_system_nothing_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools such as BlockBuster make calls raise that could block the loop; anyio's own tests use it."""

    def refused(name: str) -> Callable[..., Any]:
        real = getattr(os.path if name in ("abspath", "realpath") else os, name)

        def call(*args: Any, **options: Any) -> Any:
            if asyncio._get_running_loop() is not None:
                raise RuntimeError(f"{name} may block")
            return real(*args, **options)

        return call

    monkeypatch.setattr(waits, "_user_files", {})  # as in a new process
    for name in ("getcwd", "stat", "lstat", "listdir"):
        monkeypatch.setattr(os, name, refused(name))
    for name in ("abspath", "realpath"):
        monkeypatch.setattr(os.path, name, refused(name))
    space: dict[str, Any] = {}
    source = "import asyncio\nasync def other(nap):\n    await asyncio.create_task(nap())"
    exec(compile(source, "/elsewhere/app.py", "exec"), space)  # a file that it has not seen
    with asyncviz.record() as trace:
        asyncio.run(space["other"](nap))
    assert sound(trace).tasks["other"].outcome == "returned"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_step_that_ends_the_program(error: type[BaseException]) -> None:
    before = state()

    async def main() -> None:
        await asyncio.sleep(0)
        raise error

    with pytest.raises(error), asyncviz.record() as trace:
        asyncio.run(main())
    assert trace.tasks["main"].outcome == "raised"
    assert sound(trace).tasks["main"].error == error.__name__
    assert state() == before


def test_empty() -> None:
    with asyncviz.record() as trace:
        pass
    assert sound(trace).empty
    assert (trace.makespan, trace.overlap, trace.longest_block, trace.loop_busy) == (0.0, 0, 0.0, 0)


def test_span() -> None:
    @asyncviz.span("resize")
    def resize(n: int) -> int:
        """Docs."""
        return resize(n - 1) + 1 if n else 0

    assert resize(2) == 2  # outside of a recording it does nothing
    assert (resize.__name__, resize.__doc__) == ("resize", "Docs.")
    with asyncviz.record() as trace:
        resize(1)
        thread = threading.Thread(target=resize, args=(0,), name="painter")
        thread.start()
        thread.join()
        with asyncviz.span("load"):
            asyncio.run(nap())
    assert [s.name for s in trace.spans] == ["resize", "resize", "resize", "load"]
    assert [s.thread for s in trace.spans] == ["MainThread", "MainThread", "painter", "MainThread"]


def test_span_misused() -> None:
    with pytest.raises(TypeError, match="a span has a name, not function"):
        asyncviz.span(nap)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="nap is a coroutine function"):
        asyncviz.span("x")(nap)
    coro = nap()
    with pytest.raises(TypeError, match="goes above a function, not coroutine"):
        asyncviz.span("x")(coro)
    coro.close()


# -- what is put back ------------------------------------------------------------------------------------------------


def state() -> list[Any]:
    """Everything that a recording replaces outside of loops."""
    from concurrent.futures import process, thread

    classes: list[Any] = [asyncio.Runner, process._WorkItem, thread._WorkItem, asyncio.BaseEventLoop]  # type: ignore[attr-defined]
    found: list[Any] = [dict(vars(c)) for c in (*classes, asyncio.Handle, asyncio.TimerHandle)]
    uvloop = sys.modules.get("uvloop")
    return [
        *found,
        {name: value for name, value in vars(asyncio.events).items() if name != "_event_loop_policy"},  # asyncio's own
        dict(vars(warnings)),
        dict(vars(uvloop.Loop)) if uvloop else {},
        threads_now(),
    ]


def threads_now() -> list[str]:
    return sorted(t.name for t in threading.enumerate())


@pytest.mark.parametrize("end", ["normally", "by an error", "by an interrupt"])
def test_every_attribute_is_put_back(end: str) -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        early = loop.call_later(60, print)
        before = [dict(vars(loop)), dict(vars(loop._selector)), state()]
        queued = [type(h) for h in loop._ready]
        late = None
        try:
            with asyncviz.record():
                assert vars(loop) != before[0]
                assert threads_now() == before[2][-1]
                late = loop.call_at(loop.time() + 60, print)
                assert (type(late).__name__, isinstance(late, asyncio.TimerHandle)) == ("TimerHandle", True)
                await asyncio.sleep(0.001)
                loop.call_soon(len, "left in the queue")
                if end != "normally":
                    raise ValueError if end == "by an error" else KeyboardInterrupt
        except (ValueError, KeyboardInterrupt):
            pass
        after = [dict(vars(loop)), dict(vars(loop._selector)), state()]
        ignore = ("_ready", "_scheduled", "_timer_cancelled_count", "_asyncgens", "_signal_handlers")
        for a, b in zip(before[:2], after[:2], strict=True):
            assert {k: v for k, v in a.items() if k not in ignore} == {k: v for k, v in b.items() if k not in ignore}
        assert after[2] == before[2]
        assert {type(h) for h in loop._scheduled} == {asyncio.TimerHandle}
        assert all(h._run.__func__ is asyncio.Handle._run for h in loop._ready)  # type: ignore[attr-defined]
        early.cancel()
        late.cancel()
        assert queued == []

    asyncio.run(main())


def test_a_function_that_was_kept_still_works() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        with asyncviz.record():
            soon, safe, at, create = loop.call_soon, loop.call_soon_threadsafe, loop.call_at, loop.create_task
        got: list[int] = []
        soon(got.append, 1)
        safe(got.append, 2)
        at(loop.time(), got.append, 3)
        await create(nap())
        return got

    assert asyncio.run(main()) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_function_that_was_kept_works_in_the_next_run_of_its_loop(kind: str) -> None:
    loop: Any = (asyncio if kind == "asyncio" else pytest.importorskip("uvloop")).new_event_loop()
    kept: list[Any] = []
    got: list[int] = []

    async def keep() -> None:
        kept.extend((loop.call_soon, loop.call_soon_threadsafe, loop.call_later, loop.create_task))

    async def use() -> None:
        soon, safe, later, create = kept
        soon(got.append, 1)
        safe(got.append, 2)
        later(0.001, got.append, 3)
        await create(nap(0.01))

    with asyncviz.record() as trace:
        loop.run_until_complete(keep())
        loop.run_until_complete(use())
    loop.close()
    assert sorted(got) == [1, 2, 3]  # the timer may be due at once: uvloop calls it first then
    assert got.index(1) < got.index(2)
    assert sound(trace).tasks["nap"].outcome == "returned"


def test_what_somebody_else_has_replaced_is_left_to_them() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        with asyncviz.record():
            ours, calls = loop.call_soon, []

            def theirs(callback: Any, *args: Any, context: Any = None) -> Any:
                calls.append(callback)
                return ours(callback, *args, context=context)

            loop.call_soon = theirs
            await asyncio.sleep(0)
        assert vars(loop)["call_soon"] is theirs
        await asyncio.sleep(0)
        assert len(calls) >= 2
        del loop.call_soon

    asyncio.run(main())


# -- what does not change --------------------------------------------------------------------------------------------


def freed(keep: Callable[[], Any]) -> list[bool]:
    """Which objects are gone, without the collector, when the program and its loop have ended."""
    gc.collect()
    gc.disable()
    try:
        refs: list[Any] = []

        async def main() -> None:
            async def work() -> None:
                await asyncio.sleep(0.001)
                await asyncio.to_thread(len, "")

            coro = work()
            task = asyncio.create_task(coro)
            refs.extend(weakref.ref(thing) for thing in (coro, task))
            await task
            del task, coro
            refs.append(refs[0]() is None and refs[1]() is None)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        refs.append(weakref.ref(loop))
        del loop
        return [ref if isinstance(ref, bool) else ref() is None for ref in refs]
    finally:
        gc.enable()


def test_everything_is_freed_as_without_a_recording() -> None:
    plain = freed(lambda: None)
    with asyncviz.record():
        recorded = freed(lambda: None)
    assert recorded == plain
    assert plain[:2] == [True, True]


def test_a_loop_is_freed_that_was_running_before_and_after() -> None:
    def run(record: bool) -> bool:
        async def main() -> None:
            if record:
                with asyncviz.record():
                    await nap()
            await nap()

        gc.collect()
        gc.disable()
        try:
            loop = asyncio.new_event_loop()
            loop.run_until_complete(main())
            loop.close()
            ref = weakref.ref(loop)
            del loop
            return ref() is None
        finally:
            gc.enable()

    assert run(True) == run(False)


PROGRAM = """
import asyncio, gc, sys, logging, traceback
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
async def forgotten(): pass
async def failing(): raise ValueError("lost")
async def hanging(): await asyncio.get_running_loop().create_future()
def callback(): raise KeyError("callback")
async def main():
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 0.5  # a busy machine is slow enough for asyncio's own 0.1
    forgotten()
    task = asyncio.create_task(failing(), name="failing"); await asyncio.sleep(0.001); del task; gc.collect()
    task = asyncio.create_task(hanging(), name="hanging"); await asyncio.sleep(0.001); del task; gc.collect()
    loop.call_soon(callback); loop.call_later(0.001, callback); loop.call_soon_threadsafe(callback)
    await asyncio.sleep(0.01)
    def boom(): 1 / 0
    try: await asyncio.to_thread(boom)
    except ZeroDivisionError: traceback.print_exc()
    print(repr(asyncio.current_task()).split(" coro=")[0], asyncio.current_task().get_coro().__name__)
    future = loop.create_future(); print(future); loop.call_soon(future.set_result, 1); await future
    if loop.get_debug():
        import time; time.sleep(loop.slow_callback_duration + 0.01)
def start():
    asyncio.run(main(), debug=DEBUG)
import contextlib, asyncviz
with asyncviz.record() if RECORD else contextlib.nullcontext() as trace:
    start()
if RECORD:
    assert not trace.failure and not trace.problems, (trace.failure, trace.problems)
    kinds = {note.kind for note in trace.notes}
    assert "coroutine was never awaited" in kinds, kinds
    assert {"Task exception was never retrieved", "Task was destroyed but it is pending!"} <= kinds, kinds
    assert [trace.tasks["hanging"].outcome, trace.tasks["failing"].outcome] == ["lost", "raised"]
"""


@pytest.mark.parametrize("debug", [False, True])
def test_messages_and_warnings_are_the_same_to_the_letter(debug: bool, tmp_path: Any) -> None:
    import re

    said = []
    for record in (False, True):
        (tmp_path / "program.py").write_text(PROGRAM.replace("RECORD", str(record)).replace("DEBUG", str(debug)))
        done = subprocess.run(
            [sys.executable, "program.py"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        text = done.stdout + done.stderr
        text = re.sub(r"0x[0-9a-f]+|took [\d.]+ seconds|\d+\.\d+ ?(seconds|ms)?|asyncio_\d", "#", text)
        said.append(re.sub(r"Executing .*", "Executing", text))
    plain, recorded = said
    assert recorded == plain


def test_a_thread_that_forks_is_not_warned_of_because_of_us() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("no fork")
    before = state()
    with warnings.catch_warnings(), asyncviz.record() as trace:
        warnings.simplefilter("error")
        read, write = os.pipe()
        if threading.active_count() > 1:
            warnings.simplefilter("ignore")
        if not (pid := os.fork()):
            try:  # the child does not record, and can
                with asyncviz.record() as inner:
                    asyncio.run(nap())
                os.write(write, f"{list(inner.tasks)} {inner.problems}".encode())
            finally:
                os._exit(0)
        asyncio.run(nap())
        os.waitpid(pid, 0)
        assert os.read(read, 100) == b"['nap'] []"
        os.close(read)
        os.close(write)
    assert list(sound(trace).tasks) == ["nap"]
    assert state() == before


# -- an error of its own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["describe", "finish", "meet", "pack"])
def test_an_error_of_the_recorder_does_not_reach_the_program(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("ours")

    async def main() -> list[str]:
        if where == "pack":
            monkeypatch.setattr(hooks, "FULL", 0)
        return await asyncio.gather(nap(), nap(), asyncio.to_thread(str, 3))

    before = state()
    monkeypatch.setattr(f"asyncviz.loops.Watch.{where}", fail)
    ours = pytest.warns(RuntimeWarning, match=r"error of its own \(ZeroDivisionError: ours\)")
    with asyncviz.record() as trace, ours:
        assert asyncio.run(main()) == ["slept", "slept", "3"]
        assert recorder._session is not None
        assert recorder._session.undo == []
    monkeypatch.undo()
    assert trace.failure == "ZeroDivisionError: ours"
    assert state() == before


def test_an_error_of_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("asyncviz.watchdog.Watchdog._look", fail)
    with warnings.catch_warnings(record=True) as caught, asyncviz.record() as trace:
        warnings.simplefilter("always")
        assert asyncio.run(nap(0.1)) == "slept"
    assert trace.failure == "ZeroDivisionError: ours"
    assert "stopped recording" in str(caught[-1].message)


# -- several at a time -----------------------------------------------------------------------------------------------


def test_nested_and_overlapping() -> None:
    async def main() -> list[asyncviz.Trace]:
        first, second = asyncviz.record("first"), asyncviz.record("second")
        one = first.__enter__()
        await asyncio.create_task(nap(), name="a")
        two = second.__enter__()
        await asyncio.create_task(nap(), name="b")
        first.__exit__(None, None, None)
        with asyncviz.record("inner") as three:
            await asyncio.create_task(nap(), name="c")
        await asyncio.create_task(nap(), name="d")
        second.__exit__(None, None, None)
        return [one, two, three]

    before = state()
    one, two, three = asyncio.run(main())
    assert state() == before
    assert [list(sound(t).tasks) for t in (one, two, three)] == [
        ["main", "a", "b"],
        ["main", "b", "c", "d"],
        ["main", "c"],
    ]
    assert two.tasks["c"].parent == three.tasks["c"].parent == "main"


def test_entered_here_and_left_there() -> None:
    recording = asyncviz.record()
    traces: list[asyncviz.Trace] = []
    started, go = threading.Event(), threading.Event()

    async def main() -> None:
        started.set()
        await asyncio.sleep(0.01)
        while not go.is_set():
            await asyncio.sleep(0.001)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    before = state()
    traces.append(recording.__enter__())
    thread.start()
    started.wait()
    time.sleep(0.02)
    recording.__exit__(None, None, None)  # while the loop goes on in its thread
    assert state()[:-1] == before[:-1]
    go.set()
    thread.join()
    trace = sound(traces[0])
    assert trace.tasks["main"].outcome == "pending"
    assert trace.loops[0].thread == thread.name or "ended" in trace.loops[0].thread


def test_a_loop_that_runs_in_another_thread_before_during_and_after() -> None:
    ticks, stop = threading.Semaphore(0), threading.Event()

    async def tick() -> None:
        while not stop.is_set():
            ticks.release()
            await asyncio.sleep(0.001)

    thread = threading.Thread(target=asyncio.run, args=(tick(),), name="ticker")
    thread.start()
    try:
        ticks.acquire()
        before = state()
        for _ in range(3):
            with asyncviz.record() as trace:
                time.sleep(0.03)
                while ticks.acquire(blocking=False):  # those until now: some may be of before
                    pass
                for _ in range(3):  # however busy the machine is
                    assert ticks.acquire(timeout=10)
            assert state() == before
            assert sound(trace).tasks["tick"].born is None
            assert trace.loops[0].thread == "ticker"
            assert len(trace.steps.start) > 2
    finally:  # or it would turn up in the tests that follow
        stop.set()
        thread.join()


def test_a_loop_that_is_held_in_another_thread_does_not_hold_the_recording() -> None:
    ready, stop = threading.Event(), threading.Event()

    async def hold() -> None:
        await asyncio.sleep(0)
        ready.set()
        stop.wait()
        await asyncio.sleep(0.001)

    with asyncviz.record() as trace:
        thread = threading.Thread(target=asyncio.run, args=(hold(),))
        thread.start()
        ready.wait()
    stop.set()
    thread.join()
    assert trace.failure == ""
    assert trace.tasks["hold"].outcome == "pending"


def test_recordings_in_two_threads() -> None:
    traces: dict[str, asyncviz.Trace] = {}
    both = threading.Barrier(2)

    def work(name: str) -> None:
        both.wait()
        with asyncviz.record(name) as trace:
            both.wait()
            asyncio.run(nap(0.01))
            both.wait()
        traces[name] = trace

    before = state()
    threads = [threading.Thread(target=work, args=(n,)) for n in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state() == before
    for trace in traces.values():
        assert [t.coroutine for t in sound(trace).tasks.values()] == ["nap", "nap"]  # both see both
        assert len(trace.loops) == 2


# -- bounds ----------------------------------------------------------------------------------------------------------


def test_the_newest_steps_are_kept_and_the_others_counted() -> None:
    async def main() -> None:
        for i in range(40):
            await asyncio.gather(*(asyncio.create_task(asyncio.sleep(0), name=f"t{i}.{j}") for j in range(500)))

    with asyncviz.record(limit=5_000) as trace:
        open_now: Any = recorder._session
        asyncio.run(main())
        assert len(open_now.tasks) < 20_000
        assert open_now.steps <= 5_000 + 2 * hooks.ROWS
    assert sound(trace).failure == ""
    assert len(trace.steps.start) == 5_000
    assert trace.dropped == pytest.approx(35_000, abs=200)
    assert "t39.499" in trace.tasks
    assert "t0.0" not in trace.tasks


def test_ten_million_steps_stay_within_bounds() -> None:
    """Handed straight to the store: what it keeps depends on the limit alone."""
    store = recorder.Session()
    store.limit = 50_000
    loop = asyncio.new_event_loop()
    watch = store.watch(loop)
    rows = [0.0, 1.0, 2.0, 3.0, -1.0, 0.0] * hooks.ROWS
    for _ in range(10_000_000 // hooks.ROWS):
        watch.idle.extend((0.0, 1.0) * 100)
        watch.pack(list(rows))
    assert store.steps <= 50_000 + hooks.ROWS
    assert store.dropped + store.steps == 10_000_000 // hooks.ROWS * hooks.ROWS
    assert len(watch.idles) <= 50_000 // hooks.ROWS + 1
    assert sum(len(chunk) * 8 for chunk in watch.chunks) <= 48 * (50_000 + hooks.ROWS)
    loop.close()


def test_many_loops_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOOPS", 5)
    with asyncviz.record() as trace:
        for _ in range(9):
            asyncio.run(nap(0))
    assert len(sound(trace).loops) <= 6
    assert "nap" in trace.tasks


def test_many_reasons_lose_their_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MANY", 3)

    async def main() -> None:
        for i in range(9):
            await asyncio.sleep(0.0001 + i / 1e6)

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert len(sound(trace).reasons) == 4
    assert trace.tasks["main"].slices[-3].reason in ("sleep", "")


# -- outcomes, names, parents ----------------------------------------------------------------------------------------


def test_names() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        tasks = [asyncio.create_task(work(), name=n) for n in ("tea", "tea", "tea 2", "tea", None, None)]
        tasks[0].set_name("tea")
        tasks[3].set_name("milk")
        await asyncio.wait(tasks)
        tasks[4].set_name("late")

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert list(sound(trace).tasks) == ["main", "tea", "tea 3", "tea 2", "milk", "work", "work 2"] or list(trace.tasks)[
        1:5
    ] == ["tea", "tea 3", "tea 2", "milk"]


def test_outcomes() -> None:
    async def fail() -> None:
        raise ValueError("bad tea")

    async def main() -> None:
        never = asyncio.create_task(nap(60), name="never begun")
        sleeper = asyncio.create_task(nap(60), name="cancelled")
        failing = asyncio.create_task(fail(), name="failing")
        never_run = asyncio.create_task(nap(60), name="cancelled before")
        never_run.cancel()
        await asyncio.sleep(0.001)
        sleeper.cancel()

        async def outer() -> None:
            await inner

        inner = asyncio.create_task(nap(60), name="inner")
        out = asyncio.create_task(outer(), name="outer")
        await asyncio.sleep(0.001)
        out.cancel()
        await asyncio.wait([failing, sleeper, never_run, out])
        with asyncviz.record("short") as short:
            await asyncio.sleep(0.001)
        assert short.tasks["never begun"].state == "waiting"
        assert short.reasons[short.tasks["never begun"].reason].text == "sleep 60"
        never.cancel()

    with asyncviz.record() as trace:
        asyncio.run(main())
    tasks = sound(trace).tasks
    assert {name: task.outcome for name, task in tasks.items()} == {
        "main": "returned", "never begun": "cancelled", "cancelled": "cancelled", "failing": "raised",
        "cancelled before": "cancelled", "inner": "cancelled", "outer": "cancelled",
    }  # fmt: skip
    assert tasks["failing"].error == "ValueError: bad tea"
    assert (tasks["cancelled"].cancelled_by, tasks["cancelled before"].cancelled_by) == ("main", None)
    assert (tasks["inner"].cancelled_by, tasks["outer"].cancelled_by) == ("main", "main")
    assert [n.kind for n in trace.notes] == ["Task exception was never retrieved"] or trace.notes == []


def test_two_clocks_are_compared_without_what_takes_the_core_meanwhile() -> None:
    jumps = iter((0.0, 0.02, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    now = 100.0

    def look() -> float:
        nonlocal now
        now += next(jumps) + 1e-7
        return now

    assert loops.offset_of(look, lambda: look() - 70) == pytest.approx(70, abs=1e-6)


def test_cancelled_by_a_timer() -> None:
    async def main() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.create_task(nap(60))
        except TimeoutError:
            pass

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert sound(trace).tasks["nap"].cancelled_by == "timer"


def test_parents_of_tasks_made_in_callbacks() -> None:
    async def main() -> None:
        loop, made = asyncio.get_running_loop(), []
        loop.call_soon(lambda: made.append(loop.create_task(nap(), name="soon")))
        loop.call_later(0.001, lambda: made.append(loop.create_task(nap(), name="later")))
        await asyncio.sleep(0.01)

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert (sound(trace).tasks["soon"].parent, trace.tasks["later"].parent) == ("main", None)


def test_long_steps() -> None:
    async def main() -> None:
        time.sleep(0.1)  # noqa: ASYNC251
        await asyncio.sleep(0)
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass

    with asyncviz.record() as trace:
        asyncio.run(main())
    first, second = sound(trace).holds
    line = main.__code__.co_firstlineno
    assert (first.kind, first.line) == ("blocking call", line + 1)
    assert second.kind in ("computing", "pre-empted")
    assert second.line in (line + 4, line + 5)
    assert first.stack[0].endswith("main")
    assert (first.cpu or 0) < 0.05 < (second.cpu or 0)


def test_what_was_before_a_long_step_is_not_counted_as_its() -> None:
    def brief() -> None:
        end = time.thread_time() + 0.0005
        while time.thread_time() < end:
            pass

    async def main() -> None:
        for _ in range(200):
            asyncio.get_running_loop().call_soon(brief)
        await asyncio.sleep(0)
        time.sleep(0.08)  # noqa: ASYNC251

    with asyncviz.record() as trace:
        asyncio.run(main())
    [hold] = [hold for hold in sound(trace).holds if hold.who == "main"]  # a callback may have lost its core
    assert hold.kind == "blocking call"
    assert (hold.cpu or 0) < 0.04


def test_callbacks_that_hold_the_loop() -> None:
    def slow() -> None:
        time.sleep(0.06)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(slow)
        await asyncio.sleep(0.001)

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert [hold.who.rpartition(".")[2] for hold in sound(trace).holds] == ["slow"]


# -- pools -----------------------------------------------------------------------------------------------------------


def fail_in_worker() -> None:
    raise ValueError("in the worker")


@pytest.fixture(scope="module")
def pool() -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    import multiprocessing

    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(len, "").result()
        yield pool


def test_work_in_threads_and_processes(pool: concurrent.futures.ProcessPoolExecutor) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(time.sleep, 0.02)
        assert await loop.run_in_executor(pool, max, 1, 2) == 2
        with pytest.raises(ValueError, match="in the worker") as error:
            await loop.run_in_executor(pool, fail_in_worker)
        assert "asyncviz" + os.sep + "pools" not in str(error.value.__cause__)
        assert "_process_worker" in str(error.value.__cause__)
        with pytest.raises(ValueError, match="in the worker") as error:
            await asyncio.to_thread(fail_in_worker)
        assert all("pools.py" not in str(entry.path) for entry in error.traceback)

    with asyncviz.record() as trace:
        asyncio.run(main())
    work = sound(trace).work
    assert [w.name for w in work] == ["sleep", "max", "fail_in_worker", "fail_in_worker"]
    assert [w.process for w in work] == [False, True, True, False]
    assert {w.task for w in work} == {"main"}
    for w in work:
        assert w.started is not None
        assert w.finished is not None
        assert w.queued <= w.started <= w.finished
    assert work[0].worker.startswith("asyncio")
    assert work[1].worker == work[2].worker
    assert (work[0].finished or 0) - (work[0].started or 0) >= 0.02


def test_futures_of_pools_are_left_as_they_are(pool: concurrent.futures.ProcessPoolExecutor) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as threads, asyncviz.record():
        for executor in (threads, pool):
            future = executor.submit(len, "abc")
            assert future.result() == 3
            assert not {"set_result", "set_exception"} & set(vars(future))
            blocked = executor.submit(time.sleep, 0.02)
            waiting = executor.submit(len, "") if executor is threads else None
            assert waiting is None or waiting.cancel()
            blocked.result()


# -- cost ------------------------------------------------------------------------------------------------------------


def test_cost() -> None:
    with asyncviz.record() as busy:
        asyncio.run(switches(3_000))
    with asyncviz.record() as idle:
        asyncio.run(nap(0.05))
    assert busy.cost is not None
    assert idle.cost is not None
    assert 0 < idle.cost < busy.cost < 1
    assert model.Trace("made by hand").cost is None


async def switches(n: int) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


def test_an_exception_handler_runs_in_the_context_of_the_callback() -> None:
    from contextvars import ContextVar

    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen: list[tuple[str, str]] = []

    def callback() -> None:
        who.set("callback")
        raise ValueError("boom")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: seen.append((who.get(), context["message"].split(" ")[0])))
        loop.call_soon(callback)
        loop.call_later(0, callback)
        loop.call_soon_threadsafe(callback)
        await asyncio.sleep(0.01)

    asyncio.run(main())
    with asyncviz.record() as trace:
        asyncio.run(main())
    assert sound(trace).notes
    assert seen[:3] == seen[3:]  # since Python 3.12 that is the callback's own
    assert len(seen) == 6


def test_tasks_that_were_there_before_come_in_the_order_of_their_creation() -> None:
    async def main() -> list[str]:
        event = asyncio.Event()
        tasks = [asyncio.create_task(event.wait()) for _ in range(12)]
        await asyncio.sleep(0)
        with asyncviz.record() as trace:
            event.set()
            await asyncio.gather(*tasks)
        assert {t.get_name() for t in tasks} < {info.name for info in trace.tasks.values()}
        return [info.name for info in trace.tasks.values()]

    names = asyncio.run(main())
    assert names == sorted(names, key=lambda name: int(name.removeprefix("Task-")))


def test_the_interpreter_is_kept_for_who_has_no_core_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine: the step lets go of it, and waits until the watchdog has a core and takes it."""
    measure = watchdog.Meter.measure

    def late(self: Any, start: float, stop: float) -> Any:
        return measure(self, start, stop)._replace(queued=0.01)

    monkeypatch.setattr(watchdog.Meter, "measure", late)
    with asyncviz.record():
        open_now: Any = recorder._session
        asyncio.run(asyncio.sleep(0.1))
    looks = open_now.watchdog.looks
    assert looks
    assert all(stop - start >= 0.01 for start, stop in looks)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells how often a thread was given a core")
def test_a_sleep_is_a_blocking_call_though_one_look_lasts_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a busy machine, where the watchdog loses its core in the middle of a look, but not the interpreter."""
    look, data = watchdog.Watchdog._look, bytes(1_000_000)

    def long_look(self: Any) -> None:
        look(self)
        end = time.perf_counter() + 0.3
        while time.perf_counter() < end:
            hashlib.sha256(data)  # computes, and lets go of the interpreter

    async def blocks() -> None:
        time.sleep(0.15)  # noqa: ASYNC251

    with monkeypatch.context() as patched, asyncviz.record() as trace:
        patched.setattr(watchdog, "TICK", 0.003)
        patched.setattr(watchdog.Watchdog, "_look", long_look)
        asyncio.run(blocks())
    assert [hold.kind for hold in sound(trace).holds] == ["blocking call"]


def test_a_step_that_waits_for_the_watchdog_or_for_a_new_thread_is_not_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a busy machine, where a thread that keeps the interpreter, or is about to start, has no core."""
    look, start_thread = watchdog.Watchdog._look, threading.Event.wait

    def slow_look(self: Any) -> None:
        look(self)
        sum(range(5_000_000))  # one call: nobody else gets the interpreter meanwhile

    async def main() -> None:
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass

    with monkeypatch.context() as patched, asyncviz.record() as trace:
        patched.setattr(watchdog.Watchdog, "_look", slow_look)
        asyncio.run(main())
    assert [hold.kind for hold in sound(trace).holds] in (["computing"], ["pre-empted"])

    async def blocks() -> None:
        time.sleep(0.5)  # noqa: ASYNC251

    lasted = [0.0]

    def look_for_a_while(self: Any) -> None:
        begun = time.perf_counter()
        look(self)
        while time.perf_counter() < begun + 0.05:
            pass
        lasted.append(time.perf_counter() - begun)

    with monkeypatch.context() as patched, asyncviz.record() as trace:
        patched.setattr(watchdog, "TICK", 0.003)  # so it looks nearly all the time
        patched.setattr(watchdog.Watchdog, "_look", look_for_a_while)
        asyncio.run(blocks())
    [hold] = sound(trace).holds
    # On a very busy machine the step may wait for a core for longer than it slept, or one look last all the time.
    busy = hold.seconds > 1 or max(lasted) > 0.4
    assert hold.kind == "blocking call" or busy, "it slept, whoever had the interpreter"

    def slow_start(self: Any, timeout: float | None = None) -> bool:
        time.sleep(0.1)
        return start_thread(self, timeout)

    async def starts() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Event, "wait", slow_start)
            thread = threading.Thread(target=len, args=("",))
            thread.start()
        thread.join()

    with asyncviz.record() as trace:
        asyncio.run(starts())
    assert [hold.kind for hold in sound(trace).holds] == ["pre-empted"]
