"""Lesson 07, Scalability: a bounded queue, refusing when all slots are taken, one slow client among many."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

from asyncviz.practice.exercise import Case, Exercise
from asyncviz.practice.expect import EXACT, Expectation, Run, leaves_nothing_running, returns, takes


class MemoryFull(Exception):
    """More messages are held than there is memory for."""


class TooLate(Exception):
    """A message comes when nobody wants it any more."""


class Overload(Exception):
    """More comes at once than somebody can bear."""


class Post:
    """`receive` and `send`, which count the messages received and not yet sent."""

    def __init__(self, receiving: float, sending: float, room: int) -> None:
        self._receiving, self._sending, self._room = receiving, sending, room
        self._held = self._number = self._under_way = 0
        self.sent: list[int] = []  # for each message, how many were sent at once

    async def receive(self) -> str:
        await asyncio.sleep(self._receiving)
        self._held, self._number = self._held + 1, self._number + 1
        if self._held > self._room:
            raise MemoryFull(f"{self._held} messages are held, and there is memory for {self._room}")
        return f"message {self._number}"

    async def send(self, message: str) -> str:
        self._under_way += 1
        self.sent.append(self._under_way)
        await asyncio.sleep(self._sending)
        self._held, self._under_way = self._held - 1, self._under_way - 1
        return f"{message} sent"


def _relayed(receiving: float, sending: float, number: int, together: float) -> Case:
    def arguments(service: Any) -> tuple[Any, ...]:
        post = Post(receiving, sending, 4)
        return post.receive, post.send, number

    def fault(run: Run) -> str:
        sent = run.arguments[1].__self__.sent
        if max(sent, default=0) > 1:
            seconds = run.say(run.trace.makespan)
            return f"it takes only {seconds}: {max(sent)} messages are sent at once, and they go one after another"
        return "" if len(sent) == number else f"send() was called {len(sent)} times for {number} messages"

    return Case(
        (
            returns([f"message {n} sent" for n in range(1, number + 1)], "all messages are sent, in order"),
            Expectation("they are sent one after another", fault),
            takes(at_least=together, at_most=together),
            leaves_nothing_running(),
        ),
        arguments=arguments,
    )


BOUNDED = Exercise(
    id="07.1",
    title="Memory for four",
    statement="""\
`relay` receives messages and sends them on, one after another. A message comes every 0.1 s, and sending takes 0.3 s.
The queue between has no limit, and memory is full soon: there is room for **four messages** that are received and not
yet sent, and those in the hands of the two tasks count. Change `relay` so that never more than four are held, and eight
messages still take no more than 2.5 s. It returns what `send` returned, in order.""",
    function="relay",
    starter="""\
async def relay(receive, send, number):
    queue, sent = asyncio.Queue(), []

    async def receiver():
        for _ in range(number):
            await queue.put(await receive())

    async def sender():
        for _ in range(number):
            sent.append(await send(await queue.get()))

    async with asyncio.TaskGroup() as group:
        group.create_task(receiver(), name="receiver")
        group.create_task(sender(), name="sender")
    return sent""",
    solution="""\
async def relay(receive, send, number):
    queue, sent = asyncio.Queue(maxsize=2), []

    async def receiver():
        for _ in range(number):
            await queue.put(await receive())

    async def sender():
        for _ in range(number):
            sent.append(await send(await queue.get()))

    async with asyncio.TaskGroup() as group:
        group.create_task(receiver(), name="receiver")
        group.create_task(sender(), name="sender")
    return sent""",
    cases=(_relayed(0.1, 0.3, 8, 2.5), _relayed(0.3, 0.1, 5, 1.6)),
    hints=(
        "Section 5 shows a queue with a limit. Who waits when it is full, and what does this one hold meanwhile?",
        "Of the four messages one is in the sender's hands, and one in the receiver's, who waits in `put`. How many "
        "may lie in the queue?",
        "`asyncio.Queue(maxsize=2)`: two in the queue and one in the hands of each task.",
    ),
)


class Strained:
    """Handles requests, each in 0.5 s, and bears `room` of them at once."""

    def __init__(self, room: int) -> None:
        self._room, self._working = room, 0
        self.too_many: list[str] = []

    async def handle(self, name: str) -> str:
        if self._working == self._room:
            self.too_many.append(name)
            raise Overload(f"{name} is request number {self._room + 1} at once, and {self._room} can be handled")
        self._working += 1
        try:
            await asyncio.sleep(0.5)
        finally:
            self._working -= 1
        return f"hello {name}"


def _arriving(arrivals: list[tuple[float, str]], refused: set[str], last: float) -> Case:
    answers = ["busy" if name in refused else f"hello {name}" for _, name in arrivals]

    def fault(run: Run) -> str:
        too_many = run.arguments[0].__self__.too_many
        return f"{too_many[0]} was handed to handle() while it had three: ask before you call it" if too_many else ""

    def at_once(run: Run) -> str:
        late = bool(refused) and run.trace.makespan > last + EXACT
        seconds = run.say(run.trace.makespan)
        return f'it takes {seconds}, and {last:g} s is enough: is "busy" said at once?' if late else ""

    return Case(
        (
            returns(answers, 'as many as possible are served, and the others are told "busy"'),
            Expectation("never more than three are handled at once", fault),
            Expectation('"busy" is said at once', at_once),
            takes(at_least=last, at_most=last),
            leaves_nothing_running(),
        ),
        arguments=lambda service: (Strained(3).handle, list(arrivals)),
    )


REFUSE = Exercise(
    id="07.2",
    title="Full is full",
    statement="""\
`serve` gets a list of arrivals, each with the second at which a request comes and the name of its client.
`handle(name)` takes 0.5 s over a request, and can bear **three at once**. Change `serve` so that a request is handled
if fewer than three are, and otherwise gets the answer `"busy"` *at once*, without waiting. Return the answers in the
order of the arrivals.""",
    function="serve",
    starter="""\
async def serve(handle, arrivals):
    async def request(second, name):
        await asyncio.sleep(second)  # it comes
        return await handle(name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(request(*arrival), name=arrival[1]) for arrival in arrivals]
    return [task.result() for task in tasks]""",
    solution="""\
async def serve(handle, arrivals):
    slots = asyncio.Semaphore(3)

    async def request(second, name):
        await asyncio.sleep(second)  # it comes
        if slots.locked():
            return "busy"
        async with slots:
            return await handle(name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(request(*arrival), name=arrival[1]) for arrival in arrivals]
    return [task.result() for task in tasks]""",
    cases=(
        _arriving(
            [(0.0, "Ada"), (0.1, "Bo"), (0.2, "Cy"), (0.3, "Di"), (0.45, "Eli"), (0.7, "Fay"), (0.8, "Gus")],
            {"Di", "Eli"},
            1.3,
        ),
        _arriving([(0.2, "Cy"), (0.0, "Ada"), (0.1, "Bo")], set(), 0.7),
        _arriving([(0.49, "Di"), (0.0, "Ada"), (0.0, "Bo"), (0.0, "Cy")], {"Di"}, 0.5),
    ),
    hints=(
        "A semaphore with three slots keeps the fourth out, but lets it wait. What tells whether a slot is free?",
        "`slots.locked()` is true when no slot is free. Ask after the request has come, and before you take a slot.",
        '`slots = asyncio.Semaphore(3)` at the top. After the sleep: `if slots.locked(): return "busy"`, and then '
        "`async with slots:` around `return await handle(name)`.",
    ),
)

Send = Callable[[int], Awaitable[None]]
OLD = 0.75  # seconds after which nobody wants a message any more: with two before it the slow client is quicker


class Client:
    """Takes a message in `seconds`, one after another, and none that is late."""

    def __init__(self, name: str, seconds: float, quick: bool) -> None:
        self.name, self._seconds, self._quick = name, seconds, quick
        self._receiving = False
        self.got: list[int] = []
        self.late: list[str] = []  # what was raised, also when it was caught

    async def send(self, message: int) -> None:
        if not isinstance(message, int):
            raise TypeError(f"{self.name} gets {message!r}, which is no message of `messages`")
        if self._receiving:
            raise Overload(f"{self.name} gets message {message} while it still takes the one before")
        late = asyncio.get_running_loop().time() - message / 10
        if late > OLD:
            said = "what waits for it has no limit, or one above two"
            raise self._too_late(f"{self.name} gets message {message} {late:.1f} s late: {said}")
        if self._quick and late > 0.05:
            raise self._too_late(f"{self.name} is quick, but gets message {message} {late:.1f} s late")
        self._receiving = True
        await asyncio.sleep(self._seconds)
        self._receiving = False
        self.got.append(message)

    def _too_late(self, text: str) -> TooLate:
        self.late.append(text)
        return TooLate(text)


def _hall(number: int, pace: dict[str, float], misses: set[str], end: float) -> Case:
    async def messages() -> AsyncIterator[int]:
        for n in range(1, number + 1):
            await asyncio.sleep(0.1)
            yield n

    def arguments(service: Any) -> tuple[AsyncIterator[int], list[Send]]:
        return messages(), [Client(name, seconds, name not in misses).send for name, seconds in pace.items()]

    def fault(run: Run) -> str:
        clients: list[Client] = [send.__self__ for send in run.arguments[1]]
        if late := [text for client in clients for text in client.late]:
            return late[0]
        for name, some in [(client.name, client.got) for client in clients]:
            if some != sorted(set(some)):
                return f"{name} gets messages twice, or in the wrong order"
            if name not in misses and len(some) < number:
                return f"{name} is quick, but gets {len(some)} of {number} messages"
            if name in misses and len(some) < number * 0.1 / pace[name]:
                return f"{name} gets {len(some)} of {number} messages, and could take more of them"
            if name in misses and 2 not in some:
                return f"{name} does not get message 2, which lay in its queue: drop the new one, not one that waits"
            for before, after in pairwise([*some, number + 1] if name in misses else []):
                if (after - before) * 0.1 > pace[name] + 0.1 + EXACT:
                    last = f"comes {after}" if after <= number else "comes nothing"
                    return f"{name} does not get what waited in its queue: after message {before} {last}"
        return ""

    return Case(
        (
            Expectation("all quick clients get all messages, and the slow one as many as it can take", fault),
            takes(at_least=number / 10, at_most=end),
            leaves_nothing_running(),
        ),
        arguments=arguments,
    )


SLOW_CLIENT = Exercise(
    id="07.3",
    title="One slow client",
    statement="""\
`broadcast` sends each message to all clients: `messages` gives one every 0.1 s, and each of the functions in `sends`
delivers a message to one client. Most need 0.02 s for it, but one needs 0.35 s, so everybody gets everything late.
Change `broadcast`: each client gets a task and a queue of its own, with **at most two** messages in it. If a client's
queue is full, the new message is **dropped** for this client. When there are no more messages, what lies in the
queues is still delivered, and then all tasks end.""",
    function="broadcast",
    starter="""\
async def broadcast(messages, sends):
    async for message in messages:
        for send in sends:
            await send(message)""",
    solution="""\
async def broadcast(messages, sends):
    queues = [asyncio.Queue(maxsize=2) for _ in sends]

    async def deliver(send, queue):
        while (message := await queue.get()) is not None:
            await send(message)

    async with asyncio.TaskGroup() as group:
        for n, send in enumerate(sends):
            group.create_task(deliver(send, queues[n]), name=f"client {n + 1}")
        async for message in messages:
            for queue in queues:
                if not queue.full():
                    queue.put_nowait(message)
        for queue in queues:
            await queue.put(None)""",
    cases=(
        _hall(20, {"client 1": 0.02, "client 2": 0.35, "client 3": 0.02}, {"client 2"}, 3.3),
        _hall(5, {"client 1": 0.02, "client 2": 0.03}, set(), 0.6),
    ),
    hints=(
        "Nobody may wait for the slow client, except a task of its own.",
        "Make a queue and a task for each client. The task takes messages out of its queue and sends them. `broadcast` "
        "itself never waits for a client: it puts a message into each queue that is not full.",
        "`if not queue.full(): queue.put_nowait(message)`. At the end `await queue.put(None)` into each queue: a task "
        "that gets `None` ends.",
    ),
)

EXERCISES = (BOUNDED, REFUSE, SLOW_CLIENT)
