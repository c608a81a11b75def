"""The capitals' web service without a network, for programs on a virtual clock: same answers, delays and failures."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from asyncviz.practice._server import Settings, draw
from asyncviz.practice.capitals import data_path
from asyncviz.practice.service import Stats


class ServiceFailed(Exception):
    """The service answered 503: worth another try."""


class PretendService:
    """Answers like `web_service`, to coroutines of this process only.

    latency, jitter: seconds. failure_rate: the chance, 0 to 1, of a failure. seed: decides who is slow and who fails,
    exactly as it does for `web_service`. Raises TypeError or ValueError for settings that make no sense.
    """

    def __init__(self, *, latency: float = 0.3, jitter: float = 0.0, failure_rate: float = 0.0, seed: int = 0) -> None:
        self._settings = Settings(latency, jitter, failure_rate, None, seed)
        self._counts: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._in_flight = self._most_in_flight = 0

    async def fetch(self, name: str) -> dict[str, Any]:
        """Return one capital's record. Raises ServiceFailed now and then, as set; LookupError for an unknown name."""
        self._counts["requests"] += 1
        try:
            text = data_path("capitals", f"{name}.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            self._counts["not_found"] += 1
            raise LookupError(f"no capital is called {name!r}") from None
        self._attempts[name] += 1
        slower, luck = draw(self._settings.seed, name, self._attempts[name])
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        try:
            await asyncio.sleep(round(self._settings.latency + self._settings.jitter * slower, 3))
        except asyncio.CancelledError:
            self._counts["abandoned"] += 1
            raise
        finally:
            self._in_flight -= 1
        if luck < self._settings.failure_rate:
            self._counts["failed"] += 1
            raise ServiceFailed(f"the service failed on {name}, as it was told to")
        self._counts["ok"] += 1
        record: dict[str, Any] = json.loads(text)
        return record

    def stats(self) -> Stats:
        """Return what was counted so far."""
        names = ("requests", "ok", "failed", "refused", "not_found", "abandoned")
        figures = {name: self._counts[name] for name in names}
        return Stats(**figures, in_flight=self._in_flight, most_in_flight=self._most_in_flight)
