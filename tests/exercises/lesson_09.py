"""Typical wrong answers to the exercises of lesson 09, and other right ones: name, code, what the check must say."""

ADD = "async def inhabitants(fetch, names):\n    total = 0\n\n    async def add(name):\n        nonlocal total\n"
GROUP = """
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(add(name), name=name)
    return total
"""
ASK = "async def countries(query, names):\n    loop = asyncio.get_running_loop()\n"
PAY = "async def pay(bank, orders):\n"
LOOK = (
    "async def countries(query, names):\n    answers = {}\n    for name in names:\n"
    "        query(name, lambda country, name=name: answers.update({name: country}))\n"
)
FOUND = "    return [answers[name] for name in names]"
WITHDRAW = """\
        balance = await bank.read(account)
        if balance < amount:
            return False
        await bank.write(account, balance - amount)
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(withdraw(*order)) for order in orders]
    return [task.result() for task in tasks]
"""


def indented(text: str) -> str:
    """The body of `withdraw`, one level deeper."""
    body, _, rest = text.partition("\n\n")
    return "\n".join("    " + line for line in body.splitlines()) + "\n\n" + rest


WRONG = {
    "09.1": [
        (
            "the other way round",
            ADD + "        total = total + await fetch(name)\n" + GROUP,
            "where 11260103 is asked for",
        ),
        (
            "a lock around the wait",
            ADD.replace("total = 0\n", "total = 0\n    lock = asyncio.Lock()\n")
            + "        async with lock:\n            total += await fetch(name)\n"
            + GROUP,
            "the service got at most 1 request at once, and 4 could be",
        ),
        (
            "one after another",
            "async def inhabitants(fetch, names):\n    return sum([await fetch(name) for name in names])",
            "the service got at most 1 request at once, and 4 could be",
        ),
        (
            "forgotten await",
            "async def inhabitants(fetch, names):\n    return sum(fetch(name) for name in names)",
            "fetch() is called, but never awaited",
        ),
        (
            "a lock of its own for each task",
            ADD + "        async with asyncio.Lock():\n            total += await fetch(name)\n" + GROUP,
            "where 11260103 is asked for",
        ),
        (
            "a list instead of the sum",
            "async def inhabitants(fetch, names):\n    return await asyncio.gather(*map(fetch, names))",
            "it returns a list",
        ),
    ],
    "09.2": [
        (
            "looks again and again",
            "async def countries(query, names):\n    answers = {}\n    for name in names:\n"
            "        query(name, lambda country, name=name: answers.update({name: country}))\n"
            "    while len(answers) < len(names):\n        await asyncio.sleep(0.1)\n"
            "    return [answers[name] for name in names]",
            "it takes 0.6 s, and 0.55 s is enough",
        ),
        (
            "long enough, with luck",
            "async def countries(query, names):\n    answers = []\n    for name in names:\n"
            "        query(name, answers.append)\n    await asyncio.sleep(1)\n    return answers",
            "the right values, but in the wrong order",
        ),
        (
            "one after another",
            ASK + "    answers = []\n    for name in names:\n        future = loop.create_future()\n"
            "        query(name, future.set_result)\n        answers.append(await future)\n    return answers",
            "it takes 1.05 s, and 0.55 s is enough",
        ),
        (
            "the futures themselves",
            ASK + "    futures = [loop.create_future() for _ in names]\n"
            "    for name, future in zip(names, futures):\n        query(name, future.set_result)\n    return futures",
            "a Future is in what it returns",
        ),
        (
            "one future for all",
            ASK + "    future = loop.create_future()\n    for name in names:\n        query(name, future.set_result)\n"
            "    return [await future for name in names]",
            "it returns ['Peru', 'Peru', 'Peru'] where",
        ),
        (
            "awaits what is no coroutine",
            "async def countries(query, names):\n    return [await query(name, print) for name in names]",
            "it raises TypeError",
        ),
        (
            "looks each 0.05 s",
            LOOK + "    while len(answers) < len(names):\n        await asyncio.sleep(0.05)\n" + FOUND,
            "with lima and rome it takes 0.25 s, and all is there after 0.2137 s",
        ),
        (
            "looks each 0.001 s",
            LOOK + "    while len(answers) < len(names):\n        await asyncio.sleep(0.001)\n" + FOUND,
            "with lima and rome it takes 0.214 s, and all is there after 0.2137 s",
        ),
        (
            "as long as the slowest takes",
            LOOK + "    await asyncio.sleep(0.55)\n" + FOUND,
            "with lima and rome it takes 0.55 s, and all is there after 0.2137 s",
        ),
    ],
    "09.3": [
        (
            "one lock for all",
            PAY
            + "    lock = asyncio.Lock()\n\n    async def withdraw(account, amount):\n        async with lock:\n"
            + indented(WITHDRAW),
            "it takes 1 s, and 0.5 s is enough",
        ),
        (
            "a lock of its own for each task",
            PAY + "    async def withdraw(account, amount):\n        async with asyncio.Lock():\n" + indented(WITHDRAW),
            "it returns [True, True, True, True, ...] where [True, False, True, False, ...] is",
        ),
        (
            "one after another",
            PAY
            + "    async def withdraw(account, amount):\n"
            + WITHDRAW.partition("\n\n")[0]
            + "\n\n    return [await withdraw(*order) for order in orders]",
            "it takes 1 s, and 0.5 s is enough",
        ),
        (
            "only reading is locked",
            PAY + "    locks = {account: asyncio.Lock() for account, _ in orders}\n\n"
            "    async def withdraw(account, amount):\n        async with locks[account]:\n"
            "            balance = await bank.read(account)\n" + WITHDRAW.partition("\n")[2],
            "it returns [",
        ),
        (
            "with, not async with",
            PAY + "    locks = {account: asyncio.Lock() for account, _ in orders}\n\n"
            "    async def withdraw(account, amount):\n        with locks[account]:\n" + indented(WITHDRAW),
            "it raises TypeError",
        ),
    ],
}

RIGHT = {
    "09.3": [
        (
            "a task for each account",
            PAY + "    paid = [False] * len(orders)\n\n    async def serve(account):\n"
            "        for n, (owner, amount) in enumerate(orders):\n            if owner == account:\n"
            "                balance = await bank.read(account)\n                if balance >= amount:\n"
            "                    await bank.write(account, balance - amount)\n                    paid[n] = True\n\n"
            "    await asyncio.gather(*[serve(account) for account in {account for account, _ in orders}])\n"
            "    return paid",
        ),
        (
            "each waits for the one before it",
            PAY + "    last, tasks = {}, []\n\n    async def withdraw(account, amount, before):\n"
            "        if before:\n            await before\n        balance = await bank.read(account)\n"
            "        if balance < amount:\n            return False\n"
            "        await bank.write(account, balance - amount)\n        return True\n\n"
            "    for account, amount in orders:\n"
            "        last[account] = asyncio.create_task(withdraw(account, amount, last.get(account)))\n"
            "        tasks.append(last[account])\n    return [await task for task in tasks]",
        ),
    ],
}
