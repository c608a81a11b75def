"""What went wrong in a recording: findings with their place, their cost, who suffered, and what to do.

A finder says only what the recording proves; where it cannot be proved that two awaits do not depend on each other, the
finding calls itself a hint. Where there is doubt, there is no finding.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from .findings import ADVICE as ADVICE
from .findings import PREEMPTION as PREEMPTION
from .findings import Diagnosis as Diagnosis
from .findings import Finding as Finding
from .findings import Spot, finding, some
from .sequences import sequences
from .trace import FOR_TASKS, HELD, IO, THREAD, Hold, Trace, Work
from .view import View, Wait

STARVED = 2 * HELD  # seconds; who is ready for longer, while many others take their turns, is starved
MANY = 200  # tasks of one parent that use the outside world at once are a fan-out without a limit
TURNS, SHORT_TURN = 1000, 2e-5  # so many turns, most of them shorter than these seconds, are polling …
NAPS, SHORT_NAP, NAP = 50, 1e-4, 0.002  # … and so many sleeps of at most NAP seconds, with as little work in between
QUEUE = 3  # tasks that wait for one lock at once are a convoy
LOOKS = 50  # of the worst places, so many are looked at one by one
OUTSIDE = ("connect", "library", "read", "subprocess", "write")  # kinds of waits that cost somebody else something
OF_LOOP = re.compile(r"(Base\w*EventLoop|IocpProactor)\.")  # coroutines of asyncio's own


def diagnose(trace: Trace) -> Diagnosis:
    """What went wrong in the recorded run: kind, place, cost, victims and advice of each fault found."""
    finders = (_holds, _starved, _polling, sequences, _convoys, _pools, _fan_outs, _notes, _ends, _swallowed)
    view, rank = View(trace), list(ADVICE)
    found = [each for finder in finders for each in finder(view)] if trace.tasks or trace.notes else []
    return Diagnosis(sorted(found, key=lambda f: (rank.index(f.kind), f.file, f.line or 0, f.message)))


def _most(spots: Iterable[Spot]) -> Spot:
    """The most frequent of the places that are known."""
    known = Counter(spot for spot in spots if spot[1] is not None)
    return known.most_common(1)[0][0] if known else ("", None)


def _plain(coroutine: str) -> str:
    return coroutine.rpartition(".")[2] or "a coroutine"


# -- the thread was held -----------------------------------------------------------------------------------------------


def _holds(view: View) -> Iterator[Finding]:
    """Blocking calls, long computing, and what the machine did; alike ones as one finding."""
    alike: dict[tuple[str, Spot, str], list[Hold]] = defaultdict(list)
    for hold in view.trace.holds:
        kind = hold.kind
        if kind in ("computing", "pre-empted") and hold.cpu is not None:  # had it been short on a core of its own?
            kind = "computing" if hold.cpu >= HELD else PREEMPTION
        if kind in ADVICE:
            alike[kind, (hold.file, hold.line), hold.function or hold.who].append(hold)
    said = {"blocking call": "held the loop in a blocking call", "computing": "held the loop with a long computation"}
    for (kind, spot, function), holds in alike.items():
        victims = [victim for hold in holds[:LOOKS] for victim in _victims(view, hold)]
        if kind != "computing" or victims:  # else nobody had anything to do meanwhile
            who = some(hold.who for hold in holds)
            where = f" in {function}" if function not in ("", "<module>", who) else ""
            cost = sum((h.cpu or h.seconds) if kind == "computing" else h.seconds - (h.cpu or 0.0) for h in holds)
            message = f"{who} {said.get(kind, 'had the thread, but not the core')}{where}."
            yield finding(kind, spot, message, cost, victims)


def _victims(view: View, hold: Hold) -> list[str]:
    """Who was ready for a good part of a hold, or whose I/O or thread was served in the first turn after it."""
    import numpy as np

    s, owner = view.steps, view.trace.tasks.get(hold.who)
    found = set(s.task[np.minimum(s.start, hold.stop) - np.maximum(s.ready, hold.start) >= HELD / 2].tolist())
    for number, loop in enumerate(view.trace.loops):
        if loop.idle is not None and (owner is None or owner.loop == number):
            turn = int(loop.idle[:, 0].searchsorted(hold.stop))
            first, end = [*loop.idle[turn : turn + 2], (hold.stop, hold.stop), (0.0, view.trace.duration)][:2]
            if first[1] - first[0] < HELD / 50:  # the loop did not have to wait for it: it was there already
                at = (s.ready >= hold.stop) & (s.ready <= end[0]) & ((s.waker == IO) | (s.waker <= THREAD))
                at = at & (view.before >= 0) & (s.stop[view.before] < hold.start) & (view.loop[s.task] == number)
                found |= set(s.task[at].tolist())
    return [view.tasks[i].label for i in sorted(found) if view.tasks[i].label != hold.who]


def _starved(view: View) -> Iterator[Finding]:
    """Short steps of others, none of them a hold, that together kept somebody from the thread for long."""
    import numpy as np

    s, length = view.steps, view.steps.stop - view.steps.start
    found: dict[str, list[tuple[float, str, set[int]]]] = defaultdict(list)
    late = np.nonzero(s.start - s.ready >= STARVED)[0]
    for i in late[np.argsort(s.ready[late] - s.start[late])][:LOOKS]:
        victim = view.tasks[s.task[i]]
        by: dict[str, list[int]] = defaultdict(list)
        for j in range(int(s.start.searchsorted(s.ready[i])), int(i)):
            if view.loop[s.task[j]] == victim.loop:
                by[view.tasks[s.task[j]].coroutine].append(j)
        name, most = max(by.items(), key=lambda item: length[item[1]].sum(), default=("", [int(i)]))
        spent = float(length[most].sum())
        many = length[most].max() < spent / 3 and np.median(length[most]) < HELD
        if name != victim.coroutine and spent >= STARVED and many:
            found[name].append((float(s.start[i] - s.ready[i]), victim.label, {int(s.task[j]) for j in most}))
    for name, cases in found.items():
        culprits = sorted(set.union(*(case[2] for case in cases)))
        made = _most((view.tasks[i].file, view.tasks[i].line) for i in culprits)
        own = _most(view.spot(int(r)) for r in s.reason[s.task == culprits[0]]) if len(culprits) == 1 else made
        message = f"many short steps of {_plain(name)} followed each other, and nobody else had a turn."
        victims = [victim for _, victim, _ in cases]
        yield finding("starved loop", own if own[1] else made, message, max(case[0] for case in cases), victims)


def _polling(view: View) -> Iterator[Finding]:
    """Turns with sleep(0), or tiny sleeps, over and over, with hardly any work in them and nobody woken."""
    import numpy as np

    s, length = view.steps, view.steps.stop - view.steps.start
    known = np.nonzero(view.before >= 0)[0]
    gap = s.ready[known] - s.stop[view.before[known]]
    delays = [re.fullmatch(r"sleep ([\d.e-]+)", r.text) if r.kind == "sleep" else None for r in view.trace.reasons]
    naps = np.array([delay is not None and 0 < float(delay[1]) <= NAP for delay in delays], bool)
    yielded, napped = known[(gap <= 0) & (s.waker[known] == s.task[known])], known[(gap > 0) & naps[s.reason[known]]]
    found: dict[tuple[Spot, str], list[tuple[str, float]]] = defaultdict(list)
    for at, least, short, how in ((yielded, TURNS, SHORT_TURN, "sleep(0)"), (napped, NAPS, SHORT_NAP, "a tiny sleep")):
        for index in np.nonzero(np.bincount(s.task[at], minlength=len(view.tasks)) >= least)[0]:
            task, mine = view.tasks[index], at[s.task[at] == index]
            others = view.wakes[index] - np.count_nonzero((s.waker == index) & (s.task == index))
            wall = float(s.stop[mine[-1]] - s.start[mine[0]])
            if np.median(length[mine]) < short and others < len(mine) / 20 and wall >= HELD:
                spot = _most(view.spot(int(r)) for r in s.reason[mine])
                found[spot if spot[1] else (task.file, task.line), how].append((_plain(task.coroutine), wall))
    for (spot, how), cases in found.items():
        who = some(name for name, _ in cases)
        price = "kept the loop busy" if how == "sleep(0)" else "woke the loop for it each time"
        message = f"{who} asked over and over, with {how} in between, and {price}."
        yield finding("busy polling", spot, message, max(wall for _, wall in cases))


# -- waiting that was not needed ---------------------------------------------------------------------------------------


def _convoys(view: View) -> Iterator[Finding]:
    """Several tasks wait for one lock while the task that holds it waits for something slow itself.

    Who ends a wait for a lock is who released it. A lock is handed over in order of arrival, so a waiter whose
    predecessor still waited when it came waits for the same lock: that tells apart locks of the same name.
    """
    waits = [w for task in view.tasks for w in view.waits_of(task.index) if view.kind(w) == "lock" and w.waker >= 0]
    heads: dict[Wait, Wait] = {}
    queues: dict[Wait, list[Wait]] = defaultdict(list)
    slow: dict[Wait, list[tuple[float, Wait]]] = defaultdict(list)  # for how long, and for what, the holders waited
    for wait in sorted(waits, key=lambda w: w.start)[: 50 * LOOKS]:
        of_holder, lock = view.waits_of(wait.waker), view.text(wait)
        ahead = [w for w in of_holder if w.start <= wait.start < w.stop and view.text(w) == lock]
        head = heads[wait] = heads.get(ahead[0], wait) if ahead else wait
        queues[head].append(wait)
        since = ahead[0].stop if ahead else wait.start
        both = [(min(w.stop, wait.stop) - max(w.start, since), w) for w in of_holder if view.kind(w) != "lock"]
        slow[head] += [(seconds, w) for seconds, w in both if seconds > 0]
    alike: dict[tuple[Spot, str], list[Wait]] = defaultdict(list)
    for head, queue in queues.items():
        starts, stops = sorted(w.start for w in queue), sorted(w.stop for w in queue)
        most = max(i + 1 - bisect_right(stops, start) for i, start in enumerate(starts))
        first, last = starts[0], stops[-1]
        held = sum(max(0.0, min(h.stop, last) - max(h.start, first)) for h in view.trace.holds)  # nobody could go on
        if most >= QUEUE and sum(seconds for seconds, _ in slow[head]) >= max(HELD, (last - first - held) / 2):
            alike[_most(view.spot(w.reason) for _, w in slow[head]), view.text(head)] += queue
    for (spot, lock), queue in alike.items():
        message = f"several tasks queued for {lock} while its holder waited for something slow."
        who = [view.tasks[w.task].label for w in queue]
        yield finding("convoy", spot, message, sum(w.stop - w.start for w in queue), who)


def _pools(view: View) -> Iterator[Finding]:
    """Calls that waited long because all threads of their pool were busy.

    The size of a pool of one's own was chosen: there, only short calls that queue behind others count.
    """
    pools: dict[str, list[Work]] = defaultdict(list)
    for work in view.trace.work:
        if not work.process and work.started is not None and work.finished is not None:
            pools[work.worker.rpartition("_")[0]].append(work)
    for pool, works in pools.items():
        late: dict[str, list[Work]] = defaultdict(list)
        for work in sorted(works, key=lambda w: w.queued - (w.started or 0.0))[:LOOKS]:
            queued, started, finished = work.queued, work.started or 0.0, work.finished or 0.0
            busy: dict[str, float] = defaultdict(float)
            for w in works:
                busy[w.worker] += max(0.0, min(w.finished or 0.0, started) - max(w.started or 0.0, queued))
            ahead = {w.name for w in works if (w.started or 0.0) < started and (w.finished or 0.0) > queued}
            chosen = pool != "asyncio" and (work.name in ahead or started - queued < 3 * (finished - started))
            if started - queued >= HELD and min(busy.values()) >= 0.8 * (started - queued) and not chosen:
                late[work.name].append(work)
        for name, cases in late.items():
            tasks = [view.trace.tasks[w.task] for w in cases if w.task is not None]
            waits = [(w, task) for task in tasks for w in view.waits_of(task.index) if view.kind(w) == "thread"]
            spots = [view.spot(w.reason) if view.spot(w.reason)[1] else (task.file, task.line) for w, task in waits]
            message = f"calls of {name} had to queue, because all threads of the pool were busy."
            cost = max((w.started or 0.0) - w.queued for w in cases)
            yield finding("pool exhausted", _most(spots), message, cost, [task.label for task in tasks])


def _fan_outs(view: View) -> Iterator[Finding]:
    """Hundreds of tasks of one parent that use the outside world at the same time."""
    import numpy as np

    task, start, stop, reason = view.trace.waits
    for parent, kids in view.children.items():
        mine = np.isin(task, [kid.index for kid in kids]) if parent and len(kids) >= MANY else np.zeros(len(task), bool)
        for kind in OUTSIDE if mine.any() else ():
            at = mine & (view.kinds[reason] == kind)
            change = np.repeat([1, -1], np.count_nonzero(at))
            order = np.lexsort((change, np.concatenate([start[at], stop[at]])))
            if np.cumsum(change[order]).max(initial=0) >= MANY:
                message = f"{parent} set hundreds of tasks going, and all of them waited for {kind} at once."
                yield finding("fan-out", _most((kid.file, kid.line) for kid in kids), message)


# -- complaints, and tasks that did not end as they should -------------------------------------------------------------


def _notes(view: View) -> Iterator[Finding]:
    """What Python and asyncio complained about: coroutines never awaited, errors never retrieved."""
    left = [task for task in view.tasks if task.outcome == "raised"]
    forgotten = Counter((n.text, n.file, n.line) for n in view.trace.notes if n.kind == "coroutine was never awaited")
    for (text, file, line), times in forgotten.items():
        called = f"{_plain(text)}() was called{f' {times:,} times' if times > 1 else ''}"
        never = "its coroutine was never awaited: it" if times == 1 else "the coroutines were never awaited: they"
        yield finding("never awaited", (file, line), f"{called}, but {never} never ran.")
    for note in view.trace.notes:
        if note.kind.endswith("exception was never retrieved"):
            name, _, error = note.text.rpartition(": ")
            mine = [task for task in left if task.name == name and task.error.partition(":")[0] == error][:1]
            left = [task for task in left if task not in mine]
            spot = (mine[0].file, mine[0].line) if mine else (note.file, note.line)
            who = mine[0].label if mine else "a future"
            yield finding("error never retrieved", spot, f"{who} raised {error}, and nobody ever asked for it.")


def _ends(view: View) -> Iterator[Finding]:
    """Tasks that were lost, and tasks that were still at work when their parent had ended."""
    for task in view.tasks:
        spot, parent = (task.file, task.line), view.trace.tasks.get(task.parent or "")
        if task.outcome == "lost":
            what = view.trace.reasons[task.reason].text
            message = f"{task.label} was collected while it waited{f' for {what}' if what else ''}: it never ended."
            yield finding("lost task", spot, message, 0.0, [task.label])
        end = parent.finished if parent is not None else None
        if parent is None or end is None or parent.outcome == "cancelled" or OF_LOOP.match(parent.coroutine):
            continue
        after, ended = view.end(task) - end, task.outcome in ("returned", "raised")
        last, waited = view.waits_of(task.index)[-1:], "".join(map(view.kind, view.waits_of(parent.index)[-1:]))
        root = parent
        while root.parent in view.trace.tasks:
            root = view.trace.tasks[root.parent]
        root_end = root.finished
        # asyncio.run cuts off what is left when its main task has ended; whoever cancels earlier takes care of it
        cut_off = root_end is not None and root_end <= view.end(task) and task.cancelled_by in (None, "asyncio.run")
        cancelled = task.outcome == "cancelled" and last and last[0].stop >= end
        left = task.outcome == "pending" and view.trace.simulated  # its end is that of the main task
        if cut_off and (cancelled or left):
            message = f"{task.label} was still at work when its parent {parent.label} ended, and was cut off."
        elif task.outcome == "pending" and after >= HELD:
            message = f"{task.label} went on when its parent {parent.label} had ended, and did not come to an end."
        elif ended and after >= HELD / 2 and parent.outcome == "raised" and waited in FOR_TASKS:
            message = f"{task.label} went on when its parent {parent.label} had failed."
        else:
            continue
        yield finding("outlived its parent", spot, message, after if ended else 0.0, [task.label])


def _swallowed(view: View) -> Iterator[Finding]:
    """A task was asked to be cancelled, nobody took that back, and it went on to wait for other things.

    Timeouts and task groups cancel too, but take it back: `cancelling` is how many requests are left.
    """
    for task in view.tasks:
        asked = task.asked
        if asked is not None and task.cancelling > 0 and task.outcome in ("returned", "pending"):
            waits = view.waits_of(task.index)
            told, later = [w for w in waits if w.start <= asked][-1:], {w.reason for w in waits if w.start > asked}
            if told and later and (task.outcome == "returned" or told[0].reason in later):
                by = f" by {some([task.asked_by])}" if task.asked_by in view.trace.tasks else ""
                message = f"{task.label} was asked to be cancelled{by}, but went on."
                cost = view.end(task) - asked
                yield finding("cancellation swallowed", view.spot(told[0].reason), message, cost, [task.label])
