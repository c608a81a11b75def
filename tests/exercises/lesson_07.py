"""Typical wrong answers to the exercises of lesson 07: name, the function's cell, and what the check must say."""

RELAY = (
    "async def relay(receive, send, number):\n    queue, sent = asyncio.Queue({size}), []\n\n"
    "    async def receiver():\n        for _ in range(number):\n            {put}\n\n"
    "    async def sender():\n        for _ in range(number):\n            sent.append(await send(await queue.get()))\n"
    "\n    async with asyncio.TaskGroup() as group:\n        group.create_task(receiver(), name='receiver')\n"
    "        group.create_task(sender(), name='sender')\n    return sent"
)
PUT = "await queue.put(await receive())"
SERVE = "async def serve(handle, arrivals):\n"
GROUP = (
    "\n    async with asyncio.TaskGroup() as group:\n"
    "        tasks = [group.create_task(request(*arrival), name=arrival[1]) for arrival in arrivals]\n"
    "    return [task.result() for task in tasks]"
)
HALL = (
    "async def broadcast(messages, sends):\n    queues = [asyncio.Queue({size}) for _ in sends]\n\n"
    "    async def deliver(send, queue):\n        while (message := await queue.get()) is not None:\n"
    "            await send(message)\n\n    async with asyncio.TaskGroup() as group:\n"
    "        for n, send in enumerate(sends):\n"
    "            group.create_task(deliver(send, queues[n]), name=f'client {{n + 1}}')\n"
    "        async for message in messages:\n            for queue in queues:\n                {put}\n{end}"
)
END = "        for queue in queues:\n            await queue.put(None)"

WRONG = {
    "07.1": [
        ("a queue of four", RELAY.format(size=4, put=PUT), "it raises MemoryFull: 5 messages are held"),
        ("a queue of three", RELAY.format(size=3, put=PUT), "it raises MemoryFull: 5 messages are held"),
        (
            "no queue at all",
            "async def relay(receive, send, number):\n    return [await send(await receive()) for _ in range(number)]",
            "it takes 3.2 s, and 2.5 s is enough",
        ),
        (
            "without waiting for room",
            RELAY.format(size=2, put="queue.put_nowait(await receive())"),
            "it raises QueueFull",
        ),
        (
            "all sent at once",
            "async def relay(receive, send, number):\n"
            "    tasks = [asyncio.create_task(send(await receive())) for _ in range(number)]\n"
            "    return list(await asyncio.gather(*tasks))",
            "it takes only 1.1 s",
        ),
        (
            "received too slowly",
            RELAY.format(size=2, put="await queue.put(await receive())\n            await asyncio.sleep(0.3)"),
            "it takes 3.2 s, and 2.5 s is enough",
        ),
        (
            "a task for each, four at once",
            "async def relay(receive, send, number):\n    room, tasks = asyncio.Semaphore(4), []\n\n"
            "    async def one(message):\n        try:\n            return await send(message)\n"
            "        finally:\n            room.release()\n\n"
            "    for _ in range(number):\n        await room.acquire()\n"
            "        tasks.append(asyncio.create_task(one(await receive())))\n    return await asyncio.gather(*tasks)",
            "it takes only 1.1 s: 3 messages are sent at once, and they go one after another",
        ),
        (
            "two senders",
            "async def relay(receive, send, number):\n    queue, sent = asyncio.Queue(1), []\n\n"
            "    async def receiver():\n        for _ in range(number):\n"
            "            await queue.put(await receive())\n        for _ in range(2):\n"
            "            await queue.put(None)\n\n"
            "    async def sender():\n        while (message := await queue.get()) is not None:\n"
            "            sent.append(await send(message))\n\n"
            "    await asyncio.gather(receiver(), sender(), sender())\n    return sent",
            "it takes only 1.4 s: 2 messages are sent at once, and they go one after another",
        ),
    ],
    "07.2": [
        (
            "they wait for a slot",
            SERVE + "    slots = asyncio.Semaphore(3)\n\n    async def request(second, name):\n"
            "        await asyncio.sleep(second)\n        async with slots:\n            return await handle(name)\n"
            + GROUP,
            "it returns",
        ),
        (
            "asked before it comes",
            SERVE + "    slots = asyncio.Semaphore(3)\n\n    async def request(second, name):\n"
            "        if slots.locked():\n            return 'busy'\n        await asyncio.sleep(second)\n"
            "        async with slots:\n            return await handle(name)\n" + GROUP,
            "it returns",
        ),
        (
            "slots that never come back",
            SERVE + "    slots = asyncio.Semaphore(3)\n\n    async def request(second, name):\n"
            "        await asyncio.sleep(second)\n        if slots.locked():\n            return 'busy'\n"
            "        await slots.acquire()\n        return await handle(name)\n" + GROUP,
            "it returns",
        ),
        (
            "a semaphore for each",
            SERVE + "    async def request(second, name):\n        slots = asyncio.Semaphore(3)\n"
            "        await asyncio.sleep(second)\n        if slots.locked():\n            return 'busy'\n"
            "        async with slots:\n            return await handle(name)\n" + GROUP,
            "it raises Overload",
        ),
        (
            "a time limit in the queue",
            SERVE + "    slots = asyncio.Semaphore(3)\n\n    async def request(second, name):\n"
            "        await asyncio.sleep(second)\n        try:\n"
            "            await asyncio.wait_for(slots.acquire(), 0.1)\n        except TimeoutError:\n"
            "            return 'busy'\n        try:\n            return await handle(name)\n"
            "        finally:\n            slots.release()\n" + GROUP,
            "it returns",
        ),
        (
            "Overload is caught",
            SERVE + "    async def request(second, name):\n        await asyncio.sleep(second)\n        try:\n"
            "            return await handle(name)\n        except Exception:\n            return 'busy'\n" + GROUP,
            "Di was handed to handle() while it had three: ask before you call it",
        ),
        (
            "Overload is found among the results",
            SERVE + "    async def request(second, name):\n        await asyncio.sleep(second)\n"
            "        return await handle(name)\n\n"
            "    requests = [request(*arrival) for arrival in arrivals]\n"
            "    answers = await asyncio.gather(*requests, return_exceptions=True)\n"
            "    return ['busy' if isinstance(answer, Exception) else answer for answer in answers]",
            "Di was handed to handle() while it had three: ask before you call it",
        ),
        (
            "busy, but late",
            SERVE + "    slots = asyncio.Semaphore(3)\n\n    async def request(second, name):\n"
            "        await asyncio.sleep(second)\n        if slots.locked():\n"
            "            await asyncio.sleep(0.5)\n            return 'busy'\n"
            "        async with slots:\n            return await handle(name)\n" + GROUP,
            'it takes 0.99 s, and 0.5 s is enough: is "busy" said at once?',
        ),
        (
            "a number that never goes down",
            SERVE + "    working = 0\n\n    async def request(second, name):\n        nonlocal working\n"
            "        await asyncio.sleep(second)\n        if working >= 3:\n            return 'busy'\n"
            "        working += 1\n        return await handle(name)\n" + GROUP,
            "it returns 'busy' as value number 6, where 'hello Fay' is asked for",
        ),
    ],
    "07.3": [
        (
            "all at once, and the slowest sets the pace",
            "async def broadcast(messages, sends):\n    async for message in messages:\n"
            "        await asyncio.gather(*[send(message) for send in sends])",
            "client 1 is quick, but gets message 2",
        ),
        (
            "queues without a limit",
            HALL.format(size="", put="queue.put_nowait(message)", end=END),
            "what waits for it has no limit",
        ),
        (
            "waiting for room",
            HALL.format(size=2, put="await queue.put(message)", end=END),
            "client 1 is quick, but gets message",
        ),
        (
            "never told that it is over",
            HALL.format(size=2, put="if not queue.full():\n                    queue.put_nowait(message)", end=""),
            "Queue",
        ),
        (
            "a task for each message",
            "async def broadcast(messages, sends):\n    async with asyncio.TaskGroup() as group:\n"
            "        async for message in messages:\n            for send in sends:\n"
            "                group.create_task(send(message))",
            "client 2 gets message 2 while",
        ),
        (
            "the slow one gets nothing more",
            "async def broadcast(messages, sends):\n    busy = set()\n\n    async def deliver(send, message):\n"
            "        busy.add(send)\n        await send(message)\n\n    async with asyncio.TaskGroup() as group:\n"
            "        async for message in messages:\n            for send in sends:\n"
            "                if send not in busy:\n"
            "                    group.create_task(deliver(send, message))",
            "is quick, but gets 1 of 20 messages",
        ),
        (
            "the oldest is thrown out",
            HALL.format(
                size=2,
                put="if queue.full():\n                    queue.get_nowait()\n"
                "                queue.put_nowait(message)",
                end=END,
            ),
            "client 2 does not get message 2, which lay in its queue: drop the new one",
        ),
        (
            "what waits is thrown out for the end",
            HALL.format(
                size=2,
                put="if not queue.full():\n                    queue.put_nowait(message)",
                end="        for queue in queues:\n            if queue.full():\n                queue.get_nowait()\n"
                "            queue.put_nowait(None)",
            ),
            "client 2 does not get what waited in its queue: after message 12 comes 19",
        ),
        (
            "no limit, and errors are caught",
            HALL.format(size="", put="queue.put_nowait(message)", end=END).replace(
                "            await send(message)\n",
                "            try:\n                await send(message)\n            except Exception:\n"
                "                pass\n",
            ),
            "client 2 gets message 5 1.0 s late: what waits for it has no limit, or one above two",
        ),
        (
            "queues of three",
            HALL.format(size=3, put="if not queue.full():\n                    queue.put_nowait(message)", end=END),
            "client 2 gets message 5 1.0 s late: what waits for it has no limit, or one above two",
        ),
        (
            "the end is sent too",
            HALL.format(
                size=2, put="if not queue.full():\n                    queue.put_nowait(message)", end=END
            ).replace(
                "while (message := await queue.get()) is not None:\n            await send(message)",
                "message = 0\n        while message is not None:\n            message = await queue.get()\n"
                "            await send(message)",
            ),
            "client 1 gets None, which is no message of `messages`",
        ),
    ],
}
