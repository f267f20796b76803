"""The volumes of this node: found, registered, watched; which of them takes new footage."""

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from falconeye.base.clock import Clock
from falconeye.base.errors import StartError
from falconeye.base.times import SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.volumes import volume_rows
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.id_file import make_volume_id
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import (
    DiskKind,
    Role,
    VolumeFacts,
    free_floor_bytes,
)
from falconeye.storage.volumes.volume_rows import VolumeRow
from falconeye.storage.volumes.work_threads import WorkThreads

log = logging.getLogger(__name__)

PAGE_WAIT_S = 0.5  # a page waits so long for a disk; then it says that the disk does not answer
START_S = 1.0  # cameras wait so long for disks at a start; one that is late is used once it answers
STUCK_S = 20.0  # longer than one write, and the room made for it, may take


class Volumes:
    """The directories of footage: the media directory, and those added by `storage add`."""

    def __init__(
        self,
        database: Database,
        volumes: list[Volume],
        clock: Clock,
        make: Callable[[VolumeRow], Volume],
        floor_bytes: int | None,
    ) -> None:
        self.all = volumes  # the media directory first; replaced as a whole: any thread may read
        self._database = database
        self._clock = clock
        self._make = make
        self._floor_bytes = floor_bytes
        self._one = asyncio.Lock()

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
        limit_s: float | None = None,
    ) -> "Volumes":
        """Find the volume at `media_dir`, or make it there when that directory never had one.

        A directory that had one and has none, or another one, now is a disk that is not mounted:
        it is left alone, and recording says so (`Volume.missing`) until the disk is back.
        `calls` are those of the media directory. Disks that do not answer in `limit_s` (as
        `Volume.open`) are missing until they do.
        `exclusive=False` is for looking only (`check` without repair) beside a running node.
        StartError when the media directory cannot be made.
        """
        path = absolute(media_dir)
        rows = await database.read(volume_rows.known)
        expected = next((row for row in rows if row.path == str(path)), None)
        if expected is None:
            expected = await adopt(database, path, clock.utc_us())

        def make(row: VolumeRow) -> Volume:
            return Volume(
                Path(row.path),
                number=row.number,
                volume_id=row.volume_id,
                role=Role.RECORD if row.number == expected.number else row.role,
                sync_interval_s=sync_interval_s,
                exclusive=exclusive,
                calls=calls if row.number == expected.number else None,
                opened_us=clock.monotonic_us(),
            )

        volumes = cls(database, [make(expected)], clock, make, floor_bytes)
        await asyncio.gather(volumes.all[0].open(limit_s), volumes.reload(limit_s))
        return volumes

    async def reload(self, limit_s: float | None = None) -> None:
        """Take over what `storage add`, `role` and `remove` changed in the index.

        New ones that do not answer in `limit_s` (`Volume.open`) are missing until they do.
        """
        async with self._one:
            first = self.all[0]
            wanted = {
                row.number: row
                for row in await self._database.read(volume_rows.known)
                if row.path and row.role is not Role.NONE and row.number != first.number
            }
            kept, gone = [first], []
            for volume in self.all[1:]:
                row = wanted.get(volume.number)
                if row is None or Path(row.path) != volume.path:
                    gone.append(volume)
                    continue
                volume.role = row.role
                kept.append(volume)
                del wanted[row.number]
            self.all = kept  # before their threads end: nothing new goes to them from here on
            await self._stop_all(gone)
            added = [self._make(row) for row in wanted.values()]
            await asyncio.gather(*(volume.open(limit_s) for volume in added))
            self.all = kept + added

    def for_recording(self) -> Volume:
        """Where a new segment goes: the first volume that can take it, archives last.

        While no disk can, the media directory, whose trouble is then the reason. Any thread.
        """
        volumes = self.all
        for role in (Role.RECORD, Role.ARCHIVE):
            for volume in volumes:
                if volume.role is role and volume.can_record(STUCK_S):
                    return volume
        return volumes[0]

    @property
    def can_record(self) -> bool:
        """Whether some disk takes footage now. Any thread."""
        return self.for_recording().can_record(STUCK_S)

    def get(self, number: int) -> Volume | None:
        """The volume of that number; None when it is not configured any more."""
        return next((volume for volume in self.all if volume.number == number), None)

    def opener(self, volume: Volume | None, path: str) -> Callable[[], int]:
        """Opens a file of footage, also when it moved to another volume after the index was read.

        `volume` may have been removed since (None, or not used any more). Its path is the same on
        each. For reader threads; FileNotFoundError when it is nowhere.
        """
        return partial(self._open_file, volume, path)

    def floor_bytes(self, volume: Volume, total_bytes: int) -> int:
        """What is kept free on it."""
        kind = volume.kind or DiskKind("", is_root_fs=False, is_sd_card=False)
        return free_floor_bytes(total_bytes, kind, self._floor_bytes)

    async def facts(self) -> list[VolumeFacts]:
        """Each volume as it is now; asks the disks, all at once, and waits `PAGE_WAIT_S`."""
        return await asyncio.gather(*(self._facts(volume) for volume in self.all))

    async def stop(self) -> None:
        """End all threads after what is queued; those of a hanging disk are left behind."""
        await self._stop_all(self.all)

    async def _stop_all(self, volumes: Sequence[Volume]) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(None, volume.stop) for volume in volumes))

    def _open_file(self, volume: Volume | None, path: str) -> int:
        volumes = self.all
        try:
            if volume is None:
                raise FileNotFoundError(errno.ENOENT, "its disk is not configured any more")
            return volume.open_file(path)
        except OSError as error:
            if volume in volumes and not isinstance(error, FileNotFoundError):
                raise
            for other in volumes:
                if other is not volume and other.missing is None:
                    try:
                        return other.open_file(path)
                    except OSError:  # what is told is that it is not where the index had it
                        continue
            raise

    async def _facts(self, volume: Volume) -> VolumeFacts:
        total = free = 0
        present = volume.missing is None
        try:
            space = await volume.space(PAGE_WAIT_S)
            total, free = space.total_bytes, space.free_bytes
        except (OSError, TimeoutError):
            present = False
        elapsed_s = max(1, self._clock.monotonic_us() - volume.opened_us) / SECOND_US
        return VolumeFacts(
            id=volume.id,
            path=volume.path,
            role=volume.role,
            present=present,
            total_bytes=total,
            free_bytes=free,
            floor_bytes=self.floor_bytes(volume, total),
            file_system=volume.kind.file_system if volume.kind else "",
            is_root_fs=volume.kind is not None and volume.kind.is_root_fs,
            is_sd_card=volume.kind is not None and volume.kind.is_sd_card,
            growth_bytes_per_s=volume.bytes_written.value / elapsed_s,
        )


def absolute(path: Path) -> Path:
    """As the index has the paths of volumes."""
    return path if path.is_absolute() else Path(os.path.abspath(path))  # noqa: PTH100


async def adopt(database: Database, path: Path, utc_us: int, role: Role = Role.NONE) -> VolumeRow:
    """Take the volume that is at `path` now (a new or swapped disk) as the one there.

    Makes an id file where there is none. StartError when the directory cannot be used.
    """
    path = absolute(path)
    opener = WorkThreads("volume-open", 1)
    try:
        async with asyncio.timeout(STUCK_S):
            volume_id = await opener.run(partial(make_volume_id, path))
    except TimeoutError as error:
        msg = f"the media directory {path} cannot be used: its disk does not answer"
        raise StartError(msg) from error
    except OSError as error:
        words = error.strerror or str(error)
        msg = f"the media directory {path} cannot be used: {words}"
        raise StartError(msg) from error
    finally:
        opener.stop()
    return await database.write(partial(volume_rows.store, volume_id, str(path), role, utc_us))
