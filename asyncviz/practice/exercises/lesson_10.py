"""Lesson 10, When async goes wrong: wait for the thing itself, ask outside the lock, and a whole program of faults."""

import asyncio

from asyncviz.findings import PREEMPTION
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    leaves_nothing_running,
    never_holds,
    returns,
    takes,
)


def nothing_found() -> Expectation:
    """The diagnosis of the run has no finding about the program."""

    def fault(run: Run) -> str:
        found = [finding for finding in run.trace.diagnose() if finding.kind != PREEMPTION]
        if not found:
            return ""
        line = f" (line {found[0].line})" if found[0].line is not None else ""
        return f"diagnose() finds: {found[0].kind}{line}: {found[0].message}"

    return Expectation("diagnose() says: nothing found", fault)


class Toaster:
    """Needs some seconds from `switch_on` on; then `done` is True, and the Event `popped` is set."""

    def __init__(self, seconds: float) -> None:
        self.popped, self.done = asyncio.Event(), False
        self._seconds = seconds

    def switch_on(self) -> None:
        asyncio.get_running_loop().call_later(self._seconds, self._pop)

    def _pop(self) -> None:
        self.done = True
        self.popped.set()


def wakes_once(seconds: float) -> Expectation:
    """Nobody wakes up before the toast is done."""

    def fault(run: Run) -> str:
        early = [stop for stop in run.trace.waits[2].tolist() if EXACT < stop < seconds - EXACT]
        return f"it wakes up at {run.say(min(early))}, and the toast is done at {seconds:g} s" if early else ""

    return Expectation("it wakes up once", fault)


def _toasted(seconds: float) -> Case:
    return Case(
        (
            returns("toast"),
            never_holds(),
            nothing_found(),
            takes(at_least=seconds, at_most=seconds),
            wakes_once(seconds),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Toaster(seconds),),
    )


POLLING = Exercise(
    id="10.1",
    title="Wait for the toast itself",
    statement="""\
`toast` switches the toaster on, looks a thousand times a second whether it is `done`, and then returns `"toast"`.
The toaster also has an Event, `toaster.popped`, which is set in the moment the toast is done. Change `toast`: it has
to end in that very moment, and wake up only once.""",
    function="toast",
    starter="""\
async def toast(toaster):
    toaster.switch_on()
    while not toaster.done:
        await asyncio.sleep(0.001)
    return "toast\"""",
    solution="""\
async def toast(toaster):
    toaster.switch_on()
    await toaster.popped.wait()
    return "toast\"""",
    cases=(_toasted(0.4005), _toasted(0.6503)),
    hints=(
        "Each look costs a turn of the loop. A longer nap costs fewer turns, but then the toast gets cold. Mistake 3 "
        "shows what to wait for.",
        "An Event has a coroutine method `wait()`: it pauses until the Event is set.",
        "Put `await toaster.popped.wait()` in place of the two lines of the loop.",
    ),
)


class Shop:
    """`ask_price` takes 0.3 s; reading and writing the total takes a turn of the loop each."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._total = 0

    async def ask_price(self, thing: str) -> int:
        await asyncio.sleep(0.3)
        return len(thing)

    async def read_total(self) -> int:
        await asyncio.sleep(0)
        return self._total

    async def write_total(self, total: int) -> None:
        await asyncio.sleep(0)
        self._total = total


def _sold(things: list[str]) -> Case:
    total = sum(map(len, things))

    def fault(run: Run) -> str:
        written = run.arguments[0]._total
        return "" if written == total else f"the total written in the shop is {written}, and {total} is right"

    return Case(
        (
            returns(total, "the total is right"),
            never_holds(),
            nothing_found(),
            takes(at_least=0.3, at_most=0.3),
            Expectation("the total is written", fault),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Shop(), list(things)),
    )


CONVOY = Exercise(
    id="10.2",
    title="Ask first, lock later",
    statement="""\
`sell_all` sells many things at once. For each of them `sell` asks for the price, which takes 0.3 s, and then adds it to
the total. The lock has a reason: between reading the total and writing it somebody else could write. But now everybody
queues. Change `sell` so that all is sold after 0.3 s, and the total is still right.""",
    function="sell_all",
    starter="""\
async def sell(shop, thing):
    async with shop.lock:
        price = await shop.ask_price(thing)
        total = await shop.read_total()
        await shop.write_total(total + price)

async def sell_all(shop, things):
    async with asyncio.TaskGroup() as group:
        for thing in things:
            group.create_task(sell(shop, thing), name=thing)
    return await shop.read_total()""",
    solution="""\
async def sell(shop, thing):
    price = await shop.ask_price(thing)
    async with shop.lock:
        total = await shop.read_total()
        await shop.write_total(total + price)

async def sell_all(shop, things):
    async with asyncio.TaskGroup() as group:
        for thing in things:
            group.create_task(sell(shop, thing), name=thing)
    return await shop.read_total()""",
    cases=(_sold(["tea", "toast", "egg", "honey", "jam"]), _sold(["tea", "toast"])),
    hints=(
        "Which of the three awaits is slow, and does that one need the lock?",
        "Reading and writing belong together: nobody may come between them. Asking for the price is another matter.",
        "Move the line with `ask_price` before the `async with shop.lock:`, and leave the other two inside.",
    ),
)


class Kitchen:
    """Warming a plate takes 0.1 s, cooking 0.3 s, washing up 0.2 s."""

    def __init__(self) -> None:
        self._warm: set[str] = set()
        self._cooked = 0
        self.washed: list[int] = []  # how many dishes were cooked, each time it began

    async def warm_plate(self, dish: str) -> None:
        await asyncio.sleep(0.1)
        self._warm.add(dish)

    async def cook(self, dish: str) -> str:
        await asyncio.sleep(0.3)
        self._cooked += 1
        return dish if dish in self._warm else f"{dish} on a cold plate"

    async def wash_up(self) -> None:
        self.washed.append(self._cooked)
        await asyncio.sleep(0.2)


def _whole() -> Case:
    def fault(run: Run) -> str:
        washed = run.arguments[0].washed
        if len(washed) != 1:
            return f"`wash_up` is called {len(washed)} times, and once is asked for, when all dishes are there"
        return "" if washed[0] == 3 else f"the washing up begins when {washed[0]} of 3 dishes are there"

    return Case(
        (
            returns(["tea", "toast", "egg"]),
            nothing_found(),
            never_holds(),
            takes(at_least=0.7, at_most=0.7),
            Expectation("the washing up is done once, at the end", fault),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Kitchen(),),
    )


WHOLE = Exercise(
    id="10.3",
    title="A whole program",
    statement="""\
`breakfast` shall prepare three dishes **at once**. For each dish `prepare` warms a plate (0.1 s), then slices bread
(0.1 s), then cooks (0.3 s). When all dishes are there, `breakfast` washes up (0.2 s) and returns the dishes: 0.7 s in
all. The program has four faults: let the diagnosis name them. Repair, and run both cells again, until nothing is
found; then run the check.""",
    function="breakfast",
    starter="""\
async def prepare(kitchen, dish):
    kitchen.warm_plate(dish)
    time.sleep(0.1)  # slice bread
    return await kitchen.cook(dish)

async def breakfast(kitchen):
    dishes = []
    for dish in ("tea", "toast", "egg"):
        task = asyncio.create_task(prepare(kitchen, dish), name=dish)
        dishes.append(await task)
    washing = asyncio.create_task(kitchen.wash_up(), name="wash up")
    return dishes""",
    solution="""\
async def prepare(kitchen, dish):
    await kitchen.warm_plate(dish)
    await asyncio.sleep(0.1)  # slice bread
    return await kitchen.cook(dish)

async def breakfast(kitchen):
    async with asyncio.TaskGroup() as group:
        dishes = ("tea", "toast", "egg")
        tasks = [group.create_task(prepare(kitchen, dish), name=dish) for dish in dishes]
    await kitchen.wash_up()
    return [task.result() for task in tasks]""",
    cases=(_whole(),),
    hints=(
        "Take the first finding, go to its line, and do what the arrow → says. Then run the cells again.",
        "`warm_plate` needs an `await`; slicing needs a sleep that pauses; and somebody has to wait until the washing "
        "up is done.",
        "For *awaits in sequence*: create all three tasks first, inside `async with asyncio.TaskGroup() as group:`, "
        "and take their results after the block.",
    ),
)

EXERCISES = (POLLING, CONVOY, WHOLE)
