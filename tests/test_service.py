"""The lessons' web service: what it answers, what it counts, and that it never outlives its program."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from asyncviz.practice import ServiceError, WebService, _server, service, web_service
from asyncviz.practice._server import TokenBucket, draw

PATIENCE = 20.0  # seconds until a test gives up waiting; reached only when it fails
ROOT = Path(service.__file__).resolve().parents[2]


@pytest.fixture
def own() -> Iterator[WebService]:
    with web_service(latency=0) as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[WebService]:
    with web_service(latency=0) as running:
        yield running


@pytest.fixture
def fast(shared: WebService) -> WebService:
    shared.reset()
    return shared


def get_all(urls: list[str]) -> list[int]:
    """Return the status codes of the URLs, all asked for at once, in their order."""
    with ThreadPoolExecutor(len(urls)) as pool:
        return [response.status_code for response in pool.map(requests.get, urls)]


def process_of(running: WebService) -> subprocess.Popen[bytes]:
    assert running._process is not None
    return running._process


def assert_stopped(running: WebService) -> None:
    """The process has ended, and has been waited for: no zombie is left."""
    assert process_of(running).returncode is not None
    assert not is_alive(process_of(running).pid)


def is_alive(pid: int) -> bool:
    """Tell whether there is a process of this id."""
    if sys.platform == "win32":  # there os.kill(pid, 0) would end the process
        listing = subprocess.run(["tasklist", "/NH", "/FI", f"PID eq {pid}"], capture_output=True, text=True)
        return str(pid) in listing.stdout.split()
    else:  # noqa: RET505 - mypy reads one branch of the two
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        stat = Path(f"/proc/{pid}/stat")  # Linux: a process that has ended but was not collected counts as gone
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until condition() holds; False if it does not come to hold."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


# What it answers


def test_a_capital_is_the_record_in_data(fast: WebService) -> None:
    record = json.loads((ROOT / "data" / "capitals" / "asuncion.json").read_text(encoding="utf-8"))
    assert requests.get(fast.capital_url("asuncion")).json() == record
    assert record["capital"] == "Asunción"


def test_index_and_list(fast: WebService) -> None:
    slugs = requests.get(f"{fast.url}/capitals").json()
    assert requests.get(fast.url).json()["capitals"] == len(slugs) > 190
    assert slugs == sorted(slugs)
    assert fast.urls(3) == [fast.capital_url(slug) for slug in slugs[:3]]
    assert fast.urls(len(slugs))[-1] == fast.capital_url("zagreb")
    assert fast.urls(["oslo", "lima"]) == [fast.capital_url("oslo"), fast.capital_url("lima")]
    for count in (-1, len(slugs) + 1):
        with pytest.raises(ValueError, match="capitals"):
            fast.urls(count)


@pytest.mark.parametrize("slug", ["atlantis", "../README", "oslo.json", "Malé", "a?b#c"])
def test_unknown_capital_is_404_in_json(fast: WebService, slug: str) -> None:
    response = requests.get(fast.capital_url(slug))
    assert response.status_code == 404
    assert slug in response.json()["error"]
    assert fast.stats().not_found == fast.stats().requests == 1


def test_nothing_is_counted_before_the_first_request_or_after_a_reset(own: WebService) -> None:
    nothing = own.stats()
    assert set(vars(nothing).values()) == {0}
    requests.get(own.capital_url("oslo"))
    assert (own.stats().requests, own.stats().ok, own.stats().most_in_flight) == (1, 1, 1)
    own.reset()
    assert own.stats() == nothing


# Latency, overlap, jitter


def test_ten_requests_overlap() -> None:
    with web_service(latency=1) as running:
        assert get_all(running.urls(10)) == [200] * 10
        stats = running.stats()
    assert (stats.requests, stats.ok, stats.most_in_flight, stats.in_flight) == (10, 10, 10, 0)


def test_requests_in_turn_do_not_overlap() -> None:
    with web_service(latency=0.02) as running:
        for url in running.urls(4):
            requests.get(url)
        assert running.stats().most_in_flight == 1


def seconds(url: str) -> float:
    start = time.perf_counter()
    requests.get(url)
    return time.perf_counter() - start


def test_latency_for_all_changed_and_in_the_url() -> None:
    with web_service(latency=0.2) as running:
        assert seconds(running.capital_url("oslo")) >= 0.19
        assert seconds(running.capital_url("oslo", latency=0.4)) >= 0.39
        running.set(latency=0.6)
        assert seconds(running.capital_url("oslo")) >= 0.59
        running.set(latency=0.0, jitter=0.0)
        assert min(seconds(running.capital_url("oslo")) for _ in range(20)) < 0.15


def test_jitter_is_the_one_drawn() -> None:
    with web_service(latency=0, jitter=0.3, seed=4) as running:
        took = seconds(running.capital_url("oslo"))
    assert took >= draw(4, "oslo", 1)[0] * 0.3 - 0.02
    assert draw(4, "oslo", 1)[0] > 0.1  # or this test would show nothing


def test_no_answer_is_sooner_than_its_delay() -> None:
    with web_service(latency=0.05, jitter=0.2) as running:
        for url, delay in zip(running.urls(3), running.delays(3), strict=True):
            assert 0.05 <= delay <= 0.25
            assert seconds(url) >= delay - 0.02
        assert running.delays(["oslo"]) == [0.05 + 0.2 * draw(0, "oslo", 1)[0]]


def test_draws_are_the_same_everywhere_and_spread_evenly() -> None:
    assert draw(0, "oslo", 1) == pytest.approx((0.34843, 0.19206), abs=1e-5)  # on every version and system
    many = [draw(0, "lima", attempt) for attempt in range(2000)]
    for numbers in zip(*many, strict=True):
        assert all(0 <= number < 1 for number in numbers)
        assert sum(numbers) / len(numbers) == pytest.approx(0.5, abs=0.03)
    assert len({draw(0, "lima", 1), draw(1, "lima", 1), draw(0, "oslo", 1), draw(0, "lima", 2)}) == 4


# Failures


def test_the_same_requests_fail_in_every_run_in_any_order() -> None:
    with web_service(latency=0, failure_rate=0.4, seed=1) as running:
        urls = running.urls(30)
        first = get_all(urls)
        retried = get_all(urls)
        stats = running.stats()
        running.reset()
        again = get_all(urls[::-1])[::-1]
    with web_service(latency=0, failure_rate=0.4, seed=1) as running:
        assert get_all(running.urls(30)) == first == again
    assert set(first) == {200, 503}
    assert retried != first  # a retry has a luck of its own
    assert stats.failed == (first + retried).count(503)
    assert stats.ok + stats.failed == stats.requests == 60
    expected = [503 if draw(1, url.rsplit("/", 1)[1], 1)[1] < 0.4 else 200 for url in urls]
    assert first == expected


def test_a_higher_rate_fails_the_same_and_more() -> None:
    failed = []
    with web_service(latency=0, seed=2) as running:
        for rate in (0, 0.2, 0.6, 1):
            running.set(failure_rate=rate)
            running.reset()
            codes = get_all(running.urls(20))
            failed.append({index for index, code in enumerate(codes) if code == 503})
    assert failed[0] == set() < failed[1] < failed[2] < failed[3] == set(range(20))


# Rate limit


def test_beyond_the_rate_limit_is_429() -> None:
    with web_service(latency=0.5, rate_limit=0.02) as running:
        codes = get_all([running.capital_url("oslo")] * 5)
        response = requests.get(running.capital_url("lima"))
        stats = running.stats()
    assert sorted(codes) == [200, 429, 429, 429, 429]
    assert (stats.ok, stats.refused, stats.most_in_flight) == (1, 5, 1)
    assert response.status_code == 429
    exact = response.json()["retry_after"]
    assert 0 < exact <= 50
    assert int(response.headers["Retry-After"]) == math.ceil(exact)


def test_who_waits_as_told_gets_through() -> None:
    with web_service(latency=0, rate_limit=4) as running:
        for url in running.urls(8):
            while (response := requests.get(url)).status_code == 429:
                time.sleep(response.json()["retry_after"])
            assert response.status_code == 200
        stats = running.stats()
        assert (stats.ok, stats.failed) == (8, 0)
        running.set(rate_limit=None)
        assert get_all(running.urls(20)) == [200] * 20


def test_a_refused_request_is_no_attempt() -> None:
    with web_service(latency=0, rate_limit=0.01, failure_rate=0.5) as running:
        requests.get(running.capital_url("oslo"))
        assert requests.get(running.capital_url("lima")).status_code == 429
        running.set(rate_limit=None, failure_rate=1)
        assert requests.get(running.capital_url("lima")).json()["attempt"] == 1


def test_token_bucket_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    bucket = TokenBucket(4)
    assert [bucket.take() for _ in range(6)] == [0, 0, 0, 0, 0.25, 0.25]
    now += 0.25
    assert [bucket.take(), bucket.take()] == [0, 0.25]
    now += 1000
    assert [bucket.take() == 0 for _ in range(5)] == [True] * 4 + [False]


# Clients that give up


def test_an_abandoned_request_is_not_in_flight_any_more() -> None:
    with web_service(latency=30) as running:
        with pytest.raises(requests.Timeout):
            requests.get(running.capital_url("oslo"), timeout=(PATIENCE, 0.3))
        assert eventually(lambda: running.stats().abandoned == 1)
        assert (running.stats().in_flight, running.stats().ok, running.stats().requests) == (0, 0, 1)


# Wrong settings


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"latency": -1}, ValueError),
        ({"latency": 300}, ValueError),
        ({"latency": math.nan}, ValueError),
        ({"latency": "fast"}, TypeError),
        ({"latency": None}, TypeError),
        ({"latency": True}, TypeError),
        ({"jitter": -0.1}, ValueError),
        ({"jitter": math.inf}, ValueError),
        ({"jitter": [1]}, TypeError),
        ({"failure_rate": 1.5}, ValueError),
        ({"failure_rate": -0.5}, ValueError),
        ({"failure_rate": "20%"}, TypeError),
        ({"rate_limit": 0}, ValueError),
        ({"rate_limit": math.inf}, ValueError),
        ({"rate_limit": "5/s"}, TypeError),
        ({"seed": 0.5}, TypeError),
        ({"port": -1}, ValueError),
        ({"port": 70000}, ValueError),
        ({"port": "80"}, TypeError),
    ],
)
def test_a_wrong_setting_is_named_before_anything_starts(
    settings: dict[str, Any], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    (name,) = settings
    with pytest.raises(error, match=rf"^{name} must be .+; it is "):
        web_service(**settings)


def test_a_wrong_change_changes_nothing(fast: WebService) -> None:
    with pytest.raises(ValueError, match="failure_rate"):
        fast.set(latency=1, failure_rate=2)
    with pytest.raises(ValueError, match="latency"):
        fast.capital_url("oslo", latency=-1)
    with pytest.raises(TypeError, match="speed"):
        fast.set(speed=3)
    assert "latency=0.0" in repr(fast)
    for wrong in ("soon", "-1", "nan"):
        response = requests.get(fast.capital_url("oslo"), params={"latency": wrong}, timeout=PATIENCE)
        assert (response.status_code, "latency" in response.json()["error"]) == (400, True)
    assert requests.post(f"{fast.url}/settings", json={"latency": -1}).status_code == 400
    assert requests.post(f"{fast.url}/settings", data="?").status_code == 400


# Start and stop


def test_used_outside_its_block() -> None:
    running = web_service(latency=0)
    with pytest.raises(ServiceError, match="not running"):
        _ = running.url
    with running:
        with pytest.raises(ServiceError, match="already"):
            running.start()
        assert requests.get(running.capital_url("oslo")).ok  # the failed start has not harmed it
    with pytest.raises(ServiceError, match="not running"):
        running.stats()
    with pytest.raises(ServiceError, match="already"):
        running.start()
    running.stop()
    assert_stopped(running)
    assert process_of(running).returncode == 0  # it ended when asked to, and was not killed


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_in_the_block_stops_the_service(error: type[BaseException]) -> None:
    def lesson() -> None:
        with running:
            assert is_alive(process_of(running).pid)
            raise error

    running = web_service(latency=30)
    with pytest.raises(error):
        lesson()
    assert_stopped(running)


def test_requests_in_flight_do_not_delay_the_end() -> None:
    with ThreadPoolExecutor(1) as pool:
        with web_service(latency=60) as running:
            answer = pool.submit(requests.get, running.capital_url("oslo"))
            assert eventually(lambda: running.stats().in_flight == 1)
        with pytest.raises(requests.ConnectionError):
            answer.result(PATIENCE)
    assert_stopped(running)


def test_an_interrupt_while_starting_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(stream: object, timeout: float) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "_read_line", interrupt)
    running = web_service()
    with pytest.raises(KeyboardInterrupt):
        running.start()
    assert_stopped(running)


def test_two_services_at_once(fast: WebService) -> None:
    with web_service(latency=0) as other:
        assert fast.url != other.url
        requests.get(other.capital_url("oslo"))
        assert (fast.stats().requests, other.stats().requests) == (0, 1)
    assert requests.get(fast.capital_url("oslo")).ok


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_of_ones_own_and_a_port_in_use() -> None:
    with web_service(latency=0, port=free_port()) as running:
        port = int(running.url.rsplit(":", 1)[1])
        assert port == running._wanted_port
        second = web_service(port=port)
        with pytest.raises(ServiceError, match=rf"port {port} .*Leave out port="):
            second.start()
        assert_stopped(second)
        assert requests.get(running.capital_url("oslo")).ok


def broken_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> WebService:
    """Return a service whose server is this program instead."""
    program = tmp_path / "broken.py"
    program.write_text(code, encoding="utf-8")
    monkeypatch.setattr(_server, "__file__", str(program))
    return web_service()


def test_a_server_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = broken_server(tmp_path, monkeypatch, "import no_such_library")
    with pytest.raises(ServiceError, match=r"(?s)exit code 1 .*No module named 'no_such_library'"):
        running.start()
    assert_stopped(running)


def test_a_server_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "START_TIMEOUT", 0.2)
    monkeypatch.setattr(service, "STOP_TIMEOUT", 0.2)
    running = broken_server(tmp_path, monkeypatch, "import time; time.sleep(60)")
    with pytest.raises(ServiceError, match="did not start"):
        running.start()
    assert_stopped(running)


def test_a_server_that_was_killed_is_reported(own: WebService) -> None:
    process_of(own).kill()
    with pytest.raises(ServiceError, match=r"does not answer.*ended with exit code"):
        own.stats()


def test_missing_data_is_reported_before_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("asyncviz.practice.capitals.DATA", tmp_path)
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(FileNotFoundError, match="pip install -e"):
        web_service().start()


def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.setenv("NO_PROXY", "example.org")
    with web_service(latency=0) as running:
        assert requests.get(running.capital_url("oslo")).ok
        assert running.stats().ok == 1
        assert os.environ["no_proxy"] == "example.org,127.0.0.1"


# Nothing outlives the program that started it


def start_program(code: str) -> tuple[subprocess.Popen[str], int]:
    """Start a program that has a service as `running`; return it, and the id of the service's process."""
    head = "import os, sys, time\nfrom asyncviz.practice import web_service\nrunning = web_service().start()\n"
    tail = "\nprint(running._process.pid, flush=True)\ntime.sleep(120)\n"
    program = subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code) + tail],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert program.stdout is not None
    return program, int(program.stdout.readline())


def test_the_service_ends_when_its_program_is_killed() -> None:
    program, pid = start_program("")
    with program:
        assert is_alive(pid)
        program.kill()
    assert eventually(lambda: not is_alive(pid))


def test_the_end_of_stdin_alone_ends_the_service(own: WebService) -> None:
    stdin = process_of(own).stdin
    assert stdin is not None
    stdin.close()
    assert process_of(own).wait(PATIENCE) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_the_service_ends_though_a_fork_of_the_killed_program_lives_on() -> None:
    program, fork = start_program(
        """
        child = os.fork()
        if child == 0:  # holds the pipe to the service open, as a worker of a process pool does
            os.close(1)
            time.sleep(60)
            os._exit(0)
        print(child, flush=True)
        """
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    try:
        with program:
            program.kill()
        assert eventually(lambda: not is_alive(pid))
        assert is_alive(fork)  # or this test would show nothing
    finally:
        os.kill(fork, signal.SIGTERM)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_an_interrupt_of_the_whole_group_spares_the_service() -> None:
    """Jupyter interrupts a kernel's process group; the cell gets KeyboardInterrupt, the service lives on."""
    program = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, signal, time\n"
            "from asyncviz.practice import web_service\n"
            "with web_service(latency=0) as running:\n"
            "    try:\n"
            "        os.killpg(os.getpgid(0), signal.SIGINT)\n"
            "        time.sleep(30)\n"
            "    except KeyboardInterrupt:\n"
            "        time.sleep(0.3)\n"
            "        print('stats', running.stats().requests)\n"
            "print('exit', running._process.returncode)\n",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert program.communicate(timeout=60)[0].split() == ["stats", "0", "exit", "0"]


# Inside a running event loop, and what an import costs


def test_inside_a_running_loop_and_cancelled() -> None:
    import asyncio

    import aiohttp

    services: list[WebService] = []

    async def lesson() -> list[str]:
        with web_service(latency=0.5) as running:
            services.append(running)
            async with aiohttp.ClientSession() as session:

                async def name(url: str) -> str:
                    async with session.get(url) as response:
                        return str((await response.json())["capital"])

                names = await asyncio.gather(*map(name, running.urls(["oslo", "lima", "bern"])))
            assert running.stats().most_in_flight == 3
            await asyncio.sleep(0 if len(services) == 1 else 60)
            return names

    async def main() -> None:
        assert await lesson() == ["Oslo", "Lima", "Bern"]
        task = asyncio.create_task(lesson())
        while len(services) < 2:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    for running in services:
        assert_stopped(running)


def test_the_import_is_light() -> None:
    code = "import sys, asyncviz.practice; print({'aiohttp', 'requests', 'matplotlib', 'IPython'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (result.stdout.strip(), result.stderr) == ("set()", "")
