"""Every loop: asyncio's own in each way it is run, uvloop, patched by nest_asyncio, a kernel's; eager tasks."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest

import asyncviz
from asyncviz import plain, wrapped
from asyncviz.loops import Watch
from asyncviz.patch import Call
from asyncviz.session import Session


async def nap(seconds: float = 0.002) -> None:
    await asyncio.sleep(seconds)


async def program() -> str:
    """Two tasks, a thread, a wake-up, a timer."""
    event = asyncio.Event()

    async def wait() -> None:
        await event.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(wait(), name="wait")
        group.create_task(nap(0.02), name="nap")
        await asyncio.to_thread(threading.Event().wait, 0.02)
        event.set()
    await asyncio.sleep(0)
    return "done"


def check(trace: asyncviz.Trace) -> asyncviz.Trace:
    assert trace.failure == ""
    assert trace.problems == []
    assert list(trace.tasks) == ["program", "wait", "nap"]
    assert [t.parent for t in trace.tasks.values()] == [None, "program", "program"]
    assert {t.outcome for t in trace.tasks.values()} == {"returned"}
    wakers = {label: [] for label in trace.tasks}  # type: dict[str, list[str]]
    labels = list(trace.tasks)
    for task, waker in zip(trace.steps.task, trace.steps.waker, strict=True):
        wakers[labels[task]].append(trace.waker(int(waker)))
    assert wakers["wait"][-1] == "program"
    assert wakers["nap"][-1] == "timer"
    assert "program" in wakers["program"]  # sleep(0)
    assert any(waker in ("asyncio_0", "uvloop_0") for waker in wakers["program"])
    said = [s.reason for s in trace.tasks["program"].slices if s.state == "waiting"]
    assert "to_thread(Event.wait)" in said
    assert trace.tasks["nap"].slices[-3].reason == "sleep 0.02"
    nap_waits = [s for s in trace.tasks["nap"].slices if s.state == "waiting"]
    assert nap_waits[0].stop - trace.tasks["nap"].slices[0].start > 0.015  # until it was due ...
    assert nap_waits[0].stop - nap_waits[0].start < 0.03  # ... and no longer, however late it ran
    return trace


def by_run() -> None:
    asyncio.run(program())


def by_debug_run() -> None:
    asyncio.run(program(), debug=True)


def by_runner() -> None:
    with asyncio.Runner() as runner:
        assert runner.run(program()) == "done"


def by_hand() -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(program())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


def in_a_thread() -> None:
    thread = threading.Thread(target=by_run)
    thread.start()
    thread.join()


@pytest.mark.parametrize("run", [by_run, by_debug_run, by_runner, by_hand, in_a_thread])
def test_asyncio(run: Callable[[], None]) -> None:
    with asyncviz.record() as trace:
        run()
    check(trace)
    (loop,) = trace.loops
    assert loop.kind.startswith("asyncio.")
    assert loop.idle_seconds is not None
    assert 0.01 < loop.idle_seconds <= loop.seconds <= trace.duration


def uvloop_by_run() -> None:
    import uvloop

    if sys.version_info < (3, 12):
        pytest.skip("asyncio.run takes no loop_factory")
    asyncio.run(program(), loop_factory=uvloop.new_event_loop)


def uvloop_by_runner() -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop, debug=True) as runner:
        runner.run(program())


def uvloop_by_hand() -> None:
    import uvloop

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(program())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


@pytest.mark.parametrize("run", [uvloop_by_run, uvloop_by_runner, uvloop_by_hand])
def test_uvloop(run: Callable[[], None]) -> None:
    uvloop = pytest.importorskip("uvloop")
    before = dict(vars(uvloop.Loop))
    with asyncviz.record() as trace:
        run()
    assert dict(vars(uvloop.Loop)) == before
    check(trace)
    assert (trace.loops[0].kind, trace.loops[0].idle) == ("uvloop.Loop", None)  # it does not show when it is idle


def test_uvloop_says_the_same() -> None:
    uvloop = pytest.importorskip("uvloop")
    said: list[list[dict[str, Any]]] = []

    def boom() -> None:
        raise KeyError("boom")

    def run() -> None:
        loop = uvloop.new_event_loop()
        said.append([])
        loop.set_exception_handler(lambda loop, context: said[-1].append(context))
        loop.call_soon(boom)
        loop.call_later(0.001, boom)
        loop.run_until_complete(nap(0.01))
        loop.call_soon(boom)
        loop.run_until_complete(nap(0.01))
        loop.close()

    run()
    with asyncviz.record() as trace:
        run()
    assert trace.failure == ""
    plain, recorded = (
        [(c["message"], repr(c["exception"]), len(_entries(c["exception"]))) for c in each] for each in said
    )
    assert recorded == plain
    assert len(plain) == 3


def _entries(error: BaseException) -> list[Any]:
    entries, entry = [], error.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    return entries


def run_alone(code: str) -> str:
    """In a process of its own: what it patches stays there."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["nest_asyncio", "nest_asyncio2"])
def test_nested_runs(module: str) -> None:
    if module == "nest_asyncio" and sys.version_info >= (3, 14):
        pytest.skip("nest_asyncio itself is broken on 3.14")
    pytest.importorskip(module)
    said = run_alone(f"""
        import asyncio, {module}, asyncviz
        {module}.apply()
        async def inner():
            await asyncio.sleep(0.02)
            return 3
        async def other():
            for _ in range(3):
                await asyncio.sleep(0.005)
        async def outer():
            task = asyncio.ensure_future(other())
            await asyncio.sleep(0)
            asyncio.get_running_loop().run_until_complete(inner())
            await task
        with asyncviz.record() as trace:
            asyncio.run(outer())
        assert not trace.failure and not trace.problems, (trace.failure, trace.problems)
        print(sorted(trace.tasks))
        print({{t.outcome for t in trace.tasks.values()}})
        print("a loop run inside the step" in [s.reason for s in trace.tasks["outer"].slices])
        print([s.reason for s in trace.tasks["inner"].slices if s.state == "waiting"])
        running = sum(s.stop - s.start for s in trace.tasks["outer"].slices if s.state == "running")
        print(running < 0.015)
    """)
    assert said.splitlines() == ["['inner', 'other', 'outer']", "{'returned'}", "True", "['sleep 0.02']", "True"]


def test_two_nested_runs_are_told_alike() -> None:
    """The step below in the pile, and the one on top: both wait for what the loop does inside them."""
    pytest.importorskip("nest_asyncio2")
    said = run_alone("""
        import asyncio, nest_asyncio2, asyncviz
        nest_asyncio2.apply()
        async def nap(seconds):
            await asyncio.sleep(seconds)
        async def run(seconds):
            asyncio.run(nap(seconds))
        async def main():
            below = asyncio.create_task(run(0.03), name="below")
            await asyncio.gather(below, asyncio.create_task(run(0.1), name="top"))
        async def cell():  # its step began before the recording did
            with asyncviz.record() as here:
                asyncio.run(main())
            assert here.tasks["main"].outcome == "returned"
            return here
        with asyncviz.record() as outside:
            asyncio.run(main())
        for trace, names in (outside, ("below", "top")), (asyncio.run(cell()), ("below", "top", "cell")):
            assert not trace.failure and not trace.problems, (trace.failure, trace.problems)
            for name in names:
                slices = [s for s in trace.tasks[name].slices if s.state != "running"]
                first = slices.pop(0) if name != "cell" else None  # until its first step
                waited = sum(s.stop - s.start for s in slices)
                print(name, waited > 0.09, sorted({(s.state, s.reason) for s in slices}))
    """)
    told = "True [('waiting', 'a loop run inside the step')]"
    assert said.splitlines() == [f"{name} {told}" for name in ("below", "top", "below", "top", "cell")]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came in 3.12")
def test_an_eager_task_in_a_step_that_began_before_the_recording() -> None:
    async def main() -> asyncviz.Trace:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        with asyncviz.record() as trace:
            await asyncio.create_task(asyncio.sleep(0), name="eager")
        return trace

    trace = asyncio.run(main())
    assert trace.failure == ""
    assert trace.problems == []
    assert trace.tasks["eager"].outcome == "returned"
    assert trace.tasks["eager"].slices[0].state == "running"
    assert [s.state for s in trace.tasks["main"].slices][:4] == ["running", "ready", "running", "waiting"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="3.12 names a task when it may have ended already")
def test_eager_tasks() -> None:
    done: list[str] = []

    async def leaf(name: str) -> None:
        done.append(name)

    async def branch() -> None:
        asyncio.create_task(leaf("a"), name="a")  # noqa: RUF006
        await asyncio.sleep(0)
        asyncio.create_task(leaf("b"), name="b")  # noqa: RUF006
        await asyncio.sleep(0.002)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        await asyncio.create_task(branch(), name="branch")

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert trace.failure == ""
    assert trace.problems == []
    assert done == ["a", "b"]
    assert {label: t.parent for label, t in trace.tasks.items()} == {
        "main": None, "branch": "main", "a": "branch", "b": "branch",
    }  # fmt: skip
    states = [s.state for s in trace.tasks["a"].slices]
    assert states == ["running"]
    assert trace.tasks["branch"].slices[0].state == "running"  # it was never ready
    labels = list(trace.tasks)
    order = [labels[t] for t in trace.steps.task]
    assert order[:5] == ["main", "branch", "a", "branch", "main"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="eager_start of a single task came in 3.14")
def test_eager_start() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_task(nap(), name="eager", eager_start=True)  # type: ignore[call-arg]
        await loop.create_task(nap(), name="plain")

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert trace.problems == []
    assert trace.tasks["eager"].slices[0].state == "running"
    assert trace.tasks["plain"].slices[0].state == "ready"


def test_a_task_factory_that_wraps() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def wrapper(coro: Any) -> Any:
            return await coro

        loop.set_task_factory(lambda loop, coro, **kwargs: asyncio.Task(wrapper(coro), loop=loop, **kwargs))
        await asyncio.create_task(nap(), name="wrapped")

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert (trace.failure, trace.problems) == ("", [])
    assert trace.tasks["wrapped"].parent == "main"
    assert trace.tasks["wrapped"].outcome == "returned"


def test_python_tasks() -> None:
    """As nest_asyncio and some debuggers use them."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        python_task = asyncio.tasks._PyTask  # type: ignore[attr-defined]
        loop.set_task_factory(lambda loop, coro, **kwargs: python_task(coro, loop=loop, **kwargs))
        await asyncio.gather(nap(), nap())
        await asyncio.sleep(0)

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert (trace.failure, trace.problems) == ("", [])
    assert [t.outcome for t in trace.tasks.values()] == ["returned"] * 3
    assert trace.tasks["nap 2"].slices[-3].reason == "sleep 0.002"


def test_loops_in_several_threads() -> None:
    threads = [threading.Thread(target=by_run, name=f"loop {i}") for i in range(3)]
    with asyncviz.record() as trace:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (trace.failure, trace.problems) == ("", [])
    assert len(trace.loops) == 3
    assert len(trace.tasks) == 9
    for task in trace.tasks.values():
        assert task.parent is None or trace.tasks[task.parent].loop == task.loop


def test_a_thread_that_wakes_without_telling_the_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        thread = threading.Thread(target=lambda: future.set_result(1), name="rude")
        loop.call_later(0.01, thread.start)
        loop.call_later(0.03, lambda: None)  # or the loop would not notice
        await future
        thread.join()

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert (trace.failure, trace.problems) == ("", [])
    assert trace.waker(int(trace.steps.waker[-1])) == "rude"


def test_asynchronous_generators_that_are_left_behind() -> None:
    async def numbers() -> Any:
        try:
            yield 1
            await asyncio.sleep(0.001)
            yield 2
        finally:
            await asyncio.sleep(0.001)

    async def main() -> None:
        async for _ in numbers():
            break

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert (trace.failure, trace.problems) == ("", [])


class SmallLoop(asyncio.AbstractEventLoop):
    """The least that tasks ask of a loop."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[asyncio.Handle] = queue.SimpleQueue()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.queue.put(handle)
        return handle

    def create_task(self, coroutine: Any, **options: Any) -> Any:
        return asyncio.Task(coroutine, loop=self, **options)

    def create_future(self) -> Any:
        return asyncio.Future(loop=self)

    def get_debug(self) -> bool:
        return False

    def run(self, coroutine: Any) -> Any:
        asyncio.events._set_running_loop(self)
        task = self.create_task(coroutine)
        while not task.done():
            self.queue.get()._run()
        asyncio.events._set_running_loop(None)
        return task.result()


def test_a_loop_that_knows_nothing_of_task_factories() -> None:
    async def yields() -> None:
        await asyncio.sleep(0)

    async def main() -> str:
        async with asyncio.TaskGroup() as group:
            for name in "ab":
                group.create_task(yields(), name=name)
        return "done"

    with asyncviz.record() as trace:
        assert SmallLoop().run(main()) == "done"
    assert trace.failure == ""
    assert trace.problems == []
    assert [list(trace.tasks)[t] for t in trace.steps.task] == ["main", "a", "b", "a", "b", "main"]
    assert trace.reasons[1].text == "TaskGroup"  # nobody could be asked earlier: not "of 0"


@pytest.mark.parametrize("module", [plain, wrapped], ids=lambda module: module.__name__)
def test_a_call_that_a_recording_leaves_in_its_middle(module: Any) -> None:
    """It may end in one thread while another is in one of the functions that it had put into the loop."""
    loop, order, restore = asyncio.new_event_loop(), list[str](), list[Callable[[], None]]()

    def leave() -> float:
        if restore:
            restore.pop()()
        return loop.time()

    class Handle(asyncio.Handle):
        __slots__ = ("_mark",)

    watch = Watch(Session(leave), loop, "loop")
    if module is plain:
        restore.append(plain.replace_methods(watch, loop, leave, Handle, asyncio.TimerHandle))
    else:
        restore.append(wrapped.replace_methods(watch, loop, lambda *_: None, lambda: 0.0, Call, Call, Call))
    soon, at = loop.call_soon_threadsafe, loop.call_at
    calls = [lambda: soon(order.append, "soon"), lambda: at(loop.time(), order.append, "at")]
    for call in calls if module is plain else reversed(calls):
        call()
    assert not restore
    assert not {"call_soon_threadsafe", "call_at"} & set(vars(loop))
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    loop.close()
    assert sorted(order) == ["at", "soon"]


def test_a_loop_of_somebody_elses_making() -> None:
    class Loop(asyncio.SelectorEventLoop):
        def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
            return super().call_soon(callback, *args, context=context)

        def call_at(self, when: Any, callback: Any, *args: Any, context: Any = None) -> Any:
            return super().call_at(when, callback, *args, context=context)

    with asyncviz.record() as trace, asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(program())
    check(trace)


# -- a kernel --------------------------------------------------------------------------------------------------------

CELLS = """
import asyncio, asyncviz
async def tick():
    while True:
        await asyncio.sleep(0.005)
background = asyncio.create_task(tick(), name="tick")
#
async def nap():
    await asyncio.sleep(0.01)
with asyncviz.record("cell") as trace:
    await asyncio.gather(nap(), nap())
#
print(trace.failure, trace.problems, trace.tasks["cell"].outcome, trace.tasks["nap"].parent, trace.tasks["nap"].line)
print(sorted(trace.tasks))
print([(s.reason, s.line) for s in trace.tasks["nap"].slices if s.state == "waiting"])
print({r.file for r in trace.reasons if r.text == "sleep 0.01"})
#
try:
    with asyncviz.record() as left:
        await asyncio.sleep(0.001)
        1 / 0
except ZeroDivisionError:
    pass
print(left.failure, left.problems, sorted(left.tasks))
#
with asyncviz.record() as plain:
    sum(range(10))
print(plain.failure, plain.problems, sorted(plain.tasks))
#
print([name for name in vars(asyncio.get_running_loop()) if name.startswith("call_") or name == "create_task"])
background.cancel()
"""


def test_cells_of_a_notebook() -> None:
    client_module = pytest.importorskip("jupyter_client")
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager = client_module.manager.KernelManager()
    manager._kernel_spec = client_module.kernelspec.KernelSpec(argv=argv, display_name="this", language="python")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    said = []
    try:
        client.wait_for_ready(timeout=60)
        for cell in CELLS.split("\n#\n"):
            client.execute(cell)
            text = ""
            while True:
                message = client.get_iopub_msg(timeout=30)
                content = message["content"]
                assert message["msg_type"] != "error", content
                text += content.get("text", "")
                if content.get("execution_state") == "idle":
                    break
            said.append(text.splitlines())
    except queue.Empty:
        pytest.fail("the kernel does not answer")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert said[2] == [" [] pending cell 4", "['cell', 'nap', 'nap 2', 'tick']", "[('sleep 0.01', 2)]", "{'cell 2'}"]
    assert said[3] == said[4] == [" [] ['cell', 'tick']"]
    assert said[5] == ["[]"]
