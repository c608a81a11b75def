"""Names what a suspended task waits for, and the user's line on which it waits.

Everything here reads; nothing is called on, or kept of, the recorded program's objects.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import sys
import sysconfig
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple

Place = tuple[CodeType, int]  # a code object and the offset of the instruction: cheap to note, turned into a line later

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STDLIB = tuple(os.path.abspath(p) + os.sep for p in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_ASYNCIO = os.path.dirname(os.path.abspath(asyncio.__file__)) + os.sep


class Wait(NamedTuple):
    """What a task waits for. `detail` is the text, or for kind "task" the awaited task's number."""

    kind: str
    detail: str | float
    place: Place | None


def _is_user_file(filename: str) -> bool:
    if filename.startswith("<"):
        return not filename.startswith("<frozen")
    path = os.path.abspath(filename)
    if "site-packages" in path or "dist-packages" in path or path.startswith(_HERE):
        return False
    return not path.startswith(_STDLIB)


_user_files: dict[str, bool] = {}  # asked for every frame of every new task, so a plain look-up


def is_user(code: CodeType) -> bool:
    """True for code that is neither the standard library's, an installed package's nor this package's own."""
    filename = code.co_filename
    answer = _user_files.get(filename)
    if answer is None:
        if len(_user_files) > 10_000:
            _user_files.clear()
        answer = _user_files[filename] = _is_user_file(filename)
    return answer


def line_of(place: Place) -> int:
    """The line number at a place."""
    code, offset = place
    for start, stop, line in code.co_lines():
        if start <= offset < stop and line is not None:
            return line
    return code.co_firstlineno


def user_place(frame: FrameType | None) -> Place | None:
    """The innermost place in the user's code, from `frame` outwards."""
    while frame is not None:
        code = frame.f_code
        answer = _user_files.get(code.co_filename)
        if answer or (answer is None and is_user(code)):
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def suspended_frames(coro: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, from its own down to the innermost one."""
    while coro is not None:
        kind = type(coro).__name__
        if kind in ("async_generator_asend", "async_generator_athrow"):
            # the public chain ends here; the collector still knows which generator it belongs to
            coro = next((o for o in gc.get_referents(coro) if hasattr(o, "ag_frame")), None)
            continue
        for frame_name, next_name in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await")):
            frame = getattr(coro, frame_name, None)
            if frame is not None:
                yield frame
                coro = getattr(coro, next_name)
                break
        else:
            return


def fixed_caller(task: Any) -> tuple[int, CodeType, int] | None:
    """For waits whose reason the place alone decides (say, reading a stream): the place, cheaply.

    Gives the identity of the library's function, and the code and offset from where it was called.
    """
    coro = task.get_coro()
    try:
        caller = coro.cr_code
        if id(caller) in _FIXED:
            return id(caller), caller, 0
        while True:
            inner = coro.cr_await
            code = inner.cr_code
            if id(code) in _FIXED:
                return (id(code), caller, coro.cr_frame.f_lasti) if is_user(caller) else None
            coro, caller = inner, code
    except AttributeError:  # not a coroutine, or None
        return None


def describe(task: Any, number: Callable[[Any], float | None]) -> Wait:
    """What a suspended `task` waits for; `number` gives the number of a recorded task, or None.

    The name comes from the first call below the user's innermost frame: `await queue.get()` is "Queue.get",
    whatever lies beneath it.
    """
    frames = list(suspended_frames(task.get_coro()))
    waiter = getattr(task, "_fut_waiter", None)
    user = next((i for i in reversed(range(len(frames))) if is_user(frames[i].f_code)), None)
    place = (frames[user].f_code, frames[user].f_lasti) if user is not None else None
    asker = frames[user] if user is not None else None
    kind, detail = _name(frames[(user or 0) + (user is not None):], asker, waiter, number)
    return Wait(kind, detail, place)


def _name(
    library: list[FrameType], asker: FrameType | None, waiter: Any, number: Callable[[Any], float | None]
) -> tuple[str, str | float]:
    for frame in library:
        code = frame.f_code
        if code.co_filename.startswith(_ASYNCIO):
            known = _KNOWN.get(code.co_qualname)
            if known is not None:
                return known(frame, asker)
    if waiter is not None:
        children = getattr(waiter, "_children", None)
        if children is not None:
            return "gather", f"gather of {len(children)}"
        if hasattr(waiter, "get_coro"):
            n = number(waiter)
            return ("task", n) if n is not None else ("task", f'task "{waiter.get_name()}"')
    name = _library_call(library)
    work = executor_future(waiter)
    if work is not None:
        return "thread", f"{name} (thread)" if name else "run_in_executor"
    return ("library", name) if name else ("future", "Future")


def _library_call(library: list[FrameType]) -> str:
    """A readable name such as "aiohttp request" for the outermost library call that has a plain name."""
    for frame in library:
        name = frame.f_code.co_name
        if not name.startswith("__") and not name.startswith("<"):
            module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            return f"{module} {name.strip('_')}".strip()
    return ""


def executor_future(waiter: Any) -> Any:
    """The concurrent.futures.Future behind an asyncio Future that waits for an executor, or None."""
    for entry in getattr(waiter, "_callbacks", None) or ():
        callback = entry[0] if isinstance(entry, tuple) else entry
        if getattr(callback, "__qualname__", "") == "_chain_future.<locals>._call_check_cancel":
            names = callback.__code__.co_freevars
            try:
                return callback.__closure__[names.index("source")].cell_contents
            except (ValueError, TypeError):
                return None
    return None


def call_name(func: Any) -> str:
    """A short name of a callable: "resize" for a function, a method, a partial or a context's run."""
    while isinstance(func, functools.partial):
        # to_thread submits partial(context.run, func, …)
        inner = func.args[0] if func.args and getattr(func.func, "__name__", "") == "run" else func.func
        func = inner
    name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None) or type(func).__name__
    return str(name).rpartition("<locals>.")[2]


def _variable(thing: Any, asker: FrameType | None) -> str:
    """The name by which the asking frame knows a lock or queue, in quotes with a space before it, or ''."""
    if asker is None:
        return ""
    local = asker.f_locals
    owner = local.get("self")
    for space in (local, getattr(owner, "__dict__", {}), asker.f_globals):
        for name, value in list(space.items()):
            if value is thing and not name.startswith("_"):
                return f' "{name}"'
    return ""


def _fixed(kind: str, text: str) -> Callable[[FrameType, FrameType | None], tuple[str, str]]:
    return lambda frame, asker: (kind, text)


def _named(kind: str, text: str) -> Callable[[FrameType, FrameType | None], tuple[str, str]]:
    def name(frame: FrameType, asker: FrameType | None) -> tuple[str, str]:
        thing = frame.f_locals.get("self")
        what, _, method = text.partition(".")
        what = type(thing).__name__ if kind == "queue" else what
        return kind, what + (f".{method}" if method else "") + _variable(thing, asker)

    return name


def _sleep(frame: FrameType, asker: FrameType | None) -> tuple[str, str]:
    delay = frame.f_locals.get("delay")
    return "sleep", f"sleep {delay:g}" if isinstance(delay, (int, float)) else "sleep"


def _to_thread(frame: FrameType, asker: FrameType | None) -> tuple[str, str]:
    return "thread", f"to_thread({call_name(frame.f_locals.get('func'))})"


def _group(frame: FrameType, asker: FrameType | None) -> tuple[str, str]:
    members = getattr(frame.f_locals.get("self"), "_tasks", ())
    return "group", f"TaskGroup of {len(members)}"


def _wait(frame: FrameType, asker: FrameType | None) -> tuple[str, str]:
    return "wait", f"wait of {len(frame.f_locals.get('fs') or ())}"


_KNOWN: dict[str, Callable[[FrameType, FrameType | None], tuple[str, str | float]]] = {
    "sleep": _sleep,
    "to_thread": _to_thread,
    "TaskGroup.__aexit__": _group,
    "TaskGroup._aexit": _group,
    "wait": _wait,
    "_wait": _wait,
    "Lock.acquire": _named("lock", "Lock"),
    "Lock.__aenter__": _named("lock", "Lock"),
    "_ContextManagerMixin.__aenter__": _named("lock", "Lock"),
    "Semaphore.acquire": _named("semaphore", "Semaphore"),
    "Event.wait": _named("event", "Event"),
    "Condition.wait": _named("condition", "Condition"),
    "Condition.wait_for": _named("condition", "Condition"),
    "Barrier.wait": _named("barrier", "Barrier"),
    "Queue.get": _named("queue", "Queue.get"),
    "Queue.put": _named("queue", "Queue.put"),
    "Queue.join": _named("queue", "Queue.join"),
    "StreamReader._wait_for_data": _fixed("read", "read"),
    "FlowControlMixin._drain_helper": _fixed("write", "write"),
    "StreamWriter.drain": _fixed("write", "write"),
    "BaseSelectorEventLoop.sock_recv": _fixed("read", "read"),
    "BaseSelectorEventLoop.sock_recv_into": _fixed("read", "read"),
    "BaseSelectorEventLoop.sock_recvfrom": _fixed("read", "read"),
    "BaseSelectorEventLoop.sock_sendall": _fixed("write", "write"),
    "BaseSelectorEventLoop.sock_sendto": _fixed("write", "write"),
    "BaseSelectorEventLoop.sock_accept": _fixed("accept", "accept"),
    "BaseSelectorEventLoop.sock_connect": _fixed("connect", "connect"),
    "BaseProactorEventLoop.sock_recv": _fixed("read", "read"),
    "BaseProactorEventLoop.sock_sendall": _fixed("write", "write"),
    "BaseProactorEventLoop.sock_accept": _fixed("accept", "accept"),
    "BaseProactorEventLoop.sock_connect": _fixed("connect", "connect"),
    "BaseEventLoop.getaddrinfo": _fixed("thread", "look up host (thread)"),
    "BaseEventLoop.create_connection": _fixed("connect", "connect"),
    "BaseSelectorEventLoop._accept_connection2": _fixed("accept", "accept"),
    "StreamWriter.wait_closed": _fixed("close", "close"),
    "Server.serve_forever": _fixed("accept", "serve"),
    "Server.wait_closed": _fixed("future", "Server.wait_closed"),
    "Process.wait": _fixed("subprocess", "subprocess"),
    "Process.communicate": _fixed("subprocess", "subprocess"),
    "create_subprocess_exec": _fixed("subprocess", "start subprocess"),
    "create_subprocess_shell": _fixed("subprocess", "start subprocess"),
}


_FIXED = {  # identities: to hash a code object means to hash all that is in it
    id(method.__code__)
    for owner, names in (
        (asyncio.StreamReader, ("read", "readline", "readuntil", "readexactly")),
        (asyncio.StreamWriter, ("drain", "wait_closed")),
        (asyncio.BaseEventLoop, ("create_connection",)),
        (BaseSelectorEventLoop, ("_accept_connection2", "sock_accept", "sock_connect", "sock_recv", "sock_sendall")),
        (asyncio, ("open_connection",)),
    )
    for method in (getattr(owner, name) for name in names)
}


def cell_name(filename: str) -> str:
    """A file's short name; "cell 3" for the code of a notebook cell, whose file name changes from run to run."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    compiler = getattr(shell, "compile", None)
    if compiler is not None and hasattr(compiler, "format_code_name"):
        named = compiler.format_code_name(filename)
        if named is not None:
            return f"cell {str(named[1]).strip('In[] ')}"
    return os.path.basename(filename)
