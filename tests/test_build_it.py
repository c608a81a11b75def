"""The application of lesson 12, notebooks/apps/collect_capitals.py: complete, whatever the service does or stops it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from asyncviz.practice import WebService, data_path, web_service

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "notebooks" / "apps" / "collect_capitals.py"
RECORDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in data_path("capitals").glob("*.json")}
SLUGS = sorted(RECORDS)

specification = importlib.util.spec_from_file_location("collect_capitals", APP)
assert specification is not None
assert specification.loader is not None
app = importlib.util.module_from_spec(specification)
specification.loader.exec_module(app)


@pytest.fixture(scope="module")
def running() -> Iterator[WebService]:
    with web_service(latency=0.02) as service:
        yield service


@pytest.fixture
def service(running: WebService) -> WebService:
    """The service without faults, as if new."""
    running.set(latency=0.02, jitter=0.0, failure_rate=0.0, rate_limit=None, seed=0)
    running.reset()
    return running


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "capitals.db")


def rows(store: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store)) as base:
        return base.execute("SELECT * FROM capitals ORDER BY slug").fetchall()


def expected(slugs: list[str]) -> list[tuple[Any, ...]]:
    return [tuple(RECORDS[slug][column] for column in app.COLUMNS) for slug in sorted(slugs)]


def collect(url: str, store: str, slugs: list[str], **settings: Any) -> Any:
    """Run a collector to its end, and return it."""
    collector = app.Collector(url, store, **{"rate": 10_000, "batch": 7} | settings)
    assert asyncio.run(collector.run(slugs)) == (not collector.failures)
    return collector


def start(service: WebService, store: str, *options: str) -> subprocess.Popen[str]:
    """Start the application, and wait until it fetches."""
    command = [sys.executable, str(APP), service.url, "--store", store, "--rate", "1000", *options]
    pipe = subprocess.PIPE
    env = {**os.environ, "SSL_CERT_FILE": os.devnull}  # no certificates: a quicker start
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", env=env)
    assert process.stderr is not None
    assert " of 195" in process.stderr.readline()
    return process


# -- the service has its moods ----------------------------------------------------------------------------------------


def test_all_is_fetched_once_though_the_service_fails(service: WebService, store: str) -> None:
    service.set(jitter=0.02, failure_rate=0.2, seed=12)
    collect(service.url, store, [], at_once=20)
    assert rows(store) == expected(SLUGS)
    assert service.stats().ok == len(SLUGS)
    assert service.stats().failed > 20
    assert service.stats().most_in_flight <= 20


def test_a_refusal_makes_all_rest(service: WebService, store: str) -> None:
    service.set(rate_limit=10)
    collect(service.url, store, SLUGS[:20], at_once=10)
    assert rows(store) == expected(SLUGS[:20])
    assert 0 < service.stats().refused <= 10  # each worker once, and then it waits as long as it is told to


def test_the_pace_is_kept(service: WebService, store: str) -> None:
    service.set(rate_limit=40)
    begin = time.monotonic()
    collect(service.url, store, SLUGS[:50], at_once=20, rate=40)
    assert time.monotonic() - begin >= 49 / 40
    assert service.stats().refused == 0


def test_a_record_that_fails_for_good_does_not_keep_the_others(service: WebService, store: str) -> None:
    slugs = [*SLUGS[:10], "atlantis"]
    collector = collect(service.url, store, slugs)
    assert list(collector.failures) == ["atlantis"]
    assert rows(store) == expected(SLUGS[:10])
    assert service.stats().not_found == 1


def test_what_is_wrong_is_not_stored_and_is_fetched_again(store: str) -> None:
    answers: dict[str, Any] = {slug: RECORDS[slug] for slug in SLUGS[:9]}
    broken: dict[str, Any] = {
        SLUGS[0]: {**RECORDS[SLUGS[0]], "population": "many"},
        SLUGS[1]: RECORDS[SLUGS[2]],
        SLUGS[3]: [],
    }
    cut_off = []

    async def answer(request: web.Request) -> web.Response:
        slug = request.match_info["slug"]
        if slug == SLUGS[4] and not cut_off:
            cut_off.append(slug)
            assert request.transport is not None
            request.transport.close()  # in the middle of the answer
        return web.json_response((answers | broken)[slug])

    async def twice() -> list[dict[str, str]]:
        server = web.Application()
        server.add_routes([web.get("/capitals/{slug}", answer)])
        runner = web.AppRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        failures = []
        for _ in range(2):
            collector = app.Collector(url, store, rate=10_000)
            await collector.run(SLUGS[:9])
            failures.append(collector.failures)
            broken.clear()
        await runner.cleanup()
        return failures

    first, second = asyncio.run(twice())
    assert sorted(first) == [SLUGS[0], SLUGS[1], SLUGS[3]]
    assert second == {}
    assert cut_off
    assert rows(store) == expected(SLUGS[:9])


@pytest.mark.parametrize(
    "change",
    [{"population": -1}, {"population": None}, {"latitude": 91.0}, {"longitude": -181.0}, {"slug": "oslo2"},
     {"capital": 7}, {"latitude": float("nan")}],
    ids=str,
)  # fmt: skip
def test_a_wrong_record_is_found(change: dict[str, Any]) -> None:
    assert app.validate(RECORDS["oslo"], "oslo") == expected(["oslo"])[0]
    with pytest.raises(ValueError, match=r"is |out of range"):
        app.validate(RECORDS["oslo"] | change, "oslo")


# -- it is stopped ----------------------------------------------------------------------------------------------------


def test_a_transaction_is_stored_whole_or_not_at_all(store: str) -> None:
    app.load(store)
    assert app.save(store, expected(["lima", "oslo"])) == 2
    with pytest.raises(sqlite3.IntegrityError):
        app.save(store, expected(["bern", "oslo"]))  # oslo would be there twice
    assert rows(store) == expected(["lima", "oslo"])


def test_cancelled_it_stores_what_came_and_goes_on_there(service: WebService, store: str) -> None:
    async def cancelled() -> None:
        def progress(stored: int, total: int) -> None:
            if stored >= 21:
                task.cancel()

        task = asyncio.create_task(app.Collector(service.url, store, rate=10_000, batch=7, progress=progress).run())
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    there = rows(store)
    assert 21 <= len(there) < len(SLUGS)
    answered = service.stats().ok
    assert answered - len(there) <= 8  # no more than were under way
    service.reset()
    collect(service.url, store, [])
    assert rows(store) == expected(SLUGS)
    assert service.stats().ok == len(SLUGS) - len(there)


def test_what_waits_for_the_disk_is_stored_when_cancelled(
    service: WebService, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = app.save
    monkeypatch.setattr(app, "save", lambda *arguments: (time.sleep(0.1), save(*arguments))[1])

    async def cancelled() -> None:
        collector = app.Collector(service.url, store, rate=10_000, at_once=8, batch=2)
        task = asyncio.create_task(collector.run(SLUGS[:8]))
        while service.stats().ok < 8:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # one transaction is under way, three are waiting
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(cancelled())
    assert rows(store) == expected(SLUGS[:8])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_says_goodbye(service: WebService, store: str, wanted: signal.Signals) -> None:
    service.set(latency=0.05)
    process = start(service, store, "--batch", "3")
    process.stderr.readline()  # the first transaction
    process.send_signal(wanted)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.startswith("Stopped.")
    assert 3 <= len(rows(store)) < len(SLUGS)


def test_killed_at_ten_random_moments_nothing_is_lost_and_nothing_twice(service: WebService, store: str) -> None:
    service.set(latency=0.05, failure_rate=0.1, seed=12)
    luck, reached = random.Random(12), [0]
    for _ in range(10):
        process = start(service, store, "--batch", "4")
        time.sleep(luck.uniform(0, 0.25))
        process.kill()
        process.communicate()
        assert process.returncode != 0
        there = rows(store)
        assert there == expected([row[0] for row in there])  # whole records, each once
        reached.append(len(there))
    assert reached == sorted(reached)
    assert 0 < reached[-1] < len(SLUGS)
    service.set(latency=0.01)
    process = start(service, store, "--at-once", "20")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert rows(store) == expected(SLUGS)


# -- the command line -------------------------------------------------------------------------------------------------


def test_it_reports_what_it_has(
    service: WebService, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "report.png"
    words = [service.url, "oslo", "lima", "atlantis", "--store", store, "--report", str(picture)]
    monkeypatch.setattr(sys, "argv", ["collect_capitals.py", *words])
    assert app.main() == 1
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "2 of 3 capitals are stored"
    assert second.startswith("not fetched: atlantis (ClientResponseError: 404")
    assert third == "1 of 2 capitals lie north of the equator"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_it_says_when_there_is_no_service(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(app, "TRIES", 2)
    monkeypatch.setattr(sys, "argv", ["collect_capitals.py", "http://127.0.0.1:9", "--store", store])
    assert app.main() == 1
    assert capsys.readouterr().out.startswith("The service cannot be reached: ")
