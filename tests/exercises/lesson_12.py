"""Typical wrong answers to the exercises of lesson 12: name, the function's cell, and what the check must say."""

GO_ON = "async def go_on(fetch, store, names):\n"
GET = GO_ON + "    async def get(name):\n        store.add(name, await fetch(name))\n\n"
GROUP = "    async with asyncio.TaskGroup() as group:\n"
COLLECT = "async def collect(fetch, names):\n    records = {}\n"
WORK = (
    "async def collect(fetch, names):\n    records, todo = {}, iter(names)\n\n    async def work():\n"
    "        for name in todo:\n"
)
START = GROUP + "        for number in range(3):\n            group.create_task(work())\n    return records"
SAVE = "async def collect(fetch, save, names):\n    rows = []\n"
LOOP = SAVE + "    try:\n        for name in names:\n            rows.append(await fetch(name))\n"
FOURTH = "            if len(rows) == 4:\n                batch, rows = rows, []\n                await save(batch)\n"

WRONG = {
    "12.1": [
        (
            "one after another",
            GO_ON + "    for name in names:\n        if name not in store.names():\n"
            "            store.add(name, await fetch(name))\n    return store.names()",
            "it takes 0.6 s, and 0.2 s is enough",
        ),
        (
            "fetches all, stores what is missing",
            GO_ON + "    records = await asyncio.gather(*map(fetch, names))\n"
            "    for name, record in zip(names, records):\n        if name not in store.names():\n"
            "            store.add(name, record)\n    return store.names()",
            "the service got 5 requests, and 3 were enough",
        ),
        (
            "at the same time, but all of them",
            GET + GROUP + "        for name in names:\n            group.create_task(get(name))\n"
            "    return store.names()",
            "ValueError: lima is stored already",
        ),
        (
            "does not wait for the tasks",
            GET + "    tasks = [asyncio.create_task(get(n)) for n in names if n not in store.names()]\n"
            "    return store.names()",
            "it returns 2 values where 5 are asked for",
        ),
        (
            "stores coroutines",
            GO_ON + "    for name in names:\n        if name not in store.names():\n"
            "            store.add(name, fetch(name))\n    return store.names()",
            "TypeError: a record is a dict, and this is a coroutine",
        ),
    ],
    "12.2": [
        (
            "one try only",
            WORK + "            records[name] = await fetch(name)\n\n" + START,
            "it raises ConnectionError",
        ),
        (
            "what failed is left out",
            WORK + "            try:\n                records[name] = await fetch(name)\n"
            "            except ConnectionError:\n                await asyncio.sleep(0.1)\n\n" + START,
            "it returns {",
        ),
        (
            "all at once",
            COLLECT + "\n    async def get(name):\n        while name not in records:\n            try:\n"
            "                records[name] = await fetch(name)\n            except ConnectionError:\n"
            "                await asyncio.sleep(0.1)\n\n" + GROUP + "        for name in names:\n"
            "            group.create_task(get(name))\n    return records",
            "the service got 10 requests at once, and only 3 are allowed",
        ),
        (
            "one worker",
            COLLECT + "    for name in names:\n        while name not in records:\n            try:\n"
            "                records[name] = await fetch(name)\n            except ConnectionError:\n"
            "                await asyncio.sleep(0.1)\n    return records",
            "at most 1 request at once, and 3 could be",
        ),
        (
            "each worker does all of it",
            WORK.replace("iter(names)", "list(names)")
            + "            while name not in records:\n                try:\n"
            "                    records[name] = await fetch(name)\n                except ConnectionError:\n"
            "                    await asyncio.sleep(0.1)\n\n" + START,
            "and 15 were enough",
        ),
        (
            "a pause that blocks",
            WORK + "            while name not in records:\n                try:\n"
            "                    records[name] = await fetch(name)\n                except ConnectionError:\n"
            "                    time.sleep(0.1)\n\n" + START,
            "holds the loop",
        ),
    ],
    "12.3": [
        (
            "saves in between, and throws the rest away",
            SAVE + "    for name in names:\n        rows.append(await fetch(name))\n"
            "        if len(rows) == 4:\n            await save(rows)\n            rows = []\n    await save(rows)",
            "4 records are saved, and 6 had come: cairo is lost",
        ),
        (
            "the cancellation is swallowed",
            LOOP + FOURTH + "    except asyncio.CancelledError:\n        pass\n    if rows:\n        await save(rows)",
            "ended as if nothing had happened",
        ),
        (
            "saved once more at the end",
            SAVE + "    try:\n        for name in names:\n            rows.append(await fetch(name))\n"
            "            if len(rows) % 4 == 0:\n                await save(rows[-4:])\n"
            "    finally:\n        await save(rows)",
            "oslo is saved twice",
        ),
        (
            "saved by a task nobody waits for",
            LOOP + FOURTH + "    finally:\n        asyncio.create_task(save(rows))",
            "was asked to stop",
        ),
        (
            "all in one go at the end",
            SAVE + "    try:\n        for name in names:\n            rows.append(await fetch(name))\n"
            "    finally:\n        await save(rows)",
            "7 records are saved in one go, and 4 are allowed",
        ),
    ],
}
