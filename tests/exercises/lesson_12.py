"""Exercises of lesson 12: typical wrong answers (name, the cell, what the check must say), and other right ones."""

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
MISSING = GO_ON + "    missing = [name for name in names if name not in store.names()]\n"
RETRY = (
    "            while name not in records:\n                try:\n"
    "                    records[name] = await fetch(name)\n                except ConnectionError:\n"
    "                    await asyncio.sleep(0.1)\n"
)
REST = "    finally:\n        if rows:\n            await save(rows)"

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
        (
            "records under the wrong names",
            MISSING + "    for name, record in zip(sorted(missing), await asyncio.gather(*map(fetch, missing))):\n"
            "        store.add(name, record)\n    return store.names()",
            "ValueError: this is not the record of ",
        ),
        (
            "stores nothing",
            MISSING + "    await asyncio.gather(*map(fetch, missing))\n    return sorted(names)",
            "oslo is not in the store",
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
            ", and oslo, lima, quito and accra are missing",
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
        (
            "no pause",
            WORK + RETRY.replace("await asyncio.sleep(0.1)", "pass") + "\n" + START,
            "failed and was tried again after 0 s, and 0.1 s is asked for",
        ),
        (
            "other names first",
            WORK.replace("iter(names)", "list(names)").replace("for name in todo", "while todo")
            + "            name = todo.pop(0)\n            try:\n"
            "                records[name] = await fetch(name)\n            except ConnectionError:\n"
            "                await asyncio.sleep(0.1)\n                todo.append(name)\n\n" + START,
            "failed and was tried again after",
        ),
        (
            "a second try, and no third",
            WORK + "            try:\n                records[name] = await fetch(name)\n"
            "            except ConnectionError:\n                await asyncio.sleep(0.1)\n"
            "                records[name] = await fetch(name)\n\n" + START,
            "it raises ConnectionError: the service failed",
        ),
        (
            "fixed shares",
            WORK.replace("work():", "work(todo):") + RETRY + "\n"
            "    await asyncio.gather(work(names[:4]), work(names[4:7]), work(names[7:]))\n    return records",
            ", and a worker is free since ",
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
            "save was started when collect was asked to stop, and nobody awaits it",
        ),
        (
            "all in one go at the end",
            SAVE + "    try:\n        for name in names:\n            rows.append(await fetch(name))\n"
            "    finally:\n        await save(rows)",
            "7 records are saved in one go, and 4 are allowed",
        ),
        (
            "a name is noted before its record has come",
            LOOP.replace("rows.append(await fetch(name))", "rows.append(name)\n            await fetch(name)")
            + FOURTH
            + REST,
            "save() takes a list of what fetch() returned, and here is a str",
        ),
        (
            "three at a time",
            LOOP + FOURTH.replace("4", "3") + REST,
            "3 records are saved in one go, and 4 are asked for",
        ),
    ],
}

RIGHT = {
    "12.2": [
        (
            "the last name first",
            WORK.replace("iter(names)", "list(names)").replace("for name in todo", "while todo")
            + "            name = todo.pop()\n"
            + RETRY
            + "\n"
            + START,
        ),
        ("in alphabetical order", WORK.replace("iter(names)", "iter(sorted(names))") + RETRY + "\n" + START),
    ],
    "12.3": [
        ("fetched under a limit", LOOP.replace("fetch(name)", "asyncio.wait_for(fetch(name), 5)") + FOURTH + REST),
        ("fetched in a task", LOOP.replace("fetch(name)", "asyncio.create_task(fetch(name))") + FOURTH + REST),
        (
            "fetched in a task group",
            SAVE + "    try:\n        for name in names:\n            async with asyncio.TaskGroup() as group:\n"
            "                task = group.create_task(fetch(name))\n            rows.append(task.result())\n"
            + FOURTH
            + REST,
        ),
    ],
}
