"""Lesson 03, The event loop: be woken instead of asking, let the others run, a sleep of one's own."""

from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import EXACT, Expectation, Run, leaves_nothing_running, never_holds, returns, takes
from asyncviz.trace import RUNNING
from asyncviz.words import plural


def _few_steps(at_most: int) -> Expectation:
    """The loop hands out the thread no more often than needed."""

    def fault(run: Run) -> str:
        number = len(run.trace.steps.task)
        if number <= at_most:
            return ""
        often = plural(number, "time")
        return f"the loop hands out the thread {often}, and {at_most} are enough: somebody keeps asking"

    return Expectation("nobody keeps asking", fault)


def _works(name: str, seconds: float) -> Expectation:
    """A task, or others that it starts, does its work in this thread."""

    def fault(run: Run) -> str:
        if name not in run.trace.tasks:
            return f"there is no task called {name!r} any more"
        worked = sum(task.seconds(RUNNING) for task in run.trace.tasks.values())
        if worked >= seconds - EXACT:
            return ""
        return f"{name} has the thread for only {run.say(worked)}, and its work takes {seconds:g} s"

    return Expectation("all the work is done", fault)


def _own_sleep() -> Expectation:
    """No wait is one for asyncio.sleep."""

    def fault(run: Run) -> str:
        lent = any(reason.kind == "sleep" for reason in run.trace.reasons)
        return "it waits with asyncio.sleep, which is what you shall build" if lent else ""

    return Expectation("it waits without asyncio.sleep", fault)


def _one_sleep() -> Expectation:
    """Only the kettle waits for a time; whoever else does, asks or guesses."""

    def fault(run: Run) -> str:
        sleeps = sum(run.trace.reasons[number].kind == "sleep" for number in run.trace.waits[3])
        if sleeps <= 1:
            return ""
        return f"asyncio.sleep waits {sleeps} times, and once is enough, in the kettle: the rest shall wait for that"

    return Expectation("only the kettle waits for the time", fault)


def _no_thread() -> Expectation:
    """No other thread does the waiting."""

    def fault(run: Run) -> str:
        return "another thread sleeps for it; a timer of the loop needs none" if run.trace.work else ""

    return Expectation("no other thread is needed", fault)


def _boiling(seconds: float, *more: Expectation) -> Case:
    return Case(
        (
            returns("tea"),
            never_holds(),
            takes(at_least=seconds, at_most=seconds),
            _few_steps(at_most=8),
            *more,
            leaves_nothing_running(),
        ),
        arguments=lambda service: (seconds,),
    )


BE_WOKEN = Exercise(
    id="03.1",
    title="Be woken, do not ask",
    statement="""\
In `tea_time` the tea asks every millisecond whether the kettle has boiled. It shall be woken instead, once, by the
kettle. Time and result stay as they are.""",
    function="tea_time",
    starter="""\
async def boil(state, seconds):
    await asyncio.sleep(seconds)
    state["boiled"] = True

async def brew(state):
    while not state["boiled"]:
        await asyncio.sleep(0.001)
    return "tea"

async def tea_time(seconds):
    state = {"boiled": False}
    async with asyncio.TaskGroup() as group:
        group.create_task(boil(state, seconds), name="kettle")
        cup = group.create_task(brew(state), name="tea")
    return cup.result()""",
    solution="""\
async def boil(boiled, seconds):
    await asyncio.sleep(seconds)
    boiled.set()

async def brew(boiled):
    await boiled.wait()
    return "tea"

async def tea_time(seconds):
    boiled = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(boil(boiled, seconds), name="kettle")
        cup = group.create_task(brew(boiled), name="tea")
    return cup.result()""",
    cases=(_boiling(0.5), _boiling(0.3, _one_sleep())),
    hints=(
        "Each round of the `while` costs the loop a timer and a step, and nearly every answer is no.",
        "Let the kettle tell. asyncio has an object for this, which tasks can wait for and another task can set.",
        "Make `boiled = asyncio.Event()` in `tea_time` and hand it to both. The kettle calls `boiled.set()`, and the "
        "tea does `await boiled.wait()`.",
    ),
)

A_TURN = Exercise(
    id="03.2",
    title="Let the others run",
    statement="""\
In `cook` the task `peel` works on 20 carrots, 0.03 s each. `time.sleep` stands for work that has to be done here, in
this thread. Meanwhile the `heartbeat` stands still. Change `peel` so that the loop can look after others between two
carrots. Then all is done after 0.6 s. (What was wrong in section 7, with nothing to do in between, is right here.)""",
    function="cook",
    starter="""\
async def heartbeat():
    for beat in range(3):
        await asyncio.sleep(0.1)

async def peel():
    for carrot in range(20):
        time.sleep(0.03)  # the work on one carrot
    return "soup"

async def cook():
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat(), name="heartbeat")
        soup = group.create_task(peel(), name="peel")
    return soup.result()""",
    solution="""\
async def heartbeat():
    for beat in range(3):
        await asyncio.sleep(0.1)

async def peel():
    for carrot in range(20):
        time.sleep(0.03)  # the work on one carrot
        await asyncio.sleep(0)
    return "soup"

async def cook():
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat(), name="heartbeat")
        soup = group.create_task(peel(), name="peel")
    return soup.result()""",
    cases=(
        Case(
            (
                returns("soup"),
                _works("peel", 0.6),
                never_holds(),
                takes(at_least=0.6, at_most=0.6),
                leaves_nothing_running(),
            )
        ),
    ),
    hints=(
        "The loop can choose somebody else only when `peel` gives the thread back. Does it ever, before it is done?",
        "It need not wait for anything. It just has to go to the end of the queue now and then.",
        "`await asyncio.sleep(0)` gives the thread back and asks to go on as soon as it is its turn. Put it where one "
        "carrot is done.",
    ),
)


def _napping(seconds: float) -> Case:
    return Case(
        (
            returns("rested"),
            never_holds(),
            takes(at_least=seconds, at_most=seconds),
            _own_sleep(),
            _no_thread(),
            _few_steps(at_most=8),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (seconds,),
    )


def _naps(seconds: float, later: float) -> Case:
    """The same when the loop's clock does not say 0, as it does on the virtual clock only."""

    def fault(run: Run) -> str:
        slept = run.trace.makespan - later
        if abs(slept - seconds) <= EXACT:
            return ""
        return (
            f"called when loop.time() is {later:g}, it takes {run.say(slept)} instead of {seconds:g} s: "
            "`call_later` takes a delay, `call_at` a time"
        )

    right = Expectation("it does so whatever the loop's clock says", fault)
    return Case((returns("rested"), right), arguments=lambda service: (seconds,), later=later)


OWN_SLEEP = Exercise(
    id="03.3",
    title="A sleep of your own",
    statement="""\
`nap` is a home-made sleep that keeps asking for the time. Build a real one without `asyncio.sleep`, from what that is
made of: a future and a timer of the loop. `nap(0.4)` shall take 0.4 s and return `"rested"`.""",
    function="nap",
    starter="""\
async def nap(seconds):
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        await asyncio.sleep(0.001)
    return "rested\"""",
    solution="""\
async def nap(seconds):
    loop = asyncio.get_running_loop()
    rested = loop.create_future()
    loop.call_later(seconds, rested.set_result, "rested")
    return await rested""",
    cases=(_napping(0.4), _napping(1.5), _naps(0.4, later=1.0)),
    hints=(
        "Two things are needed: something to await, and somebody who ends that wait in time.",
        "`loop.create_future()` makes something to await. Its method `set_result` ends the wait. `loop.call_later` "
        "calls a function later: which one?",
        '`loop.call_later(seconds, future.set_result, "rested")`: the function and its argument, without calling it. '
        "Then await the future.",
    ),
)

EXERCISES = (BE_WOKEN, A_TURN, OWN_SLEEP)
