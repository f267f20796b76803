"""Where segments end that were made of their files: the file knows its media time alone."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.storage.segments.segment_index import SegmentEntry
from falconeye.storage.segments.usage_totals import UsageChange, change_usage
from falconeye.storage.tables.footage import segments

_Key = tuple[int, int]  # (stream, start)


async def set_wall_ends(connection: AsyncConnection, added: Sequence[SegmentEntry]) -> None:
    """A wall end is the start of the one that follows in the run without a hole.

    `added` were just indexed, as if one came after the other: to each, only those before it and
    what was there already are neighbours.
    """
    if not added:
        return
    places = {_key(entry): place for place, entry in enumerate(added)}
    known = {_key(entry): (entry.file.volume, entry.wall_duration_us) for entry in added}
    ends_us: dict[_Key, int] = {}
    beside: list[list[Row[Any]]] = [[] for _ in added]
    for row in await _neighbours(connection, added):
        key = (row.stream_id, row.start_us)
        if places.get(key, -1) < row.place:
            beside[row.place].append(row)
            _ = known.setdefault(key, (row.volume_id, row.wall_duration_us))
    for entry, rows in zip(added, beside, strict=True):
        before = [
            row
            for row in rows
            if row.start_us < entry.start_us
            and row.media_offset_90k + row.media_duration_90k == entry.media_offset_90k
        ]
        if before:
            last = max(before, key=lambda row: row.start_us)
            ends_us[last.stream_id, last.start_us] = entry.start_us
        end_90k = entry.media_offset_90k + entry.media_duration_90k
        after = [
            row.start_us
            for row in rows
            if row.start_us > entry.start_us and row.media_offset_90k == end_90k
        ]
        if after:
            ends_us[_key(entry)] = min(after)
    await _set(connection, ends_us, known)


async def _neighbours(
    connection: AsyncConnection, added: Sequence[SegmentEntry]
) -> Sequence[Row[Any]]:
    """Segments of a run within an hour, whose media end or begin where an entry's begin or end.

    Each with the `place` of the entry among the entries.
    """
    wanted = [
        (
            entry.file.stream_id,
            entry.run_id,
            entry.start_us,
            entry.media_offset_90k,
            entry.media_offset_90k + entry.media_duration_90k,
        )
        for entry in added
    ]
    given = func.json_each(json.dumps(wanted)).table_valued("key", "value")
    values = (func.json_extract(given.c.value, f"$[{index}]") for index in range(5))
    stream_id, run_id, start_us, offset_90k, end_90k = values
    each = (
        select(
            given.c.key.label("place"),
            stream_id.label("stream_id"),
            run_id.label("run_id"),
            start_us.label("start_us"),
            offset_90k.label("offset_90k"),
            end_90k.label("end_90k"),
        )
        .cte("each")
        .prefix_with("MATERIALIZED")  # else SQLite reads the JSON for each segment of the hours
    )
    found = await connection.execute(
        select(segments, each.c.place)
        .join_from(each, segments, segments.c.stream_id == each.c.stream_id)
        .where(
            segments.c.start_us.between(each.c.start_us - HOUR_US, each.c.start_us + HOUR_US),
            segments.c.run_id == each.c.run_id,
            or_(
                segments.c.media_offset_90k + segments.c.media_duration_90k == each.c.offset_90k,
                segments.c.media_offset_90k == each.c.end_90k,
            ),
        )
    )
    return found.all()


def _key(entry: SegmentEntry) -> _Key:
    return entry.file.stream_id, entry.start_us


async def _set(
    connection: AsyncConnection, ends_us: dict[_Key, int], known: dict[_Key, tuple[int, int]]
) -> None:
    """`known`: volume and wall duration as they are in the index."""
    changes: list[UsageChange] = []
    values: list[dict[str, int]] = []
    for (stream_id, start_us), end_us in ends_us.items():
        volume, wall_us = known[stream_id, start_us]
        longer_us = end_us - start_us - wall_us
        if longer_us:
            changes.append(UsageChange(stream_id, volume, 0, 0, longer_us))
            values.append(
                {"of_stream": stream_id, "from_us": start_us, "wall_us": end_us - start_us}
            )
    if values:
        await connection.execute(
            update(segments)
            .where(
                segments.c.stream_id == bindparam("of_stream"),
                segments.c.start_us == bindparam("from_us"),
            )
            .values(wall_duration_us=bindparam("wall_us")),
            values,
        )
        await change_usage(connection, changes)
