"""Async code is simpler than callbacks and than threads with locks, and not simpler than sequential code."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Callable
from typing import Any

SEQUENTIAL = """
def total(names, fetch):
    return sum(fetch(name) for name in names)
"""
ASYNC = """
async def total(names, fetch):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name)) for name in names]
    return sum(task.result() for task in tasks)
"""
CALLBACKS = """
def total(names, fetch, done):
    state = {"sum": 0, "left": len(names), "failed": False}
    def received(value):
        if not state["failed"]:
            state["sum"] += value
            state["left"] -= 1
            if state["left"] == 0:
                done(state["sum"], None)
    def failed(error):
        if not state["failed"]:
            state["failed"] = True
            done(None, error)
    for name in names:
        fetch(name, received, failed)
"""
THREADS = """
def total(names, fetch):
    state, lock = {"sum": 0, "error": None}, threading.Lock()
    def work(name):
        try:
            value = fetch(name)
        except Exception as error:
            with lock:
                state["error"] = error
        else:
            with lock:
                state["sum"] += value
    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if state["error"]:
        raise state["error"]
    return state["sum"]
"""


def load(source: str) -> Callable[..., Any]:
    space: dict[str, Any] = {"asyncio": asyncio, "threading": threading}
    exec(source, space)
    return space["total"]  # type: ignore[no-any-return]


def size(source: str) -> int:
    """Statements: what there is to read."""
    return sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(source)))


async def fetch(name: str) -> int:
    return len(name)


def test_all_four_do_the_same() -> None:
    names, answers = ["oslo", "lima", "bern"], list[Any]()
    assert load(SEQUENTIAL)(names, len) == asyncio.run(load(ASYNC)(names, fetch)) == load(THREADS)(names, len) == 12
    load(CALLBACKS)(names, lambda name, received, failed: received(len(name)), lambda *answer: answers.append(answer))
    assert answers == [(12, None)]


def test_which_is_simpler() -> None:
    assert size(CALLBACKS) >= 2 * size(ASYNC)
    assert size(THREADS) >= 2 * size(ASYNC)
    assert size(SEQUENTIAL) < size(ASYNC)
