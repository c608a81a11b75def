"""Lesson 08, Reduced overhead: tasks only for what overlaps, many reminders in one task, workers started once."""

from __future__ import annotations

import asyncio
import json

from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    brief,
    leaves_nothing_running,
    never_holds,
    returns,
    takes,
)
from asyncviz.words import plural


def _country(name: str) -> str:
    return str(json.loads(data_path("capitals", f"{name}.json").read_text(encoding="utf-8"))["country"])


def _no_more_tasks(most: int) -> Expectation:
    """Besides the task in which the check calls the reader's function."""

    def fault(run: Run) -> str:
        number = len(run.trace.tasks) - 1
        enough = f"{most} are enough" if most > 1 else "one is enough" if most else "it can do without"
        return f"it makes {plural(number, 'task')}, and {enough}" if number > most else ""

    return Expectation(f"no more than {plural(most, 'task')}" if most else "no task but its own", fault)


def _tidied(seconds: dict[str, float]) -> Case:
    async def fetch(name: str) -> str:
        await asyncio.sleep(seconds[name])
        return f"  {_country(name)} "

    async def tidy(text: str) -> str:
        return text.strip().upper()

    longest = max(seconds.values())
    return Case(
        (
            returns([_country(name).upper() for name in seconds], "all countries, tidied, in the order of the names"),
            takes(at_least=longest, at_most=longest),
            _no_more_tasks(len(seconds)),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (fetch, tidy, list(seconds)),
    )


ONLY_OVERLAPS = Exercise(
    id="08.1",
    title="Tasks only for what overlaps",
    statement="""\
`report` downloads countries, `await fetch(name)`, and tidies each up, `await tidy(text)`, which waits for nothing.
`report` makes **three** tasks for each name: one for the name, one for the download, one for the tidying. Change it
so that there is **one** task for each name and the downloads still overlap. Return the tidied countries in the order
of the names.""",
    function="report",
    starter="""\
async def report(fetch, tidy, names):
    async def one(name):
        text = await asyncio.create_task(fetch(name), name=f"fetch {name}")
        return await asyncio.create_task(tidy(text), name=f"tidy {name}")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    solution="""\
async def report(fetch, tidy, names):
    async def one(name):
        return await tidy(await fetch(name))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name), name=name) for name in names]
    return [task.result() for task in tasks]""",
    cases=(
        _tidied({"oslo": 0.3, "lima": 0.1, "bern": 0.2, "rome": 0.2}),
        _tidied({"cairo": 0.1, "tokyo": 0.4}),
    ),
    hints=(
        "A task is for what shall overlap. What overlaps with what here, and what only comes one after the other?",
        "Within one name the steps come one after the other, so `one` needs no tasks: a plain `await` is enough.",
        "Inside `one`: `text = await fetch(name)`, and then `return await tidy(text)`.",
    ),
)


class Bell:
    """Notes when it rings, and for what."""

    def __init__(self) -> None:
        self.rung: list[tuple[float, str]] = []

    def ring(self, name: str) -> None:
        self.rung.append((asyncio.get_running_loop().time(), name))  # the virtual clock begins at 0


def _reminded(reminders: list[tuple[float, str]]) -> Case:
    def fault(run: Run) -> str:
        rung = run.arguments[1].__self__.rung
        wanted: dict[object, float] = {name: second for second, name in reminders}
        for second, name in rung:
            if name not in wanted:
                return f"ring() is called with {brief(name)}, which is no name of a reminder"
            if abs(second - wanted[name]) > EXACT:
                return f"{name} rings after {run.say(second)}, and {run.say(wanted[name])} is asked for"
        if len(rung) != len(reminders):
            return f"{len(rung)} of {len(reminders)} reminders ring"
        return ""

    last = max(second for second, _ in reminders)
    return Case(
        (
            Expectation("each reminder rings at its time", fault),
            takes(at_least=last, at_most=last),
            _no_more_tasks(0),
            never_holds(),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (list(reminders), Bell().ring),
    )


MANY = [((n * 37 % 200) / 19 + 0.05, f"reminder {n + 1}") for n in range(200)]

REMINDERS = Exercise(
    id="08.2",
    title="Two hundred reminders, no task of their own",
    statement="""\
`remind` gets a list of reminders in any order, each a pair `(seconds, name)`: `ring(name)`, an ordinary function, must
be called so many seconds after the start. With a task for each that is simple, but they are many. Change it so that it
makes **no task at all** and still rings each at its time, and returns when the last has rung. The check tries four,
which the picture shows, and two hundred.""",
    function="remind",
    starter="""\
async def remind(reminders, ring):
    async def one(second, name):
        await asyncio.sleep(second)
        ring(name)

    async with asyncio.TaskGroup() as group:
        for second, name in reminders:
            group.create_task(one(second, name), name=name)""",
    solution="""\
async def remind(reminders, ring):
    passed = 0
    for second, name in sorted(reminders):
        await asyncio.sleep(second - passed)
        passed = second
        ring(name)""",
    cases=(
        _reminded([(0.5, "tea"), (0.2, "toast"), (0.9, "bus"), (0.5, "egg")]),
        _reminded(MANY),
    ),
    hints=(
        "Only one reminder can be the next one. How long is it until then?",
        "Sort the reminders. Then one loop is enough: sleep until the next one, ring, and go on.",
        "`for second, name in sorted(reminders):` and in it `await asyncio.sleep(second - passed)`, where `passed` is "
        "the second of the reminder before; then `ring(name)`.",
    ),
)


class TooMany(Exception):
    """More workers run than there is memory for."""


START, STOP, ROOM = 0.5, 0.1, 3


class Workshop:
    """Has room for three workers. Each job takes its seconds."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds, self.running = seconds, 0

    async def start_worker(self) -> Worker:
        self.running += 1
        if self.running > ROOM:
            raise TooMany(f"{self.running} workers run, and there is memory for {ROOM}")
        await asyncio.sleep(START)
        return Worker(self)


class Worker:
    """Does one job after another."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop, self._busy = workshop, False

    async def do(self, job: str) -> str:
        if self._busy:
            raise TooMany(f"{job} is given to a worker that has a job already")
        self._busy = True
        await asyncio.sleep(self._workshop.seconds[job])
        self._busy = False
        return f"{job} done"

    async def stop(self) -> None:
        await asyncio.sleep(STOP)
        self._workshop.running -= 1


def _workshop(seconds: dict[str, float], together: float) -> Case:
    def fault(run: Run) -> str:
        running = run.arguments[0].__self__.running
        return f"{plural(running, 'worker')} still running: is each of them stopped?" if running else ""

    return Case(
        (
            returns([f"{job} done" for job in seconds], "all results, in the order of the jobs"),
            takes(at_least=together, at_most=together),
            Expectation("all workers are stopped", fault),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Workshop(seconds).start_worker, list(seconds)),
    )


START_ONCE = Exercise(
    id="08.3",
    title="Start once, use often",
    statement="""\
A worker is expensive, as a process is: `worker = await start_worker()` takes 0.5 s, `await worker.stop()` 0.1 s, and
there is memory for **three**. A job, `await worker.do(job)`, takes 0.1 to 0.4 s, and a worker does one at a time.
`run_all` starts a worker for each job. Change it: three workers are started **once**, each takes the next job as soon
as it is free, and at the end all are stopped. The seven jobs in the picture then need 1.1 s. Return the results in the
order of the jobs. (Several tasks can share one iterator, `left = iter(jobs)`: `for job in left` gives each job to one
of them.)""",
    function="run_all",
    starter="""\
async def run_all(start_worker, jobs):
    slots = asyncio.Semaphore(3)

    async def one(job):
        async with slots:
            worker = await start_worker()
            result = await worker.do(job)
            await worker.stop()
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(job), name=job) for job in jobs]
    return [task.result() for task in tasks]""",
    solution="""\
async def run_all(start_worker, jobs):
    left, results = iter(jobs), {}

    async def work():
        worker = await start_worker()
        for job in left:
            results[job] = await worker.do(job)
        await worker.stop()

    async with asyncio.TaskGroup() as group:
        for n in range(3):
            group.create_task(work(), name=f"worker {n + 1}")
    return [results[job] for job in jobs]""",
    cases=(
        _workshop({"a": 0.4, "b": 0.1, "c": 0.2, "d": 0.1, "e": 0.2, "f": 0.2, "g": 0.1}, 1.1),
        _workshop({"h": 0.3, "i": 0.1, "j": 0.1, "k": 0.1}, 0.9),
    ),
    hints=(
        "Make a task for each worker, not for each job. How does it get its next job?",
        "Three tasks share one iterator of the jobs. Each starts a worker, takes jobs until none is left, and stops "
        "its worker.",
        "`left = iter(jobs)` and a dictionary `results` at the top. In the task: `for job in left:` and in it "
        "`results[job] = await worker.do(job)`.",
    ),
)

EXERCISES = (ONLY_OVERLAPS, REMINDERS, START_ONCE)
