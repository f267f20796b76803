"""Room for exports: what is free above the floor, else a bounded share taken from old footage.

An export stays until somebody deletes it, so on a disk that recording keeps full there would never
be room for one. Exports may therefore take up to `SHARE` of a disk from the oldest footage, which
goes as it goes for recording: never protected footage, and never what is being exported. All that
lies there as exports counts, and what others that run are to take, so that many of them cannot push
out the recordings.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import ClassVar

from falconeye.base.errors import FalconEyeError, Unavailable
from falconeye.storage.export import export_rows
from falconeye.storage.index.database import Database
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.retention import Spared
from falconeye.storage.volumes.volume import ANSWER_S, Space, Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

SHARE = 10  # a tenth


class NoRoom(FalconEyeError):
    """The disk has no room for it (507)."""

    status: ClassVar[int] = 507


class ExportRoom:
    """Looks for room, and makes it."""

    def __init__(self, database: Database, volumes: Volumes, deleter: Deleter) -> None:
        self._database = database
        self._volumes = volumes
        self._deleter = deleter
        self._promised: dict[str, tuple[int, int]] = {}  # by job that runs: (volume, bytes)

    @contextmanager
    def promised(self, job_id: str) -> Iterator[None]:
        """What it is given within counts against the others' share, until it is done or gone."""
        self._promised[job_id] = 0, 0
        try:
            yield
        finally:
            del self._promised[job_id]

    async def check(self, size_bytes: int) -> None:
        """NoRoom unless there is so much, or can be made; Unavailable without the disk."""
        volume = self._volumes.for_recording()
        free, total = await self._free(volume)
        if size_bytes > free:
            await self._require_share(volume, size_bytes, free, total)

    async def provide(
        self, job_id: str, volume: Volume, size_bytes: int, spared: Sequence[Spared]
    ) -> int:
        """Make it where it is lacking; the bytes of footage that went. Errors as `check`.

        Within `promised`, perhaps again and again for what is left to do.
        """
        others = sum(
            promised
            for other, (number, promised) in self._promised.items()
            if other != job_id and number == volume.number
        )
        self._promised[job_id] = volume.number, max(size_bytes, self._promised[job_id][1])
        free, total = await self._free(volume)
        if size_bytes <= free:
            return 0
        await self._require_share(volume, size_bytes, free, total, others)
        freed = await self._deleter.free(volume, size_bytes - free, spared)
        free, total = await self._free(volume)
        if size_bytes > free:
            raise _no_room(size_bytes, free, "no more of the oldest footage may go for it")
        log.info("an export took %d MB from the oldest footage", freed // 1_000_000)
        return freed

    async def _free(self, volume: Volume) -> tuple[int, int]:
        """Bytes above the floor, and of the disk."""
        try:
            space: Space = await volume.space(ANSWER_S)
        except (OSError, TimeoutError) as error:
            msg = "the disk for exports does not answer"
            raise Unavailable(msg) from error
        floor = self._volumes.floor_bytes(volume, space.total_bytes)
        return space.free_bytes - floor, space.total_bytes

    async def _require_share(
        self,
        volume: Volume,
        size_bytes: int,
        free_bytes: int,
        total_bytes: int,
        others_bytes: int = 0,
    ) -> None:
        held, recorded = await self._database.read(partial(export_rows.read_held, volume.number))
        held += others_bytes
        share = total_bytes // SHARE
        if held + size_bytes > share:
            why = (
                f"exports may take no more than a tenth of the disk ({_size(share)}) from the "
                f"oldest footage, and {_size(held)} of that are taken"
            )
            raise _no_room(size_bytes, free_bytes, why)
        if size_bytes - free_bytes > recorded:
            raise _no_room(size_bytes, free_bytes, "there is not that much footage to delete")


def _no_room(size_bytes: int, free_bytes: int, why: str) -> NoRoom:
    return NoRoom(
        f"the export takes {_size(size_bytes)}, but only {_size(max(0, free_bytes))} are free "
        f"above what is always kept free on the disk, and {why}: choose a shorter time, delete "
        "exports that are not needed any more, or keep less footage"
    )


def _size(size_bytes: int) -> str:
    """In words, as people buy disks."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1_000_000_000:.1f} GB"
    return f"{-(-size_bytes // 1_000_000)} MB"
