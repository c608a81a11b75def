"""The web service's own process: ``python _server.py '{"port": 0, ...}'``.

`asyncviz.practice.service` starts this file as a program, by its path: it starts without importing ``asyncviz``, and
aiohttp is imported here and nowhere else. The first line on stdout is JSON, ``{"port": 40123}`` or
``{"error": "..."}``. The process ends as soon as a line, or the end of the file, arrives on stdin.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web

HOST = "127.0.0.1"
LONGEST = 60.0  # seconds; more is almost certainly a number of milliseconds
BACKLOG = 4096  # connections the OS may queue: a lesson opens a thousand at once


@dataclass(frozen=True)
class Settings:
    """How the service behaves. Checked when made: a wrong type raises TypeError, a wrong value ValueError.

    latency: seconds every answer takes, 0 to 60.
    jitter: most seconds that are added to the latency, 0 to 60.
    failure_rate: the chance, 0 to 1, that a request is answered 503.
    rate_limit: requests a second, 0.01 to 1,000,000, or None for no limit.
    seed: the whole number that decides which requests are slower and which fail.
    """

    latency: float = 0.3
    jitter: float = 0.0
    failure_rate: float = 0.0
    rate_limit: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        seconds = "seconds, from 0 to 60, such as 0.3"
        self._keep("latency", _number("latency", self.latency, 0, LONGEST, seconds))
        self._keep("jitter", _number("jitter", self.jitter, 0, LONGEST, seconds))
        self._keep("failure_rate", _number("failure_rate", self.failure_rate, 0, 1, "a share from 0 to 1, such as 0.2"))
        if self.rate_limit is not None:
            wanted = "requests a second, from 0.01 to 1000000, such as 5, or None for no limit"
            self._keep("rate_limit", _number("rate_limit", self.rate_limit, 0.01, 1_000_000, wanted))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise TypeError(f"seed must be a whole number, such as 0; it is {self.seed!r}.")

    def _keep(self, name: str, value: float) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen


def _number(name: str, value: object, low: float, high: float, wanted: str) -> float:
    """Return `value` as a float between `low` and `high`, or raise an error that says what is `wanted`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {wanted}; it is {value!r}.")
    number = float(value)
    if not low <= number <= high:  # not-a-number fails this as well
        raise ValueError(f"{name} must be {wanted}; it is {value!r}.")
    return number


def draw(seed: int, slug: str, attempt: int) -> tuple[float, float]:
    """Return two numbers from 0 to 1 for the `attempt`-th request of one capital: for its delay, and for its failure.

    They depend on nothing else, neither on time nor on the order in which requests for different capitals arrive.
    """
    generator = random.Random(f"{seed}/{slug}/{attempt}")  # a text seed gives the same numbers in every process
    return generator.random(), generator.random()


class TokenBucket:
    """Lets `rate` requests a second through; after a rest, up to one second's worth (at least one) at once."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.size = max(1.0, rate)
        self.tokens = self.size
        self.filled = time.monotonic()

    def take(self) -> float:
        """Let one request through and return 0.0, or return the seconds until there is room for one."""
        now = time.monotonic()
        self.tokens = min(self.size, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return (1 - self.tokens) / self.rate
        self.tokens -= 1
        return 0.0


class Capitals:
    """Answers the requests, and counts them."""

    def __init__(self, records: dict[str, dict[str, Any]], settings: Settings) -> None:
        self.records = records
        self.settings = settings
        self.in_flight = 0
        self.restart()

    def restart(self) -> None:
        """Count from nothing again: figures, attempts, and a full token bucket. Requests in flight stay counted."""
        self.counts: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.most_in_flight = self.in_flight
        rate = self.settings.rate_limit
        self.bucket = None if rate is None else TokenBucket(rate)

    def routes(self) -> list[web.RouteDef]:
        """Return every route of the service."""
        from aiohttp import web

        return [
            web.get("/", self.index),
            web.get("/capitals", self.slugs),
            web.get("/capitals/{slug}", self.capital),
            web.get("/stats", self.stats),
            web.post("/settings", self.change),
            web.post("/reset", self.reset),
        ]

    async def index(self, request: web.Request) -> web.Response:
        """Say what there is."""
        routes = ["/capitals", "/capitals/{slug}", "/capitals/{slug}?latency=SECONDS", "/stats"]
        return _json({"service": "the world's capitals", "capitals": len(self.records), "routes": routes})

    async def slugs(self, request: web.Request) -> web.Response:
        """List the slugs, at once."""
        return _json(list(self.records))

    async def capital(self, request: web.Request) -> web.Response:
        """Answer one capital's record, as slowly and unreliably as the settings say.

        404 for an unknown slug, 400 for a wrong latency and 429 beyond the rate limit come at once; the record and
        503 come after the delay.
        """
        self.counts["requests"] += 1
        slug = request.match_info["slug"]
        if slug not in self.records:
            self.counts["not_found"] += 1
            return _json({"error": f"no capital is called {slug!r}", "see": "/capitals"}, status=404)
        try:
            settings = _with_latency(self.settings, request.query.get("latency"))
        except ValueError as error:
            return _json({"error": str(error)}, status=400)
        seconds = self.bucket.take() if self.bucket else 0.0
        if seconds:
            return self._refuse(seconds)
        return await self._answer(slug, settings)

    def _refuse(self, seconds: float) -> web.Response:
        self.counts["refused"] += 1
        headers = {"Retry-After": str(math.ceil(seconds))}  # HTTP knows whole seconds only; the body is exact
        return _json({"error": "too many requests a second", "retry_after": seconds}, 429, headers)

    async def _answer(self, slug: str, settings: Settings) -> web.Response:
        self.attempts[slug] += 1
        attempt = self.attempts[slug]
        slower, luck = draw(settings.seed, slug, attempt)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(settings.latency + settings.jitter * slower)
        except asyncio.CancelledError:  # the client has closed the connection: nobody wants the answer any more
            self.counts["abandoned"] += 1
            raise
        finally:
            self.in_flight -= 1
        if luck < settings.failure_rate:
            self.counts["failed"] += 1
            return _json({"error": "the service failed, as it was told to", "slug": slug, "attempt": attempt}, 503)
        self.counts["ok"] += 1
        return _json(self.records[slug])

    async def stats(self, request: web.Request) -> web.Response:
        """Answer the figures of `asyncviz.practice.service.Stats`."""
        names = ("requests", "ok", "failed", "refused", "not_found", "abandoned")
        figures = {name: self.counts[name] for name in names}
        return _json({**figures, "in_flight": self.in_flight, "most_in_flight": self.most_in_flight})

    async def change(self, request: web.Request) -> web.Response:
        """Replace the settings that the JSON body names."""
        try:
            self.settings = replace(self.settings, **await request.json())
        except (TypeError, ValueError) as error:
            return _json({"error": str(error)}, status=400)
        rate = self.settings.rate_limit
        self.bucket = None if rate is None else TokenBucket(rate)
        return _json(asdict(self.settings))

    async def reset(self, request: web.Request) -> web.Response:
        """Begin to count from nothing."""
        self.restart()
        return _json({})


def _with_latency(settings: Settings, text: str | None) -> Settings:
    """Return the settings with the latency that a URL asks for, in seconds; ValueError if it is none."""
    if text is None:
        return settings
    try:
        latency = float(text)
    except ValueError:
        raise ValueError(f"latency must be a number of seconds; it is {text!r}.") from None
    return replace(settings, latency=latency)


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    from aiohttp import web

    text = json.dumps(content, ensure_ascii=False)
    return web.json_response(text=text, status=status, headers=headers)


async def serve(port: int, capitals: Capitals) -> None:
    """Listen on `port` (0: any free one), report it on stdout, and answer until the process ends."""
    from aiohttp import web

    app = web.Application()
    app.add_routes(capitals.routes())
    # handler_cancellation: a client that gave up must not stay counted as in flight
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, backlog=BACKLOG).start()
    except OSError as error:
        _report({"error": f"cannot listen on port {port} of {HOST}: {error.strerror or error}"})
        await runner.cleanup()
        return
    _report({"port": runner.addresses[0][1]})
    await asyncio.Event().wait()


def _report(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def end_with_parent(parent: int) -> None:
    """End this process when the parent asks, or is gone, however that came about.

    A line on stdin asks; the end of stdin means that the parent is gone. A process that the parent forked holds
    stdin open too, so a new parent id counts as well (on Windows there is no fork, and the id never changes).
    """

    def watch_stdin() -> None:
        sys.stdin.buffer.readline()
        os._exit(0)  # nothing needs saving, and an end that waits for the event loop might never come

    def watch_parent() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch_stdin, daemon=True).start()
    if sys.platform != "win32":
        threading.Thread(target=watch_parent, daemon=True).start()


def allow_many_connections() -> None:
    """Raise the limit of open files, 256 on macOS, as far as the system lets us."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 16384 if hard == resource.RLIM_INFINITY else min(16384, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):  # the service works with fewer as well
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Read the one argument, JSON with `parent`, `port`, `folder` and every setting, and serve."""
    options = json.loads(sys.argv[1])
    end_with_parent(options["parent"])
    allow_many_connections()
    settings = Settings(**{field.name: options[field.name] for field in fields(Settings)})
    files = sorted(Path(options["folder"]).glob("*.json"), key=lambda file: file.stem)
    records = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    asyncio.run(serve(options["port"], Capitals(records, settings)))


if __name__ == "__main__":
    main()
