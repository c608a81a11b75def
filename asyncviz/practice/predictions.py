"""Predictions: the reader commits to a guess before the reveal, and holds it against the recording afterwards.

guess = predict(makespan=0.9, order=["Bern", "Lima", "Oslo"])
...
guess.check(trace)
"""

from __future__ import annotations

import math
from typing import Any

from asyncviz import narrative, words
from asyncviz.trace import Trace

NEAR = 2**0.5  # a makespan within this factor is right: notebooks run on busy machines too


class Prediction:
    """A guess, which cannot be changed any more. Made by `predict`."""

    def __init__(self, guesses: dict[str, Any]) -> None:
        self._guesses = guesses

    def __repr__(self) -> str:
        said = [_TEXTS[name](value) for name, value in self._guesses.items()]
        return f"Your prediction: {'; '.join(said)}. Now run it."

    def check(self, trace: Trace) -> Comparison:
        """Hold the guess against a recording. Raises TypeError for anything else than a Trace."""
        if not isinstance(trace, Trace):
            raise TypeError(f"a prediction is held against a recording, not {type(trace).__name__}: guess.check(trace)")
        return Comparison(trace, dict(self._guesses))


class Comparison:
    """A guess beside what happened. `right` is True if all of it was right; on the last line of a cell it is shown."""

    def __init__(self, trace: Trace, guesses: dict[str, Any]) -> None:
        self.trace, self.guesses = trace, guesses
        self.verdicts = {name: _JUDGES[name](trace, value) for name, value in guesses.items()}

    @property
    def right(self) -> bool:
        return all(right for right, _ in self.verdicts.values())

    def __repr__(self) -> str:
        return "\n".join(f"{'✓' if right else '✗'} {text}" for right, text in self.verdicts.values())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from asyncviz import display, timeline  # Matplotlib: only for those who look

        text = repr(self)
        page = display.preformatted(text)
        figure = timeline.figure_of([self.trace], [None], None)
        if "makespan" in self.guesses and not self.trace.empty:
            _mark(figure, self.trace, self.guesses["makespan"])
        picture = display._bundle(figure, narrative.alternative_text(self.trace))
        return {"text/html": page + picture["text/html"], "text/plain": f"{text}\n\n{picture['text/plain']}"}


def predict(*, makespan: Any = None, order: Any = None, overlap: Any = None, switches: Any = None) -> Prediction:
    """Commit to a guess, before you look: replace the values by your own.

    makespan : float, seconds from the first start to the last end. Right within a factor of 1.4.
    order : list of str, the names of tasks in the order in which they finish.
    overlap : int, the largest number of tasks in flight at one moment.
    switches : int, how often the thread passes from one task to another.

    Raises TypeError or ValueError for a guess that makes no sense, and when there is none.
    """
    if makespan is not None and not (isinstance(makespan, (int, float)) and 0 <= makespan < math.inf):
        raise ValueError(f"makespan is a number of seconds, not {makespan!r}: predict(makespan=0.9)")
    if order is not None and not (isinstance(order, (list, tuple)) and all(isinstance(name, str) for name in order)):
        raise TypeError(f'order is a list of names, not {order!r}: predict(order=["Bern", "Lima"])')
    for name, number in (("overlap", overlap), ("switches", switches)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 0):
            raise ValueError(f"{name} is a whole number, not {number!r}: predict({name}=3)")
    asked = {"makespan": makespan, "order": None if order is None else tuple(order)}
    guesses = {n: v for n, v in {**asked, "overlap": overlap, "switches": switches}.items() if v is not None}
    if not guesses:
        raise TypeError("predict something: predict(makespan=0.9), predict(order=[…]), predict(overlap=3)")
    return Prediction(guesses)


def count_switches(trace: Trace) -> int:
    """How often the thread passed from one task to another."""
    task = trace.steps.task
    return int((task[1:] != task[:-1]).sum())


def _judge_makespan(trace: Trace, guess: float) -> tuple[bool, str]:
    actual = trace.makespan
    said, was = f"makespan: you said {guess:g} s", f"it was {words.approximately(actual)}"
    if guess <= actual * NEAR and actual <= guess * NEAR:
        return True, f"{said}, {was}: right"
    return False, f"{said}, {was}: {'longer' if actual > guess else 'shorter'} than you thought"


def _judge_order(trace: Trace, guess: tuple[str, ...]) -> tuple[bool, str]:
    said = f"order: you said {', '.join(guess)}"
    unknown = [name for name in guess if name not in trace.tasks]
    if unknown:
        there = words.enumeration(trace.tasks) or "none"
        return False, f"{said}; no task is called {unknown[0]!r}, there is {there}"

    def end(name: str) -> float:
        finished = trace.tasks[name].finished
        return math.inf if finished is None else finished

    order = sorted(guess, key=end)
    return _same(said, order == list(guess), ", ".join(order))


def _judge_overlap(trace: Trace, guess: int) -> tuple[bool, str]:
    return _same(f"tasks in flight at once: you said {guess}", trace.overlap == guess, trace.overlap)


def _judge_switches(trace: Trace, guess: int) -> tuple[bool, str]:
    actual = count_switches(trace)
    return _same(f"switches: you said {guess}", actual == guess, actual)


def _same(said: str, right: bool, actual: object) -> tuple[bool, str]:
    return right, f"{said}: right" if right else f"{said}, it was {actual}"


def _mark(figure: Any, trace: Trace, guess: float) -> None:
    """A line where the run would have ended."""
    ax = figure.axes[0]
    starts = [task.born or 0.0 for task in trace.tasks.values()] + [span.start for span in trace.spans]
    where = min(starts) + guess
    first, last = ax.get_xlim()
    ax.set_xlim(first, max(last, where + 0.02 * (where - first)))
    timeline = ax.artists[0]
    box = timeline.layout()[0]
    for part in timeline.beside_words(timeline.chart().x(where)):
        low, high = ((y - box.y0) / box.height for y in part)
        ax.axvline(where, low, high, color="#b0005a", linestyle=(0, (4, 3)), linewidth=1.6, zorder=5)
    side = "right" if where > first + 0.8 * (ax.get_xlim()[1] - first) else "left"
    ax.annotate(
        "your guess", (where, 0), (-5 if side == "right" else 5, 4), xycoords=("data", "axes fraction"),
        textcoords="offset points", ha=side, va="bottom", color="#b0005a", fontsize=8, zorder=6,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
    )  # fmt: skip


_TEXTS: dict[str, Any] = {
    "makespan": lambda seconds: f"it takes {seconds:g} s",
    "order": lambda names: f"they finish in the order {', '.join(names)}",
    "overlap": lambda number: f"at most {words.plural(number, 'task')} in flight at once",
    "switches": lambda number: "1 switch" if number == 1 else f"{number:,} switches",
}
_JUDGES: dict[str, Any] = {
    "makespan": _judge_makespan,
    "order": _judge_order,
    "overlap": _judge_overlap,
    "switches": _judge_switches,
}
