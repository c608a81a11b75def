"""Waits for a flag with sleep(0) in a loop: it takes a core for itself."""

import asyncio

EXPECTED = "busy polling"


class Job:
    done = False

    async def run(self) -> None:
        await asyncio.sleep(0.15)
        self.done = True


async def watch(job: Job) -> None:
    while not job.done:
        await asyncio.sleep(0)  # <- fault


async def main() -> None:
    job = Job()
    await asyncio.gather(job.run(), watch(job))
