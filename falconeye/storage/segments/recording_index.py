"""The rows of recordings: they begin with a file, grow with each segment, shrink with deletion.

A recording is a view on main-stream segments; its row keeps totals so that lists need no sums.
Each function is one step of a transaction (`Database.write`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Row,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.storage.segments.segments import RecordingKind, SegmentStart
from falconeye.storage.tables.footage import open_files, recordings, segments

_PERSONAL = (
    "camera_name", "hidden", "protected", "camera_deleted", "node_name", "error_message",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordingEntry:
    """The recording that a segment belongs to, as its row begins."""

    id: str
    kind: RecordingKind
    camera_id: str
    camera_name: str
    node_name: str


def recording_of(start: SegmentStart, node_name: str) -> RecordingEntry | None:
    """The recording that a segment goes into, if any."""
    if start.recording_id is None:
        return None
    return RecordingEntry(
        id=start.recording_id,
        kind=RecordingKind(start.recording_kind),
        camera_id=start.camera_id,
        camera_name=start.camera_name,
        node_name=node_name,
    )


@dataclass(frozen=True, slots=True)
class Growth:
    """What one segment adds to its recording."""

    stream_id: int
    run_id: int
    start_us: int
    end_us: int
    size_bytes: int
    media_duration_90k: int
    is_last: bool


async def begin_recording(
    connection: AsyncConnection, entry: RecordingEntry, stream_id: int, run_id: int, start_us: int
) -> None:
    """Make its row, or go on with it after a short hole."""
    row = upsert(recordings).values(
        id=entry.id,
        camera_id=entry.camera_id,
        camera_name=entry.camera_name,
        kind=entry.kind.value,
        stream_id=stream_id,
        first_run_id=run_id,
        last_run_id=run_id,
        start_us=start_us,
        end_us=None,
        status="recording",
        size_bytes=0,
        duration_us=0,
        segments=0,
        hidden=False,
        protected=False,
        camera_deleted=False,
        node_name=entry.node_name,
    )
    await connection.execute(
        row.on_conflict_do_update(
            index_elements=["id"],
            set_={
                "status": "recording",
                "first_run_id": func.min(recordings.c.first_run_id, run_id),
                "last_run_id": func.max(recordings.c.last_run_id, run_id),
            },
        )
    )


async def complete_others(connection: AsyncConnection, stream_id: int, recording_id: str) -> None:
    """A stream records into one recording at a time: those before are complete.

    One whose last file is still open is complete when that is closed: see `complete_left`.
    """
    await connection.execute(
        update(recordings)
        .where(
            recordings.c.stream_id == stream_id,
            recordings.c.status == "recording",
            recordings.c.id != recording_id,
            ~_has_open_file(recordings.c.id),
        )
        .values(status="completed")
    )


async def complete_left(connection: AsyncConnection, stream_id: int, recording_id: str) -> bool:
    """A file of it was closed: complete it if that was its last, and the stream is in another."""
    done = await connection.execute(
        update(recordings)
        .where(
            recordings.c.id == recording_id,
            recordings.c.status == "recording",
            ~_has_open_file(recordings.c.id),
            exists().where(
                open_files.c.stream_id == stream_id,
                open_files.c.recording_id != recording_id,
                open_files.c.run_id >= recordings.c.last_run_id,
            ),
        )
        .values(status="completed")
    )
    return done.rowcount > 0


def _has_open_file(recording_id: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(open_files.c.recording_id == recording_id)


async def grow_recordings(
    connection: AsyncConnection, grown: Sequence[tuple[RecordingEntry, Growth]]
) -> None:
    """Segments of them were closed. A row that is missing (recovery, rebuild) is made."""
    if not grown:
        return
    wanted = {recording.id for recording, _ in grown}
    rows = await connection.execute(select(recordings.c.id).where(recordings.c.id.in_(wanted)))
    known = set(rows.scalars())
    for recording, growth in grown:
        if recording.id not in known:  # deleted meanwhile, or found by recovery or rebuild
            await begin_recording(
                connection, recording, growth.stream_id, growth.run_id, growth.start_us
            )
            known.add(recording.id)
    await connection.execute(
        _GROW,
        [
            {
                "recording": recording.id,
                "run": growth.run_id,
                "from_us": growth.start_us,
                "until_us": growth.end_us,
                "more_bytes": growth.size_bytes,
                "more_us": growth.media_duration_90k * 100 // 9,
                "is_last": growth.is_last,
            }
            for recording, growth in grown
        ],
    )


_GROW = (
    update(recordings)
    .where(recordings.c.id == bindparam("recording"))
    .values(
        segments=recordings.c.segments + 1,
        size_bytes=recordings.c.size_bytes + bindparam("more_bytes", type_=BigInteger),
        duration_us=recordings.c.duration_us + bindparam("more_us", type_=BigInteger),
        start_us=func.min(recordings.c.start_us, bindparam("from_us", type_=BigInteger)),
        end_us=func.max(
            func.coalesce(recordings.c.end_us, 0), bindparam("until_us", type_=BigInteger)
        ),
        first_run_id=func.min(recordings.c.first_run_id, bindparam("run", type_=Integer)),
        last_run_id=func.max(recordings.c.last_run_id, bindparam("run", type_=Integer)),
        status=case((bindparam("is_last", type_=Boolean), "completed"), else_=recordings.c.status),
    )
)


async def finish_recording(connection: AsyncConnection, recording_id: str) -> None:
    """No more is coming: completed, or gone when there never was a segment."""
    mine = and_(recordings.c.id == recording_id, recordings.c.status == "recording")
    await connection.execute(delete(recordings).where(mine, recordings.c.segments == 0))
    await connection.execute(update(recordings).where(mine).values(status="completed"))


async def recount_recordings(
    connection: AsyncConnection, stream_id: int, from_us: int, to_us: int
) -> list[tuple[str, str]]:
    """Totals of the recordings that touch a stretch whose segments were removed.

    Those without a segment go: (camera id, recording id) of each.
    """
    touched = await recordings_between(connection, stream_id, from_us, to_us)
    return [(row.camera_id, row.id) for row in touched if not await _recount(connection, row)]


async def recordings_between(
    connection: AsyncConnection, stream_id: int, from_us: int, to_us: int
) -> Sequence[Row[Any]]:
    """The rows of a stream's recordings that touch `[from_us, to_us)`."""
    touched = await connection.execute(
        select(recordings).where(
            recordings.c.stream_id == stream_id,
            recordings.c.start_us < to_us,
            or_(recordings.c.end_us.is_(None), recordings.c.end_us > from_us),
        )
    )
    return touched.all()


async def restore_personal_fields(connection: AsyncConnection, before: Sequence[Row[Any]]) -> None:
    """Give recordings that were indexed anew what no file knows and a person set."""
    for row in before:
        values = {name: getattr(row, name) for name in _PERSONAL}
        if row.status != "recording":  # nothing records while an index is repaired
            values["status"] = row.status
        await connection.execute(update(recordings).where(recordings.c.id == row.id).values(values))


def in_recording(row: Row[tuple[object, ...]]) -> list[ColumnElement[bool]]:
    """The conditions that pick the segments of a recording's row.

    The runs keep two recordings apart that claim the same second after a clock was set back.
    """
    return [
        segments.c.stream_id == row.stream_id,
        segments.c.start_us >= row.start_us,
        segments.c.start_us < (row.end_us if row.end_us is not None else row.start_us),
        segments.c.run_id.between(row.first_run_id, row.last_run_id),
    ]


async def _recount(connection: AsyncConnection, row: Row[tuple[object, ...]]) -> bool:
    """False when it is gone."""
    found = (
        await connection.execute(
            select(
                func.count(),
                func.min(segments.c.start_us),
                func.max(segments.c.start_us + segments.c.wall_duration_us),
                func.sum(segments.c.size_bytes),
                func.sum(segments.c.media_duration_90k),
            ).where(*in_recording(row))
        )
    ).one()
    count, start, end, size, duration = found
    mine = recordings.c.id == row.id
    if count:
        await connection.execute(
            update(recordings)
            .where(mine)
            .values(
                segments=count,
                start_us=start,
                end_us=end,
                size_bytes=size,
                duration_us=duration * 100 // 9,
            )
        )
    elif row.status == "recording":
        await connection.execute(
            update(recordings)
            .where(mine)
            .values(segments=0, size_bytes=0, duration_us=0, start_us=row.end_us or row.start_us)
        )
    else:
        await connection.execute(delete(recordings).where(mine))
        return False
    return True
