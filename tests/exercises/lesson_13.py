"""Typical wrong answers to the exercises of lesson 13: name, the function's cell, and what the check must say."""

COFFEE = """\
async def coffee():
    await asyncio.sleep(0.3)
    return "coffee"

async def egg():
    await asyncio.sleep(0.5)
    return "egg"

"""
CAPITALS = "async def capitals(download, names):\n"
REPORTS = "async def reports(library, fetch, first, second):\n    loop = asyncio.get_running_loop()\n"
GET = "    def get(name):\n        return asyncio.run_coroutine_threadsafe(fetch(name), loop).result()\n"
BOTH = (
    "    return await asyncio.gather(asyncio.to_thread(library, first, get), asyncio.to_thread(library, second, get))\n"
)

WRONG = {
    "13.1": [
        (
            "await, and one after the other",
            COFFEE + "async def brunch():\n    return [await coffee(), await egg()]",
            "nothing overlaps, and 2 could",
        ),
        (
            "a loop by hand",
            COFFEE + "async def brunch():\n    loop = asyncio.get_running_loop()\n"
            "    first, second = loop.create_task(coffee()), loop.create_task(egg())\n"
            "    return [loop.run_until_complete(first), loop.run_until_complete(second)]",
            "it raises RuntimeError: This event loop is already running",
        ),
        (
            "run of everything",
            COFFEE + "async def both():\n    return await asyncio.gather(coffee(), egg())\n\n"
            "async def brunch():\n    return asyncio.run(both())",
            "A loop runs already: write `await` instead",
        ),
        (
            "the run left out, and nothing put in its place",
            COFFEE + "async def brunch():\n    return [coffee(), egg()]",
            "coffee() is called, but never awaited",
        ),
        (
            "gather is not awaited",
            COFFEE + "async def brunch():\n    return asyncio.gather(coffee(), egg())",
            "a GatheringFuture is in what it returns",
        ),
    ],
    "13.2": [
        (
            "one after another",
            CAPITALS + "    return [await asyncio.to_thread(download, name) for name in names]",
            "it takes 1.2 s, and 0.4 s is enough",
        ),
        (
            "called instead of handed over",
            CAPITALS + "    return await asyncio.gather(*[asyncio.to_thread(download(name)) for name in names])",
            "in this thread a loop runs",
        ),
        (
            "awaited, though it is a plain function",
            CAPITALS + "    return await asyncio.gather(*[download(name) for name in names])",
            "in this thread a loop runs",
        ),
        (
            "all of them in one thread",
            CAPITALS + "    return await asyncio.to_thread(lambda: [download(name) for name in names])",
            "it takes 1.2 s, and 0.4 s is enough",
        ),
        (
            "threads that nobody waits for",
            CAPITALS + "    calls = [asyncio.create_task(asyncio.to_thread(download, name)) for name in names]\n"
            "    return [name.title() for name in names]",
            "were still running when your function returned",
        ),
        (
            "forgotten await",
            CAPITALS + "    return [asyncio.to_thread(download, name) for name in names]",
            "to_thread() is called, but never awaited",
        ),
        (
            "a pool that holds the loop",
            "from concurrent.futures import ThreadPoolExecutor\n\n"
            + CAPITALS
            + "    with ThreadPoolExecutor() as pool:\n"
            "        return list(pool.map(download, names))",
            "your function holds the loop until download() is done",
        ),
        (
            "nothing is called",
            CAPITALS + "    return [name.title() for name in names]",
            "download() is called 0 times for 3 names",
        ),
    ],
    "13.3": [
        (
            "the library holds the loop",
            REPORTS + GET + "    return [library(first, get), library(second, get)]",
            "the thread that called it is the one of your loop",
        ),
        (
            "a loop of its own for each answer",
            REPORTS + "    def get(name):\n        return asyncio.run(fetch(name))\n" + BOTH,
            "here another loop ran it",
        ),
        (
            "one report after the other",
            REPORTS + GET + "    return [await asyncio.to_thread(library, names, get) for names in (first, second)]",
            "and 0.3 s is enough",
        ),
        (
            "the coroutine function itself",
            REPORTS + BOTH.replace("get", "fetch"),
            "fetch() is called, but never awaited",
        ),
        (
            "result is forgotten",
            REPORTS + GET.replace(".result()", "") + BOTH,
            "expected str instance, Future found",
        ),
        (
            "the loop is asked for in the wrong thread",
            REPORTS + GET.replace("loop)", "asyncio.get_running_loop())") + BOTH,
            "fetch() is called, but never awaited",
        ),
        (
            "the loop is asked for in the wrong thread, on a line of its own",
            REPORTS + GET.replace("        return", "        loop = asyncio.get_running_loop()\n        return") + BOTH,
            "it raises RuntimeError: no running event loop (line 4)",
        ),
        (
            "a task, made in the wrong thread",
            REPORTS + "    def get(name):\n        return loop.create_task(fetch(name)).result()\n" + BOTH,
            "it raises InvalidStateError",
        ),
        (
            "nothing is called",
            REPORTS + "    return [' and '.join(map(str.title, names)) for names in (first, second)]",
            "library() made 0 reports, and 2 are asked for",
        ),
    ],
}
