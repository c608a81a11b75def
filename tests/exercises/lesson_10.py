"""Typical wrong answers to the exercises of lesson 10: name, the function's cell, and what the check must say."""

TOAST = "async def toast(toaster):\n    toaster.switch_on()\n"
SELL = "async def sell(shop, thing):\n"
SELL_ALL = """
async def sell_all(shop, things):
    async with asyncio.TaskGroup() as group:
        for thing in things:
            group.create_task(sell(shop, thing), name=thing)
    return await shop.read_total()"""
PREPARE = """\
async def prepare(kitchen, dish):
    await kitchen.warm_plate(dish)
    await asyncio.sleep(0.1)
    return await kitchen.cook(dish)

async def breakfast(kitchen):
"""
GROUP = """\
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(prepare(kitchen, dish), name=dish) for dish in ("tea", "toast", "egg")]
"""
DISHES = "    return [task.result() for task in tasks]"

WRONG = {
    "10.1": [
        (
            "longer naps",
            TOAST + "    while not toaster.done:\n        await asyncio.sleep(0.05)\n    return 'toast'",
            "it takes 0.",
        ),
        (
            "a nap of the right length",
            TOAST + "    await asyncio.sleep(0.4005)\n    return 'toast'",
            "it takes only 0.4005 s, and 0.6503 s is asked for",
        ),
        (
            "forgotten await",
            TOAST + "    toaster.popped.wait()\n    return 'toast'",
            "wait() is called, but never awaited",
        ),
        (
            "impatient",
            TOAST + "    await asyncio.wait_for(toaster.popped.wait(), 0.1)\n    return 'toast'",
            "it raises TimeoutError",
        ),
        (
            "naps in another task",
            "async def look(toaster):\n    while not toaster.done:\n        await asyncio.sleep(0.001)\n\n"
            + TOAST
            + "    await asyncio.create_task(look(toaster), name='look')\n    return 'toast'",
            "diagnose() finds: busy polling (line 3)",
        ),
        ("blocks", TOAST + "    time.sleep(0.4005)\n    return 'toast'", "toast holds the loop"),
        ("never looks", TOAST + "    return 'toast'", "it takes only 0 s"),
        (
            "a limit for each wait, in a loop",
            TOAST + "    while not toaster.done:\n        try:\n"
            "            await asyncio.wait_for(toaster.popped.wait(), 0.1)\n        except TimeoutError:\n"
            "            pass\n    return 'toast'",
            "it wakes up at 0.1 s, and the toast is done at 0.4005 s",
        ),
    ],
    "10.2": [
        (
            "no lock at all",
            SELL + "    price = await shop.ask_price(thing)\n    total = await shop.read_total()\n"
            "    await shop.write_total(total + price)\n" + SELL_ALL,
            "it returns",
        ),
        (
            "a lock for each",
            SELL + "    async with asyncio.Lock():\n        price = await shop.ask_price(thing)\n"
            "        total = await shop.read_total()\n        await shop.write_total(total + price)\n" + SELL_ALL,
            "it returns",
        ),
        (
            "read outside the lock",
            SELL + "    price = await shop.ask_price(thing)\n    total = await shop.read_total()\n"
            "    async with shop.lock:\n        await shop.write_total(total + price)\n" + SELL_ALL,
            "it returns",
        ),
        (
            "asked under the lock, in a task",
            SELL + "    async with shop.lock:\n        price = await asyncio.create_task(shop.ask_price(thing))\n"
            "        total = await shop.read_total()\n        await shop.write_total(total + price)\n" + SELL_ALL,
            "diagnose() finds: convoy (line 3)",
        ),
        (
            "one after another",
            SELL + "    price = await shop.ask_price(thing)\n    total = await shop.read_total()\n"
            "    await shop.write_total(total + price)\n\nasync def sell_all(shop, things):\n"
            "    for thing in things:\n        await sell(shop, thing)\n    return await shop.read_total()",
            "it takes 1.5 s, and 0.3 s is enough",
        ),
        (
            "asked, and never sold",
            "async def sell_all(shop, things):\n"
            "    return sum(await asyncio.gather(*(shop.ask_price(thing) for thing in things)))",
            "the total written in the shop is 0, and ",
        ),
    ],
    "10.3": [
        (
            "nobody waits for the washing up",
            PREPARE + GROUP + "    asyncio.create_task(kitchen.wash_up(), name='wash up')\n" + DISHES,
            "outlived its parent",
        ),
        ("no washing up", PREPARE + GROUP + DISHES, "it takes only 0.5 s"),
        (
            "still one after another",
            PREPARE + "    dishes = [await prepare(kitchen, dish) for dish in ('tea', 'toast', 'egg')]\n"
            "    await kitchen.wash_up()\n    return dishes",
            "it takes 1.7 s, and 0.7 s is enough",
        ),
        (
            "slices in the loop's thread",
            PREPARE.replace("await asyncio.sleep", "time.sleep") + GROUP + "    await kitchen.wash_up()\n" + DISHES,
            "diagnose() finds: blocking call (line 3)",
        ),
        (
            "plates forgotten",
            PREPARE.replace("await kitchen.warm_plate(dish)", "await asyncio.sleep(0.1)")
            + GROUP
            + "    await kitchen.wash_up()\n"
            + DISHES,
            "it returns ['tea on a cold plate'",
        ),
        (
            "washes up while it cooks",
            PREPARE + GROUP + "        group.create_task(kitchen.wash_up())\n" + DISHES,
            "it takes only 0.5 s",
        ),
        (
            "washes up after each dish",
            PREPARE.replace("return await kitchen.cook(dish)", "dish = await kitchen.cook(dish)").replace(
                "\n\nasync def breakfast", "\n    await kitchen.wash_up()\n    return dish\n\nasync def breakfast"
            )
            + GROUP
            + DISHES,
            "`wash_up` is called 3 times, and once is asked for",
        ),
        (
            "a sleep in place of the washing up",
            PREPARE + GROUP + "    await asyncio.sleep(0.2)\n" + DISHES,
            "`wash_up` is called 0 times, and once is asked for",
        ),
    ],
}
