"""The virtual clock: exact, instant, the same everywhere, and never a silent hang."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import perf_counter, sleep
from typing import Any

import pytest

import asyncviz as viz
from asyncviz import clocks
from asyncviz.simulate import Deadlock, NotSimulated, Overrun, guarded
from asyncviz.trace import Trace

SOON = 5.0  # real seconds in which anything here is done, on a loaded machine too


@contextmanager
def soon(seconds: float = SOON) -> Iterator[None]:
    start = perf_counter()
    yield
    assert perf_counter() - start < seconds


def run(main: Coroutine[Any, Any, Any], **options: Any) -> tuple[Any, Trace]:
    """Simulate, and check what holds for every run: exact bookkeeping, and everything put back."""
    before = threading.active_count()
    try:
        result, trace = viz.simulate(main, **options)
    finally:
        assert time.sleep is clocks.real_sleep
        assert time.perf_counter is clocks.real_clock
        assert not clocks.clocks
    assert trace.simulated
    assert trace.problems == []
    assert trace.failure == ""
    assert threading.active_count() <= before
    return result, trace


# -- time ---------------------------------------------------------------------------------------------------------


def test_waiting_takes_no_time_and_is_exact() -> None:
    async def cook(name: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return name

    async def main() -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(cook(n, s), name=n) for n, s in [("tea", 3600), ("egg", 0.1), ("rice", 0.3)]]
        return [task.result() for task in tasks]

    with soon():
        result, trace = run(main(), name="breakfast")
    assert result == ["tea", "egg", "rice"]
    assert (trace.name, trace.makespan, trace.duration, trace.overlap) == ("breakfast", 3600, 3600, 3)
    assert [(s.state, s.start, s.stop) for s in trace.tasks["rice"].slices] == [
        ("running", 0, 0), ("waiting", 0, 0.3), ("running", 0.3, 0.3)
    ]  # fmt: skip
    assert trace.loop_busy == 0


def test_sums_of_delays_are_exact() -> None:
    async def main() -> float:
        for _ in range(10):
            await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time()

    assert run(main())[0] == 1.0


def test_of_timers_at_one_moment_the_first_set_is_first() -> None:
    async def main() -> list[int]:
        order: list[int] = []

        async def note(n: int) -> None:
            await asyncio.sleep(0.5)
            order.append(n)

        await asyncio.gather(*(note(n) for n in range(100)))
        return order

    assert run(main())[0] == list(range(100))


def test_two_runs_are_alike() -> None:
    async def main() -> None:
        queue: asyncio.Queue[int] = asyncio.Queue(2)

        async def work(n: int) -> None:
            while True:
                await asyncio.sleep(0.01 * n + await queue.get() / 100)
                queue.task_done()

        workers = [asyncio.create_task(work(n)) for n in range(4)]
        for n in range(50):
            await queue.put(n)
        await queue.join()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    first, second = run(main())[1], run(main())[1]
    assert [t.slices for t in first.tasks.values()] == [t.slices for t in second.tasks.values()]


def test_a_program_that_never_waits_is_recorded_as_well() -> None:
    async def nothing() -> int:
        return 1

    async def main() -> int:
        return await asyncio.create_task(nothing(), name="quick")

    result, trace = run(main())
    assert (result, trace.makespan) == (1, 0)
    assert trace.tasks["quick"].parent == "main"
    assert trace.tasks["quick"].outcome == "returned"


def test_distant_timers() -> None:
    async def main() -> float:
        async with asyncio.timeout(1e12):
            await asyncio.sleep(1e9)
            await asyncio.sleep(0.5)
        return asyncio.get_running_loop().time()

    assert run(main())[0] == 1e9 + 0.5


# -- everything of asyncio that only waits --------------------------------------------------------------------------


def test_timeouts() -> None:
    async def main() -> list[float]:
        loop, seen = asyncio.get_running_loop(), []
        with suppress(TimeoutError):
            async with asyncio.timeout(0.25):
                await asyncio.sleep(60)
        seen.append(loop.time())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.25)
        seen.append(loop.time())
        done, pending = await asyncio.wait([asyncio.create_task(asyncio.sleep(n)) for n in (1, 5)], timeout=2)
        seen.append(loop.time())
        assert (len(done), len(pending)) == (1, 1)
        loop.call_later(0.5, lambda: seen.append(loop.time()))
        for next_done in asyncio.as_completed([asyncio.sleep(0.75), asyncio.sleep(0.25)]):
            await next_done
            seen.append(loop.time())
        return seen

    assert run(main())[0] == [0.25, 0.5, 2.5, 2.75, 3.0, 3.25]


def test_locks_and_others() -> None:
    async def main() -> float:
        lock, gate, door = asyncio.Lock(), asyncio.Event(), asyncio.Condition()
        few, all_here = asyncio.Semaphore(2), asyncio.Barrier(3)

        async def visit() -> None:
            async with lock:
                await asyncio.sleep(1)
            async with few:
                await asyncio.sleep(1)
            await all_here.wait()
            await gate.wait()
            async with door:
                await door.wait()

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(visit())
            await asyncio.sleep(10)
            gate.set()
            await asyncio.sleep(1)
            async with door:
                door.notify_all()
        return asyncio.get_running_loop().time()

    assert run(main())[0] == 11


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks() -> None:
    async def main() -> float:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await asyncio.gather(asyncio.sleep(1), asyncio.sleep(2))
        return asyncio.get_running_loop().time()

    assert run(main())[0] == 2


def test_async_generators_are_closed() -> None:
    closed = []

    async def numbers() -> Any:
        try:
            while True:
                await asyncio.sleep(1)
                yield 1
        finally:
            await asyncio.sleep(1)
            closed.append(True)

    async def main() -> None:
        async for _ in numbers():
            break
        await asyncio.sleep(5)

    run(main())
    assert closed == [True]


# -- what holds the loop ----------------------------------------------------------------------------------------------


def test_time_sleep_holds_the_loop_without_taking_time() -> None:
    async def clock() -> None:
        await asyncio.sleep(0.1)

    async def main() -> tuple[float, float, float]:
        start, tick = time.perf_counter(), time.monotonic()
        wall = time.time()
        ticking = asyncio.create_task(clock(), name="clock")
        await asyncio.sleep(0)
        time.sleep(0.5)  # noqa: ASYNC251
        await ticking
        return time.perf_counter() - start, time.monotonic() - tick, round(time.time() - wall, 3)

    with soon():
        result, trace = run(main())
    assert result == (0.5, 0.5, 0.5)
    assert trace.longest_block == 0.5
    (hold,) = trace.holds
    assert (hold.who, hold.seconds, hold.kind, hold.function) == ("main", 0.5, "blocking call", "main")
    assert hold.line == main.__code__.co_firstlineno + 5
    assert [s.state for s in trace.tasks["clock"].slices] == ["running", "waiting", "ready", "running"]
    assert trace.loop_busy == 0.5


def test_sleep_imported_by_name() -> None:
    async def main() -> float:
        start = perf_counter()
        sleep(1000)  # noqa: ASYNC251
        return perf_counter() - start

    with soon():
        assert run(main())[0] == 1000
    assert sleep is clocks.real_sleep
    assert perf_counter is clocks.real_clock


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "1"])
def test_sleep_says_what_is_wrong_as_ever(wrong: Any) -> None:
    async def main() -> None:
        time.sleep(wrong)  # noqa: ASYNC251

    with pytest.raises((ValueError, TypeError, OverflowError)):
        run(main())


def test_busy_on_a_virtual_clock_is_computing() -> None:
    async def main() -> None:
        viz.busy(0.25)

    _, trace = run(main())
    assert [(h.kind, h.seconds, h.cpu) for h in trace.holds] == [("computing", 0.25, 0.25)]


def test_busy_on_a_real_clock() -> None:
    start = perf_counter()
    viz.busy(0.05)
    assert perf_counter() - start >= 0.05
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="number of seconds"):
            viz.busy(wrong)


def test_other_threads_keep_the_real_clock() -> None:
    slept = []

    def other() -> None:
        start = clocks.real_clock()
        time.sleep(0.2)
        slept.append(clocks.real_clock() - start)

    async def main() -> None:
        await asyncio.sleep(0)
        started.wait()
        clocks.real_sleep(0.05)
        time.sleep(1000)  # noqa: ASYNC251

    started = threading.Event()
    thread = threading.Thread(target=lambda: (started.set(), other()))
    thread.start()
    viz.simulate(main())
    thread.join()
    assert slept[0] >= 0.19


# -- threads ----------------------------------------------------------------------------------------------------------


def test_work_in_threads_takes_the_time_that_it_sleeps() -> None:
    async def main() -> float:
        await asyncio.gather(*(asyncio.to_thread(time.sleep, n) for n in (0.3, 0.2)), asyncio.to_thread(viz.busy, 0.1))
        return asyncio.get_running_loop().time()

    with soon():
        result, trace = run(main())
    assert result == 0.3
    assert trace.longest_block == 0
    assert [(w.name, w.started, w.finished, w.worker) for w in trace.work] == [
        ("sleep", 0, 0.3, "worker 0"), ("sleep", 0, 0.2, "worker 1"), ("busy", 0, 0.1, "worker 2")
    ]  # fmt: skip


def test_two_pools_have_workers_of_their_own() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
            await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 0.1) for pool in (one, other, one)))

    _, trace = run(main())
    assert [w.worker for w in trace.work] == ["worker 0", "worker 1", "worker 0"]


def test_an_idle_worker_takes_the_next_call() -> None:
    async def main() -> None:
        for _ in range(3):
            await asyncio.to_thread(time.sleep, 0.1)
        await asyncio.gather(*(asyncio.to_thread(time.sleep, n) for n in (0.2, 0.1)))
        await asyncio.to_thread(time.sleep, 0.1)

    trace = run(main())[1]
    assert [w.worker for w in trace.work] == [f"worker {n}" for n in (0, 0, 0, 0, 1, 0)]


def test_a_small_pool_is_a_bottleneck() -> None:
    async def main() -> float:
        with ThreadPoolExecutor(2) as pool:
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(pool, time.sleep, 1) for _ in range(5)))
            return loop.time()

    assert run(main())[0] == 3


def test_an_error_in_a_thread_and_a_call_without_sleep() -> None:
    async def main() -> float:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 1.5)

    assert run(main())[0] == 1.5


def test_a_thread_that_calls_back() -> None:
    async def main() -> str:
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        work = asyncio.to_thread(loop.call_soon_threadsafe, called.set)
        await asyncio.gather(work, called.wait())

        def later() -> None:
            clocks.real_sleep(0.05)
            loop.call_soon_threadsafe(called.set)

        called.clear()
        thread = threading.Thread(target=later)
        thread.start()
        await called.wait()  # no deadlock: somebody else is at work
        thread.join()
        return "called"

    assert run(main())[0] == "called"


def test_a_process_pool_runs_for_real() -> None:
    async def main() -> int:
        with ProcessPoolExecutor(1) as pool:
            return await asyncio.get_running_loop().run_in_executor(pool, abs, -3)

    result, trace = viz.simulate(main())
    assert (result, trace.makespan) == (3, 0)


def test_a_cancelled_thread_future_is_left_alone() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(time.sleep, 10), 1)

    _, trace = run(main())
    assert trace.makespan == 1


def test_spans_tell_simulated_time() -> None:
    async def main() -> None:
        await asyncio.sleep(0.1)
        with viz.span("fill"):
            time.sleep(0.2)  # noqa: ASYNC251
        with viz.span("grind"):
            viz.busy(0.4)
        with viz.span("nothing"):
            pass

    _, trace = run(main())
    assert [(s.name, s.start, s.stop, s.cpu) for s in trace.spans] == [
        ("fill", 0.1, 0.3, 0.0),
        ("grind", 0.3, 0.7, 0.4),
        ("nothing", 0.7, 0.7, 0.0),
    ]
    assert {s.task for s in trace.spans} == {"main"}


def test_spans_of_a_simulation_belong_to_no_recording_around_it() -> None:
    async def main() -> None:
        with viz.span("inner"):
            time.sleep(60)  # noqa: ASYNC251

    with viz.record() as outer:
        _, trace = run(main())
    assert [s.name for s in trace.spans] == ["inner"]
    assert outer.spans == []


# -- deadlocks --------------------------------------------------------------------------------------------------------


def test_a_deadlock_names_who_waits_for_what() -> None:
    async def take(first: asyncio.Lock, second: asyncio.Lock) -> None:
        async with first:
            await asyncio.sleep(0.1)
            async with second:
                pass

    async def main() -> None:
        left, right = asyncio.Lock(), asyncio.Lock()
        async with asyncio.TaskGroup() as group:
            group.create_task(take(left, right), name="Ada")
            group.create_task(take(right, left), name="Ben")

    with soon(), pytest.raises(Deadlock) as error:
        run(main())
    text = str(error.value)
    assert "deadlock at 0.1 s of simulated time" in text
    line = take.__code__.co_firstlineno + 3
    assert f'Ada waits for Lock "second" (line {line})' in text
    assert f'Ben waits for Lock "second" (line {line})' in text
    assert "main waits for TaskGroup of 2" in text
    assert error.value.trace is not None
    assert list(error.value.trace.tasks) == ["main", "Ada", "Ben"]


def test_other_deadlocks() -> None:
    async def forever() -> None:
        await asyncio.sleep(float("inf"))

    async def queue() -> None:
        letters: asyncio.Queue[str] = asyncio.Queue()
        await letters.get()

    async def task() -> None:
        await asyncio.create_task(forever(), name="never")

    for program, text in ((forever, "sleep inf"), (queue, 'Queue.get "letters"'), (task, 'task "never"')):
        with soon(), pytest.raises(Deadlock, match=text):
            run(program())


# -- the real world ---------------------------------------------------------------------------------------------------


def test_sockets_and_subprocesses_are_refused() -> None:
    async def connect() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    async def serve() -> None:
        await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)

    async def start() -> None:
        await asyncio.create_subprocess_exec(sys.executable, "-V")

    async def receive() -> None:
        one, two = socket.socketpair()
        with one, two:
            await asyncio.get_running_loop().sock_recv(one, 1)

    for program, what in ((connect, "connections"), (serve, "servers"), (start, "subprocesses"), (receive, "sockets")):
        with soon(), pytest.raises(NotSimulated, match=f"{what} take real time.*asyncviz.record"):
            run(program())


def test_a_refusal_cannot_be_swallowed() -> None:
    async def main() -> None:
        while True:
            try:
                await asyncio.open_connection("127.0.0.1", 9)
            except Exception:
                await asyncio.sleep(1)

    with soon(), pytest.raises(NotSimulated):
        run(main())


# -- programs that do not end -----------------------------------------------------------------------------------------


def test_an_endless_loop_is_stopped() -> None:
    async def main() -> None:
        while True:
            pass

    with soon(), pytest.raises(Overrun, match=r"never came back .* of main \(test_simulate.py\)") as error:
        run(main(), timeout=0.3)
    assert error.value.trace is not None
    assert list(error.value.trace.tasks) == ["main"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_endless_loop_that_catches_everything_is_stopped() -> None:
    async def main() -> None:
        while True:
            try:
                await asyncio.sleep(0)
                sum(range(1000))
            except BaseException:
                pass

    with suppress(AssertionError), pytest.raises(Overrun, match=r"still going|never came back"):
        run(main(), timeout=0.3)
    gc.collect()  # the coroutine refuses to be closed, which Python remarks on


def test_a_loop_that_always_waits_is_stopped() -> None:
    async def main() -> None:
        while True:
            await asyncio.sleep(1)

    with soon(10), pytest.raises(Overrun, match="of simulated time it was still going"):
        run(main(), timeout=0.3)


def test_a_blocking_call_without_end_is_left_behind() -> None:
    async def main() -> None:
        never.wait()

    never = threading.Event()
    with soon(10), pytest.raises(Overrun, match="blocking call that nothing can end"):
        viz.simulate(main(), timeout=0.2)
    assert time.sleep is clocks.real_sleep
    never.set()


def test_a_thread_without_end() -> None:
    async def main() -> None:
        await asyncio.to_thread(never.wait)

    never = threading.Event()
    with soon(10), pytest.raises(Overrun, match="wait did not come back"):
        viz.simulate(main(), timeout=0.2)
    never.set()


def test_a_thread_that_waits_for_a_timer_of_the_loop_is_named() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def ask() -> None:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(1), loop).result(5)

        await asyncio.to_thread(ask)

    with soon(10), pytest.raises(Overrun, match="ask did not come back from its thread"):
        viz.simulate(main(), timeout=0.2)


def test_an_interrupt_by_the_user_ends_it_and_puts_everything_back() -> None:
    async def main() -> None:
        while True:
            pass

    def press() -> None:  # Control + C
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)

    threading.Timer(0.2, press).start()
    with soon(), pytest.raises(KeyboardInterrupt):
        viz.simulate(main())
    assert time.sleep is clocks.real_sleep
    assert not clocks.clocks


# -- how programs end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_errors_come_out(error: BaseException) -> None:
    async def main() -> None:
        await asyncio.sleep(1)
        raise error

    with soon(), pytest.raises(type(error)):
        run(main())


def test_sys_exit_in_a_child_ends_the_program() -> None:
    async def child() -> None:
        sys.exit(1)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())

    with soon(), pytest.raises(SystemExit):
        run(main())
    gc.collect()


def test_what_is_left_running_is_cancelled_and_shown() -> None:
    ended = []

    async def background() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            ended.append(True)

    async def main() -> None:
        task = asyncio.create_task(background(), name="background")
        await asyncio.sleep(1)
        assert not task.done()

    _, trace = run(main())
    assert ended == [True]
    assert (trace.tasks["background"].outcome, trace.duration) == ("pending", 1)


def test_what_refuses_to_be_cancelled_does_not_hang() -> None:
    naps = 0

    async def stubborn() -> None:
        nonlocal naps
        while True:
            naps += 1
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.1)

    async def main() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(1)
        assert not task.done()

    with soon():
        run(main())
    assert naps < 1000, "each costs real time, and on a busy machine much of it"
    gc.collect()


def test_a_stop_that_comes_late_is_not_shown() -> None:
    """The work has seen to one stop, and the next comes when it is about to end; pytest would complain of its error."""

    def stubborn() -> None:
        for _ in range(2):
            with suppress(KeyboardInterrupt):
                while True:
                    pass
        while True:
            pass

    with soon():
        late = guarded(stubborn, 0.05)
    assert late is not None
    assert not late.stuck


DEAF = """
import asyncio
import asyncviz as viz

async def deaf():
    while True:
        try:
            await asyncio.sleep(600)
        except BaseException:
            continue  # also when it is closed, and then without a wait

async def main():
    asyncio.create_task(deaf())
    await asyncio.sleep(1)

print(viz.simulate(main())[1].tasks["deaf"].outcome)
"""


def test_what_catches_everything_does_not_hang_when_it_is_collected() -> None:
    done = subprocess.run([sys.executable, "-c", DEAF], capture_output=True, text=True, timeout=12 * SOON, check=True)
    assert done.stdout == "pending\n"
    assert done.stderr == ""


def test_a_forgotten_await_is_noted() -> None:
    async def tea() -> None: ...

    async def main() -> None:
        tea()  # type: ignore[unused-coroutine]
        await asyncio.sleep(1)

    with pytest.warns(RuntimeWarning, match="never awaited"):
        _, trace = run(main())
    (note,) = trace.notes
    assert (note.kind, note.text.rpartition(".")[2]) == ("coroutine was never awaited", "tea")


# -- where it runs ----------------------------------------------------------------------------------------------------


async def nap(seconds: float = 1.0) -> float:
    await asyncio.sleep(seconds)
    return asyncio.get_running_loop().time()


def test_inside_a_running_loop_and_inside_a_simulation() -> None:
    async def outer() -> float:
        return viz.simulate(nap(2))[0]

    assert asyncio.run(outer()) == 2
    assert run(outer())[0] == 2


def test_a_recording_around_it_does_not_see_it_and_one_inside_it_works() -> None:
    with viz.record() as real:
        assert run(nap())[0] == 1
    assert list(real.tasks) == []

    async def main() -> list[str]:
        with viz.record() as inner:
            await asyncio.create_task(nap(), name="nap")
        return list(inner.tasks)

    assert "nap" in run(main())[0]


def test_simulations_in_several_threads() -> None:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda n: viz.simulate(nap(n))[0], range(20))) == list(range(20))
    assert time.sleep is clocks.real_sleep


def test_bad_input() -> None:
    with pytest.raises(TypeError, match=r"simulate\(nap\(\)\)"):
        viz.simulate(nap)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not int"):
        viz.simulate(3)  # type: ignore[arg-type]
    main = nap()
    with pytest.raises(ValueError, match="positive"):
        viz.simulate(main, timeout=0)
    main.close()


def test_the_module_does_not_hide_the_function() -> None:
    module: Any = sys.modules["asyncviz.simulate"]
    assert module(nap())[0] == 1


def test_it_is_drawn_and_told_like_any_other() -> None:
    _, trace = run(nap(), name="nap")
    assert "sleep 1" in repr(trace)
    figure = trace.plot().get_figure()
    figure.canvas.draw()
    from matplotlib import pyplot

    pyplot.close(figure)


def test_nothing_is_kept_alive() -> None:
    def loops() -> int:
        gc.collect()
        return sum(type(thing).__name__ == "VirtualLoop" for thing in gc.get_objects())

    before = loops()  # of other tests, whose errors pytest keeps
    _, trace = run(nap())
    assert loops() <= before
    assert trace.makespan == 1


# -- the diagnosis of a simulated run says what that of a real one says ----------------------------------------------


def kinds(trace: Trace) -> list[str]:
    return [finding.kind for finding in trace.diagnose()]


def test_errors_that_nobody_asks_for_are_noted(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.1)
        raise LookupError("lost")

    async def main() -> None:
        asyncio.create_task(fail(), name="mail")  # noqa: RUF006
        await asyncio.sleep(0.2)

    assert kinds(run(main())[1]) == ["error never retrieved"]
    assert "never retrieved" in caplog.text  # and still told as ever


def test_what_is_left_when_the_main_task_ends_is_cut_off() -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(0.5), name="upload")
        await asyncio.sleep(0.1)
        assert not task.done()

    async def cancels() -> None:
        task = asyncio.create_task(asyncio.sleep(0.5), name="upload")
        await asyncio.sleep(0.1)
        task.cancel()

    async def forgotten() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock) as error:
        run(forgotten())
    assert kinds(run(main())[1]) == ["outlived its parent"]
    assert kinds(run(cancels())[1]) == []
    assert error.value.trace is not None
    assert kinds(error.value.trace) == []
