"""Typical wrong answers to the exercises of lesson 00: name, the function's cell, and what the check must say."""

TEA = """\
async def tea():
    await asyncio.sleep(0.3)
    return "tea"

async def toast():
    await asyncio.sleep(0.5)
    return "toast"

async def breakfast():
"""

BEAT = """\
async def heartbeat():
    for beat in range(5):
        await asyncio.sleep(0.1)

async def work():
    async with asyncio.TaskGroup() as group:
        group.create_task(heartbeat(), name="heartbeat")
        saving = group.create_task(save(), name="save")
    return saving.result()

async def save():
"""

FETCH = "async def fetch_all(fetch, names):\n"

WRONG = {
    "00.1": [
        ("forgotten await", TEA + "    return [tea(), toast()]", "tea() is called, but never awaited"),
        (
            "forgotten await, result lost",
            TEA + "    tea()\n    return ['tea', await toast()]",
            "tea() is called, but never awaited",
        ),
        (
            "sequential tasks",
            TEA + "    return [await asyncio.create_task(tea()), await asyncio.create_task(toast())]",
            "it takes 0.8 s, and 0.5 s is enough",
        ),
        (
            "tasks nobody waits for",
            TEA + "    first = asyncio.create_task(tea())\n    second = asyncio.create_task(toast())\n"
            "    return [first, second]",
            "a Task is in what it returns",
        ),
        (
            "results made up",
            TEA + "    asyncio.create_task(tea())\n    asyncio.create_task(toast())\n    return ['tea', 'toast']",
            "it takes only 0 s",
        ),
        (
            "gather forgotten to be awaited",
            TEA + "    return asyncio.gather(tea(), toast())",
            "a GatheringFuture is in what it returns",
        ),
        (
            "only one awaited",
            TEA + "    first = asyncio.create_task(toast())\n    await tea()\n    return ['tea', 'toast']",
            "it takes only 0.3 s",
        ),
        (
            "blocking sleep",
            TEA + "    task = asyncio.create_task(tea())\n    time.sleep(0.5)\n    return [await task, 'toast']",
            "breakfast holds the loop for 0.5 s in line 11",
        ),
        ("no return", TEA + "    await asyncio.gather(tea(), toast())", "it returns nothing: is there a `return`?"),
        (
            "wrong order",
            TEA + "    second, first = await asyncio.gather(toast(), tea())\n    return [second, first]",
            "the right values, but in the wrong order",
        ),
        (
            "run inside a loop",
            TEA + "    return [asyncio.run(tea()), asyncio.run(toast())]",
            "A loop runs already: write `await` instead",
        ),
    ],
    "00.2": [
        (
            "forgotten await",
            BEAT + "    asyncio.sleep(0.6)\n    return 'saved'",
            "sleep() is called, but never awaited",
        ),
        ("left out", BEAT + "    return 'saved'", "it takes only 0.5 s"),
        (
            "called instead of handed over",
            BEAT + "    await asyncio.to_thread(time.sleep(0.6))\n    return 'saved'",
            "it raises TypeError",
        ),
        (
            "in slices that block",
            BEAT
            + "    for n in range(6):\n        time.sleep(0.1)\n        await asyncio.sleep(0)\n    return 'saved'",
            "save holds the loop for 0.1 s in line 13",
        ),
        (
            "a short block between two pauses",
            BEAT
            + "    await asyncio.sleep(0.28)\n    time.sleep(0.04)\n    await asyncio.sleep(0.28)\n    return 'saved'",
            "the heartbeat needs 0.52 s instead of 0.5 s",
        ),
        ("too long", BEAT + "    await asyncio.sleep(6)\n    return 'saved'", "it takes 6 s, and 0.6 s is enough"),
        (
            "short blocks between the beats",
            BEAT
            + "    for n in range(6):\n        time.sleep(0.05)\n        await asyncio.sleep(0.05)\n    return 'saved'",
            "the loop is held, for 0.05 s at a time: a short block is one too",
        ),
        (
            "a thread that asyncio did not start",
            "import threading\n\n" + BEAT + "    loop = asyncio.get_running_loop()\n    done = loop.create_future()\n\n"
            "    def write():\n        time.sleep(0.6)\n        loop.call_soon_threadsafe(done.set_result, 'saved')\n\n"
            "    threading.Thread(target=write, name='writer').start()\n    return await done",
            "it takes only 0.5 s: what writer does takes no time on this clock",
        ),
    ],
    "00.3": [
        (
            "in the order of completion",
            FETCH + "    return [await next for next in asyncio.as_completed([fetch(n) for n in names])]",
            "the right values, but in the wrong order",
        ),
        (
            "three and no more",
            FETCH + "    return list(await asyncio.gather(*[fetch(n) for n in names[:3]]))",
            "it returns 3 values where 12 are asked for",
        ),
        (
            "forgotten star",
            FETCH + "    return await asyncio.gather([fetch(name) for name in names])",
            "it raises TypeError",
        ),
        (
            "forgotten await",
            FETCH + "    return [fetch(name) for name in names]",
            "fetch() is called, but never awaited",
        ),
        (
            "tasks awaited at once",
            FETCH + "    return [await asyncio.create_task(fetch(name)) for name in names]",
            "the service got at most 1 request at once, and 3 could be",
        ),
        ("a tuple", FETCH + "    return tuple(await asyncio.gather(*map(fetch, names)))", "it returns a tuple"),
        (
            "cannot do without names",
            FETCH + "    tasks = [asyncio.create_task(fetch(name)) for name in names]\n    await asyncio.wait(tasks)\n"
            "    return [task.result() for task in tasks]",
            "it raises ValueError",
        ),
    ],
}
