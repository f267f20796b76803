"""What there is of a camera's time: footage by stream, and a gap with its reason for the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.times import HOUR_US, SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.coverage import (
    MIN_GAP_US,
    Deletion,
    Gap,
    GapReason,
    Known,
    Span,
    Step,
    Uptime,
    find_gaps,
    merge_spans,
)
from falconeye.storage.database import Database
from falconeye.storage.ledger import Ledger
from falconeye.storage.ledger_tables import coverage_steps, deletions, uptimes
from falconeye.storage.recording_rows import Growing
from falconeye.storage.segment_store import FootageStore
from falconeye.storage.segment_tables import recordings, runs, segments, streams

# The last fragment of a stream that runs is on its way to the disk.
UNWRITTEN_US = 10 * SECOND_US
_RUN_ENDS = {
    RunEnd.CAMERA_OFFLINE: GapReason.CAMERA_OFFLINE,
    RunEnd.CAMERA_HOLE: GapReason.CAMERA_OFFLINE,
    RunEnd.NODE_STOPPED: GapReason.NODE_STOPPED,
    RunEnd.NODE_CRASHED: GapReason.NODE_CRASHED,
    RunEnd.CLOCK_CHANGED: GapReason.CLOCK_CHANGED,
    RunEnd.STOPPED_BY_USER: GapReason.RECORDING_STOPPED,
    RunEnd.DISK_TOO_SLOW: GapReason.DISK_TOO_SLOW,
    RunEnd.DISK_FULL: GapReason.DISK_FULL,
    RunEnd.DISK_ERROR: GapReason.DISK_ERROR,
}


@dataclass(frozen=True, slots=True)
class KindSpan:
    """A span of footage and how it was recorded; None for a substream."""

    span: Span
    kind: str | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """From `from_us` up to `to_us`: spans in order, by stream, and all that none covers as gaps."""

    from_us: int
    to_us: int
    spans: Sequence[KindSpan]
    gaps: Sequence[Gap]


class Timelines:
    """Reads timelines; lives on the loop."""

    def __init__(
        self, database: Database, store: FootageStore, ledger: Ledger, clock: Clock
    ) -> None:
        self._database = database
        self._store = store
        self._ledger = ledger
        self._clock = clock

    async def read(self, camera_id: str, from_us: int, to_us: int) -> Timeline:
        """The camera's time in [from, to), as far as it is known: up to now.

        Up to the last fragment on the disk for one that records.
        """
        growing = self._store.growing_streams(camera_id)  # before the rows: see `to_recording`
        to_us = min(to_us, self._known_until(growing))
        if to_us <= from_us:
            return Timeline(from_us, from_us, (), ())
        return await self._database.read(
            partial(read_timeline, camera_id, from_us, to_us, growing, self._ledger.up)
        )

    def _known_until(self, growing: Sequence[tuple[StreamKind, Growing]]) -> int:
        now_us = self._clock.utc_us()
        ends = [
            part.start_us + part.duration_us for kind, part in growing if kind is StreamKind.MAIN
        ]
        last_us = max(ends, default=0)
        return last_us if now_us - UNWRITTEN_US < last_us else now_us


async def read_timeline(
    camera_id: str,
    from_us: int,
    to_us: int,
    growing: Sequence[tuple[StreamKind, Growing]],
    up: Uptime | None,
    connection: AsyncConnection,
) -> Timeline:
    """`Timelines.read` of one state of the database; `up`: the present uptime, where it runs."""
    stored = await _islands(camera_id, from_us, to_us, connection)
    spans: list[Span] = []
    for kind in StreamKind:
        written = [
            Span(part.start_us, part.start_us + part.duration_us, kind)
            for of_kind, part in growing
            if of_kind is kind
        ]
        merged = merge_spans(sorted(stored[kind] + written, key=lambda one: one.from_us))
        clipped = (_clipped(span, from_us, to_us) for span in merged)
        spans += [span for span in clipped if span.to_us > span.from_us]
    spans.sort(key=lambda span: (span.from_us, span.stream))
    known = Known(
        steps=await _steps(camera_id, from_us, to_us, connection),
        uptimes=_outlived(await _uptimes(from_us, to_us, up, connection), spans),
        deletions=await _deletions(camera_id, from_us, to_us, connection),
    )
    gaps = [
        await _explained(gap, camera_id, connection)
        for gap in find_gaps(spans, from_us, to_us, known)
    ]
    kinds = await _kinds(camera_id, from_us, to_us, connection)
    return Timeline(from_us, to_us, list(_with_kinds(spans, kinds)), gaps)


def _within(kind: StreamKind) -> tuple[ColumnElement[bool], ...]:
    """The segments of a camera's stream; `:camera`, `:from_us` and `:to_us` are given later."""
    its_id = select(streams.c.id).where(
        streams.c.camera_id == bindparam("camera"), streams.c.kind == kind.value
    )
    return (
        segments.c.stream_id == its_id.scalar_subquery(),
        # No segment lasts an hour: one that begins earlier does not reach into the window.
        segments.c.start_us > bindparam("from_us") - HOUR_US,
        segments.c.start_us < bindparam("to_us"),
    )


def _edges(kind: StreamKind) -> Select[Any]:
    """Segments beside which there is a hole, or that begin before the one before has ended."""
    start, end = segments.c.start_us, segments.c.start_us + segments.c.wall_duration_us
    rows = (
        select(
            start,
            end.label("end_us"),
            func.lag(end).over(order_by=start).label("before_us"),
            func.lead(start).over(order_by=start).label("after_us"),
        )
        .where(*_within(kind))
        .subquery()
    )
    hole_before = rows.c.start_us - rows.c.before_us
    return select(literal(kind.value).label("kind"), rows).where(
        or_(
            rows.c.before_us.is_(None),
            rows.c.after_us.is_(None),
            hole_before >= MIN_GAP_US,
            hole_before <= -MIN_GAP_US,
            rows.c.after_us - rows.c.end_us >= MIN_GAP_US,
        )
    )


# Made once: that takes longer than SQLite takes for a day.
_EDGES = union_all(*(_edges(kind) for kind in StreamKind))
_ROWS = union_all(
    *(
        select(
            literal(kind.value).label("kind"), segments.c.start_us, segments.c.wall_duration_us
        ).where(*_within(kind))
        for kind in StreamKind
    )
)


async def _islands(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> dict[StreamKind, list[Span]]:
    """Stretches of segments without a hole between, joined by SQLite: a month has 80 000 rows."""
    given = {"camera": camera_id, "from_us": from_us, "to_us": to_us}
    found: dict[StreamKind, list[Span]] = {kind: [] for kind in StreamKind}
    begin_us = 0
    for row in await connection.execute(_EDGES, given):
        if row.before_us is not None and row.before_us - row.start_us >= MIN_GAP_US:
            break
        if row.before_us is None or row.start_us - row.before_us >= MIN_GAP_US:
            begin_us = row.start_us
        if row.after_us is None or row.after_us - row.end_us >= MIN_GAP_US:
            kind = StreamKind(row.kind)
            found[kind].append(Span(begin_us, row.end_us, kind))
    else:
        return found
    # A clock was set back, which is seldom: what overlaps cannot be joined so.
    found = {kind: [] for kind in StreamKind}
    for name, start_us, length_us in await connection.execute(_ROWS, given):
        kind = StreamKind(name)
        found[kind].append(Span(start_us, start_us + length_us, kind))
    return found


def _clipped(span: Span, from_us: int, to_us: int) -> Span:
    return Span(max(span.from_us, from_us), min(span.to_us, to_us), span.stream)


async def _steps(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> list[Step]:
    """Those within, and the one before, which holds at the beginning."""
    since_us, mine = coverage_steps.c.since_us, coverage_steps.c.camera_id == camera_id
    before = select(func.max(since_us)).where(mine, since_us <= from_us).scalar_subquery()
    rows = await connection.execute(
        select(since_us, coverage_steps.c.reason, coverage_steps.c.detail)
        .where(mine, since_us >= func.coalesce(before, from_us), since_us < to_us)
        .order_by(since_us)
    )
    return [
        Step(row.since_us, GapReason(row.reason) if row.reason else None, row.detail)
        for row in rows
    ]


async def _uptimes(
    from_us: int, to_us: int, up: Uptime | None, connection: AsyncConnection
) -> list[Uptime]:
    """Those that have something of the window, and the one before; in order, without overlap."""
    begun_us = uptimes.c.from_us
    before = select(func.max(begun_us)).where(begun_us <= from_us).scalar_subquery()
    rows = await connection.execute(
        select(uptimes)
        .where(begun_us >= func.coalesce(before, from_us), begun_us < to_us)
        .order_by(begun_us)
    )
    found: list[Uptime] = []
    for row in rows:
        ended = GapReason(row.ended) if row.ended else GapReason.NODE_CRASHED
        one = Uptime(row.from_us, row.to_us, ended)
        if up is not None and row.from_us == up.from_us:
            one = up
        if found and one.from_us < found[-1].to_us:  # a clock was set back: the times join
            last = max(found[-1], one, key=lambda uptime: uptime.to_us)
            found[-1] = Uptime(found[-1].from_us, last.to_us, last.ended)
        else:
            found.append(one)
    if up is not None and (not found or found[-1].to_us < up.from_us):
        found.append(up)  # it is not stored yet
    return found


def _outlived(found: Sequence[Uptime], spans: Sequence[Span]) -> list[Uptime]:
    """A node that crashed was up for as long as it recorded: its last sign of life is older."""
    lived: list[Uptime] = []
    for index, uptime in enumerate(found):
        end_us = found[index + 1].from_us if index + 1 < len(found) else 1 << 62
        last_us = uptime.to_us
        if uptime.ended is GapReason.NODE_CRASHED:
            recorded = (s.to_us for s in spans if s.to_us > uptime.from_us and s.from_us < end_us)
            last_us = min(max(last_us, *recorded, last_us), end_us)
        lived.append(Uptime(uptime.from_us, last_us, uptime.ended))
    return lived


async def _deletions(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> list[Deletion]:
    """What was deleted of the window, in order, without overlap; the substream goes with main."""
    rows = await connection.execute(
        select(deletions)
        .join(streams, streams.c.id == deletions.c.stream_id)
        .where(
            streams.c.camera_id == camera_id,
            streams.c.kind == StreamKind.MAIN,
            deletions.c.to_us > from_us,
            deletions.c.from_us < to_us,
        )
        .order_by(deletions.c.from_us)
    )
    found: list[Deletion] = []
    for row in rows:
        begin = max(row.from_us, found[-1].to_us) if found else row.from_us
        if row.to_us > begin:
            found.append(Deletion(begin, row.to_us, GapReason(row.reason), row.detail))
    return found


async def _explained(gap: Gap, camera_id: str, connection: AsyncConnection) -> Gap:
    """A gap that nothing was noticed of: why the run before it ended."""
    if gap.reason is not GapReason.UNKNOWN:
        return gap
    ended = (
        await connection.execute(
            select(runs.c.end_reason)
            .join(segments, segments.c.run_id == runs.c.id)
            .join(streams, streams.c.id == segments.c.stream_id)
            .where(
                streams.c.camera_id == camera_id,
                streams.c.kind == StreamKind.MAIN,
                segments.c.start_us < gap.from_us,
                segments.c.start_us > gap.from_us - HOUR_US,
            )
            .order_by(segments.c.start_us.desc())
            .limit(1)
        )
    ).scalar()
    return gap if ended is None else replace(gap, reason=_RUN_ENDS[RunEnd(ended)])


async def _kinds(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> list[tuple[int, str]]:
    """From when on which kind of recording was made."""
    rows = await connection.execute(
        select(recordings.c.start_us, recordings.c.kind)
        .where(
            recordings.c.camera_id == camera_id,
            recordings.c.stream_id.is_not(None),
            recordings.c.start_us < to_us,
            or_(recordings.c.end_us.is_(None), recordings.c.end_us > from_us),
        )
        .order_by(recordings.c.start_us)
    )
    found: list[tuple[int, str]] = []
    for start_us, kind in rows:
        if not found or found[-1][1] != kind:
            found.append((start_us, kind))
    return found


def _with_kinds(spans: Sequence[Span], kinds: Sequence[tuple[int, str]]) -> Iterator[KindSpan]:
    """Main spans cut where the kind of recording changes."""
    for span in spans:
        if span.stream is not StreamKind.MAIN:
            yield KindSpan(span, None)
            continue
        kind = next((kind for since_us, kind in reversed(kinds) if since_us <= span.from_us), None)
        begin = span.from_us
        for since_us, other in kinds:
            if begin < since_us < span.to_us:
                yield KindSpan(Span(begin, since_us, span.stream), kind)
                begin = since_us
            if since_us < span.to_us and since_us >= span.from_us:
                kind = other
        yield KindSpan(Span(begin, span.to_us, span.stream), kind)
