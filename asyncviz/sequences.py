"""Finds waiting that was not needed: pieces of work of one kind, one after another, with nothing else in flight.

Nobody can see whether the second needs the result of the first: so a finding is a hint, and told only of things that
look alike. Different steps after one another are what most coroutines consist of.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby, pairwise

from .findings import Finding, Spot, finding
from .trace import FOR_TASKS, HELD, TaskTrace
from .view import View, Wait

ROUNDS = 3  # pieces of work one after another are a sequence
WORK = {"connect", "library", "sleep", "subprocess", "thread"}  # kinds of waits that are no waits for other tasks
_FRAME = re.compile(r"(.*):(\d+) (.+)")
LOOKS = 50  # children that are looked at one by one


def sequences(view: View) -> Iterator[Finding]:
    """A hint: pieces of work of the same kind, awaited one after another while nothing else was in flight."""
    for task in view.tasks:
        told: list[tuple[float, float]] = []
        for what, row in groupby(_rounds(view, task), key=lambda known: known[0]):
            rounds = [wait for _, wait in row]
            lengths = [wait.stop - wait.start for wait in rounds]
            gain = sum(lengths) - max(lengths)
            if what and len(rounds) >= ROUNDS and gain >= HELD and _alone(view, task, rounds[0].start, rounds[-1].stop):
                told.append((rounds[0].start, rounds[-1].stop))
                yield _hint(task, what, view.spot(rounds[0].reason), gain)
        for what, spot, calls in _plain_awaits(view, task):
            start, stop = calls[0][0], calls[-1][1]
            lengths = [end - begin for begin, end in calls]
            gain = sum(lengths) - max(lengths)
            new = all(stop <= begin or end <= start for begin, end in told)
            if new and gain >= HELD and _alone(view, task, start, stop):
                yield _hint(task, what, spot, gain)


def _hint(task: TaskTrace, what: str, spot: Spot, gain: float) -> Finding:
    message = f"a hint: {task.label} awaited {what} one after another, with nothing else in flight."
    return finding("awaits in sequence", spot, message, gain, [task.label])


def _rounds(view: View, task: TaskTrace) -> list[tuple[str, Wait]]:
    """Each wait with what it was for, if that was a new child, a call in a thread, or a conversation; "" otherwise.

    Methods are left out: one may depend on the call before it, as the next piece of a file does.
    """
    found: list[tuple[str, Wait]] = []
    before, young, kids = "", 0, sorted(view.children[task.label], key=lambda kid: kid.born or 0.0)
    for wait in view.waits_of(task.index):
        kind, what = view.kind(wait), ""
        if kind in FOR_TASKS:
            old, young = young, bisect_right(kids, wait.start, key=lambda kid: kid.born or 0.0)
            name = kids[old].coroutine.rpartition("<locals>.")[2] if young == old + 1 else "."
            if "." not in name and all(view.end(kid) <= wait.start for kid in kids[:old][-LOOKS:]):
                what = f"tasks of {name}"
        elif kind == "thread" and (call := re.fullmatch(r"to_thread\((\w+)\)", view.text(wait))):
            what = f"calls of {call[1]} in a thread"
        elif kind == "connect":
            what = "connections"
        follows = kind in ("read", "write", "close") or (kind == "connect" and before == "connect")
        if follows and found and found[-1][0] == "connections":
            found[-1] = "connections", found[-1][1]._replace(stop=wait.stop)
        else:
            found.append((what, wait))
        before = kind
    return found


def _plain_awaits(view: View, task: TaskTrace) -> Iterator[tuple[str, Spot, list[tuple[float, float]]]]:
    """Calls of one function of the user's, on lines of one coroutine that follow each other: (what, place, times).

    What is called on one line in a loop may as well be a countdown, and methods may depend on the call before.
    """
    waits = view.waits_of(task.index)
    sites: dict[tuple[object, ...], dict[int, Spot]] = defaultdict(dict)  # where the waits of each reason are called
    for number in {wait.reason for wait in waits if view.kind(wait) in WORK}:
        path = [_FRAME.fullmatch(text) for text in reversed(view.trace.reasons[number].stack)]
        frames = [(match[1], int(match[2]), match[3].rpartition("<locals>.")[2]) for match in path if match]
        for depth, ((file, line, function), (_, _, callee)) in enumerate(pairwise(frames)):
            if "." not in callee:
                sites[(*frames[:depth], file, function, callee)][number] = file, line
    for site, spots in sites.items():
        if len(set(spots.values())) < ROUNDS:
            continue
        runs: list[list[tuple[int, float, float]]] = [[]]  # of calls: line, start, stop
        for wait in waits:
            line, last = (spots[wait.reason][1] or 0) if wait.reason in spots else 0, runs[-1][-1:]
            if last and line < last[0][0]:
                runs.append([])
            if last and line == last[0][0]:
                runs[-1][-1] = line, last[0][1], wait.stop
            elif line:
                runs[-1].append((line, wait.start, wait.stop))
        longest = max(runs, key=lambda run: (len(run) >= ROUNDS, sum(stop - start for _, start, stop in run)))
        if len(longest) >= ROUNDS:
            yield f"calls of {site[-1]}", (str(site[-3]), longest[0][0]), [call[1:] for call in longest]


def _alone(view: View, task: TaskTrace, start: float, stop: float) -> bool:
    """Whether no other task of the family, its ancestors and descendants apart, was alive for long in that time."""
    above = view.ancestors(task)
    for other in view.tasks:
        if min(view.end(other), stop) - max(other.born or 0.0, start) > (stop - start) / 10 and other not in above:
            line = view.ancestors(other)
            if line[-1] is above[-1] and task not in line:
                return False
    return True
