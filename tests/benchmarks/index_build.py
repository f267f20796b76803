"""The index made anew from the files, as after a restore, beside `ffprobe` of the same files."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.config.settings import NodeSettings
from falconeye.storage.backups.snapshot import INCOMPLETE
from falconeye.storage.checks.rebuild import IndexBuild, prepare
from falconeye.storage.footage import Footage
from falconeye.storage.index.database import Database
from falconeye.storage.index.write_queue import Operation
from falconeye.storage.tables.footage import fragments, recordings, runs, segments, usage
from falconeye.storage.tables.node import SETTINGS
from tests.benchmarks import clips, recorded
from tests.benchmarks.figures import Plan, Result, percentile

T = TypeVar("T")

NAME = "index_build"
FILES = int(os.environ.get("FALCONEYE_BENCH_FILES", "100"))
_ASK_S = 0.002


class _Timed(Database):
    """Knows how long each operation had the writer, without its commit."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        super().__init__(data_dir, clock)
        self.held_s: list[float] = []

    async def write(self, operation: Operation[T]) -> T:
        async def timed(connection: AsyncConnection) -> T:
            begun_s = time.perf_counter()
            try:
                return await operation(connection)
            finally:
                self.held_s.append(time.perf_counter() - begun_s)

        return await super().write(timed)


@dataclass(slots=True)
class _Figures:
    """A value per run."""

    files_a_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)  # a file
    probe_ms: list[float] = field(default_factory=list)
    held_most_ms: list[float] = field(default_factory=list)
    wait_p50_ms: list[float] = field(default_factory=list)
    wait_most_ms: list[float] = field(default_factory=list)


def measure(plan: Plan) -> Result:
    """Files of 56 s of a substream with sound, all in the page cache."""
    title = "The index made anew from the files beside `ffprobe` of each of them"
    result = Result(NAME, title)
    count = int(plan.seconds(FILES, min(FILES, 60)))
    folder = Path(tempfile.mkdtemp(prefix="falconeye-benchmark-"))
    try:
        figures, size = asyncio.run(_measure(folder, count, plan.runs(5)))
    finally:
        shutil.rmtree(folder)
    ratios = [ours / other for ours, other in zip(figures.cpu_ms, figures.probe_ms, strict=True)]
    result.add("CPU, beside ffprobe", "×", ratios)
    result.add("CPU per file", "ms", figures.cpu_ms)
    result.add("`ffprobe -show_entries format`: CPU per file", "ms", figures.probe_ms)
    result.add("files a second, beside recorders: half of the time", "", figures.files_a_second)
    result.add("the writer is held by one transaction, most", "ms", figures.held_most_ms)
    result.add("a row of a recorder waits meanwhile, p50", "ms", figures.wait_p50_ms)
    result.add("a row of a recorder waits meanwhile, most", "ms", figures.wait_most_ms)
    result.note(
        f"{count} files of {recorded.SEGMENT_S} s (640×360 at 0.5 Mb/s, AAC; 112 fragments), "
        f"{size / 1e6:.0f} MB, in the page cache: a disk adds what it takes to read heads of "
        "fragments and the last 8 MB of each file. FALCONEYE_BENCH_FILES sets how many."
    )
    result.note(
        f"The row waits for its commit, too, and for its turn beside the thread that reads files; "
        f"one is asked for every {_ASK_S * 1000:.0f} ms, in runs of their own."
    )
    return result


async def _measure(folder: Path, count: int, runs: int) -> tuple[_Figures, int]:
    """The figures, and the bytes of all files."""
    settings = NodeSettings(
        data_dir=folder / "data", media_dir=folder / "media", free_floor_bytes=0
    )
    figures = _Figures()
    async with AsyncExitStack() as stack:
        database, footage = await recorded.open_footage(stack, settings, _Timed)
        await recorded.record(footage, count, clips.sub_clip())
        files = sorted((folder / "media" / recorded.CAMERA).rglob("*.mp4"))
        before = await database.read(_rows)
        for _ in range(runs):
            begun_s, cpu_s = time.perf_counter(), time.process_time()
            database.held_s.clear()
            await _build(database, footage)
            figures.held_most_ms.append(max(database.held_s) * 1000)
            figures.cpu_ms.append((time.process_time() - cpu_s) / count * 1000)
            figures.files_a_second.append(count / (time.perf_counter() - begun_s))
            assert await database.read(_rows) == before
            figures.probe_ms.append(await asyncio.to_thread(_probe, files))
            waits = await _build_beside(database, footage)
            figures.wait_p50_ms.append(percentile(waits, 0.5) * 1000)
            figures.wait_most_ms.append(max(waits) * 1000)
        return figures, sum(file.stat().st_size for file in files)


async def _build(database: Database, footage: Footage) -> None:
    await database.write(_forget)
    assert await prepare(database, footage.volumes)
    build = IndexBuild(
        database,
        footage.volumes,
        node_name="bench",
        numbers=footage.store,
        state=footage.store.index,
        until_us=footage.deleter.indexed_until_us,
    )
    assert await build.run()


async def _build_beside(database: Database, footage: Footage) -> list[float]:
    """Seconds that each row waited which was written meanwhile."""
    waits: list[float] = []
    building = asyncio.create_task(_build(database, footage))
    while not building.done():
        begun = time.perf_counter()
        await database.write(_touch)
        waits.append(time.perf_counter() - begun)
        await asyncio.sleep(_ASK_S)
    await building
    return waits


async def _touch(connection: AsyncConnection) -> None:
    """As small a row as there is."""
    row = {"key": "benchmark", "value": time.perf_counter()}
    await connection.execute(delete(SETTINGS).where(SETTINGS.c.key == row["key"]))
    await connection.execute(insert(SETTINGS).values(row))


async def _forget(connection: AsyncConnection) -> None:
    """What a backup leaves out."""
    for table in (segments, fragments, usage, runs, recordings):
        await connection.execute(delete(table))
    await connection.execute(insert(SETTINGS).values(key=INCOMPLETE, value=True))


async def _rows(connection: AsyncConnection) -> list[tuple[int, bytes]]:
    """The start of each segment, and where its fragments lie."""
    found = await connection.execute(
        select(fragments.c.start_us, fragments.c.places).order_by(fragments.c.start_us)
    )
    return [(row.start_us, row.places) for row in found]


def _probe(files: list[Path]) -> float:
    """Milliseconds of CPU a file."""
    before = os.times()
    for file in files:
        subprocess.run(
            ["ffprobe", "-v", "error", "-show_entries", "format", str(file)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    after = os.times()
    used_s = after.children_user + after.children_system
    used_s -= before.children_user + before.children_system
    return used_s / len(files) * 1000
