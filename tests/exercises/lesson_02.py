"""Typical wrong answers to the exercises of lesson 02: name, the function's cell, and what the check must say."""

COLLECT = """\
SECONDS = {"oslo": 0.8, "lima": 0.2, "bern": 0.4}

async def download(name):
    await asyncio.sleep(SECONDS[name])
    return name

async def store(name):
    await asyncio.sleep(0.2)

async def collect():
    stored = []
"""
THREE = "[download('oslo'), download('lima'), download('bern')]"

BOIL = """\
def boil(when_ready):
    asyncio.get_running_loop().call_later(0.25, when_ready, "tea")

async def brew():
"""
READY = "    ready = asyncio.get_running_loop().create_future()\n"

LAZY = """\
async def read(lazy):
    return await lazy

async def two_readers(fetch):
    oslo, _lima = Lazy(fetch, "oslo"), Lazy(fetch, "lima")
    return await asyncio.gather(read(oslo), read(oslo))

class Lazy:
    def __init__(self, fetch, name):
        self.fetch, self.name, self.task = fetch, name, None
"""

WRONG = {
    "02.1": [
        (
            "one after another, in a better order",
            COLLECT + "    for name in ('lima', 'bern', 'oslo'):\n        await download(name)\n"
            "        await store(name)\n        stored.append(name)\n    return stored",
            "nothing overlaps, and 3 could",
        ),
        (
            "async for over a list",
            COLLECT + f"    async for name in {THREE}:\n        await store(name)\n    return stored",
            "called, but never awaited",
        ),
        (
            "as_completed without await",
            COLLECT + f"    for name in asyncio.as_completed({THREE}):\n        await store(name)\n"
            "        stored.append(name)\n    return stored",
            "called, but never awaited",
        ),
        (
            "tasks awaited in the order of the list",
            COLLECT + f"    for task in [asyncio.create_task(c) for c in {THREE}]:\n        name = await task\n"
            "        await store(name)\n        stored.append(name)\n    return stored",
            "the right values, but in the wrong order",
        ),
        (
            "sorted by hand after gather",
            COLLECT + f"    oslo, lima, bern = await asyncio.gather(*{THREE})\n    for name in (lima, bern, oslo):\n"
            "        await store(name)\n        stored.append(name)\n    return stored",
            "it takes 1.4 s, and 1 s is enough",
        ),
        (
            "stored by tasks that nobody waits for",
            COLLECT + f"    for earliest in asyncio.as_completed({THREE}):\n        name = await earliest\n"
            "        asyncio.create_task(store(name))\n        stored.append(name)\n    return stored",
            "it takes only 0.8 s",
        ),
        (
            "first wait only",
            COLLECT + f"    tasks = [asyncio.create_task(c) for c in {THREE}]\n"
            "    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)\n"
            "    for task in done:\n        await store(task.result())\n        stored.append(task.result())\n"
            "    return stored",
            "it returns 1 value",
        ),
        (
            "coroutines for wait",
            COLLECT + f"    await asyncio.wait({THREE})\n    return stored",
            "it raises TypeError: Passing coroutines is forbidden",
        ),
        (
            "all stored at once, after the last download",
            COLLECT + f"    for earliest in asyncio.as_completed({THREE}):\n        stored.append(await earliest)\n"
            "    await asyncio.gather(*map(store, stored))\n    return stored",
            "lima is there after 0.2 s, but `store` begins only after 0.8 s",
        ),
        (
            "as_completed without await, over tasks",
            COLLECT + f"    tasks = [asyncio.create_task(c) for c in {THREE}]\n"
            "    for earliest in asyncio.as_completed(tasks):\n        await store(earliest)\n"
            "        stored.append(earliest)\n    return stored",
            "what as_completed gives in each round is called, but never awaited",
        ),
    ],
    "02.2": [
        (
            "set_result called at once",
            BOIL + READY + "    boil(ready.set_result('tea'))\n    return await ready",
            "it takes only 0 s",
        ),
        ("the future returned", BOIL + READY + "    boil(ready.set_result)\n    return ready", "a Future is in what"),
        ("nobody fills the box", BOIL + READY + "    boil(print)\n    return await ready", "deadlock"),
        (
            "result asked for too early",
            BOIL + READY + "    boil(ready.set_result)\n    return ready.result()",
            "it raises InvalidStateError",
        ),
        (
            "looking more often",
            BOIL + "    cups = []\n    boil(cups.append)\n    while not cups:\n        await asyncio.sleep(0.02)\n"
            "    return cups[0]",
            "it takes 0.26 s, and 0.25 s is enough",
        ),
        (
            "looking all the time",
            BOIL + "    cups = []\n    boil(cups.append)\n    while not cups:\n        await asyncio.sleep(0)\n"
            "    return cups[0]",
            "it was still going",
        ),
        ("callback awaited", BOIL + "    return await boil(print)", "it raises TypeError"),
        ("no library", BOIL + "    await asyncio.sleep(0.25)", "it returns nothing"),
        (
            "looking in steps that fit",
            BOIL + "    cups = []\n    boil(cups.append)\n    while not cups:\n        await asyncio.sleep(0.05)\n"
            "    return cups[0]",
            "it waits with asyncio.sleep: await a future instead, which `boil` ends",
        ),
    ],
    "02.3": [
        (
            "the coroutine kept",
            LAZY + "    def __await__(self):\n        self.task = self.task or self.fetch(self.name)\n"
            "        return self.task.__await__()",
            "it raises RuntimeError",
        ),
        (
            "downloaded at once",
            LAZY + "        self.task = asyncio.create_task(fetch(name))\n\n"
            "    def __await__(self):\n        return self.task.__await__()",
            "the service got 2 requests at once, and only 1 is allowed",
        ),
        (
            "__await__ as a coroutine",
            LAZY + "    async def __await__(self):\n        return await self.fetch(self.name)",
            "__await__() is called, but never awaited",
        ),
        (
            "the task returned",
            LAZY + "    def __await__(self):\n        self.task = self.task or asyncio.create_task("
            "self.fetch(self.name))\n        return self.task",
            "it raises TypeError",
        ),
        (
            "a new task each time",
            LAZY + "    def __await__(self):\n        return asyncio.create_task(self.fetch(self.name)).__await__()",
            "the service got 2 requests at once, and only 1 is allowed",
        ),
        (
            "kept only when it is there",
            LAZY + "    def __await__(self):\n        if self.task is None:\n"
            "            self.task = yield from self.fetch(self.name).__await__()\n        return self.task",
            "the service got 2 requests at once, and only 1 is allowed",
        ),
        (
            "a lock instead of a task",
            LAZY + "        self.lock = asyncio.Lock()\n\n    async def load(self):\n        async with self.lock:\n"
            "            return await self.fetch(self.name)\n\n    def __await__(self):\n"
            "        return self.load().__await__()",
            "it takes 0.8 s, and 0.4 s is enough",
        ),
        (
            "the second reader keeps looking",
            LAZY + "\n    async def load(self):\n        if self.task is None:\n            self.task = 'under way'\n"
            "            self.task = await self.fetch(self.name)\n        while self.task == 'under way':\n"
            "            await asyncio.sleep(0.1)\n        return self.task\n\n    def __await__(self):\n"
            "        return self.load().__await__()",
            "it waits with asyncio.sleep: the second reader shall await the download, not look for it",
        ),
        (
            "the second reader does not wait",
            LAZY + "        self.value = None\n\n    async def load(self):\n        if self.task is None:\n"
            "            self.task = 'under way'\n            self.value = await self.fetch(self.name)\n"
            "        return self.value\n\n    def __await__(self):\n        return self.load().__await__()",
            "one reader gets the record, but the other gets None",
        ),
    ],
}
