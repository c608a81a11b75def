"""Typical wrong answers to the exercises of lesson 11: name, the function's cell, and what the check must say."""

IN_TIME = "async def in_time(fetch):\n"
WITH_TASK = IN_TIME + "    task = asyncio.create_task(fetch('oslo'), name='download')\n"
SERVE = "async def serve(connection):\n"
PATIENT = "async def patient(fetch):\n    for attempt in range(4):\n"
PAUSE = "        if attempt:\n            await asyncio.sleep(0.1 * 2 ** (attempt - 1))\n"

WRONG = {
    "11.1": [
        ("the error is not caught", IN_TIME + "    return await asyncio.wait_for(fetch('oslo'), 0.5)", "TimeoutError"),
        (
            "shielded from its own limit",
            WITH_TASK + "    try:\n        return await asyncio.wait_for(asyncio.shield(task), 0.5)\n"
            "    except TimeoutError:\n        return 'too late'",
            "download was still running when your function returned",
        ),
        (
            "looks at the time when it is too late",
            IN_TIME + "    start = asyncio.get_running_loop().time()\n    record = await fetch('oslo')\n"
            "    late = asyncio.get_running_loop().time() - start > 0.5\n    return 'too late' if late else record",
            "it takes 2 s, and 0.5 s is enough",
        ),
        ("no limit at all", IN_TIME + "    return await fetch('oslo')", "where a str is asked for"),
        (
            "a limit around nothing",
            IN_TIME + "    download = fetch('oslo')\n    try:\n        async with asyncio.timeout(0.5):\n"
            "            return download\n    except TimeoutError:\n        return 'too late'",
            "fetch() is called, but never awaited",
        ),
    ],
    "11.2": [
        (
            "never closed",
            SERVE + "    while True:\n        try:\n            await connection.read()\n"
            "        except ConnectionError:\n            continue",
            "the connection was never closed",
        ),
        (
            "closed, and the request swallowed",
            SERVE + "    while True:\n        try:\n            await connection.read()\n"
            "        except ConnectionError:\n            continue\n        except asyncio.CancelledError:\n"
            "            await connection.close()\n            return",
            "ended as if nothing had happened",
        ),
        (
            "closed after every read",
            SERVE + "    while True:\n        try:\n            await connection.read()\n"
            "        except ConnectionError:\n            continue\n        finally:\n"
            "            await connection.close()",
            "the connection was closed",
        ),
        (
            "close is not awaited",
            SERVE + "    try:\n        while True:\n            try:\n                await connection.read()\n"
            "            except ConnectionError:\n                continue\n    finally:\n        connection.close()",
            "close() is called, but never awaited",
        ),
        (
            "a hiccup ends it",
            SERVE + "    try:\n        while True:\n            await connection.read()\n    finally:\n"
            "        await connection.close()",
            "it raises ConnectionError",
        ),
        (
            "closed by a task nobody waits for",
            SERVE + "    try:\n        while True:\n            try:\n                await connection.read()\n"
            "            except ConnectionError:\n                continue\n    finally:\n"
            "        asyncio.create_task(connection.close())",
            "close was started when serve was asked to stop, and nobody awaits it",
        ),
        (
            "a hiccup, and it waits for ever",
            SERVE + "    try:\n        while True:\n            try:\n                await connection.read()\n"
            "            except ConnectionError:\n                await asyncio.Event().wait()\n    finally:\n"
            "        await connection.close()",
            "it began 2 reads until it was cancelled",
        ),
        (
            "closed twice",
            SERVE + "    try:\n        while True:\n            try:\n                await connection.read()\n"
            "            except ConnectionError:\n                continue\n    except asyncio.CancelledError:\n"
            "        await connection.close()\n        raise\n    finally:\n        await connection.close()",
            "took 0.4 s for it: 0.2 s is enough",
        ),
    ],
    "11.3": [
        (
            "always the same pause",
            PATIENT + "        try:\n            async with asyncio.timeout(0.5):\n"
            "                return await fetch('oslo')\n        except (ConnectionError, TimeoutError):\n"
            "            await asyncio.sleep(0.1)",
            "it takes only 0.6 s",
        ),
        (
            "no limit for an attempt",
            PATIENT + "        if attempt:\n            await asyncio.sleep(0.1 * 2 ** (attempt - 1))\n"
            "        try:\n            return await fetch('oslo')\n        except ConnectionError:\n            pass",
            "it takes 60 s",
        ),
        (
            "a pause after the last attempt",
            PATIENT + "        try:\n            async with asyncio.timeout(0.5):\n"
            "                return await fetch('oslo')\n        except (ConnectionError, TimeoutError):\n"
            "            await asyncio.sleep(0.1 * 2 ** attempt)",
            "it takes 1.7 s, and 0.9 s is enough",
        ),
        (
            "cannot be stopped",
            PATIENT + "        if attempt:\n            await asyncio.sleep(0.1 * 2 ** (attempt - 1))\n"
            "        try:\n            async with asyncio.timeout(0.5):\n"
            "                return await fetch('oslo')\n        except BaseException:\n            pass",
            "is CancelledError swallowed somewhere?",
        ),
        (
            "one limit for all attempts",
            "async def patient(fetch):\n    try:\n        async with asyncio.timeout(0.5):\n"
            "            for attempt in range(4):\n                if attempt:\n"
            "                    await asyncio.sleep(0.1 * 2 ** (attempt - 1))\n                try:\n"
            "                    return await fetch('oslo')\n                except ConnectionError:\n"
            "                    pass\n    except TimeoutError:\n        return None",
            "it returns nothing",
        ),
        (
            "a pause that blocks",
            PATIENT + "        if attempt:\n            time.sleep(0.1 * 2 ** (attempt - 1))\n        try:\n"
            "            async with asyncio.timeout(0.5):\n                return await fetch('oslo')\n"
            "        except (ConnectionError, TimeoutError):\n            pass",
            "patient holds the loop",
        ),
        (
            "all errors are caught",
            PATIENT + PAUSE + "        try:\n            async with asyncio.timeout(0.5):\n"
            "                return await fetch('oslo')\n        except Exception:\n            pass",
            "when `fetch` raises LookupError, that has to come out",
        ),
        (
            "cannot be stopped in a pause",
            PATIENT + "        try:\n            if attempt:\n"
            "                await asyncio.sleep(0.1 * 2 ** (attempt - 1))\n"
            "        except asyncio.CancelledError:\n            pass\n        try:\n"
            "            async with asyncio.timeout(0.5):\n                return await fetch('oslo')\n"
            "        except (ConnectionError, TimeoutError):\n            pass",
            "took 0.75 s for it: is CancelledError swallowed somewhere?",
        ),
        (
            "the pause inside the limit",
            PATIENT + "        try:\n            async with asyncio.timeout(0.5):\n                if attempt:\n"
            "                    await asyncio.sleep(0.1 * 2 ** (attempt - 1))\n"
            "                return await fetch('oslo')\n        except (ConnectionError, TimeoutError):\n"
            "            pass",
            "once too often: an attempt that takes only 0.3 s was cut off",
        ),
    ],
}
