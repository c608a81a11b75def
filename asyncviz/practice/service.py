"""A web service on this machine for lessons: as slow, as unreliable and as strict as you ask for.

    with web_service(latency=0.3) as service:
        requests.get(service.capital_url("oslo")).json()
        service.stats().most_in_flight

It runs in a process of its own, so that the client's thread, event loop and core are the client's alone.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import quote

from asyncviz.practice import _server
from asyncviz.practice._server import HOST, Settings
from asyncviz.practice.capitals import data_path

START_TIMEOUT = 30.0  # seconds; a start takes about half of one, but a busy machine may be reading from a slow disk
ANSWER_TIMEOUT = 10.0  # seconds
STOP_TIMEOUT = 2.0  # seconds until a server that was asked to end is killed


class ServiceError(RuntimeError):
    """The web service could not be started, is not running, or has ended unexpectedly."""


@dataclass(frozen=True)
class Stats:
    """What the service has counted since its start or the last `WebService.reset`.

    requests: all requests for a capital. Each ends as one of: ok (200), failed (503), refused (429, beyond the rate
    limit), not_found (404), abandoned (the client closed the connection before the answer). One with a latency in
    its URL that makes no sense (400) is counted as a request only.
    in_flight: requests being answered at this moment.
    most_in_flight: the most there have been at one moment. Refused and unknown ones are answered at once and do
    not count.
    """

    requests: int
    ok: int
    failed: int
    refused: int
    not_found: int
    abandoned: int
    in_flight: int
    most_in_flight: int


def web_service(
    *,
    latency: float = 0.3,
    jitter: float = 0.0,
    failure_rate: float = 0.0,
    rate_limit: float | None = None,
    seed: int = 0,
    port: int = 0,
) -> WebService:
    """Return a web service of the world's capitals, to be used in a ``with`` block.

    - `latency`: seconds from request to answer, 0 to 60. The service sleeps; requests overlap freely.
    - `jitter`: up to so many seconds more, 0 to 60, evenly spread.
    - `failure_rate`: the chance, 0 to 1, that a request is answered 503 instead, after the same delay.
    - `rate_limit`: requests a second, 0.01 or more, or None for no limit; beyond it the answer is 429, at once, with a
      Retry-After header and the exact seconds as `retry_after` in the body. After a rest, one second's worth
      passes at once.
    - `seed`: decides who is slower and who fails. The k-th request for one capital has the same extra delay and the
      same luck in every run with this seed, whatever else is requested and when. A refused request (429) does not
      count as an attempt. A higher failure_rate fails the same requests and more.
    - `port`: the port to listen on; 0 takes a free one.

    Raises TypeError or ValueError for a setting that makes no sense, before anything is started. Entering raises
    ServiceError when the service cannot start, for instance because the port is in use, and FileNotFoundError
    without the repository's ``data`` folder.
    """
    settings = Settings(latency, jitter, failure_rate, rate_limit, seed)
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port must be a whole number, or 0 for any free one; it is {port!r}.")
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be from 1 to 65535, or 0 for any free one; it is {port!r}.")
    return WebService(settings, port)


class WebService:
    """A service that `web_service` has made: running inside its ``with`` block, or from `start` to `stop`."""

    def __init__(self, settings: Settings, port: int) -> None:
        self._settings = settings
        self._wanted_port = port
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def __repr__(self) -> str:
        where = f"at http://{HOST}:{self._port}" if self._port else "not running"
        return f"<web service {where}, {self._settings}>"

    def __enter__(self) -> WebService:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> WebService:
        """Start the service, wait until it listens (about half a second), and return it."""
        if self._process is not None:
            raise ServiceError("This web service has been started already: call web_service() again for another one.")
        folder = data_path("capitals")
        _keep_off_proxies()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would fill up; closed by stop
        try:
            self._process = _launch(self._wanted_port, folder, self._settings, self._errors)
            self._port = self._wait_for_port()
        except BaseException:  # KeyboardInterrupt too: leave nothing behind
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the service and wait until its process is gone. Requests in flight are cut off. Harmless if repeated."""
        process, self._port = self._process, None
        if process is not None:
            try:
                _ask_to_end(process)
            finally:  # also when an interrupt arrives during the wait
                process.kill()  # does nothing to a process that has ended
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        pipe.close()
        if self._errors is not None:
            self._errors.close()

    @property
    def url(self) -> str:
        """The address of the service, such as ``http://127.0.0.1:40123``."""
        return f"http://{HOST}:{self._running_port()}"

    def capital_url(self, slug: str, *, latency: float | None = None) -> str:
        """Return the URL of one capital's record; an unknown slug gives a URL that is answered 404.

        latency: seconds this answer shall take, instead of what is set for all. Jitter comes on top.
        """
        url = f"{self.url}/capitals/{quote(slug, safe='')}"
        return url if latency is None else f"{url}?latency={Settings(latency=latency).latency}"

    def urls(self, which: int | Iterable[str]) -> list[str]:
        """Return the URLs of the first `which` capitals in alphabetical order, or of the capitals that it names.

        Raises ValueError when there are not so many.
        """
        return [self.capital_url(slug) for slug in (_first(which) if isinstance(which, int) else which)]

    def delays(self, which: int | Iterable[str]) -> list[float]:
        """Return the seconds that the service takes over its first answer to each capital after a start or a `reset`.

        Which ones, is said as for `urls`. Nobody can have the answer sooner.
        """
        own = self._settings
        slugs = _first(which) if isinstance(which, int) else list(which)
        return [own.latency + own.jitter * _server.draw(own.seed, slug, 1)[0] for slug in slugs]

    def stats(self) -> Stats:
        """Return what the service has counted so far."""
        return Stats(**self._ask("GET", "/stats"))

    def reset(self) -> None:
        """Count from nothing again; attempts too, so that the same requests are slow, and fail, once more."""
        self._ask("POST", "/reset")

    def set(self, **changes: Any) -> None:
        """Change settings of the running service: latency, jitter, failure_rate, rate_limit or seed.

        Requests already in flight keep theirs. Raises TypeError or ValueError as `web_service` does.
        """
        settings = replace(self._settings, **changes)
        self._ask("POST", "/settings", json.dumps(asdict(settings)))
        self._settings = settings

    def _running_port(self) -> int:
        if self._port is None:
            raise ServiceError("The web service is not running: use it inside 'with web_service(...) as service:'.")
        return self._port

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        """Return the JSON answer to a request that no proxy sees."""
        connection = http.client.HTTPConnection(HOST, self._running_port(), timeout=ANSWER_TIMEOUT)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(f"The web service does not answer ({error!r}). {self._last_words()}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise ServiceError(f"The web service rejected {method} {path}: {answer}")
        return answer

    def _wait_for_port(self) -> int:
        """Return the port from the server's first line; ServiceError if it sends an error, nothing, or too late."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = _read_line(self._process.stdout, START_TIMEOUT)
        if not line:
            allowed = f"{START_TIMEOUT:g} s were allowed"
            raise ServiceError(f"The web service did not start ({allowed}). {self._last_words()}")
        message = json.loads(line)
        if "error" in message:
            raise ServiceError(
                f"The web service {message['error']}. Leave out port= to get a free port, "
                "or stop the program that holds this one."
            )
        return int(message["port"])

    def _last_words(self) -> str:
        """Say how the server's process is, and what it wrote to stderr."""
        assert self._process is not None
        assert self._errors is not None
        with suppress(subprocess.TimeoutExpired):  # it may be ending just now
            self._process.wait(timeout=0.5)
        code = self._process.returncode
        state = "Its process is running" if code is None else f"Its process ended with exit code {code}"
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip()
        return f"{state} and wrote: {words or 'nothing'}"


def _launch(port: int, folder: Path, settings: Settings, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the server's process."""
    options = {"parent": os.getpid(), "port": port, "folder": str(folder), **asdict(settings)}
    # -P: the modules that lie beside the server's file must not stand in for the standard library's
    command = [sys.executable, "-P", str(Path(_server.__file__).resolve()), json.dumps(options)]
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        stdin=pipe,
        stdout=pipe,
        stderr=errors,
        bufsize=0,  # what a server that has ended did not read must not be written again when the pipe is closed
        creationflags=flags,
        start_new_session=True,  # interrupting a notebook's kernel interrupts everything in the kernel's process group
    )


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, and give it a moment to do so."""
    assert process.stdin is not None
    with suppress(OSError, ValueError):  # it has ended, or stop() was called before
        process.stdin.write(b"end\n")
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT)


def _read_line(stream: IO[bytes], timeout: float) -> bytes:
    """Return the next line of a pipe; nothing if the pipe ends, or after `timeout` seconds."""
    lines: list[bytes] = []
    # A thread, because Windows cannot wait for a pipe with a timeout. It ends at the latest when the process does.
    reader = threading.Thread(target=lambda: lines.append(stream.readline()), daemon=True)
    reader.start()
    reader.join(timeout)
    return lines[0] if lines else b""


def _first(count: int) -> list[str]:
    """Return the slugs of the first `count` capitals."""
    slugs = sorted(file.stem for file in data_path("capitals").glob("*.json"))
    if not 0 <= count <= len(slugs):
        raise ValueError(f"There are {len(slugs)} capitals; {count} were asked for. To go round, use itertools.cycle.")
    return slugs[:count]


def _keep_off_proxies() -> None:
    """Where the environment sets a proxy, keep requests to this machine away from it, as a browser does.

    It stays so when the service has ended: several services may run at once, and nothing is lost by it.
    """
    if not any(os.environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        return
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        if HOST not in hosts:
            os.environ[name] = ",".join([*hosts, HOST])
