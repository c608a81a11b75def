"""Names what a suspended task waits for, and the user's line on which it waits.

Everything here reads; nothing is called on, or kept of, the recorded program's objects.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import os
import sys
import sysconfig
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .loops import Watch

Place = tuple[CodeType, int]  # a code object and the offset of the instruction: cheap to note, turned into a line later

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STDLIB = tuple(os.path.abspath(p) + os.sep for p in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_ASYNCIO = os.path.dirname(os.path.abspath(asyncio.__file__)) + os.sep


class Wait(NamedTuple):
    """What a task waits for. `detail` is the text, or for kind "task" the awaited task's number.

    `callers` numbers the places from which the user's code was called, in `Session.callers`.
    """

    kind: str
    detail: str | float
    place: Place | None
    callers: int = 0


DEPTH = 8  # callers that are noted
NESTED = Wait("nested", "a loop run inside the step", None)
UNKNOWN = Wait("future", "unknown", None)


def _is_user_file(filename: str) -> bool:
    if filename.startswith("<"):
        return not filename.startswith("<frozen")
    path = os.path.normpath(filename)  # no abspath: that asks the system, and this may run in the loop
    if path.endswith((".pyx", ".pxi")) or "site-packages" in path or "dist-packages" in path or path.startswith(_HERE):
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


_ENDS = {"async_generator_asend", "async_generator_athrow", "coroutine_wrapper"}


def suspended_frames(coro: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, from its own down to the innermost one."""
    while coro is not None:
        if type(coro).__name__ in _ENDS:
            # the public chain ends here; the collector still knows which generator or coroutine it belongs to
            coro = next((o for o in gc.get_referents(coro) if hasattr(o, "ag_frame") or hasattr(o, "cr_frame")), None)
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


def describe(task: Any, watch: Watch) -> Wait:
    """What a suspended `task` waits for; `watch` knows the numbers of tasks and the names of calls.

    The name comes from the first call below the user's innermost frame: `await queue.get()` is "Queue.get",
    whatever lies beneath it.
    """
    try:
        frames = list(suspended_frames(task.get_coro()))
        users = [frame for frame in frames if is_user(frame.f_code)]
        asker = users.pop() if users else None
        library = frames if asker is None else frames[frames.index(asker) + 1 :]
        kind, detail = _name(library, _Asked(asker, watch), getattr(task, "_fut_waiter", None))
        place = (asker.f_code, asker.f_lasti) if asker is not None else None
        return Wait(kind, detail, place, watch.session.called_from(users[-DEPTH:]) if users else 0)
    except Exception:  # somebody else's objects may answer anything
        return UNKNOWN


class _Asked(NamedTuple):
    """Who waits: the user's innermost frame, and the record that knows about tasks and calls."""

    frame: FrameType | None
    watch: Watch

    def variable(self, thing: Any) -> str:
        """The name by which the asking frame knows a lock or queue, in quotes with a space before it, or ''."""
        if self.frame is None:
            return ""
        local = local_variables(self.frame)
        for space in (local, getattr(local.get("self"), "__dict__", {}), self.frame.f_globals):
            for name, value in list(space.items()):
                if value is thing and not name.startswith("_"):
                    return f' "{name}"'
        return ""

    def task(self, task: Any) -> Named:
        number = self.watch.number(task)
        return ("task", number) if number is not None else ("task", f'task "{task.get_name()}"')


def local_variables(frame: FrameType) -> dict[str, Any]:
    """A copy of a frame's variables. Until Python 3.12, asking for them makes the frame keep them, which we undo."""
    space = frame.f_locals
    found = dict(space)
    if sys.version_info < (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED and sys.getrefcount(space) <= 3:
        space.clear()
    return found


def _name(library: list[FrameType], asked: _Asked, waiter: Any) -> Named:
    for frame in library:
        code = frame.f_code
        if code.co_filename.startswith(_ASYNCIO):
            known = _KNOWN.get(code.co_qualname)
            named = known(frame, asked) if known is not None else None
            if named is not None:
                return named
    name = _library_call(library)
    if waiter is not None:
        children = getattr(waiter, "_children", None)
        if children is not None:
            return "gather", f"gather of {len(children)}"
        if hasattr(waiter, "get_coro"):
            return asked.task(waiter)
        inner = behind(waiter, "shield.<locals>._outer_done_callback", "inner")
        if inner is not None and hasattr(inner, "get_coro"):
            return asked.task(inner)
        work = behind(waiter, "_chain_future.<locals>._call_check_cancel", "source")
        if work is not None:
            called = asked.watch.work(work)
            asks = f"run_in_executor({called})" if called else "run_in_executor"
            return "thread", f"{name} (thread)" if name else asks
    return ("library", name) if name else ("future", "Future" + (asked.variable(waiter) if waiter is not None else ""))


def _library_call(library: list[FrameType]) -> str:
    """A readable name such as "aiohttp request" for the outermost library call that has a plain name."""
    for frame in library:
        name = frame.f_code.co_name
        if not name.startswith("__") and not name.startswith("<"):
            module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            return f"{module} {name.strip('_')}".strip()
    return ""


def behind(waiter: Any, qualname: str, variable: str) -> Any:
    """What a callback of a future, one of asyncio's inner functions, knows under a name: the future behind it."""
    for entry in getattr(waiter, "_callbacks", None) or ():
        callback = entry[0] if isinstance(entry, tuple) else entry
        if getattr(callback, "__qualname__", "") == qualname:
            names = callback.__code__.co_freevars
            return callback.__closure__[names.index(variable)].cell_contents if variable in names else None
    return None


def call_name(func: Any, args: tuple[Any, ...] = ()) -> str:
    """A short name of a callable: "resize" for a function, a method, a partial or a context's run."""
    try:
        while True:
            if isinstance(func, functools.partial):
                func, args = func.func, (*func.args, *args)
            elif args and callable(args[0]) and isinstance(getattr(func, "__self__", None), contextvars.Context):
                func, args = args[0], args[1:]  # as to_thread calls it
            else:
                break
        name = getattr(func, "__qualname__", None) or getattr(func, "__name__", None) or type(func).__name__
        return str(name).rpartition("<locals>.")[2]
    except Exception:
        return type(func).__name__


Named = tuple[str, str | float]
_Namer = Callable[[FrameType, _Asked], Named | None]


def _fixed(kind: str, text: str) -> _Namer:
    return lambda frame, asked: (kind, text)


def _named(kind: str, method: str = "") -> _Namer:
    """ "Lock", or "Queue.get" where the method says more than the kind; and the variable that holds it."""

    def name(frame: FrameType, asked: _Asked) -> Named:
        thing = local_variables(frame).get("self")
        what = type(thing).__name__
        actual = "semaphore" if isinstance(thing, asyncio.Semaphore) else kind
        return actual, what + method + asked.variable(thing)

    return name


def _sleep(frame: FrameType, asked: _Asked) -> Named:
    delay = local_variables(frame).get("delay")
    return "sleep", f"sleep {delay:g}" if isinstance(delay, (int, float)) else "sleep"


def _to_thread(frame: FrameType, asked: _Asked) -> Named:
    return "thread", f"to_thread({call_name(local_variables(frame).get('func'))})"


def _group(frame: FrameType, asked: _Asked) -> Named:
    members = getattr(local_variables(frame).get("self"), "_tasks", ())
    return "group", f"TaskGroup of {len(members)}" if members else "TaskGroup"  # none: it was asked too late


def _wait(frame: FrameType, asked: _Asked) -> Named:
    things = local_variables(frame).get("fs")
    return "wait", f"wait of {len(things)}" if isinstance(things, (set, frozenset, list, tuple)) else "wait"


def _wait_for(frame: FrameType, asked: _Asked) -> Named | None:
    thing = local_variables(frame).get("fut")
    return asked.task(thing) if hasattr(thing, "get_coro") else None


_KNOWN: dict[str, _Namer] = {
    "sleep": _sleep,
    "to_thread": _to_thread,
    "TaskGroup.__aexit__": _group,
    "TaskGroup._aexit": _group,
    "wait": _wait,
    "_wait": _wait,
    "wait_for": _wait_for,
    "as_completed.<locals>._wait_for_one": _fixed("wait", "as_completed"),
    "_AsCompletedIterator._wait_for_one": _fixed("wait", "as_completed"),
    "Lock.acquire": _named("lock"),
    "_ContextManagerMixin.__aenter__": _named("lock"),
    "Semaphore.acquire": _named("semaphore"),
    "Event.wait": _named("event"),
    "Condition.wait": _named("condition"),
    "Condition.wait_for": _named("condition"),
    "Barrier.wait": _named("barrier"),
    "Barrier.__aenter__": _named("barrier"),
    "Queue.get": _named("queue", ".get"),
    "Queue.put": _named("queue", ".put"),
    "Queue.join": _named("queue", ".join"),
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
    "BaseEventLoop.create_server": _fixed("accept", "start server"),
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
