"""Different steps, each as a task, in the only order that makes sense."""

import asyncio


async def boil_water() -> None:
    await asyncio.sleep(0.04)


async def brew() -> None:
    await asyncio.sleep(0.05)


async def pour() -> None:
    await asyncio.sleep(0.03)


async def main() -> None:
    await asyncio.create_task(boil_water())
    await asyncio.create_task(brew())
    await asyncio.create_task(pour())
