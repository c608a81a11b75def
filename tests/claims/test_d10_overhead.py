"""An idle wait costs about 1.1 KiB as a task, and more than ten times as much resident memory as a thread."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

TASKS = """
import asyncio, tracemalloc
async def main():
    gate = asyncio.Event()
    await asyncio.sleep(0)
    tracemalloc.start()
    tasks = [asyncio.create_task(gate.wait()) for _ in range(2000)]
    await asyncio.sleep(0)
    print(tracemalloc.get_traced_memory()[0] / 2000)
    gate.set()
    await asyncio.gather(*tasks)
asyncio.run(main())
"""
THREADS = """
import os, threading
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
gate, before = threading.Event(), resident()
threads = [threading.Thread(target=gate.wait) for _ in range(300)]
for thread in threads:
    thread.start()
print((resident() - before) / 300)
gate.set()
"""


def figure(program: str) -> float:
    """What a program of its own prints: memory that others have freed would hide what is used here."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return float(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))


def test_a_waiting_task_needs_little_memory() -> None:
    assert 200 < figure(TASKS) < 4096


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_waiting_thread_needs_more() -> None:
    assert figure(THREADS) > 2 * figure(TASKS)
