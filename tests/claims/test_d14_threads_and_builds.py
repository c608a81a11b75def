"""Whether threads run Python code in parallel depends on the build; that they wait in parallel does not."""

from __future__ import annotations

import sys
import sysconfig
import threading
import time

import pytest

locked = getattr(sys, "_is_gil_enabled", lambda: True)()


def test_the_build_says_so() -> None:
    assert locked or sysconfig.get_config_var("Py_GIL_DISABLED")


@pytest.mark.skipif(not locked, reason="this build has no lock, or runs without it")
def test_with_the_lock_two_threads_do_not_compute_more_than_one() -> None:
    used: list[float] = []

    def compute() -> None:
        start = time.thread_time()
        sum(n * n for n in range(500_000))
        used.append(time.thread_time() - start)

    threads = [threading.Thread(target=compute) for _ in range(2)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(used) < 1.5 * (time.perf_counter() - start)  # in parallel it would be 2


def test_threads_wait_in_parallel_everywhere() -> None:
    threads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(10)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.perf_counter() - start < 1
