"""The ready queue or a timer holds an unreferenced task; one that waits for a Future nobody else holds is collected."""

from __future__ import annotations

import asyncio
import gc
import weakref


async def main() -> tuple[bool, bool, bool]:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # "destroyed but pending"
    ran: list[bool] = []

    async def soon() -> None:
        ran.append(True)

    async def on_a_timer() -> None:
        await asyncio.sleep(0.01)
        ran.append(True)

    async def for_nobody() -> None:
        await asyncio.get_running_loop().create_future()

    def start(coroutine: object) -> weakref.ref[object]:
        return weakref.ref(asyncio.ensure_future(coroutine))  # type: ignore[call-overload]

    ready, timed, orphan = start(soon()), start(on_a_timer()), start(for_nobody())
    gc.collect()
    held_while_ready = ready() is not None and timed() is not None and orphan() is not None
    await asyncio.sleep(0)
    gc.collect()
    lost = orphan() is None
    await asyncio.sleep(0.05)
    while len(ran) < 2:
        await asyncio.sleep(0.01)
    return held_while_ready, lost, ran == [True, True]


def test_who_is_collected_and_who_is_not() -> None:
    assert asyncio.run(main()) == (True, True, True)
