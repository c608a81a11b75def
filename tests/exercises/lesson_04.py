"""Typical wrong answers to the exercises of lesson 04, and other right ones: name, code, what the check must say."""

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
        (
            "both from the web",
            REPORT + "    return list(await asyncio.gather(fetch('oslo'), fetch('lima')))",
            "it raises LookupError: this service has lima, and not oslo",
        ),
        (
            "both from the disk",
            REPORT + "    calls = [asyncio.to_thread(read, name) for name in ('oslo', 'lima')]\n"
            "    return list(await asyncio.gather(*calls))",
            "it raises LookupError: this disk has oslo, and not lima",
        ),
    ],
    "04.2": [
        (
            "twelve trips at once",
            TOTAL + "    return sum(await asyncio.gather(*[asyncio.to_thread(read, name) for name in names]))",
            "it takes only 0.01 s, and 0.12 s is asked for",
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
        (
            "no trip at all",
            TOTAL
            + "    people = 0\n    for name in names:\n        people += read(name)\n        await asyncio.sleep(0)\n"
            "    return people",
            "no call went to a thread, and one trip for all is asked for",
        ),
        (
            "two trips at once",
            TOTAL + "    halves = [lambda: sum(map(read, names[:6])), lambda: sum(map(read, names[6:]))]\n"
            "    return sum(await asyncio.gather(*map(asyncio.to_thread, halves)))",
            "it takes only 0.06 s, and 0.12 s is asked for: is the work shared by several threads, or not done?",
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
        (
            "a dict by name",
            ANSWERS + "    tasks = {}\n    async for line in reader:\n        name = line.decode().strip()\n"
            "        tasks[name] = asyncio.create_task(look_up(name))\n"
            "    return [await task for task in tasks.values()]",
            "it returns 3 values where 6 are asked for",
        ),
        (
            "three at a time",
            ANSWERS + "    free = asyncio.Semaphore(3)\n\n    async def answer(name):\n        async with free:\n"
            "            return await look_up(name)\n\n"
            "    tasks = [asyncio.create_task(answer(line.decode().strip())) async for line in reader]\n"
            "    return [await task for task in tasks]",
            "it takes 1.7 s, and 1.4 s is enough",
        ),
        (
            "forgotten decode",
            ANSWERS + "    tasks = [asyncio.create_task(look_up(line.strip())) async for line in reader]\n"
            "    return [await task for task in tasks]",
            "it raises LookupError: no capital is called b'oslo'",
        ),
    ],
}

RIGHT = {
    "04.1": [
        (
            "run_in_executor",
            REPORT + "    here = asyncio.get_running_loop().run_in_executor(None, read, 'oslo')\n"
            "    there = await fetch('lima')\n    return [await here, there]",
        ),
    ],
    "04.3": [
        (
            "readline",
            ANSWERS + "    tasks = []\n    while line := await reader.readline():\n"
            "        tasks.append(asyncio.create_task(look_up(line.decode().strip())))\n"
            "    return [await task for task in tasks]",
        ),
    ],
}
