"""How long the timeline of a camera takes among the rows of two months of 32 cameras."""

import asyncio
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from falconeye.base.clock import SystemClock
from falconeye.base.times import DAY_US, MINUTE_US, SECOND_US
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.database import Database
from falconeye.storage.reading.timeline import read_timeline
from tests.benchmarks.figures import Plan, Result, percentile
from tests.clock import START_US

NAME = "timeline"
CAMERAS = 32
PER_DAY = 1440
HOLES_A_DAY = 12  # of 20 s, each with its reason


def measure(plan: Plan) -> Result:
    """A day, and 30 of them."""
    result = Result(NAME, "The timeline of one camera, by what SQLite and Python take")
    days = int(plan.seconds(54, 5))
    folder = Path(tempfile.mkdtemp(prefix="falconeye-benchmark-"))
    try:
        asyncio.run(_measure(result, folder, days, plan.runs(5)))
    finally:
        shutil.rmtree(folder)
    return result


async def _measure(result: Result, folder: Path, days: int, runs: int) -> None:
    database = Database(folder, SystemClock())
    await database.open()
    await database.close()
    size_mb = await asyncio.to_thread(_fill, folder / DATABASE_NAME, days)
    await database.open()
    try:
        day = [await _read(database, days, 1, 200) for _ in range(runs)]
        month = [await _read(database, days, min(30, days), 10) for _ in range(runs)]
    finally:
        await database.close()
    rows = CAMERAS * 2 * days * PER_DAY / 1e6
    result.add("a camera's day, p50", "ms", [percentile(run, 0.5) for run in day])
    result.add("a camera's day, p99", "ms", [percentile(run, 0.99) for run in day], budget=10)
    result.add(f"{min(30, days)} days, p50", "ms", [percentile(run, 0.5) for run in month])
    result.note(
        f"{rows:.1f} M segments of {CAMERAS} cameras with substreams, {days} days, "
        f"{HOLES_A_DAY} holes a day; the database has {size_mb:.0f} MB."
    )


async def _read(database: Database, days: int, length: int, count: int) -> list[float]:
    """Milliseconds of each read of `length` days of some camera."""
    chosen = random.Random(length)  # noqa: S311 - the same choice each time
    took: list[float] = []
    for _ in range(count):
        camera = f"camera-{chosen.randrange(CAMERAS)}"
        from_us = START_US + chosen.randrange(days - length + 1) * DAY_US
        begun = time.perf_counter()
        found = await database.read(
            partial(read_timeline, camera, from_us, from_us + length * DAY_US, None)
        )
        took.append((time.perf_counter() - begun) * 1000)
        assert len(found.gaps) >= HOLES_A_DAY * length
    return took


def _fill(path: Path, days: int) -> float:
    """Megabytes of the database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for camera in range(CAMERAS):
            for number, kind in enumerate(("main", "sub")):
                stream = 2 * camera + number + 1
                connection.execute(
                    "INSERT INTO streams (id, camera_id, kind) VALUES (?, ?, ?)",
                    (stream, f"camera-{camera}", kind),
                )
                connection.executemany(
                    "INSERT INTO segments (stream_id, start_us, run_id, volume_id, "
                    "wall_duration_us, media_duration_90k, media_offset_90k, size_bytes, init_id, "
                    "named_offset_us) VALUES (?, ?, 1, 1, ?, 5400000, 0, 30000000, 1, 0)",
                    _segments(stream, days),
                )
            connection.executemany(
                "INSERT INTO coverage_steps (camera_id, since_us, reason, detail) "
                "VALUES (?, ?, ?, ?)",
                _steps(f"camera-{camera}", days),
            )
        end_us = START_US + days * DAY_US
        connection.execute(
            "INSERT INTO uptimes (from_us, to_us, ended) VALUES (?, ?, NULL)", (START_US, end_us)
        )
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size / 1e6


def _hole(minute: int) -> bool:
    return minute % (PER_DAY // HOLES_A_DAY) == 0


def _segments(stream: int, days: int) -> Iterator[tuple[int, int, int]]:
    for minute in range(days * PER_DAY):
        length_us = MINUTE_US - (20 * SECOND_US if _hole(minute) else 0)
        yield stream, START_US + minute * MINUTE_US, length_us


def _steps(camera: str, days: int) -> Iterator[tuple[str, int, str | None, str]]:
    yield camera, START_US, None, ""
    for minute in range(days * PER_DAY):
        if _hole(minute):
            at_us = START_US + minute * MINUTE_US
            yield camera, at_us + 45 * SECOND_US, "camera_offline", "no answer"
            yield camera, at_us + 58 * SECOND_US, None, ""
