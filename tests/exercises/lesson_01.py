"""Typical wrong answers to the exercises of lesson 01: name, the function's cell, and what the check must say."""

TABLE = """\
async def lay_table():
    await asyncio.sleep(0.2)

async def tea():
    await asyncio.sleep(0.3)
    return "tea"

async def egg():
    await asyncio.sleep(0.4)
    return "egg"

async def breakfast():
"""

WATER = """\
async def boil():
    await asyncio.sleep(0.3)
    return "water"

async def brew(water):
    await asyncio.sleep(0.3)
    return "tea from " + water

async def toast():
    await asyncio.sleep(0.5)
    return "toast"

async def breakfast():
"""

TURNS = "def take_turns(coroutines):\n"

WRONG = {
    "01.1": [
        (
            "only those with a result",
            TABLE + "    lay_table()\n    return [await tea(), await egg()]",
            "lay_table() is called, but never awaited",
        ),
        (
            "only the one without",
            TABLE + "    await lay_table()\n    cup = await tea()\n    food = egg()\n    return [cup, food]",
            "egg() is called, but never awaited",
        ),
        (
            "the function awaited, not its call",
            TABLE + "    await lay_table()\n    return [await tea(), await egg]",
            "it raises TypeError",
        ),
        (
            "the table as a task that nobody awaits",
            TABLE + "    asyncio.create_task(lay_table())\n    return [await tea(), await egg()]",
            "it takes only 0.7 s",
        ),
        (
            "all at once",
            TABLE + "    _, cup, food = await asyncio.gather(lay_table(), tea(), egg())\n    return [cup, food]",
            "it takes only 0.4 s",
        ),
        (
            "the table last",
            TABLE + "    food = [await tea(), await egg()]\n    await lay_table()\n    return food",
            "it waits for sleep 0.3, sleep 0.4 and sleep 0.2, in this order",
        ),
        (
            "a blocking sleep instead",
            TABLE + "    time.sleep(0.2)\n    return [await tea(), await egg()]",
            "breakfast holds the loop for 0.2 s in line 13",
        ),
        (
            "run inside a loop",
            TABLE + "    asyncio.run(lay_table())\n    return [await tea(), await egg()]",
            "A loop runs already: write `await` instead",
        ),
        ("left out", TABLE + "    return [await tea(), await egg()]", "it takes only 0.7 s"),
        (
            "the table first, then both at once",
            TABLE + "    await lay_table()\n    return await asyncio.gather(tea(), egg())",
            "it takes only 0.6 s, and 0.9 s is asked for: are the three done one after the other, and awaited?",
        ),
        (
            "sleeps as long as all three",
            TABLE + "    await asyncio.sleep(0.9)\n    return ['tea', 'egg']",
            "it does not wait for sleep 0.2, sleep 0.3, sleep 0.4: is `await` missing?",
        ),
    ],
    "01.2": [
        (
            "tasks awaited one by one",
            WATER + "    cup = await asyncio.create_task(brew(await boil()))\n"
            "    return [cup, await asyncio.create_task(toast())]",
            "it takes 1.1 s, and 0.6 s is enough",
        ),
        (
            "toast started too late",
            WATER + "    water = await boil()\n    toasting = asyncio.create_task(toast())\n"
            "    return [await brew(water), await toasting]",
            "it takes 0.8 s, and 0.6 s is enough",
        ),
        (
            "a coroutine object is no task",
            WATER + "    toasting = toast()\n    cup = await brew(await boil())\n    return [cup, await toasting]",
            "it takes 1.1 s, and 0.6 s is enough",
        ),
        (
            "the water handed over before it boils",
            WATER + "    toasting = asyncio.create_task(toast())\n    cup = await brew(boil())\n"
            "    return [cup, await toasting]",
            'it raises TypeError: can only concatenate str (not "coroutine") to str',
        ),
        (
            "the task handed over instead of the water",
            WATER + "    toasting = asyncio.create_task(toast())\n    water = asyncio.create_task(boil())\n"
            "    return [await brew(water), await toasting]",
            "it raises TypeError",
        ),
        (
            "the task in the list",
            WATER + "    toasting = asyncio.create_task(toast())\n    return [await brew(await boil()), toasting]",
            "a Task is in what it returns",
        ),
        (
            "nobody waits for the toast",
            WATER + "    asyncio.create_task(toast())\n    await brew('water')\n    return ['tea from water', 'toast']",
            "it takes only 0.3 s",
        ),
        (
            "wrong order",
            WATER + "    toasting = asyncio.create_task(toast())\n    cup = await brew(await boil())\n"
            "    return [await toasting, cup]",
            "the right values, but in the wrong order",
        ),
        (
            "brewed while the water boils",
            WATER + "    _, cup, food = await asyncio.gather(boil(), brew('water'), toast())\n    return [cup, food]",
            "it takes only 0.5 s, and 0.6 s is asked for: are boil and brew done one after the other, and awaited?",
        ),
    ],
    "01.3": [
        (
            "one send each",
            TURNS + "    return [coroutine.send(None) for coroutine in coroutines]",
            "only 3 of 6 turns are taken",
        ),
        (
            "no end expected",
            TURNS
            + "    for round in range(4):\n        for coroutine in coroutines:\n            coroutine.send(None)",
            "it raises",
        ),
        (
            "in the order of ending",
            TURNS + "    results, left = [], list(coroutines)\n    while left:\n        for coroutine in list(left):\n"
            "            try:\n                coroutine.send(None)\n            except StopIteration as end:\n"
            "                results.append(end.value)\n                left.remove(coroutine)\n    return results",
            "the right values, but in the wrong order",
        ),
        (
            "results forgotten",
            TURNS + "    left = list(coroutines)\n    while left:\n        for coroutine in list(left):\n"
            "            try:\n                coroutine.send(None)\n            except StopIteration:\n"
            "                left.remove(coroutine)",
            "it returns nothing: is there a `return`?",
        ),
        (
            "in turn, but backwards",
            TURNS + "    results, left = {}, list(coroutines)\n    while left:\n"
            "        for coroutine in reversed(list(left)):\n            try:\n                coroutine.send(None)\n"
            "            except StopIteration as end:\n                results[id(coroutine)] = end.value\n"
            "                left.remove(coroutine)\n    return [results[id(c)] for c in coroutines]",
            "the turns are egg, toast, tea",
        ),
        (
            "something sent before the first pause",
            TURNS + "    return [coroutine.send('go') for coroutine in coroutines]",
            "it raises TypeError: can't send non-None value to a just-started coroutine",
        ),
        (
            "awaited",
            "async def take_turns(coroutines):\n    return [await coroutine for coroutine in coroutines]",
            "it raises RuntimeError: Task got bad yield: 'my next turn'",
        ),
        (
            "left to a loop",
            "async def take_turns(coroutines):\n    return await asyncio.gather(*coroutines)",
            "it raises RuntimeError: Task got bad yield: 'my next turn'",
        ),
        (
            "drives what has ended",
            TURNS
            + "    results = []\n    while len(results) < len(coroutines):\n        for coroutine in coroutines:\n"
            "            try:\n                coroutine.send(None)\n            except StopIteration as end:\n"
            "                results.append(end.value)\n    return results",
            "it raises RuntimeError: cannot reuse already awaited coroutine",
        ),
        (
            "None taken for no result yet",
            TURNS + "    results = [None] * len(coroutines)\n    while None in results:\n"
            "        for n, coroutine in enumerate(coroutines):\n            if results[n] is None:\n"
            "                try:\n                    coroutine.send(None)\n"
            "                except StopIteration as end:\n                    results[n] = end.value\n"
            "    return results",
            "it raises RuntimeError: cannot reuse already awaited coroutine",
        ),
        (
            "four rounds and no more",
            TURNS + "    results = {}\n    for round in range(4):\n        for n, coroutine in enumerate(coroutines):\n"
            "            if n not in results:\n                try:\n                    coroutine.send(None)\n"
            "                except StopIteration as end:\n                    results[n] = end.value\n"
            "    return [results[n] for n in sorted(results)]",
            "only 4 of 12 turns are taken",
        ),
    ],
}
