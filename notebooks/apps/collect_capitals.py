"""Collect the records of the world's capitals from a slow, moody web service into an SQLite file.

    python collect_capitals.py http://127.0.0.1:8000 --store capitals.db --report capitals.png

Some records are under way at once, and so many requests a second are sent. What fails is tried again. What has come is
checked and stored, several records in one transaction. Stop it with Ctrl + C, or kill it: started again, it goes on
where it stopped. Exit status: 0 when all is stored, 1 when some records could not be had, 130 when it was stopped.
"""

import argparse
import asyncio
import random
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import aiohttp

TRIES = 8  # for one record
FIRST_PAUSE = 0.1  # seconds at most before the second try; twice as long before each further one
PATIENCE = aiohttp.ClientTimeout(total=10)  # seconds for one request
COLUMNS = {"slug": str, "capital": str, "country": str, "latitude": float, "longitude": float, "population": int}


def validate(record: Any, slug: str) -> tuple[Any, ...]:
    """Return a record as a row. Raises ValueError for one that must not be stored."""
    if not isinstance(record, dict):
        raise ValueError(f"this is no record: {record!r:.40}")
    for column, kind in COLUMNS.items():
        if not isinstance(record.get(column), kind):
            raise ValueError(f"{column} is {record.get(column)!r:.40}")
    if record["slug"] != slug:
        raise ValueError(f"this is the record of {record['slug']!r:.40}")
    if not (abs(record["latitude"]) <= 90 and abs(record["longitude"]) <= 180 and record["population"] >= 0):
        raise ValueError("a number is out of range")
    return tuple(record[column] for column in COLUMNS)


def load(store: str) -> set[str]:
    """Return the names of what is stored; a new store is made."""
    with closing(sqlite3.connect(store)) as base:
        columns = ", ".join(COLUMNS)
        base.execute(f"CREATE TABLE IF NOT EXISTS capitals ({columns}, PRIMARY KEY (slug))")
        return {slug for (slug,) in base.execute("SELECT slug FROM capitals")}


def save(store: str, rows: list[tuple[Any, ...]]) -> int:
    """Store rows in one transaction, all of them or none, and return how many there are now."""
    places = ", ".join("?" for _ in COLUMNS)
    with closing(sqlite3.connect(store)) as base:
        with base:  # commits at its end, or rolls back
            base.executemany(f"INSERT INTO capitals VALUES ({places})", rows)
        return int(base.execute("SELECT count(*) FROM capitals").fetchone()[0])


class Pace:
    """Gives out turns, at most `rate` a second."""

    def __init__(self, rate: float) -> None:
        self.gap, self.free = 1 / rate, 0.0

    async def turn(self) -> None:
        """Wait for the next turn that is free."""
        now = asyncio.get_running_loop().time()
        mine = max(self.free, now)
        self.free = mine + self.gap  # before the await, so that nobody else takes the same turn
        await asyncio.sleep(mine - now)

    def rest(self, seconds: float) -> None:
        """Give out no turn for so long."""
        self.free = max(self.free, asyncio.get_running_loop().time() + seconds)


class Collector:
    """Fetches what is not stored yet. `progress(stored, total)` is called at the start and after each transaction."""

    def __init__(
        self, url: str, store: str, *, at_once: int = 8, rate: float = 50.0, batch: int = 10,
        progress: Callable[[int, int], object] = lambda stored, total: None,
    ) -> None:  # fmt: skip
        self.url, self.store, self.at_once, self.batch, self.progress = url, store, at_once, batch, progress
        self.pace = Pace(rate)
        self.todo: Iterator[str] = iter(())  # shared by all workers: each name goes to one of them
        self.rows: list[tuple[Any, ...]] = []  # fetched, and not stored yet
        self.failures: dict[str, str] = {}
        self.stored = self.total = 0

    async def run(self, slugs: Iterable[str] = ()) -> bool:
        """Fetch and store `slugs`, or all there are; return whether all is there. Cancelled: store what came."""
        async with aiohttp.ClientSession(timeout=PATIENCE) as self.session:
            wanted = list(slugs) or await self.get("/capitals")
            with ThreadPoolExecutor(1, "store") as self.disk:  # one: transactions come in turn
                there = await self.on_disk(load)
                self.stored, self.total = len(there), len(there.union(wanted))
                self.progress(self.stored, self.total)
                self.todo = iter([slug for slug in dict.fromkeys(wanted) if slug not in there])
                try:
                    async with asyncio.TaskGroup() as group:
                        for number in range(self.at_once):
                            group.create_task(self.work(), name=f"worker {number + 1}")
                finally:
                    await self.flush()
        return self.stored == self.total

    async def work(self) -> None:
        """Fetch one record after another until there is none left."""
        for slug in self.todo:
            try:
                row = validate(await self.get(f"/capitals/{slug}"), slug)
                self.rows.append(row)  # in one line, `self.rows` would be looked up before the await
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                self.failures[slug] = f"{type(error).__name__}: {error}"
            if len(self.rows) >= self.batch:
                await self.flush()

    async def get(self, path: str) -> Any:
        """Return an answer; what may pass is tried again, after a pause drawn by lot. Raises the last error."""
        attempt = 0
        while True:
            await self.pace.turn()
            try:
                async with self.session.get(self.url + path) as response:
                    if response.status == 429:  # too many requests a second
                        self.pace.rest(float(response.headers.get("Retry-After", 1)))
                    response.raise_for_status()
                    return await response.json()
            except (aiohttp.ClientError, TimeoutError) as error:
                status = getattr(error, "status", 500)
                if attempt == TRIES - 1 or (status < 500 and status != 429):
                    raise
            await asyncio.sleep(random.uniform(0, FIRST_PAUSE * 2**attempt))
            attempt += 1

    async def flush(self) -> None:
        """Store what has come."""
        rows, self.rows = self.rows, []
        self.stored = await self.on_disk(save, rows)
        self.progress(self.stored, self.total)

    async def on_disk(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the store in its thread. It is done even when the one who waits for it is cancelled."""
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self.disk, function, self.store, *arguments)
        return await asyncio.shield(call)


def report(store: str, picture: str) -> str:
    """Draw what is stored on a map, and return what it says."""
    from matplotlib.figure import Figure  # takes a moment: only for those who want a report

    with closing(sqlite3.connect(store)) as base:
        rows = base.execute("SELECT longitude, latitude, population FROM capitals").fetchall()
    north = sum(latitude > 0 for _, latitude, _ in rows)
    title = f"{north} of {len(rows)} capitals lie north of the equator"
    figure = Figure(figsize=(9, 4.5), dpi=200, layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="0.6", linewidth=1)
    x, y, people = zip(*rows, strict=True) if rows else ((), (), ())
    axes.scatter(x, y, s=[5 + number / 60_000 for number in people], alpha=0.5)
    axes.set(title=title, xlabel="longitude, degrees (larger dots: more inhabitants)", ylabel="latitude, degrees")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture)
    return title


def show(stored: int, total: int) -> None:
    """A progress bar: one line that moves in a terminal, a line each time elsewhere."""
    filled = 20 * stored // (total or 1)
    moves = sys.stderr.isatty()
    print(f"[{'#' * filled:20}] {stored} of {total}", end="\r" if moves else "\n", file=sys.stderr, flush=True)


async def collect(options: argparse.Namespace) -> bool:
    """Run a collector that SIGTERM cancels, as Ctrl + C does by itself."""
    task = asyncio.current_task()
    if sys.platform != "win32" and task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    settings = {"at_once": options.at_once, "rate": options.rate, "batch": options.batch}
    collector = Collector(options.url, options.store, progress=show, **settings)
    complete = await collector.run(options.slugs)
    print(f"{collector.stored} of {collector.total} capitals are stored")
    for slug, why in collector.failures.items():
        print(f"not fetched: {slug} ({why})")
    return complete


def main() -> int:
    """Read the command line, collect, report; return the exit status."""
    parser = argparse.ArgumentParser(description="Collect the records of capitals; started again, it goes on.")
    parser.add_argument("url", help="the web service, such as http://127.0.0.1:8000")
    parser.add_argument("slugs", nargs="*", help="only these capitals, such as oslo (default: all)")
    parser.add_argument("--store", default="capitals.db", help="the SQLite file (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=8, help="records under way at once (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second, at most (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=10, help="records in a transaction (default: %(default)s)")
    parser.add_argument("--report", metavar="PNG", help="draw a map of the capitals")
    options = parser.parse_args()
    try:
        complete = asyncio.run(collect(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped. What has come is stored; start it again to go on.")
        return 130
    except (aiohttp.ClientError, TimeoutError) as error:
        print(f"The service cannot be reached: {error}")
        return 1
    if options.report:
        print(report(options.store, options.report))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
