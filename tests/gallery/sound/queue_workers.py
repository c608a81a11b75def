"""A producer, a queue with a bound, and three workers."""

import asyncio


async def worker(jobs: "asyncio.Queue[int]") -> None:
    while True:
        await jobs.get()
        await asyncio.sleep(0.01)
        jobs.task_done()


async def main() -> None:
    jobs: asyncio.Queue[int] = asyncio.Queue(2)
    workers = [asyncio.create_task(worker(jobs)) for _ in range(3)]
    for number in range(20):
        await jobs.put(number)
    await jobs.join()
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
