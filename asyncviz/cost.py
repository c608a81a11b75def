"""What does recording cost? Measured once in a process, on tiny programs, when somebody asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from time import perf_counter as clock
from typing import Any

from .session import Session

TIMES = 120  # switches, waits, tasks in one measurement


async def _switch(loop: Any) -> None:
    for _ in range(TIMES):
        await asyncio.sleep(0)


async def _wait(loop: Any) -> None:
    for _ in range(TIMES):
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future


async def _start(loop: Any) -> None:
    async def short() -> None:
        pass

    for _ in range(TIMES):
        await loop.create_task(short())


@cache
def seconds() -> tuple[float, float, float]:
    """What is added to each step, to each wait, and to each task."""
    found: list[tuple[float, float, float]] = []
    thread = threading.Thread(target=lambda: found.append(_measure()))
    thread.start()
    thread.join()
    return found[0] if found else (0.0, 0.0, 0.0)


def _measure() -> tuple[float, float, float]:
    set_running: Any = getattr(asyncio.events, "_c__set_running_loop", None) or asyncio.events._set_running_loop
    loop: Any = asyncio.SelectorEventLoop()
    set_running(loop)  # quietly: a recording that is open must not see this loop
    try:
        added = []
        for program in (_switch, _wait, _start):
            plain = min(_time(loop, program, None) for _ in range(5))
            recorded = min(_time(loop, program, Session()) for _ in range(5))
            added.append(max(recorded - plain, 0.0) / TIMES)
    finally:
        set_running(None)
        loop.close()
    step, wait, start = added
    return step, max(wait - step, 0.0), max(start - 2 * step - max(wait - step, 0.0), 0.0)


def _time(loop: Any, program: Callable[[Any], Coroutine[Any, Any, None]], session: Session | None) -> float:
    """One run, turn by turn."""
    if session is not None:
        session.limit = 10 * TIMES
        session.enters(loop)
    try:
        start = clock()
        task = loop.create_task(program(loop))
        while not task.done():
            loop._run_once()
        return clock() - start
    finally:
        if session is not None:
            session.stop()
