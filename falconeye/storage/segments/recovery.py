"""After a crash, a power cut or a fault of a disk: what files have is cut, indexed and kept.

Runs beside recorders that have already begun anew, and looks only at rows of `open_files`: those of
the last process, and those of this one whose disk did not tell what it has.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError
from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.storage.index.database import Database
from falconeye.storage.segments import recording_index, run_rows, segment_index
from falconeye.storage.segments.layout import segment_path
from falconeye.storage.segments.salvage import Salvaged, entry_of, salvage
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.store_rows import OpenFile
from falconeye.storage.tables.footage import open_files, recordings, runs
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

FIRST_WAIT_US = 5 * SECOND_US
LONGEST_WAIT_US = 10 * MINUTE_US


@dataclass(slots=True)
class RecoveryReport:
    """What recovery found."""

    recovered: int = 0  # files indexed
    cut_bytes: int = 0
    empty: int = 0  # files without a whole fragment: garbage
    never_made: int = 0  # rows whose file was not made
    unreadable: int = 0  # left as they are, tried again when a disk is back and at the next start


async def recover(
    database: Database, volumes: Volumes, store: FootageStore, *, node_name: str
) -> RecoveryReport:
    """Bring the files that the last process left open into the index.

    Those that cannot be read now stay in `store.leftovers`: for when their disk is back.
    Unavailable when the database does not take the rows now: all of it may be done again.
    """
    report = RecoveryReport()
    unreadable: list[OpenFile] = []
    tried = sorted(store.leftovers, key=lambda left: left.key.named_start_us)
    for left in tried:
        before = report.unreadable
        try:
            await _recover_file(database, volumes, left, node_name, report)
        except FalconEyeError:
            raise
        except Exception:  # one damaged file must not keep the others out of the index
            log.exception("%s cannot be recovered", segment_path(left.name))
            report.unreadable += 1
        if report.unreadable > before:
            unreadable.append(left)
    await end_all(database, store)
    if tried:
        log.info("recovery: %s", report)
    store.leftovers = unreadable + [left for left in store.leftovers if left not in tried]
    return report


class RecoveryTimes:
    """When leftovers whose disk is there are tried again: soon at first, then ever later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known = 0
        self._wait_us = self._due_us = 0

    def is_due(self, leftovers: int, *, disk_is_back: bool) -> bool:
        """To be asked once a round; True means that it is tried now."""
        now_us = self._clock.monotonic_us()
        if disk_is_back or leftovers > self._known:
            self._wait_us, self._due_us = FIRST_WAIT_US, now_us
        self._known = leftovers
        if not leftovers or now_us < self._due_us:
            return False
        self._due_us = now_us + self._wait_us
        self._wait_us = min(2 * self._wait_us, LONGEST_WAIT_US)
        return True


async def end_all(database: Database, store: FootageStore) -> None:
    """Runs and recordings that no process of before has ended have ended with it."""
    await database.write(
        partial(_end_all, store.first_run_id, store.open_recordings(), store.leftovers)
    )


async def _recover_file(
    database: Database, volumes: Volumes, left: OpenFile, node_name: str, report: RecoveryReport
) -> None:
    volume = volumes.get(left.key.volume)
    path = segment_path(left.name)
    if volume is None or volume.missing is not None:
        report.unreadable += 1
        return
    try:
        found = await volume.readers.run(partial(salvage, volume, path, cut=True, whole=True))
    except FileNotFoundError:
        report.never_made += 1
        await database.write(partial(_forget, left))
        return
    except OSError as error:
        log.warning("%s cannot be recovered now: %s", path, error)
        report.unreadable += 1
        return
    await database.write(partial(_index, left, path, found, node_name))
    if found.found is None:
        report.empty += 1
    else:
        report.recovered += 1
        report.cut_bytes += found.cut_bytes


async def _forget(left: OpenFile, connection: AsyncConnection) -> None:
    await segment_index.remove_open_file(connection, left.key)
    await run_rows.forget_empty_run(connection, left.run_id)


async def _index(
    left: OpenFile, path: str, salvaged: Salvaged, node_name: str, connection: AsyncConnection
) -> None:
    if salvaged.found is None:
        await segment_index.add_garbage(connection, left.key.volume, path, salvaged.size_bytes)
        await _forget(left, connection)
        return
    entry = entry_of(salvaged.found, left.key, node_name=node_name, run_end=left.run_end)
    entry = replace(entry, recording_ended=not left.is_of_this_process)
    await segment_index.add_segment(connection, entry)
    if entry.recording is not None and not entry.recording_ended:
        await recording_index.complete_left(connection, left.key.stream_id, entry.recording.id)


async def _end_all(
    first_run_id: int, open_ids: set[str], left: Sequence[OpenFile], connection: AsyncConnection
) -> None:
    """Runs and recordings of the last process that nobody ended; runs without footage go."""
    is_left = exists().where(open_files.c.run_id == runs.c.id)  # its disk is not there
    await connection.execute(
        delete(runs).where(runs.c.id < first_run_id, runs.c.ended_us.is_(None), ~is_left)
    )
    await connection.execute(
        update(runs)
        .where(
            runs.c.id < first_run_id,
            runs.c.end_reason.is_(None),
            or_(runs.c.ended_us.is_(None), runs.c.id.in_({file.run_id for file in left})),
        )
        .values(
            end_reason=RunEnd.NODE_CRASHED.value,
            ended_us=func.coalesce(runs.c.ended_us, runs.c.started_us),
        )
    )
    rows = await connection.execute(
        select(recordings.c.id).where(
            recordings.c.status == "recording", recordings.c.last_run_id < first_run_id
        )
    )
    for recording_id in set(rows.scalars()) - open_ids:
        await recording_index.finish_recording(connection, recording_id)
