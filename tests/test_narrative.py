"""Sentences: right, in plain English, and the same in every run."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_formats import traces

from asyncviz import busy, record, simulate, span
from asyncviz import trace as model
from asyncviz.captions import headline
from asyncviz.narrative import alternative_text, comparison_text, summary
from asyncviz.story import story
from asyncviz.words import approximately, enumeration, plural, ratio

HERE = Path(__file__).parent


def run(main: Coroutine[Any, Any, Any], name: str = "") -> model.Trace:
    with record(name) as trace:
        asyncio.run(main)
    return trace


async def make(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def breakfast() -> None:
    async with asyncio.TaskGroup() as group:
        for name, seconds in (("tea", 0.08), ("toast", 0.02), ("egg", 0.04)):
            group.create_task(make(seconds), name=name)


async def trouble() -> None:
    """Every kind of end, a queue, a lock and a blocking call."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    lock = asyncio.Lock()

    async def getter() -> None:
        await queue.get()

    async def careful() -> None:
        async with lock:
            await asyncio.sleep(0.02)

    async def bad() -> None:
        time.sleep(0.12)  # noqa: ASYNC251
        raise ValueError("at 0x7f12")

    tasks = [asyncio.create_task(coro, name=name) for name, coro in (
        ("getter", getter()), ("first", careful()), ("second", careful()), ("long", asyncio.sleep(50)), ("bad", bad()),
    )]  # fmt: skip
    await asyncio.sleep(0.01)
    tasks[3].cancel()
    queue.put_nowait(1)
    await asyncio.gather(*tasks, return_exceptions=True)


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.314, "≈ 0.31 s"), (0.0123, "≈ 12 ms"), (4.4e-6, "≈ 4.4 µs"), (0.0996, "≈ 0.10 s"), (0.0994, "≈ 99 ms"),
     (9.96, "≈ 10 s"), (123.4, "≈ 123 s"), (1.02, "≈ 1.0 s"), (0, "≈ 0 s"), (5e-9, "≈ 5.0 ns"), (996e-6, "≈ 1.0 ms")],
)  # fmt: skip
def test_approximately(seconds: float, text: str) -> None:
    assert approximately(seconds) == text


@given(st.floats(1e-9, 1e6))
def test_a_clock_reading_is_near_and_known_to_the_sanitising_patterns(seconds: float) -> None:
    text = approximately(seconds)
    assert sanitised(text) == "≈ T"
    _, number, unit = text.split(" ")
    assert float(number) * {"s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[unit] == pytest.approx(seconds, rel=0.051)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_no_duration(seconds: float) -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        approximately(seconds)


def test_ratio_plural_enumeration() -> None:
    assert ratio(2.94) == "≈ 2.9 ×"
    assert sanitised(ratio(31)) == "≈ T"
    assert [plural(n, "task") for n in (0, 1, 2, 1000)] == ["0 tasks", "1 task", "2 tasks", "1,000 tasks"]
    assert [enumeration("abcdefgh"[:n]) for n in (0, 1, 2, 3)] == ["", "a", "a and b", "a, b and c"]
    assert enumeration("abcdefgh") == "a, b, c, d, e and 3 more"


def sanitised(text: str) -> str:
    """As nbval compares it."""
    lines = [line for line in (HERE / "sanitize.cfg").read_text().splitlines() if line and not line.startswith("#")]
    for regex, replacement in zip(lines[::2], lines[1::2], strict=True):
        text = re.sub(regex.removeprefix("regex: "), replacement.removeprefix("replace: "), text)
    return text


# -- the alternative text ----------------------------------------------------------------------------------------------


def test_tasks_that_overlap() -> None:
    assert alternative_text(run(breakfast(), "concurrent")) == (
        "concurrent: Up to 3 tasks were in flight at once: their waits overlapped. "
        "breakfast started tea, toast and egg. "
        "breakfast waited for TaskGroup of 3; tea waited for sleep 0.08; toast waited for sleep 0.02; "
        "egg waited for sleep 0.04. All 4 returned."
    )


def test_tasks_that_take_turns() -> None:
    async def turns() -> None:
        busy(0.01)
        await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(turns(), turns())

    trace = simulate(main())[1]
    assert alternative_text(trace).startswith("Up to 2 tasks were in flight at once: they took turns. ")
    assert headline(trace) == "2 tasks share one thread: they take turns"


def test_tasks_one_after_another() -> None:
    async def main() -> None:
        for name in ("tea", "toast"):
            await asyncio.create_task(make(0.01), name=name)

    assert alternative_text(run(main())) == (
        "The tasks ran one after another. main started tea and toast. "
        'main waited for task "tea" and task "toast"; tea and toast waited for sleep 0.01. All 3 returned.'
    )


def test_one_task_waits_for_the_other() -> None:
    async def main() -> None:
        await asyncio.create_task(make(0.01), name="tea")

    assert alternative_text(run(main())) == (
        'main started tea. main waited for task "tea"; tea waited for sleep 0.01. Both returned.'
    )


def test_who_held_the_loop_and_who_had_to_wait_comes_first() -> None:
    text = alternative_text(run(trouble()))
    assert re.match(r"bad held the loop \(blocking call, line \d+\), and trouble and first had to wait\. Up to", text)
    assert 'getter waited for Queue.get "queue"' in text
    assert 'second waited for Lock "lock" and sleep 0.02' in text
    assert text.endswith("long was cancelled by trouble; bad raised ValueError; the other 4 returned.")
    assert "0x7f12" not in text  # messages may differ from run to run


def test_blocking_code() -> None:
    with record("blocking") as trace:
        for name in ("tea", "toast", "tea"):
            with span(name):
                time.sleep(0.001)
    assert alternative_text(trace) == "blocking: 3 spans one after another: tea (2 times) and toast."
    assert story(trace).splitlines() == ['span "tea" ran', 'span "toast" ran', 'span "tea" ran']
    assert sanitised(summary(trace)).startswith("blocking: The run took ≈ T, 3 spans one after another. Nothing held")


def test_nothing() -> None:
    with record("empty") as trace:
        pass
    text = "empty: Nothing was recorded: no task ran, and no span was entered."
    assert alternative_text(trace) == story(trace) == summary(trace) == repr(trace) == text


def test_what_was_cut_off_or_given_up_is_said() -> None:
    trace = run(breakfast())
    trace.dropped, trace.failure = 5, "OSError"
    assert "The oldest steps are missing" in alternative_text(trace)
    assert "The recorder gave up" in alternative_text(trace)
    assert "lacks 5 older steps" in summary(trace)


def test_the_recording_task_is_not_called_unfinished() -> None:
    async def main() -> model.Trace:
        other = asyncio.create_task(asyncio.sleep(10), name="other")
        with record() as trace:
            await asyncio.sleep(0.01)
        other.cancel()
        return trace

    trace = asyncio.run(main())
    assert alternative_text(trace).endswith("other was not done at the end.")
    told = [line for line in story(trace).splitlines() if line.endswith("at the end")]
    assert told == ["other still waited for sleep 10 at the end"]


def small(kind: str = "blocking call", cpu: float = 0.0) -> model.Trace:
    """Two tasks by hand: `a` runs from 0.0 to 0.1 s, `b` is ready from 0.02 s on and runs from 0.1 to 0.2 s."""
    trace = model.Trace()
    trace.duration = 0.2
    for i, label in enumerate("ab"):
        trace.tasks[label] = model.TaskTrace(label, label, label, i, outcome="returned", finished=(i + 1) / 10)
        trace.tasks[label]._trace, trace.tasks[label].born = trace, 0.0
    floats = (np.array(column) for column in ([0, 0.02], [0, 0.1], [0.1, 0.2]))
    ints = (np.array(column, np.int32) for column in ([0, 1], [-1, -2], [0, 0]))
    trace.steps = model.Steps(*floats, *ints)
    trace.holds = [model.Hold("a", 0.0, 0.1, kind, cpu, "f.py", 7, "slow")]
    return trace


def test_what_the_machine_did_is_not_told_as_the_programs_doing() -> None:
    blamed = "a held the loop (blocking call, in slow, line 7), and b had to wait."
    assert blamed in alternative_text(small())
    assert "a began, held the loop (blocking call, in slow, line 7), then returned" in story(small())
    assert "b began (was ready, but a had the thread) and returned" in story(small())
    for text in (alternative_text(small("pre-empted")), story(small("pre-empted"))):
        assert "held" not in text
        assert "had the thread" not in text
    # but what computes for long is long on any machine; on which line it was seen most often is a matter of luck
    for trace in (small("computing"), small("pre-empted", 0.06)):
        assert alternative_text(trace).startswith("a held the loop (computing), and b had to wait.")


def test_what_differs_from_run_to_run_is_not_named() -> None:
    trace = small()
    trace.reasons.append(model.Reason("sleep", "sleep 0.0998123", "f.py", 3))
    trace.reasons.append(model.Reason("task", 'task "Task-17"', "f.py", 3))
    for number, text in ((1, "b waited for sleep."), (2, "b waited for a task.")):
        trace.steps.reason[1] = number
        trace.__dict__.pop("_waits", None)
        assert text in alternative_text(trace)


def test_a_wait_too_short_to_be_sure_of_is_not_named() -> None:
    async def main() -> None:
        event = asyncio.Event()
        asyncio.get_running_loop().call_soon_threadsafe(event.set)
        await event.wait()
        await asyncio.sleep(0.2)

    text = alternative_text(run(main()))
    assert "main waited for sleep 0.2. " in text
    assert "Event" not in text


def test_a_run_of_no_length_has_no_order() -> None:
    async def nap() -> None:
        await asyncio.sleep(1)

    async def main() -> None:
        asyncio.gather(nap(), nap())

    text = alternative_text(simulate(main())[1])
    assert "one after another" not in text
    assert "nap and nap 2 were not done at the end" in text


def test_a_short_trip_to_a_thread_is_not_named_beside_a_long_one() -> None:
    """A busy machine may make it a tenth as long as the other, or not."""

    def slow() -> None:
        time.sleep(0.3)

    def quick() -> None:
        time.sleep(0.03)

    async def main() -> None:
        await asyncio.to_thread(slow)
        await asyncio.to_thread(quick)

    text = alternative_text(run(main()))
    assert "main waited for to_thread(slow). " in text
    assert "2 calls ran in threads of a pool: slow and quick" in text


@given(trace=traces(), factor=st.sampled_from([0.5, 0.25]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_stable_text_holds_no_clock_reading(trace: model.Trace, factor: float) -> None:
    """The same run, but faster: nothing changes in what is compared strictly."""
    trace.holds, trace.name, trace.failure = [], "run", ""
    trace.spans = []  # placed at random, these may lie anywhere
    before = alternative_text(trace), story(trace)
    assert not re.search(r"≈ [\d.]+ [mµn]?s", "".join(before))  # a name may well have the sign in it
    for column in (trace.steps.ready, trace.steps.start, trace.steps.stop):
        column *= factor
    for task in trace.tasks.values():
        task.born = None if task.born is None else task.born * factor
        task.finished = None if task.finished is None else task.finished * factor
    trace.duration *= factor
    for cached in ("_waits", "overlap", "makespan"):
        trace.__dict__.pop(cached, None)
    assert (alternative_text(trace), story(trace)) == before


@pytest.mark.parametrize("program", [breakfast, trouble])
def test_the_same_in_every_run(program: Any) -> None:
    runs = [run(program()) for _ in range(4)]
    assert len({alternative_text(trace) for trace in runs}) == 1
    assert len({story(trace) for trace in runs}) == 1


@pytest.mark.parametrize("name", ["", " ", "a\nb", "$x_1$", "x" * 500, "\x1b[31m", "שלום", "{}%s"])
def test_odd_names(name: str) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(make(0.001), name=name)

    trace = run(main(), name)
    for text in (alternative_text(trace), summary(trace), *story(trace).splitlines()):
        assert "\n" not in text
        assert len(text) < 700
        assert text.strip()


# -- story, summary, comparison ----------------------------------------------------------------------------------------


def test_the_story_in_order() -> None:
    lines = re.sub(r" \(line \d+\)", "", story(run(breakfast()))).splitlines()
    assert lines == [
        "breakfast began, started tea, toast and egg, then waited for TaskGroup of 3",
        "  tea began and waited for sleep 0.08",
        "  toast began and waited for sleep 0.02",
        "  egg began and waited for sleep 0.04",
        "  toast was woken by a timer and returned",
        "  egg was woken by a timer and returned",
        "  tea was woken by a timer and returned",
        "breakfast was woken by tea and returned",
    ]


def test_the_story_of_trouble() -> None:
    lines = re.sub(r",? ?\(?line \d+\)", "", story(run(trouble())))
    for line in (
        "  bad began, held the loop (blocking call, then raised ValueError",
        "  second was woken by first and waited for sleep 0.02",
        "  long was cancelled by trouble",
        "  getter was woken by trouble and returned",
        "trouble was woken by a timer (was ready, but bad had the thread) and waited for gather of 5",
    ):
        assert line in lines.splitlines()


def test_the_line_of_a_wait_is_told() -> None:
    here = make.__code__.co_firstlineno + 1
    assert f"tea began and waited for sleep 0.08 (line {here})" in story(run(breakfast()))


def test_a_task_whose_first_steps_were_not_kept_does_not_begin_again() -> None:
    async def main() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    whole = run(main())
    last = slice(-3, None)
    columns = {name: getattr(whole.steps, name)[last] for name in model.Steps.__slots__}
    assert story(whole).splitlines()[0] == "main began and let the others go first"
    whole.steps, whole.dropped = model.Steps(**columns), 8
    whole.__dict__.pop("_by_task", None)
    assert story(whole).splitlines()[0] == "main let the others go first"


def test_a_long_story_is_folded() -> None:
    async def main() -> None:
        await asyncio.gather(*(make(0.001) for _ in range(50)))

    trace = run(main())
    lines = story(trace).splitlines()
    assert [line for line in lines if "more like this" in line] == ["  … 48 more like this"] * 2
    assert len(lines) == 8
    assert len(story(trace, limit=1000).splitlines()) == 102


def test_a_timer_that_is_due_before_its_task_has_suspended_was_waited_for() -> None:
    """As when the core is taken between the two; the wait has no length then."""

    async def main() -> None:
        class Late:
            def __await__(self) -> Any:
                future = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_later(0.001, future.set_result, None)
                time.sleep(0.01)
                return (yield from future)

        await Late()
        await asyncio.sleep(0)

    trace = run(main())
    lines = story(trace).splitlines()
    assert re.sub(r"\d+", "N", lines[0]) == 'main began and waited for Future "future" (line N)'
    assert [trace.reasons[number].text for number in trace.waits[3]] == ['Future "future"']
    assert lines[1:] == ["main was woken by a timer and let the others go first", "main returned"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 8, 20])
def test_a_story_without_likeness_loses_its_middle(limit: int) -> None:
    async def main() -> None:
        for i in range(12):
            await asyncio.create_task(make(0.001), name="abcdefghijkl"[i])

    whole = story(run(main()), limit=99).splitlines()
    lines = story(run(main()), limit=limit).splitlines()
    assert len(lines) == limit + 1
    assert lines[0] == whole[0]
    (gap,) = [line for line in lines if line.startswith("…")]
    assert f"… {len(whole) - limit} more lines …" == gap
    assert limit < 3 or lines[-1] == whole[-1]


def test_a_story_has_a_line() -> None:
    with pytest.raises(ValueError, match="limit is 0"):
        story(model.Trace(), limit=0)


def test_times_only_when_asked_for() -> None:
    trace = run(breakfast())
    assert "≈" not in story(trace)
    assert all(line.startswith("≈ ") for line in story(trace, times=True).splitlines())


def test_the_summary_is_stable_once_sanitised() -> None:
    texts = {sanitised(summary(run(breakfast(), "b"))) for _ in range(2)}
    assert texts == {
        "b: The run took ≈ T, up to 3 of 4 tasks in flight at once. Nothing held its thread for longer than ≈ T. "
        "The loop was busy for ≈ T of ≈ T."
    }
    assert "bad held the loop longest, for ≈ T (blocking call, line " in sanitised(summary(run(trouble())))


def test_a_comparison_gives_a_verdict_only_where_it_is_clear() -> None:
    runs = [run(breakfast(), name) for name in ("one", "two", "three")]
    text = comparison_text(runs, [1, 3.1, 1.1])
    assert text.startswith("two is faster than one. 3 runs on one time axis: one, two and three. one: Up to 3 tasks")
    assert comparison_text(runs[:2], [1, 0.3]).startswith("two is slower than one.")
    assert comparison_text([model.Trace(), runs[0]]).startswith("2 runs on one time axis: run 1 and one. run 1: No")
    assert comparison_text(runs[:1]) == alternative_text(runs[0])
    assert "≈" not in text
