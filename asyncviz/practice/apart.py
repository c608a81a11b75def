"""Functions of a notebook in processes of their own: servers and clients whose memory and core are theirs alone.

    with apart(serve) as server:
        port = server.read()
"""

from __future__ import annotations

import inspect
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from textwrap import dedent
from types import TracebackType
from typing import Any

# What such a program begins with. It may open as many files as the system lets it, and ends with the notebook: when
# that ends, however it does, nobody holds the other end of the pipe any more.
HEAD = """\
from __future__ import annotations
import asyncio, json, os, psutil, socket, sys, threading, time
from contextlib import suppress
HOST = "127.0.0.1"

def _watch():
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(0)

threading.Thread(target=_watch, daemon=True).start()
with suppress(ImportError, OSError, ValueError):
    import resource
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = {files} if hard == resource.RLIM_INFINITY else min({files}, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
"""
FILES = 10_200  # open files; macOS lets a process have 10,240 without being asked


class Apart:
    """A process that `apart` has started. `pid` is its number. `stop` it, or use it in a `with` block."""

    def __init__(self, program: str, inherited: Sequence[int]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would fill up; closed by stop
        more: dict[str, Any] = {"pass_fds": inherited} if inherited else {}  # Windows does not know it
        self._process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, **more
        )
        self.pid = self._process.pid

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def read(self) -> Any:
        """Wait for the next line that it prints, and return what it says in JSON. RuntimeError when it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode("utf-8", "replace").strip().splitlines()
            raise RuntimeError(f"the process has ended: {said[-1] if said else 'it said nothing'}")
        return json.loads(line)

    def stop(self) -> None:
        """End it now, and wait until it is gone. Harmless if repeated."""
        self._process.kill()  # does nothing to a process that has ended
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._errors.close()


def apart(
    function: Callable[..., Any],
    *arguments: Any,
    uses: Sequence[Callable[..., Any]] = (),
    inherited: Sequence[int] = (),
) -> Apart:
    """Run a function of this notebook in a process of its own, and return that.

    function : a function or coroutine function. What it returns is printed as JSON; what it prints itself must be JSON.
    arguments : numbers, strings, or lists of them.
    uses : other functions that it calls. It also finds HOST, which is this machine, and the modules asyncio, json, os,
        psutil, socket, sys, threading and time. Other names of the notebook it does not know.
    inherited : numbers of open files that the process shall have too; not on Windows.
    """
    sources = [dedent(inspect.getsource(each)) for each in (*uses, function)]
    call = f"{function.__name__}(*{list(arguments)!r})"
    if inspect.iscoroutinefunction(function):
        call = f"asyncio.run({call})"
    # it ends without tidying up: ten thousand open connections would take their time
    end = "sys.stdout.flush()\nos._exit(0)\n"
    program = "\n".join([HEAD.format(files=FILES), *sources, f"print(json.dumps({call}))", end])
    return Apart(program, inherited)


def files_allowed() -> float:
    """How many files and connections a process here may have open at once; math.inf where there is no such limit."""
    if sys.platform == "win32":
        return math.inf
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # up to which a process may raise its own limit
    return math.inf if hard == resource.RLIM_INFINITY else hard
