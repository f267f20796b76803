"""Why this node has nothing of cameras that it never recorded: of many at once, by the ledger.

Most cameras of a cluster are another node's, and whoever joins asks each node for all of them. One
by one, with all that a time line is made of, eight nodes would be busy for minutes.
"""

import asyncio
import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Select, and_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import Gap, GapReason, Step, Uptime
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading.timeline import MAX_PIECES, make_timeline, with_unstored
from falconeye.storage.reading.timeline_rows import TimelineRows, read_uptimes
from falconeye.storage.tables.footage import streams
from falconeye.storage.tables.ledger import coverage_steps

MAX_STEPS: Final = 20_000  # of one question: a camera that never could be reached may have many


class Window(NamedTuple):
    """A camera's time, from up to before (UTC, µs)."""

    camera_id: str
    from_us: int
    to_us: int


class Unrecorded:
    """Lives on the loop."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def gaps(self, windows: Sequence[Window]) -> dict[Window, Sequence[Gap]]:
        """What a time line has of them; none of one that has footage, or is behind too many steps.

        Such a one is for `Timelines.read`. Unavailable when the database cannot be read.
        """
        wanted = [one for one in dict.fromkeys(windows) if one.to_us > one.from_us]
        if not wanted:
            return {}
        unstored = {w.camera_id: self._ledger.unstored(w.camera_id) for w in wanted}  # first
        read = partial(_read, wanted, self._ledger.up)
        rows = await self._database.read(read)
        return await asyncio.to_thread(_gaps, rows, unstored)


class _Rows(NamedTuple):
    steps: Mapping[Window, Sequence[Step]]  # of each that never was recorded
    uptimes: Sequence[Uptime]


async def _read(windows: Sequence[Window], up: Uptime | None, connection: AsyncConnection) -> _Rows:
    its_camera = streams.c.camera_id.in_({window.camera_id for window in windows})
    recorded = set(await connection.scalars(select(streams.c.camera_id).where(its_camera)))
    never = [window for window in windows if window.camera_id not in recorded]
    steps: dict[Window, list[Step]] = {window: [] for window in never}
    if not never:
        return _Rows(steps, ())
    rows = (await connection.execute(_STEPS, {"asked": json.dumps(never), "most": MAX_STEPS})).all()
    if len(rows) == MAX_STEPS:  # of the last window there may be more, of those behind it there is
        for window in never[rows[-1].key :]:
            _ = steps.pop(window, None)
    for row in rows:
        if never[row.key] not in steps:
            break
        reason = GapReason.stored(row.reason) if row.reason else None
        steps[never[row.key]].append(Step(row.since_us, reason, row.detail))
    span = min(window.from_us for window in never), max(window.to_us for window in never)
    return _Rows(steps, await read_uptimes(*span, up, connection))


def _steps() -> Select[tuple[int, int, str | None, str]]:
    """Those within each [camera, from, to] of `:asked`, and the one before each."""
    each = func.json_each(bindparam("asked")).table_valued("key", "value").alias("asked")
    camera_id, from_us, to_us = (
        func.json_extract(each.c.value, f"$[{place}]") for place in range(3)
    )
    earlier = coverage_steps.alias("earlier")
    before = select(func.max(earlier.c.since_us)).where(
        earlier.c.camera_id == camera_id, earlier.c.since_us <= from_us
    )
    its = and_(
        coverage_steps.c.camera_id == camera_id,
        coverage_steps.c.since_us >= func.coalesce(before.scalar_subquery(), from_us),
        coverage_steps.c.since_us < to_us,
    )
    columns = coverage_steps.c.since_us, coverage_steps.c.reason, coverage_steps.c.detail
    return (
        select(each.c.key, *columns)
        .select_from(each.join(coverage_steps, its))
        .order_by(each.c.key, coverage_steps.c.since_us)
        .limit(bindparam("most"))
    )


_STEPS: Final = _steps()
_NOTHING: Final = TimelineRows(
    spans=dict.fromkeys(StreamKind, ()),
    steps=(), uptimes=(), deletions=(), kinds=(), run_ends=(), corrections=(), seams=(),
    overlaps=(),
)  # fmt: skip


def _gaps(rows: _Rows, unstored: Mapping[str, Sequence[Step]]) -> dict[Window, Sequence[Gap]]:
    found: dict[Window, Sequence[Gap]] = {}
    for window, stored in rows.steps.items():
        steps = with_unstored(stored, unstored[window.camera_id], window.to_us)
        its = replace(_NOTHING, steps=steps, uptimes=_of_window(window, rows.uptimes))
        gaps = make_timeline(its, window.from_us, window.to_us).gaps
        if len(gaps) <= MAX_PIECES:
            found[window] = gaps
    return found


def _of_window(window: Window, uptimes: Sequence[Uptime]) -> Sequence[Uptime]:
    """As if they had been read for it alone: the one before, and those within."""
    begins = [uptime.from_us for uptime in uptimes]
    first = max(bisect_right(begins, window.from_us) - 1, 0)
    return uptimes[first : bisect_left(begins, window.to_us)]
