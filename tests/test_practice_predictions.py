"""Predictions: a guess is kept, held against a recording, and drawn on its axis."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import asyncviz as viz
from asyncviz.practice import predict
from asyncviz.trace import Trace


async def nap(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def main() -> None:
    async with asyncio.TaskGroup() as group:
        for name, seconds in (("Bern", 0.3), ("Lima", 0.5), ("Oslo", 0.9)):
            group.create_task(nap(seconds), name=name)


@pytest.fixture(scope="module")
def trace() -> Trace:
    return viz.simulate(main())[1]


def test_the_guess_is_repeated() -> None:
    guess = predict(makespan=0.9, order=["Bern", "Lima"], overlap=3, switches=1)
    assert repr(guess) == (
        "Your prediction: it takes 0.9 s; they finish in the order Bern, Lima; at most 3 tasks in flight at once; "
        "1 switch. Now run it."
    )


@pytest.mark.parametrize(
    ("guess", "right", "text"),
    [
        ({"makespan": 0.9}, True, "makespan: you said 0.9 s, it was ≈ 0.90 s: right"),
        ({"makespan": 1.2}, True, "right"),
        ({"makespan": 1.7}, False, "shorter than you thought"),
        ({"makespan": 0.3}, False, "longer than you thought"),
        ({"makespan": 0}, False, "longer than you thought"),
        ({"order": ["Bern", "Lima", "Oslo"]}, True, "order: you said Bern, Lima, Oslo: right"),
        ({"order": ("Oslo", "Bern")}, False, "order: you said Oslo, Bern, it was Bern, Oslo"),
        ({"order": ["Rome"]}, False, "no task is called 'Rome', there is main, Bern, Lima and Oslo"),
        ({"overlap": 3}, True, "tasks in flight at once: you said 3: right"),
        ({"overlap": 1}, False, "tasks in flight at once: you said 1, it was 3"),
        ({"switches": 7}, True, "switches: you said 7: right"),
        ({"switches": 2}, False, "switches: you said 2, it was 7"),
    ],
)
def test_verdicts(trace: Trace, guess: dict[str, Any], right: bool, text: str) -> None:
    comparison = predict(**guess).check(trace)
    assert comparison.right is right
    assert text in repr(comparison)
    assert repr(comparison)[0] == ("✓" if right else "✗")


@pytest.mark.parametrize("makespan", [0.01, 0.6, 0.9, 5])
def test_it_is_drawn_on_the_same_axis(trace: Trace, makespan: float) -> None:
    plain = predict(overlap=3).check(trace)._repr_mimebundle_()["text/html"]
    marked = predict(makespan=makespan).check(trace)._repr_mimebundle_()
    assert marked["text/html"].count("<img alt=") == 1
    assert marked["text/html"].split("base64,")[1] != plain.split("base64,")[1]
    assert "in flight at once" in marked["text/plain"]


def test_an_empty_recording() -> None:
    with viz.record() as nothing:
        pass
    assert not predict(makespan=1, overlap=1, order=["a"], switches=1).check(nothing).right
    predict(makespan=1).check(nothing)._repr_mimebundle_()


@pytest.mark.parametrize(
    "wrong",
    [{}, {"makespan": -1}, {"makespan": "0.9"}, {"makespan": float("inf")}, {"order": "Bern"}, {"order": [1]},
     {"overlap": 1.5}, {"overlap": True}, {"switches": -1}],
)  # fmt: skip
def test_bad_guesses(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"predict\("):
        predict(**wrong)


def test_only_recordings_are_compared() -> None:
    with pytest.raises(TypeError, match=r"guess.check\(trace\)"):
        predict(overlap=3).check(3)  # type: ignore[arg-type]
