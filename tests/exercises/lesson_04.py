"""Typical wrong answers to the exercises of lesson 04: name, the function's cell, and what the check must say."""

REPORT = "async def report(read, fetch):\n"
TOTAL = "async def total(read, names):\n"
ANSWERS = "async def answers(reader, look_up):\n"

WRONG = {
    "04.1": [
        (
            "thread, but one after another",
            REPORT + "    return [await asyncio.to_thread(read, 'oslo'), await fetch('lima')]",
            "it takes 0.8 s, and 0.4 s is enough",
        ),
        (
            "called instead of handed over",
            REPORT + "    return await asyncio.gather(asyncio.to_thread(read('oslo')), fetch('lima'))",
            "it raises TypeError",
        ),
        (
            "blocking while the download is under way",
            REPORT + "    there = asyncio.create_task(fetch('lima'))\n    here = read('oslo')\n"
            "    return [here, await there]",
            "report holds the loop for 0.4 s in line 3",
        ),
        (
            "a coroutine function in a thread",
            REPORT + "    return await asyncio.gather(asyncio.to_thread(read, 'oslo'), "
            "asyncio.to_thread(fetch, 'lima'))",
            "fetch() is called, but never awaited",
        ),
        (
            "async in name only",
            REPORT + "    async def here():\n        return read('oslo')\n\n"
            "    return await asyncio.gather(here(), fetch('lima'))",
            "holds the loop for 0.4 s in line 3",
        ),
    ],
    "04.2": [
        (
            "twelve trips at once",
            TOTAL + "    return sum(await asyncio.gather(*[asyncio.to_thread(read, name) for name in names]))",
            "something that takes 0.12 s",
        ),
        ("without a thread", TOTAL + "    return sum(read(name) for name in names)", "total holds the loop for 0.12 s"),
        (
            "called instead of handed over",
            TOTAL + "    return await asyncio.to_thread(sum(read(name) for name in names))",
            "it raises TypeError",
        ),
        (
            "a generator does nothing in the thread",
            TOTAL + "    return sum(await asyncio.to_thread(map, read, names))",
            "total holds the loop for 0.12 s",
        ),
        (
            "forgotten await",
            TOTAL + "    return asyncio.to_thread(lambda: sum(map(read, names)))",
            "to_thread() is called, but never awaited",
        ),
        (
            "a coroutine function in the thread",
            TOTAL + "    async def add_up():\n        return sum(map(read, names))\n\n"
            "    return await asyncio.to_thread(add_up)",
            "add_up() is called, but never awaited",
        ),
    ],
    "04.3": [
        (
            "all lines first",
            ANSWERS + "    names = [line.decode().strip() async for line in reader]\n"
            "    return list(await asyncio.gather(*map(look_up, names)))",
            "it takes 1.1 s, and 0.9 s is enough",
        ),
        (
            "in the order of the answers",
            ANSWERS + "    found, tasks = [], []\n    async for line in reader:\n"
            "        task = asyncio.create_task(look_up(line.decode().strip()))\n"
            "        task.add_done_callback(lambda task: found.append(task.result()))\n        tasks.append(task)\n"
            "    if tasks:\n        await asyncio.wait(tasks)\n    return found",
            "the right values, but in the wrong order",
        ),
        (
            "with the end of the line",
            ANSWERS + "    tasks = []\n    async for line in reader:\n"
            "        tasks.append(asyncio.create_task(look_up(line.decode())))\n"
            "    return [await task for task in tasks]",
            "it raises LookupError",
        ),
        (
            "tasks awaited at once",
            ANSWERS + "    found = []\n    async for line in reader:\n"
            "        found.append(await asyncio.create_task(look_up(line.decode().strip())))\n    return found",
            "it takes 1.5 s, and 0.9 s is enough",
        ),
        (
            "an ordinary for",
            ANSWERS + "    return [await look_up(line.decode().strip()) for line in reader]",
            "it raises TypeError",
        ),
    ],
}
