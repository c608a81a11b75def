"""Typical wrong answers to the exercises of lesson 06, and other right ones: name, code, what the check must say."""

SHRINK = "async def shrink_all(shrink, pictures):\n"
GALLERY = "async def gallery(load, show, names):\n"
ALL_OF_THEM = (
    "    async def all_of_them():\n        for name in names:\n"
    "            show(await asyncio.to_thread(load, name))\n\n"
)
SEARCH = "async def search_box(typed, search):\n    found = []\n"
FIND = "    async def find(text):\n        found.append(await search(text))\n"

WRONG = {
    "06.1": [
        (
            "a pause when all is done",
            SHRINK + "    small = [shrink(picture) for picture in pictures]\n"
            "    await asyncio.sleep(0)\n    return small",
            "holds the loop for 0.6 s",
        ),
        (
            "the pause is too long",
            SHRINK + "    small = []\n    for picture in pictures:\n        small.append(shrink(picture))\n"
            "        await asyncio.sleep(0.01)\n    return small",
            "it takes 0.9 s, and 0.6 s is enough",
        ),
        (
            "an awaited coroutine that never pauses",
            SHRINK + "    async def one(picture):\n        return shrink(picture)\n\n"
            "    return [await one(picture) for picture in pictures]",
            "holds the loop for 0.6 s",
        ),
        (
            "forgotten await",
            SHRINK + "    small = []\n    for picture in pictures:\n        small.append(shrink(picture))\n"
            "        asyncio.sleep(0)\n    return small",
            "sleep() is called, but never awaited",
        ),
        (
            "too seldom",
            SHRINK + "    small = []\n    for number, picture in enumerate(pictures, 1):\n"
            "        small.append(shrink(picture))\n        if number % 10 == 0:\n"
            "            await asyncio.sleep(0)\n    return small",
            "holds the loop for 0.2 s",
        ),
        (
            "awaits what is no coroutine",
            SHRINK + "    return [await shrink(picture) for picture in pictures]",
            "it raises TypeError",
        ),
        (
            "each in a thread",
            SHRINK + "    return [await asyncio.to_thread(shrink, picture) for picture in pictures]",
            "shrink() is called in another thread, and here all stays in one",
        ),
        (
            "all in one thread of their own",
            SHRINK + "    return await asyncio.to_thread(lambda: [shrink(picture) for picture in pictures])",
            "shrink() is called in another thread, and here all stays in one",
        ),
        (
            "a task for each, and none pauses",
            SHRINK + "    async def one(picture):\n        return shrink(picture)\n\n"
            "    return await asyncio.gather(*map(one, pictures))",
            "no step is long, but others wait for 0.6 s",
        ),
    ],
    "06.2": [
        (
            "a coroutine around it",
            GALLERY + "    async def one(name):\n        return load(name)\n\n"
            "    for name in names:\n        show(await one(name))",
            "holds the loop for 0.8 s",
        ),
        (
            "slices of a call that cannot be cut",
            GALLERY + "    for name in names:\n        show(load(name))\n        await asyncio.sleep(0)",
            "holds the loop for 0.2 s",
        ),
        (
            "all of it in the thread",
            GALLERY + "    def one(name):\n        show(load(name))\n\n"
            "    for name in names:\n        await asyncio.to_thread(one, name)",
            "show() was called from another thread",
        ),
        (
            "one call for all pictures",
            GALLERY + "    def load_all():\n        return [load(name) for name in names]\n\n"
            "    for picture in await asyncio.to_thread(load_all):\n        show(picture)",
            "and yet loaded 4 pictures",
        ),
        (
            "calls the function instead of handing it over",
            GALLERY + "    for name in names:\n        show(await asyncio.to_thread(load(name)))",
            "it raises TypeError",
        ),
        (
            "all at once",
            GALLERY + "    for picture in await asyncio.gather(*[asyncio.to_thread(load, name) for name in names]):\n"
            "        show(picture)",
            "it takes only 0.2 s",
        ),
        (
            "forgotten await",
            GALLERY + "    for name in names:\n        show(asyncio.to_thread(load, name))",
            "show() is called with a coroutine, and no picture",
        ),
        (
            "all shown at the end",
            GALLERY + "    for picture in [await asyncio.to_thread(load, name) for name in names]:\n"
            "        show(picture)",
            "after 0.3 s picture 1 is loaded, and not shown",
        ),
        (
            "each shown one late",
            GALLERY + "    before = None\n    for name in names:\n"
            "        picture = await asyncio.to_thread(load, name)\n        if before:\n            show(before)\n"
            "        before = picture\n    show(before)",
            "after 0.3 s picture 1 is loaded, and not shown",
        ),
        (
            "a task that does not hear of Cancel",
            GALLERY + ALL_OF_THEM + "    await asyncio.wait([asyncio.create_task(all_of_them())])",
            "all_of_them was still running when your function returned",
        ),
        (
            "a shielded task",
            GALLERY + ALL_OF_THEM + "    await asyncio.shield(asyncio.create_task(all_of_them()))",
            "all_of_them was still running when your function returned",
        ),
        (
            "a future is shown",
            GALLERY
            + "    for name in names:\n        show(asyncio.get_running_loop().run_in_executor(None, load, name))",
            "show() is called with a Future, and no picture",
        ),
        (
            "a pool, and its blocking result",
            "from concurrent.futures import ThreadPoolExecutor\n\n\n"
            + GALLERY
            + "    with ThreadPoolExecutor() as pool:\n        for name in names:\n"
            "            show(pool.submit(load, name).result())",
            "load() runs in a thread of which the check's virtual clock knows nothing",
        ),
        (
            "a thread of its own",
            "import threading\n\n\n" + GALLERY + "    loop = asyncio.get_running_loop()\n    for name in names:\n"
            "        done = loop.create_future()\n"
            "        work = lambda: loop.call_soon_threadsafe(done.set_result, load(name))\n"
            "        threading.Thread(target=work).start()\n        show(await done)",
            "load() runs in a thread of which the check's virtual clock knows nothing",
        ),
    ],
    "06.3": [
        (
            "nothing is cancelled",
            SEARCH + "    tasks = []\n" + FIND + "    async for text in typed:\n"
            "        tasks.append(asyncio.create_task(find(text)))\n    await asyncio.gather(*tasks)\n    return found",
            "it returns 4 values where 2 are asked for",
        ),
        (
            "the last one is not awaited",
            SEARCH + "    running = None\n" + FIND + "    async for text in typed:\n        if running:\n"
            "            running.cancel()\n        running = asyncio.create_task(find(text))\n    return found",
            "it returns 1 value",
        ),
        (
            "waits for the cancelled one as if it were there",
            SEARCH + "    running = None\n" + FIND + "    async for text in typed:\n        if running:\n"
            "            running.cancel()\n            await running\n"
            "        running = asyncio.create_task(find(text))\n"
            "    await running\n    return found",
            "CancelledError",
        ),
        (
            "only the very last result",
            SEARCH + "    running = None\n    async for text in typed:\n        if running:\n"
            "            running.cancel()\n        running = asyncio.create_task(search(text))\n"
            "    return [await running]",
            "it returns 1 value where 2 are asked for",
        ),
        (
            "old results are thrown away, but their searches go on to the end",
            SEARCH + "    async def find(text):\n        result = await search(text)\n        if text == latest:\n"
            "            found.append(result)\n\n    tasks = []\n    async for text in typed:\n        latest = text\n"
            "        tasks.append(asyncio.create_task(find(text)))\n    await tasks[-1]\n    return found",
            "an old search goes on while the new one is under way",
        ),
    ],
}

RIGHT = {
    "06.1": [
        (
            "a pause after every second picture",
            SHRINK + "    small = []\n    for number, picture in enumerate(pictures, 1):\n"
            "        small.append(shrink(picture))\n        if number % 2 == 0:\n"
            "            await asyncio.sleep(0)\n    return small",
        ),
    ],
}
