"""Volumes added, changed, removed and forgotten: by the command line, the API and the page alike.

All of it is a change of the index and an id file; a running node takes it over by
`Volumes.reload`. Nothing is ever formatted, and no file of footage is touched.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.base.words import counted
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.segments.deleted_times import note_deleted
from falconeye.storage.segments.free_space import remove_rows
from falconeye.storage.segments.move_state import Pause, read_pauses
from falconeye.storage.segments.retention import doomed
from falconeye.storage.tables.footage import garbage, moves, open_files, segments, streams, usage
from falconeye.storage.tables.jobs import jobs
from falconeye.storage.volumes import places, volume_rows
from falconeye.storage.volumes.places import Place, Surroundings
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volume_rows import VolumeRow
from falconeye.storage.volumes.volumes import absolute, adopt

ROLES = (Role.RECORD, Role.ARCHIVE, Role.LEAVING)
_BATCH = 200  # segments a transaction: others wait for it


@dataclass(frozen=True, slots=True)
class Held:
    """What of FalconEye's lies on a volume, by the index."""

    segments: int = 0
    size_bytes: int = 0
    waiting: int = 0  # files that are being written, moved there, or are to be deleted
    exports: int = 0
    export_bytes: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.segments or self.waiting or self.exports)


@dataclass(frozen=True, slots=True)
class Known:
    """A volume that is used, or whose footage the index still has."""

    row: VolumeRow
    held: Held
    is_media_dir: bool
    paused_by: str = ""  # who wants nothing moved off it

    @property
    def path(self) -> Path:
        """Where it is, or was last; of one whose place another took, nothing."""
        return Path(self.row.path)


@dataclass(frozen=True, slots=True)
class Added:
    """A new volume, and what should be known of its place."""

    row: VolumeRow
    place: Place


class VolumeChanges:
    """Changes to the volumes of one node."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        data_dir: Path,
        media_dir: Path,
        alone: asyncio.Lock | None = None,
    ) -> None:
        """`alone`: the one of this process's `Deleter`, where it has one."""
        self._database = database
        self._clock = clock
        self._data_dir = data_dir
        self._media_dir = absolute(media_dir)
        self._alone = alone or asyncio.Lock()

    async def known(self) -> list[Known]:
        """All that are used, the media directory first, then what only holds footage."""
        rows, held, pauses = await self._database.read(_read)
        found = [
            Known(
                row,
                held.get(row.number, Held()),
                is_media_dir=row.path == str(self._media_dir),
                paused_by=pauses[row.volume_id].by if row.volume_id in pauses else "",
            )
            for row in rows
        ]
        used = [
            one
            for one in found
            if one.is_media_dir or one.row.role is not Role.NONE or not one.held.is_empty
        ]
        return sorted(used, key=lambda one: (not one.is_media_dir, one.row.role is Role.NONE))

    async def find(self, wanted: str) -> Known:
        """The one with that path or id; NotFound."""
        known = await self.known()
        for one in known:
            if wanted == one.row.volume_id or (one.row.path and wanted == one.row.path):
                return one
        path = Path(wanted)
        for one in known:
            if one.row.path and path.is_absolute() and path == one.path:  # a slash at its end
                return one
        msg = f"there is no volume {wanted!r}"
        raise NotFound(msg)

    async def inspect(self, path: str, *, on_root: bool) -> Place:
        """What a directory would be as a volume. InvalidInput, Conflict, Unavailable."""
        used = [one.path for one in await self.known() if one.row.path]
        around = Surroundings(self._data_dir, used)
        return await places.on_that_disk(partial(places.inspect, path, around, on_root=on_root))

    async def add(self, path: str, role: Role, *, on_root: bool = False) -> Added:
        """Make a directory a volume, or take back one that is known from before.

        Writes its id file. InvalidInput, Conflict, Unavailable as `inspect`; StartError when the
        id file cannot be written.
        """
        _require_role(role)
        place = await self.inspect(path, on_root=on_root)
        row = await adopt(self._database, place.path, self._clock.utc_us(), role)
        await places.on_that_disk(partial(places.give_id_to_owner, place.path, self._data_dir))
        return Added(row, place)

    async def change_role(self, wanted: str, role: Role) -> Known:
        """What it is for from now on. NotFound; Conflict for the media directory."""
        _require_role(role)
        known = await self.find(wanted)
        _refuse_media_dir(known)
        if not known.row.path:
            msg = "another volume took its place: mount its disk elsewhere and add that"
            raise Conflict(msg)
        await self._database.write(partial(volume_rows.set_role, known.row.number, role))
        return await self.find(known.row.volume_id)

    async def remove(self, wanted: str) -> Known:
        """Use it no more; what it was. Conflict while anything of FalconEye's lies on it."""
        known = await self.find(wanted)
        _refuse_media_dir(known)
        await self._database.write(partial(_remove_empty, known.row))
        return known

    async def forget(self, wanted: str, who: str) -> tuple[Known, int]:
        """Use it no more, and take its footage out of the index; how many segments that were.

        For a disk that is gone for good: the ledger says of that time that `who` removed its disk.
        Protected footage goes, too: nobody has it any more. Conflict while the disk is there.
        What a crash leaves of it is forgotten by asking again.
        """
        known = await self.find(wanted)
        _refuse_media_dir(known)
        if known.row.path and await self._is_there(known.row):
            msg = (
                f"the disk of {known.path} is there: its footage can be moved off it "
                f"('falconeye storage role {known.path} leaving'); to forget it all the same, "
                "unmount it first"
            )
            raise Conflict(msg)
        number = known.row.number
        await self._database.write(partial(volume_rows.set_role, number, Role.NONE))
        count = 0
        while gone := await self._forget_some(number, who):
            count += gone
        await self._database.write(partial(_forget_rest, number))
        return known, count

    async def _forget_some(self, number: int, who: str) -> int:
        """One batch; never while the deleter is between its look and its commit."""
        async with self._alone:
            return await self._database.write(partial(_forget_some, number, who))

    async def _is_there(self, row: VolumeRow) -> bool:
        """False as well for a disk that hangs."""
        look = partial(places.is_there, Path(row.path), row.volume_id)
        return await places.on_that_disk_or_false(look)


def _require_role(role: Role) -> None:
    if role not in ROLES:
        msg = "role: record, archive or leaving"
        raise InvalidInput(msg, field="role")


def _refuse_media_dir(known: Known) -> None:
    if known.is_media_dir:
        msg = (
            f"{known.path} is the media directory, where this node records: set media_dir to "
            "another directory and start it again; then this one can be changed"
        )
        raise Conflict(msg)


def held_words(held: Held) -> str:
    """What lies on it, in English."""
    parts = []
    if held.segments:
        gigabytes = held.size_bytes / 1e9
        parts.append(f"{gigabytes:.1f} GB of footage in {counted(held.segments, 'file')}")
    if held.waiting:
        files, are = counted(held.waiting, "file"), held.waiting != 1
        parts.append(f"{files} that {'are' if are else 'is'} being written, moved or deleted")
    if held.exports:
        parts.append(counted(held.exports, "export"))
    return ", ".join(parts) or "nothing"


async def _read(
    connection: AsyncConnection,
) -> tuple[Sequence[VolumeRow], dict[int, Held], dict[str, Pause]]:
    rows = await volume_rows.known(connection)
    held = {row.number: await _held(row.number, connection) for row in rows}
    return rows, held, await read_pauses(connection)


async def _held(number: int, connection: AsyncConnection) -> Held:
    """What lies on the volume, or is on its way from or to it; in one question."""
    of_volume = usage.c.volume_id == number
    sizes = (
        select(func.coalesce(func.sum(column), 0)).where(of_volume).scalar_subquery()
        for column in (usage.c.segments, usage.c.size_bytes)
    )
    waiting = (
        select(func.count()).select_from(table).where(table.c.volume_id == number).scalar_subquery()
        for table in (open_files, moves, garbage)
    )
    result = jobs.c.result
    made = result["volume"].as_integer() == number, jobs.c.state == "complete"
    exports = (
        select(what).select_from(jobs).where(*made).scalar_subquery()
        for what in (
            func.count(),
            func.coalesce(func.sum(result["size_bytes"].as_integer()), 0),
        )
    )
    found = (await connection.execute(select(*sizes, *waiting, *exports))).one()
    segments, size_bytes, *counts, files, file_bytes = found
    return Held(segments, size_bytes, sum(counts), files, file_bytes)


async def _remove_empty(row: VolumeRow, connection: AsyncConnection) -> None:
    """In one transaction, so that nothing comes in between look and change."""
    held = await _held(row.number, connection)
    if not held.is_empty:
        msg = (
            f"{row.path} still holds {held_words(held)}: "
            f"'falconeye storage role {row.path} leaving' moves the footage off it first; "
            "'--forget' is for a disk that is gone for good"
        )
        raise Conflict(msg)
    await volume_rows.set_role(row.number, Role.NONE, connection)


async def _forget_some(number: int, who: str, connection: AsyncConnection) -> int:
    """Take some segments of the volume out of the index; how many."""
    holder = await connection.execute(
        select(usage.c.stream_id).where(usage.c.volume_id == number, usage.c.segments > 0).limit(1)
    )
    stream_id = holder.scalar()
    if stream_id is None:
        return 0
    found = await connection.execute(
        select(segments, streams.c.camera_id, streams.c.kind)
        .join(streams, streams.c.id == segments.c.stream_id)
        .where(segments.c.stream_id == stream_id, segments.c.volume_id == number)
        .order_by(segments.c.start_us)
        .limit(_BATCH)
    )
    gone = [doomed(row, GapReason.DISK_REMOVED, who) for row in found]
    if not gone:  # totals that are wrong are for `falconeye check`
        await connection.execute(
            delete(usage).where(usage.c.stream_id == stream_id, usage.c.volume_id == number)
        )
        return 1
    await note_deleted(gone, connection)
    await remove_rows(connection, gone)
    return len(gone)


async def _forget_rest(number: int, connection: AsyncConnection) -> None:
    for table in (open_files, moves, garbage):
        await connection.execute(delete(table).where(table.c.volume_id == number))
