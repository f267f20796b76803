"""Recordings as people use them: list, look, download, hide, delete, register."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from falconeye.base.times import rfc3339
from falconeye.media.boxes import BadBox
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.reading.download import (
    DownloadPlan,
    SourceFile,
    identity_of,
    read_layout,
    read_plain,
)
from falconeye.storage.reading.download_layout import Layout, SegmentRows, lay_out
from falconeye.storage.segments import fragment_table, recording_rows
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.layout import SegmentName, recording_id, segment_path
from falconeye.storage.segments.protected import RECORDING_STAYS, recording_stays
from falconeye.storage.segments.recording_rows import Query, Recording, RecordingStatus
from falconeye.storage.segments.retention import Named, NamedTotals, count_named, total_named
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.segments import RecordingKind
from falconeye.storage.tables.footage import recordings
from falconeye.storage.volumes.import_root import ImportRoot
from falconeye.storage.volumes.volumes import Volumes

MAX_LIMIT = 1000
FOR_EVER_US = 1 << 62
_LAYOUTS_KEPT = 4  # a player asks for many ranges of one recording
_CLOSE_WAIT_S = 5.0
_FORMAT = b"download 2"  # raise it when the same rows would give other bytes
_IS_PROTECTED = "it is protected: take the protection away first"
_OWN_CHANGES = frozenset({"camera_name", "status", "error_message", "protected"})
_IMPORTED_CHANGES = _OWN_CHANGES | {"start_us", "end_us", "duration_us"}


@dataclass(frozen=True, slots=True)
class NewImport:
    """A recording made elsewhere, to be registered."""

    camera_id: str
    camera_name: str
    path: str  # absolute, or relative to the import root
    start_us: int
    end_us: int | None = None
    status: RecordingStatus = RecordingStatus.COMPLETED
    error_message: str | None = None


class Recordings:
    """All recordings of this node. Unknown and hidden ids raise NotFound."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        store: FootageStore,
        deleter: Deleter,
        imports: ImportRoot,
        *,
        node_name: str,
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._store = store
        self._deleter = deleter
        self._imports = imports
        self._node_name = node_name
        self._layouts: OrderedDict[str, Layout] = OrderedDict()

    async def list(
        self,
        *,
        camera_id: str | None = None,
        status: RecordingStatus | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        cameras: Collection[str] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[Sequence[Recording], int]:
        """A page of recordings, newest first, and how many match in all.

        `cameras`: the ids that may be seen (None: all). `from_us`/`to_us`: with footage in between.
        """
        if not 0 <= limit <= MAX_LIMIT or offset < 0:
            msg = f"limit must be 0 to {MAX_LIMIT}, offset not negative"
            raise InvalidInput(msg, field="limit")
        query = Query(camera_id, status, from_us, to_us, cameras, limit, offset)
        growing = self._store.growing()  # before the rows: see `to_recording`
        return await self._database.read(partial(recording_rows.read_list, query, growing))

    async def count(self, camera_id: str | None = None) -> int:
        """How many recordings there are (of a camera)."""
        query = Query(camera_id)
        return await self._database.read(partial(recording_rows.read_count, query))

    async def footage_bytes(self, camera_id: str | None = None) -> int:
        """All closed footage (of a camera) on the disks: both streams, hidden recordings too.

        Imported recordings lie elsewhere and do not count.
        """
        return await self._database.read(partial(recording_rows.read_footage_bytes, camera_id))

    async def get(self, wanted_id: str) -> Recording:
        growing = self._store.growing()
        row = await self._row(wanted_id)
        return recording_rows.to_recording(row, growing.get(wanted_id, ()))

    async def hide(self, wanted_id: str) -> None:
        """Take it off the list; its footage stays on the timeline until retention."""
        await self._row(wanted_id)
        await self._database.write(partial(_change, wanted_id, {"hidden": True}))

    async def delete(self, wanted_id: str, *, who: str) -> None:
        """Delete it with its footage, the substream's of that time too; `who` wants it.

        Conflict while it is being recorded or when it is protected. Segments that a protected
        recording shares stay.
        """
        async with self._deleter.times:
            await self._delete(wanted_id, who)

    async def _delete(self, wanted_id: str, who: str) -> None:
        row = await self._row(wanted_id)
        if row.status == RecordingStatus.RECORDING:
            msg = "it is being recorded: stop the recording first"
            raise Conflict(msg)
        if await self._database.read(partial(recording_stays, wanted_id)):
            raise Conflict(_IS_PROTECTED)
        if row.stream_id is not None:
            self._store.index.require(row.start_us, FOR_EVER_US)
        if row.external_path is not None:
            await self._imports.threads.run(partial(self._imports.unlink, row.external_path))
        elif row.end_us is not None:
            await self._delete_footage(row, who)
        await self._database.write(partial(_delete_row, wanted_id))

    async def update(self, wanted_id: str, changes: Mapping[str, Any]) -> Recording:
        """Change fields that are a person's: name, status, message, protection.

        Of imported ones also the times. InvalidInput for any other field; a path never changes.
        """
        row = await self._row(wanted_id)
        allowed = _OWN_CHANGES if row.external_path is None else _IMPORTED_CHANGES
        for name in changes.keys() - allowed:
            msg = f"{name} cannot be changed"
            raise InvalidInput(msg, field=name)
        values = dict(changes)
        if "status" in values:
            values["status"] = _status(values["status"], row.status)
        if values:
            await self._database.write(partial(_change, wanted_id, values))
        return await self.get(wanted_id)

    async def register(self, new: NewImport) -> Recording:
        """Add a recording made elsewhere; its file must lie below the import root."""
        found = await self._imports.threads.run(partial(self._imports.look, new.path))
        if new.end_us is not None and new.end_us < new.start_us:
            msg = "it ends before it starts"
            raise InvalidInput(msg, field="end_time")
        values = {
            "camera_id": new.camera_id,
            "camera_name": new.camera_name,
            "kind": RecordingKind.IMPORTED.value,
            "stream_id": None,
            "first_run_id": 0,
            "last_run_id": 0,
            "start_us": new.start_us,
            "end_us": new.end_us,
            "status": new.status.value,
            "size_bytes": found.size_bytes,
            "duration_us": (new.end_us or new.start_us) - new.start_us,
            "segments": 0,
            "hidden": False,
            "protected": False,
            "camera_deleted": False,
            "node_name": self._node_name,
            "error_message": new.error_message,
            "external_path": str(found.path),
        }
        made = await self._database.write(
            partial(_insert, recording_id(new.camera_id, new.start_us), values)
        )
        return await self.get(made)

    async def mark_camera_deleted(self, camera_id: str) -> None:
        """The camera is gone; its recordings stay and say so."""
        await self._store.flush(_CLOSE_WAIT_S, camera_id)
        await self._database.write(partial(_mark_deleted, camera_id))

    async def delete_camera_footage(self, camera_id: str, *, who: str) -> int:
        """Delete all unprotected footage of a camera that does not record; how many segments."""
        self._store.index.require(0, FOR_EVER_US)
        await self._store.flush(_CLOSE_WAIT_S, camera_id)
        ids = [self._store.stream_id(camera_id, kind) for kind in StreamKind]
        count = await self._deleter.delete_named(Named(ids, 0, FOR_EVER_US, who))
        await self._database.write(partial(_delete_empty, camera_id))
        return count

    async def delete_time(
        self, camera_id: str, from_us: int, to_us: int, *, who: str
    ) -> tuple[int, int]:
        """Delete all unprotected footage with any of its time in [from, to), both streams.

        Files are deleted whole, so up to a minute more goes on either side. How many segments
        went, and how many protected ones stay. Conflict while the time is still being written.
        """
        self._store.index.require(from_us, to_us)
        open_us = min(
            (part.start_us for _, part in self._store.growing_streams(camera_id)), default=to_us
        )
        if open_us < to_us:
            msg = f"what follows {rfc3339(open_us)} is still being written: try again in a minute"
            raise Conflict(msg)
        ids = [self._store.stream_id(camera_id, kind) for kind in StreamKind]
        wanted = Named(ids, from_us, to_us, who, overlapping=True)
        async with self._deleter.times:
            count = await self._deleter.delete_named(wanted)
            return count, await self._database.read(partial(count_named, wanted))

    async def total_of(self, camera_id: str, from_us: int, to_us: int) -> NamedTotals:
        """What `delete_time` would look at."""
        ids = [self._store.stream_id(camera_id, kind) for kind in StreamKind]
        wanted = Named(ids, from_us, to_us, "", overlapping=True)
        return await self._database.read(partial(total_named, wanted))

    async def download(self, wanted_id: str) -> DownloadPlan:
        """What is downloaded of it now; Unavailable while nothing of it is on the disk."""
        row = await self._row(wanted_id)
        recording = recording_rows.to_recording(row)
        if recording.external_path is not None:
            return await self._external(recording, recording.external_path)
        found = await self._database.read(partial(recording_rows.read_segments, row))
        if not found:
            msg = "nothing of this recording is on the disk yet"
            raise Unavailable(msg)
        if len({segment.init_id for segment in found}) > 1:
            msg = "the picture format changes within this recording: it cannot be one file"
            raise Unavailable(msg)
        init = await self._database.read(partial(recording_rows.read_init, found[0].init_id))
        etag = _etag(found)
        layout = await self._layout(row, found, init.data, etag)
        files = [self._source(row.camera_id, segment) for segment in found]
        return DownloadPlan(
            length=layout.length,
            etag=etag,
            file_name=recording.file_name,
            mime_type=f'video/mp4; codecs="{init.codecs}"',
            last_modified_us=max(s.start_us + s.wall_duration_us for s in found),
            read=read_layout(layout, files),
        )

    async def _layout(
        self, row: Row[Any], found: Sequence[Row[Any]], init: bytes, etag: str
    ) -> Layout:
        known = self._layouts.get(etag)
        if known is not None:
            self._layouts.move_to_end(etag)
            return known
        places = await self._database.read(partial(recording_rows.read_places, row))
        try:  # some ms of work, for which no disk is touched: one that hangs must not delay it
            layout = await asyncio.to_thread(_lay_out, init, found, places)
        except (BadBox, ValueError, KeyError) as error:  # KeyError: deleted between the two reads
            msg = "the index of this recording has just changed or is damaged: try again"
            raise Unavailable(msg) from error
        self._layouts[etag] = layout
        while len(self._layouts) > _LAYOUTS_KEPT:
            self._layouts.popitem(last=False)
        return layout

    def _source(self, camera_id: str, segment: Row[Any]) -> SourceFile:
        volume = self._volumes.get(segment.volume_id)
        if volume is None:
            msg = "the disk of this recording is not configured any more"
            raise Unavailable(msg)
        name = SegmentName(camera_id, StreamKind.MAIN, segment.start_us + segment.named_offset_us)
        opener = self._volumes.opener(volume, segment_path(name))
        return SourceFile(opener, volume.readers, segment.size_bytes)

    async def _external(self, recording: Recording, path: str) -> DownloadPlan:
        threads = self._imports.threads
        try:
            file = await threads.run(partial(self._imports.look, path))
        except InvalidInput as error:
            msg = "the file of this recording is not there any more"
            raise Unavailable(msg) from error
        digest = hashlib.sha256(f"{file.path}\0{file.size_bytes}\0{file.modified_us}".encode())
        source = SourceFile(partial(self._imports.open, path), threads, file.size_bytes)
        return DownloadPlan(
            length=file.size_bytes,
            etag=f'"{digest.hexdigest()[:32]}"',
            file_name=recording.file_name,
            mime_type="video/mp4",
            last_modified_us=file.modified_us,
            read=read_plain(source),
        )

    async def _row(self, wanted_id: str) -> Row[Any]:
        row = await self._database.read(partial(recording_rows.read_one, wanted_id))
        if row is None:
            msg = "there is no such recording"
            raise NotFound(msg)
        return row

    async def _delete_footage(self, row: Row[Any], who: str) -> None:
        own, sub = row.stream_id, self._store.stream_id(row.camera_id, StreamKind.SUB)
        runs = (row.first_run_id, row.last_run_id)
        own_time = Named([own], row.start_us, row.end_us, who, runs=runs)
        await self._deleter.delete_named(own_time)
        await self._deleter.delete_named(replace(own_time, stream_ids=[sub], runs=None))


def _lay_out(init: bytes, found: Sequence[Row[Any]], places: Mapping[int, bytes]) -> Layout:
    return lay_out(
        init,
        [
            SegmentRows(
                row.run_id,
                row.media_offset_90k,
                row.media_duration_90k,
                fragment_table.decode(places[row.start_us]),
            )
            for row in found
        ],
    )


def _etag(found: Sequence[Row[Any]]) -> str:
    """Strong: any change of the rows that the bytes depend on changes it."""
    digest = hashlib.sha256(_FORMAT)
    for row in found:
        digest.update(identity_of(row).encode())
    return f'"{digest.hexdigest()[:32]}"'


def _status(given: object, now: str) -> str:
    try:
        status = RecordingStatus(str(given))
    except ValueError:
        status = None
    running = RecordingStatus.RECORDING
    if status is None or (status is running) != (now == running):
        msg = "not a status that can be set"
        raise InvalidInput(msg, field="status")
    return status.value


async def _change(wanted_id: str, values: Mapping[str, Any], connection: AsyncConnection) -> None:
    await connection.execute(
        update(recordings).where(recordings.c.id == wanted_id).values(dict(values))
    )


async def _delete_row(wanted_id: str, connection: AsyncConnection) -> None:
    """Its row, which may have gone with its footage; Conflict where it was protected meanwhile."""
    mine = recordings.c.id == wanted_id
    await connection.execute(delete(recordings).where(mine, ~RECORDING_STAYS))
    if (await connection.execute(select(recordings.c.id).where(mine))).first() is not None:
        raise Conflict(_IS_PROTECTED)


async def _mark_deleted(camera_id: str, connection: AsyncConnection) -> None:
    await connection.execute(
        update(recordings).where(recordings.c.camera_id == camera_id).values(camera_deleted=True)
    )


async def _delete_empty(camera_id: str, connection: AsyncConnection) -> None:
    await connection.execute(
        delete(recordings).where(
            recordings.c.camera_id == camera_id,
            recordings.c.segments == 0,
            recordings.c.external_path.is_(None),
        )
    )


async def _insert(base_id: str, values: Mapping[str, Any], connection: AsyncConnection) -> str:
    """Store it; the second of one camera and second is `…-2`."""
    made, number = base_id, 1
    while (
        await connection.execute(select(recordings.c.id).where(recordings.c.id == made))
    ).first() is not None:
        number += 1
        made = f"{base_id}-{number}"
    await connection.execute(insert(recordings).values(id=made, **values))
    return made
