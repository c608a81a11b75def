"""Typical wrong answers to the exercises of lesson 03, and other right ones: name, code, what the check must say."""

KETTLE = """\
async def boil(boiled, seconds):
    await asyncio.sleep(seconds)
    boiled.set()

async def tea_time(seconds):
    boiled = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(boil(boiled, seconds), name="kettle")
        cup = group.create_task(brew(boiled), name="tea")
    return cup.result()

async def brew(boiled):
"""

KITCHEN = """\
async def heartbeat():
    for beat in range(3):
        await asyncio.sleep(0.1)

async def cook():
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat(), name="heartbeat")
        soup = group.create_task(peel(), name="peel")
    return soup.result()

async def peel():
    for carrot in range(20):
"""

NAP = """\
async def nap(seconds):
    loop = asyncio.get_running_loop()
    rested = loop.create_future()
"""

WRONG = {
    "03.1": [
        (
            "asks less often",
            KETTLE + "    while not boiled.is_set():\n        await asyncio.sleep(0.1)\n    return 'tea'",
            "the loop hands out the thread 10 times, and 8 are enough",
        ),
        (
            "waits as long as the kettle did the first time",
            KETTLE + "    await asyncio.sleep(0.5)\n    return 'tea'",
            "it takes 0.5 s, and 0.3 s is enough",
        ),
        ("forgotten await", KETTLE + "    boiled.wait()\n    return 'tea'", "wait() is called, but never awaited"),
        (
            "nobody sets it",
            KETTLE.replace("    boiled.set()\n", "") + "    await boiled.wait()\n    return 'tea'",
            "deadlock at 0.5 s of simulated time, nothing can go on",
        ),
        (
            "set too early",
            KETTLE.replace("    await asyncio.sleep(seconds)\n    boiled.set()\n", "    boiled.set()\n")
            + "    await boiled.wait()\n    return 'tea'",
            "it takes only 0 s",
        ),
        ("no return", KETTLE + "    await boiled.wait()", "it returns nothing: is there a `return`?"),
        (
            "asks the task, without a second one",
            "async def boil(seconds):\n    await asyncio.sleep(seconds)\n\nasync def tea_time(seconds):\n"
            "    kettle = asyncio.create_task(boil(seconds))\n    while not kettle.done():\n"
            "        await asyncio.sleep(0.1)\n    return 'tea'",
            "asyncio.sleep waits 4 times, and once is enough, in the kettle",
        ),
    ],
    "03.2": [
        (
            "only at the end",
            KITCHEN + "        time.sleep(0.03)\n    await asyncio.sleep(0)\n    return 'soup'",
            "peel holds the loop for 0.6 s in line 13",
        ),
        (
            "forgotten await",
            KITCHEN + "        time.sleep(0.03)\n        asyncio.sleep(0)\n    return 'soup'",
            "sleep() is called, but never awaited",
        ),
        (
            "the work is slept away",
            KITCHEN + "        await asyncio.sleep(0.03)\n    return 'soup'",
            "peel has the thread for only 0 s, and its work takes 0.6 s",
        ),
        (
            "too rarely",
            KITCHEN + "        time.sleep(0.03)\n        if carrot % 4 == 3:\n            await asyncio.sleep(0)\n"
            "    return 'soup'",
            "peel holds the loop for 0.12 s in line 13",
        ),
        (
            "a real pause after each",
            KITCHEN + "        time.sleep(0.03)\n        await asyncio.sleep(0.03)\n    return 'soup'",
            "it takes 1.2 s, and 0.6 s is enough",
        ),
    ],
    "03.3": [
        (
            "called instead of handed over",
            NAP + "    loop.call_later(seconds, rested.set_result('rested'))\n    return await rested",
            "it takes only 0 s",
        ),
        (
            "argument forgotten",
            NAP + "    loop.call_later(seconds, rested.set_result)\n    return await rested",
            "deadlock at 0.4 s of simulated time, nothing can go on",
        ),
        (
            "forgotten await",
            NAP + "    loop.call_later(seconds, rested.set_result, 'rested')\n    return rested",
            "a Future is in what it returns",
        ),
        (
            "at once",
            NAP + "    loop.call_soon(rested.set_result, 'rested')\n    return await rested",
            "it takes only 0 s",
        ),
        (
            "nobody ends the wait",
            NAP + "    return await rested",
            "deadlock at 0 s of simulated time, nothing can go on",
        ),
        (
            "the old one",
            "async def nap(seconds):\n    await asyncio.sleep(seconds)\n    return 'rested'",
            "it waits with asyncio.sleep, which is what you shall build",
        ),
        (
            "blocking",
            "async def nap(seconds):\n    time.sleep(seconds)\n    return 'rested'",
            "nap holds the loop for 0.4 s in line 2",
        ),
        (
            "a thread that sleeps",
            "async def nap(seconds):\n    await asyncio.to_thread(time.sleep, seconds)\n    return 'rested'",
            "another thread sleeps for it; a timer of the loop needs none",
        ),
        (
            "a delay taken for a time",
            NAP + "    loop.call_at(seconds, rested.set_result, 'rested')\n    return await rested",
            "called when loop.time() is 1, it takes 0 s instead of 0.4 s",
        ),
    ],
}

RIGHT = {
    "03.2": [
        (
            "a task for each carrot",
            KITCHEN.replace("async def peel", "async def one():\n    time.sleep(0.03)\n\nasync def peel")
            + "        await asyncio.create_task(one())\n    return 'soup'",
        ),
    ],
    "03.3": [
        (
            "in a task of its own",
            "async def nap(seconds):\n    loop = asyncio.get_running_loop()\n\n    async def rest():\n"
            "        rested = loop.create_future()\n        loop.call_later(seconds, rested.set_result, 'rested')\n"
            "        return await rested\n\n    return await asyncio.create_task(rest())",
        ),
    ],
}
