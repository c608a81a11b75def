"""Calling an async function runs nothing: it makes a coroutine object."""

from __future__ import annotations

import asyncio
import inspect

ran = []


async def greet() -> str:
    ran.append("greet")
    return "hello"


def test_a_call_makes_an_object_and_await_runs_it() -> None:
    coroutine = greet()
    assert inspect.iscoroutine(coroutine)
    assert ran == []
    assert asyncio.run(coroutine) == "hello"
    assert ran == ["greet"]
