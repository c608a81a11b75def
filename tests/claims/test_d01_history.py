"""It came in steps: asyncio 3.4, `async` and `await` 3.5, `run` 3.7, `TaskGroup` 3.11, eager 3.12, call graph 3.14."""

from __future__ import annotations

import asyncio
import builtins
import keyword
import sys


def test_async_and_await_are_words_of_the_language_now() -> None:
    assert {"async", "await"} <= set(keyword.kwlist)


def test_the_way_of_3_4_is_gone() -> None:
    assert not hasattr(asyncio, "coroutine")


def test_what_came_with_3_11_and_before_is_there() -> None:
    names = ("run", "create_task", "to_thread", "TaskGroup", "timeout", "Runner", "Barrier")
    assert all(hasattr(asyncio, name) for name in names)
    assert hasattr(builtins, "ExceptionGroup")


def test_what_came_later_is_there_since() -> None:
    assert hasattr(asyncio, "eager_task_factory") == (sys.version_info >= (3, 12))
    assert hasattr(asyncio.Queue, "shutdown") == (sys.version_info >= (3, 13))
    assert hasattr(asyncio, "capture_call_graph") == (sys.version_info >= (3, 14))
