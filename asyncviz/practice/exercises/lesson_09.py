"""Lesson 09, Simplified code: a total that loses nothing, callbacks turned into awaits, a lock for each account."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from asyncviz.practice.capitals import data_path
from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import (
    EXACT,
    Expectation,
    Run,
    in_flight,
    leaves_nothing_running,
    never_holds,
    overlaps,
    returns,
    takes,
)


def _record(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(data_path("capitals", f"{name}.json").read_text(encoding="utf-8"))
    return record


def _fetch(service: Any) -> Callable[[str], Awaitable[int]]:
    async def fetch(name: str) -> int:
        return int((await service.fetch(name))["population"])

    return fetch


FOUR = ("oslo", "lima", "bern", "rome")


def _sum_case(names: tuple[str, ...]) -> Case:
    expectations = [returns(sum(_record(name)["population"] for name in names), "nothing is lost from the sum")]
    if names:
        expectations += [never_holds(), in_flight(at_least=len(names)), takes(at_least=0.4, at_most=0.4)]
    return Case(
        (*expectations, leaves_nothing_running()),
        arguments=lambda service: (_fetch(service), list(names)),
        service={"latency": 0.4},
    )


LOST_TOTAL = Exercise(
    id="09.1",
    title="Nothing is lost",
    statement="""\
`inhabitants` adds up what `fetch`, an `async def` function, gives for each name, after 0.4 s. The sum is too small.
Repair it: the sum has to be right, and all answers still there after 0.4 s.""",
    function="inhabitants",
    starter="""\
async def inhabitants(fetch, names):
    total = 0

    async def add(name):
        nonlocal total
        total += await fetch(name)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(add(name), name=name)
    return total""",
    solution="""\
async def inhabitants(fetch, names):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name), name=name) for name in names]
    return sum(task.result() for task in tasks)""",
    cases=(_sum_case(FOUR), _sum_case(())),
    hints=(
        "When does `total += await fetch(name)` read `total`, and when does it write it?",
        "Between reading and writing there must be no `await`. Take the answer first, then add.",
        "`value = await fetch(name)` on one line, `total += value` on the next. Or share nothing: let each task "
        "return its number, and add up after the block.",
    ),
)

SECONDS = {"oslo": 0.55, "lima": 0.15, "bern": 0.35, "rome": 0.2137}  # rome: nobody who looks each 0.01 s meets it


def _query(name: str, done: Callable[[str], object]) -> None:
    """A library with callbacks: `done(country)` is called later, by the loop."""
    asyncio.get_running_loop().call_later(SECONDS[name], done, _record(name)["country"])


def _callback_case(names: list[str], seconds: float, other: str = "") -> Case:
    def fault(run: Run) -> str:
        if not other or run.trace.makespan <= seconds + EXACT:
            return ""
        took = run.say(run.trace.makespan)
        return f"with {other} it takes {took}, and all is there after {seconds:g} s: wait for answers, not for a time"

    expectations = [
        returns([_record(name)["country"] for name in names], "all answers, in the order of the names"),
        Expectation("it waits for the answers themselves", fault),
    ]
    return Case(
        (*expectations, never_holds(), takes(at_least=seconds, at_most=seconds), leaves_nothing_running()),
        arguments=lambda service: (_query, names),
    )


OUT_OF_CALLBACKS = Exercise(
    id="09.2",
    title="Out of the callbacks",
    statement="""\
`query(name, done)` belongs to an old library. It returns at once; later, and once for each name, it calls
`done(country)` in the thread of the event loop. `countries` asks for all names and returns too early. Make it wait,
without looking again and again: it has to return the countries in the order of the names as soon as the slowest answer
is there, after 0.55 s.""",
    function="countries",
    starter="""\
async def countries(query, names):
    answers = []
    for name in names:
        query(name, answers.append)
    await asyncio.sleep(0.2)
    return answers""",
    solution="""\
async def countries(query, names):
    loop = asyncio.get_running_loop()
    futures = []
    for name in names:
        future = loop.create_future()
        query(name, future.set_result)
        futures.append(future)
    return [await future for future in futures]""",
    cases=(_callback_case(["oslo", "lima", "bern"], 0.55), _callback_case(["lima", "rome"], 0.2137, "lima and rome")),
    hints=(
        "Somebody must wait until `done` has been called. Which object is made for being filled by one and awaited "
        "by another?",
        "A Future: `future = asyncio.get_running_loop().create_future()`. Its `set_result` can be the callback.",
        "One future for each name: `query(name, future.set_result)` for all of them first, and then "
        "`[await future for future in futures]`.",
    ),
)


class Bank:
    """Accounts behind a slow connection: reading takes 0.1 s, and writing takes 0.1 s."""

    def __init__(self) -> None:
        self._balances = {"anna": 100, "ben": 100, "cleo": 100}

    async def read(self, account: str) -> int:
        balance = self._balances[account]
        await asyncio.sleep(0.1)  # the answer is on its way, and may be out of date when it comes
        return balance

    async def write(self, account: str, balance: int) -> None:
        await asyncio.sleep(0.1)
        self._balances[account] = balance


ORDERS = [("anna", 60), ("anna", 60), ("ben", 60), ("ben", 50), ("cleo", 10), ("anna", 30)]
ALONE = [("cleo", 70), ("cleo", 70)]


def _bank_case(orders: list[tuple[str, int]], paid: list[bool], seconds: float, waits: int) -> Case:
    return Case(
        (
            returns(paid, "nobody spends more than there is"),
            never_holds(),
            takes(at_least=seconds, at_most=seconds),
            *([overlaps(at_least=waits)] if waits > 1 else []),  # one account needs one task only
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Bank(), list(orders)),
    )


A_LOCK_EACH = Exercise(
    id="09.3",
    title="A lock for each account",
    statement="""\
`pay` takes money from accounts with 100 in each. `bank.read` and `bank.write` take 0.1 s each, so a task has to wait in
the middle, and others pay with money that is gone. Repair it: two payments from *one* account must never be under way
together. Those from different accounts may, so that these orders are done after 0.5 s: anna 60, anna 60, ben 60,
ben 50, cleo 10, anna 30. Return for each order, in their order, `True` if it was paid and `False` if not. (An
`asyncio.Lock` lets waiting tasks in in the order in which they came.)""",
    function="pay",
    starter="""\
async def pay(bank, orders):
    async def withdraw(account, amount):
        balance = await bank.read(account)
        if balance < amount:
            return False
        await bank.write(account, balance - amount)
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(withdraw(*order), name=order[0]) for order in orders]
    return [task.result() for task in tasks]""",
    solution="""\
async def pay(bank, orders):
    locks = {account: asyncio.Lock() for account, _ in orders}

    async def withdraw(account, amount):
        async with locks[account]:
            balance = await bank.read(account)
            if balance < amount:
                return False
            await bank.write(account, balance - amount)
            return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(withdraw(*order), name=order[0]) for order in orders]
    return [task.result() for task in tasks]""",
    cases=(
        _bank_case(ORDERS, [True, False, True, False, True, True], 0.5, 3),
        _bank_case(ALONE, [True, False], 0.3, 1),
    ),
    hints=(
        "Between reading and writing others run. Here that cannot be helped: both need an `await`. What keeps the "
        "others out meanwhile?",
        "An `asyncio.Lock` around reading, deciding and writing: `async with lock:`. All who want in must use the same "
        "lock object.",
        "One lock for everybody makes all wait for all. Make a dictionary with a lock for each account before the "
        "tasks start, and write `async with locks[account]:`.",
    ),
)

EXERCISES = (LOST_TOTAL, OUT_OF_CALLBACKS, A_LOCK_EACH)
