"""What a task waits for, in words, and on which of the user's lines."""

import asyncio
import functools
import inspect
import socket
import sys
import time
import types
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

import asyncviz

queue: asyncio.Queue[int]


def reasons_of(main: Callable[[], Awaitable[Any]], label: str) -> list[tuple[str, str, int]]:
    """(kind, text, line counted from `def main`) of each wait of the task `label`."""
    with asyncviz.record() as trace:
        asyncio.run(main())  # type: ignore[arg-type]
    assert trace.failure == ""
    assert trace.problems == []
    task = trace.tasks[label]
    first = main.__code__.co_firstlineno  # type: ignore[attr-defined]
    index, _, _, reason = trace.waits
    found = [trace.reasons[r] for r, i in zip(reason, index, strict=True) if i == task.index]
    return [(r.kind, r.text, (r.line or 0) - first) for r in found]


def one(main: Callable[[], Awaitable[Any]], label: str = "main") -> tuple[str, str]:
    """The kind and text of the first wait."""
    return reasons_of(main, label)[0][:2]


def test_sleep_and_its_line() -> None:
    async def main() -> None:
        await asyncio.sleep(0.03)
        await asyncio.sleep(0.02)

    assert reasons_of(main, "main") == [("sleep", "sleep 0.03", 1), ("sleep", "sleep 0.02", 2)]


def test_the_line_of_a_yield_is_noted_now_and_then() -> None:
    async def poll(until: float) -> None:
        while time.perf_counter() < until:
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(poll(time.perf_counter() + 0.1) for _ in range(3)))

    with asyncviz.record() as trace:
        asyncio.run(main())
    assert trace.problems == []
    line = poll.__code__.co_firstlineno + 2
    assert {(r.text, r.line) for r in trace.reasons if r.kind == "yield"} == {("sleep 0", line)}
    told = np.isin(trace.steps.reason, [i for i, r in enumerate(trace.reasons) if r.kind == "yield"])
    assert set(trace.steps.task[told]) == {trace.tasks[name].index for name in ("poll", "poll 2", "poll 3")}
    assert not any(s.state == "waiting" for s in trace.tasks["poll"].slices)


def test_a_call_of_a_call_is_told_on_the_innermost_line_of_the_user() -> None:
    async def inner() -> None:
        await asyncio.sleep(0.02)

    async def main() -> None:
        await inner()

    assert reasons_of(main, "main") == [("sleep", "sleep 0.02", -2)]


def test_the_calls_that_led_to_a_wait() -> None:
    async def inner() -> None:
        await asyncio.sleep(0.02)

    async def middle(number: int) -> None:
        await inner()

    async def main() -> None:
        await middle(1)
        await middle(2)
        await asyncio.sleep(0.01)

    with asyncviz.record() as trace:
        asyncio.run(main())
    first = main.__code__.co_firstlineno
    stacks = [[text.split(" ") for text in r.stack] for r in trace.reasons if r.kind == "sleep"]
    calls = [[name.rpartition(".")[2] for _, name in stack] for stack in stacks]
    assert calls == [["inner", "middle", "main"], ["inner", "middle", "main"], []]
    assert [stack[-1][0] for stack in stacks[:2]] == [f"test_waits.py:{first + n}" for n in (1, 2)]


def test_task_by_its_label_also_when_renamed() -> None:
    async def work() -> None:
        asyncio.current_task().set_name("parse")  # type: ignore[union-attr]
        await asyncio.sleep(0.02)

    async def main() -> None:
        await asyncio.create_task(work(), name="before")

    assert one(main) == ("task", 'task "parse"')


def test_gather_group_wait_as_completed() -> None:
    async def nap() -> None:
        await asyncio.sleep(0.02)

    async def main() -> None:
        await asyncio.gather(nap(), nap(), nap())
        async with asyncio.TaskGroup() as group:
            group.create_task(nap())
            group.create_task(nap())
        await asyncio.wait([asyncio.create_task(nap())])
        for each in asyncio.as_completed([nap()]):
            await each

    assert reasons_of(main, "main") == [
        ("gather", "gather of 3", 1),
        ("group", "TaskGroup of 2", 2),
        ("wait", "wait of 1", 5),
        ("wait", "as_completed", 7),
    ]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="asynchronous iteration over as_completed came in 3.13")
def test_as_completed_as_an_asynchronous_iterator() -> None:
    async def main() -> None:
        async for each in asyncio.as_completed([asyncio.sleep(0.02)]):  # type: ignore[attr-defined]
            await each

    assert one(main) == ("wait", "as_completed")


def test_locks_by_kind_and_variable() -> None:
    async def take(thing: Any, until: asyncio.Event) -> None:
        async with thing:
            await until.wait()

    async def main() -> None:
        db, seats = asyncio.Lock(), asyncio.BoundedSemaphore(1)
        first, second = asyncio.Event(), asyncio.Event()

        async def other() -> None:
            async with db:
                pass
            async with seats:
                pass
            await db.acquire()
            db.release()

        async with asyncio.TaskGroup() as group:
            group.create_task(take(db, first))
            group.create_task(take(seats, second))
            group.create_task(other(), name="other")
            for event in (first, second):
                for _ in range(5):  # rounds of the loop, until `other` waits
                    await asyncio.sleep(0)
                event.set()

    said = [r[:2] for r in reasons_of(main, "other")]
    assert said == [("lock", 'Lock "db"'), ("semaphore", 'BoundedSemaphore "seats"')]


def test_event_condition_barrier() -> None:
    async def main() -> None:
        start, changed, gate = asyncio.Event(), asyncio.Condition(), asyncio.Barrier(2)

        async def other() -> None:
            await start.wait()
            async with changed:
                await changed.wait()
            await gate.wait()

        task = asyncio.create_task(other(), name="other")
        await asyncio.sleep(0)
        start.set()
        await asyncio.sleep(0.02)
        async with changed:
            changed.notify()
        await asyncio.sleep(0.02)
        await gate.wait()
        await task

    assert [r[:2] for r in reasons_of(main, "other")][:3] == [
        ("event", 'Event "start"'),
        ("condition", 'Condition "changed"'),
        ("barrier", 'Barrier "gate"'),
    ]


def test_condition_as_a_lock() -> None:
    async def main() -> None:
        changed = asyncio.Condition()

        async def other() -> None:
            async with changed:
                pass

        async with changed:
            task = asyncio.create_task(other(), name="other")
            await asyncio.sleep(0.02)
        await task

    assert one(main, "other") == ("lock", 'Condition "changed"')


def test_queue_by_a_variable_an_attribute_and_a_global() -> None:
    class Shop:
        def __init__(self) -> None:
            self.orders: asyncio.PriorityQueue[int] = asyncio.PriorityQueue()

        async def serve(self) -> None:
            await self.orders.get()

    async def main() -> None:
        global queue
        jobs: asyncio.Queue[int] = asyncio.Queue(1)
        queue = asyncio.Queue(1)
        shop = Shop()

        async def use() -> None:
            await jobs.get()
            await queue.put(1)
            await queue.put(2)

        async with asyncio.TaskGroup() as group:
            group.create_task(use(), name="use")
            group.create_task(shop.serve(), name="serve")
            await asyncio.sleep(0.02)
            await jobs.put(1)
            await asyncio.sleep(0.02)
            await queue.get()
            await shop.orders.put(1)

    assert [r[:2] for r in reasons_of(main, "use")] == [("queue", 'Queue.get "jobs"'), ("queue", 'Queue.put "queue"')]
    assert one(main, "serve") == ("queue", 'PriorityQueue.get "orders"')


def test_queue_join() -> None:
    async def main() -> None:
        jobs: asyncio.Queue[int] = asyncio.Queue()
        jobs.put_nowait(1)
        asyncio.get_running_loop().call_later(0.02, jobs.task_done)
        await jobs.join()

    assert one(main) == ("queue", 'Queue.join "jobs"')


def test_threads() -> None:
    def resize(seconds: float) -> None:
        time.sleep(seconds)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(resize, 0.03)
        await loop.run_in_executor(None, resize, 0.03)
        await loop.run_in_executor(None, functools.partial(resize, 0.03))

    assert [r[:2] for r in reasons_of(main, "main")] == [
        ("thread", "to_thread(resize)"),
        ("thread", "run_in_executor(resize)"),
        ("thread", "run_in_executor(resize)"),
    ]


def test_timeouts_do_not_hide_the_reason() -> None:
    async def main() -> None:
        never = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(0.03):
                await never
        except TimeoutError:
            pass

    assert one(main) == ("future", 'Future "never"')


def test_wait_for() -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(0.02), name="nap")
        await asyncio.wait_for(task, 1)

    assert one(main) == ("task", 'task "nap"')


def test_shield() -> None:
    async def main() -> None:
        await asyncio.shield(asyncio.create_task(asyncio.sleep(0.02), name="nap"))

    assert one(main) == ("task", 'task "nap"')


def test_a_class_with_await_and_a_future_by_hand() -> None:
    class Soon:
        def __await__(self) -> Any:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, None)
            return (yield from future)

    async def main() -> None:
        await Soon()
        mail = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(mail.set_result, None)
        await mail

    (_, first, line), (_, second, _) = reasons_of(main, "main")
    assert (first, second) == ('Future "future"', 'Future "mail"')
    assert line < 0  # in the class


def test_generator_based_coroutines_and_asynchronous_generators() -> None:
    @types.coroutine
    def old() -> Any:
        yield from asyncio.sleep(0.02).__await__()

    async def numbers() -> Any:
        await asyncio.sleep(0.03)
        yield 1

    async def main() -> None:
        await old()
        async for _ in numbers():
            pass

    first, second = reasons_of(main, "main")
    assert (first[1], second[1]) == ("sleep 0.02", "sleep 0.03")
    assert second[2] == -3  # the generator's own line


def test_streams_and_servers() -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x\n")
        await reader.readline()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    said = [r[1] for r in reasons_of(main, "main")]
    assert list(dict.fromkeys(said))[:3] == ["start server", "connect", "read"]


def test_who_waits_for_a_future_that_it_has_resolved_itself_has_not_let_others_go_first() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(50):
            future = loop.create_future()
            loop.call_soon(lambda future: (future.set_result(None), asyncviz.busy(0.002)), future)
            await future

    assert {kind for kind, *_ in reasons_of(main, "main")} == {"future"}


def test_sockets() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        a, b = socket.socketpair()
        a.setblocking(False)
        b.setblocking(False)
        loop.call_later(0.02, b.send, b"x")
        await loop.sock_recv(a, 1)
        a.close()
        b.close()

    assert one(main) == ("read", "read")


def test_looking_up_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    # slow: from 3.14 on, who awaits a thread that has already finished does not wait
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: time.sleep(0.03))

    async def main() -> None:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    assert one(main) == ("thread", "look up host (thread)")


@pytest.mark.skipif(sys.platform == "win32", reason="other processes, other names")
def test_subprocess() -> None:
    async def main() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=asyncio.subprocess.PIPE)
        await process.communicate()

    said = [r[:2] for r in reasons_of(main, "main")]
    assert said[0] == ("subprocess", "start subprocess")
    assert ("subprocess", "subprocess") in said[1:]


def test_library_call() -> None:
    import aiofiles

    async def main() -> None:
        async with aiofiles.open(__file__) as file:
            await file.read()

    said = [r[:2] for r in reasons_of(main, "main")]
    assert any(kind == "thread" and text.startswith("aiofiles") for kind, text in said)  # one may be quick, see above
    assert all("_thread" not in text for _, text in said)


def test_names_of_calls() -> None:
    from contextvars import copy_context

    from asyncviz.waits import call_name

    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise ValueError(name)

        def __call__(self) -> None: ...

    assert call_name(len) == "len"
    assert call_name(functools.partial(functools.partial(max, 1), 2)) == "max"
    assert call_name(functools.partial(copy_context().run, len, "")) == "len"
    assert call_name(copy_context().run, (len, "")) == "len"
    assert call_name("x".join) == "str.join"
    assert call_name(Odd()) == "Odd"


def test_objects_that_answer_nonsense_do_not_stop_the_recording() -> None:
    class Odd(asyncio.Future[None]):
        @property
        def _children(self) -> Any:
            raise ValueError("no")

    async def main() -> None:
        odd = Odd()
        asyncio.get_running_loop().call_soon(odd.set_result, None)
        await odd

    assert one(main) == ("future", "unknown")


def test_variables_that_were_looked_at_are_not_kept() -> None:
    """Until 3.12 a frame remembers the variables that somebody has asked it for."""
    import weakref

    class Big: ...

    async def main() -> Any:
        big = Big()
        ref = weakref.ref(big)
        lock = asyncio.Lock()
        await lock.acquire()
        asyncio.get_running_loop().call_later(0.02, lock.release)
        async with lock:
            pass
        del big
        return ref()

    with asyncviz.record() as trace:
        assert asyncio.run(main()) is None
    assert trace.tasks["main"].slices[-3].reason == 'Lock "lock"'


def test_locals_that_the_program_keeps_are_left_alone() -> None:
    async def main() -> dict[str, Any]:
        lock = asyncio.Lock()
        await lock.acquire()
        space = locals()
        asyncio.get_running_loop().call_later(0.02, lock.release)
        async with lock:
            pass
        return space

    with asyncviz.record():
        assert "lock" in asyncio.run(main())
    assert inspect.iscoroutinefunction(main)
