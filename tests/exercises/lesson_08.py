"""Typical wrong answers to the exercises of lesson 08: name, the function's cell, and what the check must say."""

REPORT = "async def report(fetch, tidy, names):\n"
REMIND = "async def remind(reminders, ring):\n"
RUN = "async def run_all(start_worker, jobs):\n"
WORKERS = (
    "    left, results = list(jobs), {{}}\n\n    async def work():\n        worker = await start_worker()\n"
    "        while left:\n            job = left.pop(0)\n            results[job] = await worker.do(job)\n{stop}\n"
    "    await asyncio.gather(*[work() for _ in range({number})])\n    return {result}"
)

WRONG = {
    "08.1": [
        (
            "one after another, without a task",
            REPORT + "    return [await tidy(await fetch(name)) for name in names]",
            "it takes 0.8 s, and 0.3 s is enough",
        ),
        (
            "two tasks for each name",
            REPORT + "    texts = await asyncio.gather(*map(fetch, names))\n"
            "    return list(await asyncio.gather(*map(tidy, texts)))",
            "it makes 8 tasks, and 4 are enough",
        ),
        (
            "tidy is not awaited",
            REPORT + "    return [tidy(text) for text in await asyncio.gather(*map(fetch, names))]",
            "tidy() is called, but never awaited",
        ),
        (
            "as they come",
            REPORT + "    return [await tidy(await text) for text in asyncio.as_completed(map(fetch, names))]",
            "the right values, but in the wrong order",
        ),
    ],
    "08.2": [
        (
            "one task that does all",
            REMIND + "    async def all_of_them():\n        passed = 0\n"
            "        for second, name in sorted(reminders):\n            await asyncio.sleep(second - passed)\n"
            "            passed = second\n            ring(name)\n\n    await asyncio.create_task(all_of_them())",
            "it makes 1 task, and it can do without",
        ),
        (
            "all waits added up",
            REMIND + "    for second, name in sorted(reminders):\n        await asyncio.sleep(second)\n"
            "        ring(name)",
            "egg rings after 0.7 s, and 0.5 s is asked for",
        ),
        (
            "not sorted",
            REMIND + "    passed = 0\n    for second, name in reminders:\n"
            "        await asyncio.sleep(second - passed)\n        passed = second\n        ring(name)",
            "toast rings after 0.5 s, and 0.2 s is asked for",
        ),
        (
            "nobody waits for the last",
            REMIND + "    loop = asyncio.get_running_loop()\n    for second, name in reminders:\n"
            "        loop.call_later(second, ring, name)",
            "0 of 4 reminders ring",
        ),
        (
            "looking each 0.3 s",
            REMIND + "    loop, left = asyncio.get_running_loop(), sorted(reminders)\n    begin = loop.time()\n"
            "    while left:\n        await asyncio.sleep(0.3)\n"
            "        while left and left[0][0] <= loop.time() - begin + 1e-9:\n            ring(left.pop(0)[1])",
            "toast rings after 0.3 s, and 0.2 s is asked for",
        ),
        (
            "the pair instead of the name",
            REMIND + "    passed = 0\n    for reminder in sorted(reminders):\n"
            "        await asyncio.sleep(reminder[0] - passed)\n        passed = reminder[0]\n        ring(reminder)",
            "ring() is called with (0.2, 'toast'), which is no name of a reminder",
        ),
        (
            "pauses that hold the loop",
            REMIND + "    passed = 0\n    for second, name in sorted(reminders):\n"
            "        time.sleep(second - passed)\n        passed = second\n        ring(name)",
            "remind holds the loop for 0.9 s",
        ),
        (
            "looking each 0.05 s",
            REMIND + "    loop, left = asyncio.get_running_loop(), sorted(reminders)\n    begin = loop.time()\n"
            "    while left:\n        await asyncio.sleep(0.05)\n"
            "        while left and left[0][0] <= loop.time() - begin + 1e-9:\n            ring(left.pop(0)[1])",
            "reminder 174 rings after 0.15 s, and 0.102632 s is asked for",
        ),
    ],
    "08.3": [
        (
            "one worker for all",
            RUN + "    worker = await start_worker()\n    results = [await worker.do(job) for job in jobs]\n"
            "    await worker.stop()\n    return results",
            "it takes 1.9 s, and 1.1 s is enough",
        ),
        (
            "a worker for each, all at once",
            RUN + "    async def one(job):\n        worker = await start_worker()\n"
            "        result = await worker.do(job)\n        await worker.stop()\n        return result\n\n"
            "    return list(await asyncio.gather(*map(one, jobs)))",
            "it raises TooMany: 4 workers run",
        ),
        (
            "never stopped",
            RUN + WORKERS.format(stop="", number=3, result="[results[job] for job in jobs]"),
            "it takes only 1 s",
        ),
        (
            "stopped, but nobody waits for it",
            RUN
            + WORKERS.format(
                stop="        asyncio.create_task(worker.stop())\n", number=3, result="[results[job] for job in jobs]"
            ),
            "it takes only 1 s",
        ),
        (
            "in the order in which they end",
            RUN + WORKERS.format(stop="        await worker.stop()\n", number=3, result="list(results.values())"),
            "the right values, but in the wrong order",
        ),
        (
            "fixed shares",
            RUN + "    async def work(share):\n        worker = await start_worker()\n"
            "        done = {job: await worker.do(job) for job in share}\n        await worker.stop()\n"
            "        return done\n\n    results = {}\n"
            "    for some in await asyncio.gather(*[work(jobs[n::3]) for n in range(3)]):\n"
            "        results |= some\n    return [results[job] for job in jobs]",
            "it takes 1.2 s, and 1.1 s is enough",
        ),
        (
            "too many workers",
            RUN + WORKERS.format(stop="        await worker.stop()\n", number=4, result="[results[j] for j in jobs]"),
            "it raises TooMany",
        ),
    ],
}
