"""Functions in processes of their own: they are found, they answer, and they end."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Any

import pytest

from asyncviz.practice.apart import apart, files_allowed


def double(number: int) -> int:
    return 2 * number


def talk(number: int) -> list[Any]:
    print(json.dumps("first"), flush=True)
    return [os.getpid(), double(number)]


async def wait() -> None:
    import asyncio

    print("1", flush=True)
    await asyncio.sleep(60)


def fail() -> None:
    raise LookupError("nothing there")


def test_it_prints_and_returns() -> None:
    with apart(talk, 21, uses=[double]) as process:
        assert process.read() == "first"
        assert process.read() == [process.pid, 42]
        with pytest.raises(RuntimeError, match="it said nothing"):
            process.read()


def test_an_error_is_told() -> None:
    with apart(fail) as process, pytest.raises(RuntimeError, match="has ended: LookupError: nothing there"):
        process.read()


def test_it_is_stopped_at_once() -> None:
    start = time.perf_counter()
    with apart(wait) as process:
        assert process.read() == 1
    assert process._process.returncode is not None
    process.stop()
    assert time.perf_counter() - start < 30


def test_it_ends_with_the_notebook() -> None:
    process = apart(wait)
    assert process.read() == 1
    assert process._process.stdin is not None
    process._process.stdin.close()  # as when the notebook's process is gone
    assert process._process.wait(30) == 0
    process.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows passes on no open files")
def test_it_inherits_a_socket() -> None:
    def port(number: int) -> int:
        found: int = socket.socket(fileno=number).getsockname()[1]
        return found

    with socket.create_server(("127.0.0.1", 0)) as server:
        with apart(port, server.fileno(), inherited=[server.fileno()]) as process:
            assert process.read() == server.getsockname()[1]


def test_the_limit_is_told() -> None:
    assert files_allowed() > 100
