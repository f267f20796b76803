"""A week with retention, a day of files and millions of rows, in simulated time."""

import asyncio
import shutil
import time
from pathlib import Path

from sqlalchemy import func, select

from falconeye.base.times import DAY_US, HOUR_US, SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.database import Database
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from falconeye.storage.tables.footage import garbage, segments
from tests.benchmarks.timeline import _fill, _read
from tests.clock import START_US, FakeClock
from tests.faults.footage_on_disk import left_behind, unplayable
from tests.faults.outcome import Holdings, Outcome
from tests.unit.storage_footage.footage import CAMERA, Node, open_node, rows, segment_fragments

FILE_S = 60  # what each file stands for; two seconds of pictures are in it
AT_ONCE = 10
MAY_MB = 16.0


async def retention_week(folder: Path, hours: int, file_s: int = FILE_S) -> Outcome:
    """A file a minute and a rule of one day: neither a file too many goes nor one too few.

    Of a time shorter than a day, a rule of so many bytes.
    """
    clock = FakeClock()
    outcome = Outcome("retention of a day", f"{hours} simulated hours", "nothing", [], 0.0)
    keep_days = 1 if hours > 24 else None
    keep_bytes = None if keep_days else 400_000
    node = await open_node(folder, clock, keep=lambda: Keep(keep_days, keep_bytes))
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    before: Holdings | None = None
    for first in range(0, hours * 3600 // file_s, AT_ONCE):
        for number in range(first, first + AT_ONCE):
            _write(node, run, number, file_s)
        assert await node.store.flush(60)
        clock.advance(file_s * AT_ONCE)
        await node.deleter.enforce_rules()
        if before is None and first * file_s >= (25 if keep_days else 1) * 3600:
            before = await Holdings.now()
        if first // AT_ONCE % 6 == 5:
            outcome.wrong += await _wrongly_kept(node, keep_days, file_s)
    assert before is not None
    outcome.wrong += await _wrongly_kept(node, keep_days, file_s)
    outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))
    outcome.lost_s = [await _too_young(node, hours, keep_days, file_s)]
    outcome.wrong += len((await check(node.database, node.volumes)).problems)
    outcome.notes.append(f"{len(await rows(node, segments))} files left")
    await node.stop()
    outcome.leaked(await asyncio.to_thread(left_behind, folder / "data", folder / "media"))
    outcome.unplayable = await asyncio.to_thread(unplayable, folder / "data", folder / "media")
    return outcome


def _write(node: Node, run: int, number: int, file_s: int) -> None:
    start_us, offset_90k = START_US + number * file_s * SECOND_US, number * 180_000
    start = node.start(
        run, start_us, offset_90k=offset_90k, recording_id=f"rec-{start_us // HOUR_US}"
    )
    writer = node.store.create(start)
    for fragment in segment_fragments(2, offset_90k=offset_90k):
        assert writer.append(fragment) is Accepted.YES
    writer.close(SegmentEnd(start_us + file_s * SECOND_US))


async def _wrongly_kept(node: Node, keep_days: int | None, file_s: int) -> int:
    """Rows older than the rule says, and files that no row, or garbage, knows of."""
    known = await rows(node, segments)
    files = await asyncio.to_thread(lambda: len(list(node.media_dir.rglob("*.mp4"))))
    wrong = abs(files - len(known) - len(await rows(node, garbage)))
    if keep_days is not None:
        oldest_us = node.clock.utc_us() - keep_days * DAY_US - (AT_ONCE + 2) * file_s * SECOND_US
        wrong += sum(row.start_us + row.wall_duration_us < oldest_us for row in known)
    return wrong


async def _too_young(node: Node, hours: int, keep_days: int | None, file_s: int) -> float:
    """Seconds of the last day that are not there."""
    if keep_days is None:
        return 0.0
    first_us = node.clock.utc_us() - keep_days * DAY_US
    kept = [row for row in await rows(node, segments) if row.start_us >= first_us]
    return max(0.0, min(hours, 24) * 3600.0 - len(kept) * file_s - file_s)


async def many_rows(folder: Path, days: int) -> Outcome:
    """Rows of 32 cameras with substreams for so many days: 54 days are 5 million."""
    count = 32 * 2 * 1440 * days
    outcome = Outcome("a large index", f"{count / 1e6:.1f} M rows", "–", has_files=False)
    database = Database(folder / "data", FakeClock())
    await database.open()
    await database.close()
    await asyncio.to_thread(_fill, folder / "data" / DATABASE_NAME, days)
    begun = time.monotonic()
    node = await open_node(folder, FakeClock(START_US + days * DAY_US))
    opened_s = time.monotonic() - begun
    took_ms = await _read(node.database, days, 1, 100)
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, node.clock.utc_us())
    before, begun = await Holdings.now(), time.monotonic()
    for index in range(20):
        at_us = node.clock.utc_us() + index * 2 * SECOND_US
        await node.record(run, at_us, offset_90k=index * 180_000)
    stored_ms = (time.monotonic() - begun) * 1000 / 20
    _ = await _read(node.database, days, 1, 100)
    outcome.leaked((await Holdings.now()).leaks(before, may_mb=MAY_MB))
    found = await node.database.read(_count)
    outcome.wrong = abs(found - count - 20)
    outcome.notes.append(
        f"opened in {opened_s:.2f} s, a camera's day p99 {sorted(took_ms)[-2]:.1f} ms, "
        f"a file stored in {stored_ms:.0f} ms"
    )
    await node.stop()
    await asyncio.to_thread(shutil.rmtree, folder / "data")
    return outcome


async def _count(connection: object) -> int:
    found = await connection.execute(select(func.count()).select_from(segments))  # type: ignore[attr-defined]
    return int(found.scalar_one())
