"""Typical wrong answers to the exercises of lesson 05: name, the function's cell, and what the check must say."""

ALL = "async def fetch_all(fetch, names):\n"
GROUP = (
    "\n    async with asyncio.TaskGroup() as group:\n"
    "        tasks = [group.create_task(fetch_one(name), name=name) for name in names]\n"
    "    return [task.result() for task in tasks]"
)
REPORT = "async def report(fetch, compute, names):\n"

WRONG = {
    "05.1": [
        (
            "one after another",
            ALL + "    return [await fetch(name) for name in names]",
            "it takes 2 s, and 0.8 s is enough",
        ),
        (
            "a semaphore for each",
            ALL + "    async def fetch_one(name):\n        async with asyncio.Semaphore(3):\n"
            "            return await fetch(name)\n" + GROUP,
            "it raises Refused: 429 Too Many Requests",
        ),
        (
            "in batches of three",
            ALL + "    found = []\n    for start in range(0, len(names), 3):\n"
            "        found += await asyncio.gather(*map(fetch, names[start : start + 3]))\n    return found",
            "it takes 1 s, and 0.8 s is enough",
        ),
        (
            "a slot too many",
            ALL + "    slots = asyncio.Semaphore(4)\n\n    async def fetch_one(name):\n        async with slots:\n"
            "            return await fetch(name)\n" + GROUP,
            "it raises Refused",
        ),
        (
            "slots that never come back",
            ALL + "    slots = asyncio.Semaphore(3)\n\n    async def fetch_one(name):\n        await slots.acquire()\n"
            "        return await fetch(name)\n" + GROUP,
            "rome waits for Semaphore",
        ),
        (
            "an ordinary with",
            ALL + "    slots = asyncio.Semaphore(3)\n\n    async def fetch_one(name):\n        with slots:\n"
            "            return await fetch(name)\n" + GROUP,
            "it raises TypeError",
        ),
        (
            "once more until it works",
            ALL + "    async def fetch_one(name):\n        while True:\n            try:\n"
            "                return await fetch(name)\n            except Exception:\n"
            "                await asyncio.sleep(0.1)\n" + GROUP,
            "the service refused 4 requests: wait before you ask",
        ),
    ],
    "05.2": [
        (
            "all at once",
            ALL + "    return list(await asyncio.gather(*map(fetch, names)))",
            "it raises Refused: 429 Too Many Requests",
        ),
        (
            "one after another",
            ALL + "    return [await fetch(name) for name in names]",
            "it raises Refused: 429 Too Many Requests",
        ),
        (
            "the last ones wait in vain",
            ALL + "    slots = asyncio.Semaphore(4)\n\n    async def fetch_one(name):\n        async with slots:\n"
            "            found = await fetch(name)\n            await asyncio.sleep(1)\n        return found\n" + GROUP,
            "it takes 3.3 s, and 2.3 s is enough",
        ),
        (
            "a pause after each",
            ALL + "    found = []\n    for name in names:\n        found.append(await fetch(name))\n"
            "        await asyncio.sleep(0.25)\n    return found",
            "it takes 3.5 s, and 2.3 s is enough",
        ),
        (
            "once more until it works",
            ALL + "    async def fetch_one(name):\n        while True:\n            try:\n"
            "                return await fetch(name)\n            except Exception:\n"
            "                await asyncio.sleep(0.25)\n" + GROUP,
            "it takes 4.1 s, and 2.3 s is enough",
        ),
        (
            "slots that come back too early",
            ALL + "    slots = asyncio.Semaphore(4)\n\n    async def fetch_one(name):\n        await slots.acquire()\n"
            "        asyncio.get_running_loop().call_later(0.5, slots.release)\n        return await fetch(name)\n"
            + GROUP,
            "it raises Refused",
        ),
        (
            "pauses that hold the loop",
            ALL + "    found = []\n    for start in range(0, len(names), 4):\n"
            "        if start:\n            time.sleep(1)\n"
            "        found += await asyncio.gather(*map(fetch, names[start : start + 4]))\n    return found",
            "fetch_all holds the loop for 1 s",
        ),
        (
            "refusals instead of countries",
            ALL + "    return await asyncio.gather(*map(fetch, names), return_exceptions=True)",
            "as value number 5, where 'Egypt' is asked for",
        ),
    ],
    "05.3": [
        (
            "one after another",
            REPORT + "    return [compute(await fetch(name)) for name in names]",
            "it takes 1.8 s, and 0.8 s is enough",
        ),
        (
            "each waits for the one before it",
            REPORT + "    tasks = [asyncio.create_task(fetch(name)) for name in names]\n"
            "    return [compute(await task) for task in tasks]",
            "it takes 1.2 s, and 0.8 s is enough",
        ),
        (
            "in the order of the answers",
            REPORT + "    tasks = [asyncio.create_task(fetch(name)) for name in names]\n"
            "    return [compute(await done) for done in asyncio.as_completed(tasks)]",
            "the right values, but in the wrong order",
        ),
        (
            "computing in threads, but only at the end",
            REPORT + "    records = await asyncio.gather(*map(fetch, names))\n"
            "    return [await asyncio.to_thread(compute, record) for record in records]",
            "it takes 1.2 s, and 0.8 s is enough",
        ),
        (
            "compute is no coroutine function",
            REPORT + "    async def one(name):\n        return await compute(await fetch(name))\n\n"
            "    return list(await asyncio.gather(*map(one, names)))",
            "it raises TypeError",
        ),
        (
            "forgotten await",
            REPORT + "    async def one(name):\n        return compute(fetch(name))\n\n"
            "    return list(await asyncio.gather(*map(one, names)))",
            "fetch() is called, but never awaited",
        ),
        (
            "computing in threads, each at its time",
            REPORT + "    async def one(name):\n        return await asyncio.to_thread(compute, await fetch(name))\n\n"
            "    return await asyncio.gather(*map(one, names))",
            "compute() is called in another thread, and here one thread is enough",
        ),
    ],
}
