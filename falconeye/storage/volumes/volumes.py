"""The volumes of this node: found, registered, watched."""

import asyncio
import logging
import os
from functools import partial
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import StartError
from falconeye.base.times import SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.tables.footage import volumes as volume_table
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.volume import Volume, make_volume_id
from falconeye.storage.volumes.volume_facts import DiskKind, VolumeFacts, free_floor_bytes
from falconeye.storage.volumes.work_threads import WorkThreads

log = logging.getLogger(__name__)

PAGE_WAIT_S = 0.5  # a page waits so long for a disk; then it says that the disk does not answer


class Volumes:
    """The directories of footage. One in this release; the index is ready for more."""

    def __init__(self, volumes: list[Volume], clock: Clock, floor_bytes: int | None) -> None:
        self.all = volumes
        self._clock = clock
        self._floor_bytes = floor_bytes
        self._opened_us = clock.monotonic_us()

    @classmethod
    async def open(
        cls,
        database: Database,
        media_dir: Path,
        clock: Clock,
        *,
        sync_interval_s: float = 2.0,
        floor_bytes: int | None = None,
        exclusive: bool = True,
        calls: DiskCalls | None = None,
    ) -> "Volumes":
        """Find the volume at `media_dir`, or make it there when that directory never had one.

        A directory that had one and has none, or another one, now is a disk that is not mounted:
        it is left alone, and recording says so (`Volume.missing`) until the disk is back.
        `exclusive=False` is for looking only (`check` without repair) beside a running node.
        """
        path = _absolute(media_dir)
        rows = await database.read(_known)
        expected = next((row for row in rows if row[2] == str(path)), None)
        opener = WorkThreads("volume-open", 1)
        try:
            if expected is None:
                expected = await _adopt(database, opener, path, rows, clock.utc_us())
        finally:
            opener.stop()
        number, volume_id, _ = expected
        volume = Volume(
            path,
            number=number,
            volume_id=volume_id,
            sync_interval_s=sync_interval_s,
            exclusive=exclusive,
            calls=calls,
        )
        await volume.open()
        return cls([volume], clock, floor_bytes)

    def for_recording(self) -> Volume:
        """Where a new segment goes."""
        return self.all[0]

    def get(self, number: int) -> Volume | None:
        """The volume of that number; None when it is not configured any more."""
        return next((volume for volume in self.all if volume.number == number), None)

    def floor_bytes(self, volume: Volume, total_bytes: int) -> int:
        """What is kept free on it."""
        kind = volume.kind or DiskKind("", is_root_fs=False, is_sd_card=False)
        return free_floor_bytes(total_bytes, kind, self._floor_bytes)

    async def facts(self) -> list[VolumeFacts]:
        """Each volume as it is now; asks the disks, all at once, and waits `PAGE_WAIT_S`."""
        return await asyncio.gather(*(self._facts(volume) for volume in self.all))

    async def stop(self) -> None:
        """End all threads after what is queued; those of a hanging disk are left behind."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(None, volume.stop) for volume in self.all))

    async def _facts(self, volume: Volume) -> VolumeFacts:
        total = free = 0
        present = volume.missing is None
        try:
            space = await volume.space(PAGE_WAIT_S)
            total, free = space.total_bytes, space.free_bytes
        except (OSError, TimeoutError):
            present = False
        elapsed_s = max(1, self._clock.monotonic_us() - self._opened_us) / SECOND_US
        return VolumeFacts(
            id=volume.id,
            path=volume.path,
            present=present,
            total_bytes=total,
            free_bytes=free,
            floor_bytes=self.floor_bytes(volume, total),
            file_system=volume.kind.file_system if volume.kind else "",
            is_root_fs=volume.kind is not None and volume.kind.is_root_fs,
            is_sd_card=volume.kind is not None and volume.kind.is_sd_card,
            growth_bytes_per_s=volume.bytes_written.value / elapsed_s,
        )


def _absolute(path: Path) -> Path:
    return path if path.is_absolute() else Path(os.path.abspath(path))  # noqa: PTH100


_Row = tuple[int, str, str]  # number, id, path


async def adopt(database: Database, media_dir: Path, utc_us: int) -> None:
    """Take the volume that is at `media_dir` now (a new or swapped disk) as the one there.

    For `falconeye check --repair`: a person says that this is the right disk. Makes an id file
    where there is none.
    """
    opener = WorkThreads("volume-open", 1)
    try:
        rows = await database.read(_known)
        await _adopt(database, opener, _absolute(media_dir), rows, utc_us)
    finally:
        opener.stop()


async def _adopt(
    database: Database, opener: WorkThreads, path: Path, rows: list[_Row], utc_us: int
) -> _Row:
    try:
        volume_id = await opener.run(partial(make_volume_id, path))
    except OSError as error:
        words = error.strerror or str(error)
        msg = f"the media directory {path} cannot be used: {words}"
        raise StartError(msg) from error
    known = next((row for row in rows if row[1] == volume_id), None)
    number = known[0] if known else max((row[0] for row in rows), default=0) + 1
    await database.write(partial(_store, number, volume_id, str(path), utc_us))
    return number, volume_id, str(path)


async def _known(connection: AsyncConnection) -> list[_Row]:
    rows = await connection.execute(
        select(volume_table.c.id, volume_table.c.uuid, volume_table.c.path)
    )
    return [(row.id, row.uuid, row.path) for row in rows]


async def _store(
    number: int, volume_id: str, path: str, utc_us: int, connection: AsyncConnection
) -> None:
    await connection.execute(
        update(volume_table).where(volume_table.c.path == path).values(path="")
    )
    row = upsert(volume_table).values(id=number, uuid=volume_id, path=path, added_us=utc_us)
    await connection.execute(row.on_conflict_do_update(index_elements=["id"], set_={"path": path}))
