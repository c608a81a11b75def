"""What a diagnosis consists of: the kinds of faults, with what to do about each, and findings as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .words import approximately, enumeration

PREEMPTION = "pre-emption"
ADVICE = {  # in the order in which findings are told
    "never awaited": "Write `await` before the call, or make a task of it.",
    "blocking call": "Await an asynchronous counterpart, or put the call into a thread: await asyncio.to_thread(…).",
    "computing": "Put the work into a process (run_in_executor with a ProcessPoolExecutor), or cut it into pieces.",
    "starved loop": "Do less in one go: limit how many tasks work at once, or move the work to a thread or process.",
    "busy polling": "Wait for the thing itself: an Event, a Condition, a Queue, or the task.",
    "awaits in sequence": "If they do not need each other's results, start them all first: a TaskGroup, or gather().",
    "convoy": "Do the slow part outside the lock, or share the work among several locks.",
    "pool exhausted": "Give slow calls a pool of their own that is big enough, or limit them with a Semaphore.",
    "fan-out": "Limit how many are under way at once: a Semaphore, or a few workers and a Queue.",
    "error never retrieved": "Await the task, or let a TaskGroup own it.",
    "lost task": "Keep a reference to the task, or let a TaskGroup own it; and see that what it waits for can happen.",
    "cancellation swallowed": "After cleaning up, raise CancelledError again: a bare `raise`.",
    "outlived its parent": "Await or cancel the task before its parent ends: a TaskGroup does both.",
    PREEMPTION: "That is the machine's doing, not the program's.",
}
HOLDS_UP = {"blocking call", "computing", "starved loop", "convoy", "pool exhausted"}  # kinds that have others suffer
Spot = tuple[str, int | None]  # file and line


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that went wrong.

    `kind` is one of `ADVICE`: "pre-emption" is the machine's doing, all others are the program's. `message` is a
    sentence without clock readings. `file` and `line` are "" and None where the place is not known. `cost` is in
    seconds lost, or to be gained; 0.0 where the fault has no price in seconds. `victims` are labels of the tasks that
    suffered, `advice` says what to do.
    """

    kind: str
    message: str
    file: str
    line: int | None
    cost: float
    victims: tuple[str, ...]
    advice: str

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line is not None else self.file
        head = ", ".join(filter(None, [place, approximately(self.cost) if self.cost > 0 else ""]))
        held_up = f" Held up: {some(self.victims)}." if self.victims and self.kind in HOLDS_UP else ""
        return f"{self.kind}{f' ({head})' if head else ''}: {self.message}{held_up}\n   → {self.advice}"


class Diagnosis(tuple[Finding, ...]):
    """The findings, in a fixed order of kinds. As text a paragraph each, or "nothing found".

    What the machine did differs from run to run and is no finding about the program: one last sentence in brackets.
    """

    def __str__(self) -> str:
        program = [f for f in self if f.kind != PREEMPTION]
        lines = [f"{i}. {f}" for i, f in enumerate(program, 1)] or ["nothing found"]
        if taken := sum(f.cost for f in self if f.kind == PREEMPTION):
            lines.append(f"(The system took the core away for {approximately(taken)}. {ADVICE[PREEMPTION]})")
        return "\n".join(lines)

    __repr__ = __str__


def some(labels: Iterable[str]) -> str:
    """A few names, each once; how many there are beyond is often a matter of luck."""
    names = ["the cell" if label == "cell" else " ".join(label.split())[:40] for label in dict.fromkeys(labels)]
    return enumeration(names if len(names) <= 6 else [*names[:5], "many others"])


def finding(kind: str, spot: Spot, message: str, cost: float = 0.0, victims: Iterable[str] = ()) -> Finding:
    return Finding(kind, message, *spot, max(cost, 0.0), tuple(dict.fromkeys(victims)), ADVICE[kind])
