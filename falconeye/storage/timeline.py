"""What there is of a camera's time: footage by stream, and a gap with its reason for the rest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import func, or_, select
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
    ids = {
        row.id: StreamKind(row.kind)
        for row in await connection.execute(
            select(streams.c.id, streams.c.kind).where(streams.c.camera_id == camera_id)
        )
    }
    spans: list[Span] = []
    for stream_id, kind in ids.items():
        stored = await _islands(stream_id, kind, from_us, to_us, connection)
        written = [
            Span(part.start_us, part.start_us + part.duration_us, kind)
            for of_kind, part in growing
            if of_kind is kind
        ]
        merged = merge_spans(sorted(stored + written, key=lambda span: span.from_us))
        spans += [_clipped(span, from_us, to_us) for span in merged if span.to_us > from_us]
    spans = sorted(
        (span for span in spans if span.to_us > span.from_us),
        key=lambda span: (span.from_us, span.stream),
    )
    main_ids = [stream_id for stream_id, kind in ids.items() if kind is StreamKind.MAIN]
    known = Known(
        steps=await _steps(camera_id, from_us, to_us, connection),
        uptimes=_outlived(await _uptimes(from_us, to_us, up, connection), spans),
        deletions=await _deletions(main_ids or list(ids), from_us, to_us, connection),
    )
    gaps = [
        await _explained(gap, main_ids, connection)
        for gap in find_gaps(spans, from_us, to_us, known)
    ]
    kinds = await _kinds(camera_id, from_us, to_us, connection)
    return Timeline(from_us, to_us, list(_with_kinds(spans, kinds)), gaps)


async def _islands(
    stream_id: int, kind: StreamKind, from_us: int, to_us: int, connection: AsyncConnection
) -> list[Span]:
    """Stretches of segments without a hole between, joined by SQLite: a month has 40 000 rows."""
    end = segments.c.start_us + segments.c.wall_duration_us
    # No segment lasts an hour: one that begins earlier does not reach into the window.
    of_it = (
        segments.c.stream_id == stream_id,
        segments.c.start_us > from_us - HOUR_US,
        segments.c.start_us < to_us,
    )
    before = func.max(end).over(order_by=segments.c.start_us, rows=(None, -1)).label("before_us")
    rows = select(segments.c.start_us, before).where(*of_it).subquery()
    begins = await connection.execute(
        select(rows.c.start_us, rows.c.before_us)
        .where(or_(rows.c.before_us.is_(None), rows.c.start_us - rows.c.before_us >= MIN_GAP_US))
        .order_by(rows.c.start_us)
    )
    found = begins.all()
    if not found:
        return []
    last_us = (await connection.execute(select(func.max(end)).where(*of_it))).scalar_one()
    ends = [row.before_us for row in found[1:]] + [last_us]
    return [Span(row.start_us, end_us, kind) for row, end_us in zip(found, ends, strict=True)]


def _clipped(span: Span, from_us: int, to_us: int) -> Span:
    return Span(max(span.from_us, from_us), min(span.to_us, to_us), span.stream)


async def _steps(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> list[Step]:
    """Those within, and the one before, which holds at the beginning."""
    mine = coverage_steps.c.camera_id == camera_id
    columns = coverage_steps.c.since_us, coverage_steps.c.reason, coverage_steps.c.detail
    before = await connection.execute(
        select(*columns)
        .where(mine, coverage_steps.c.since_us <= from_us)
        .order_by(coverage_steps.c.since_us.desc())
        .limit(1)
    )
    within = await connection.execute(
        select(*columns)
        .where(mine, coverage_steps.c.since_us > from_us, coverage_steps.c.since_us < to_us)
        .order_by(coverage_steps.c.since_us)
    )
    return [
        Step(row.since_us, GapReason(row.reason) if row.reason else None, row.detail)
        for row in (*before, *within)
    ]


async def _uptimes(
    from_us: int, to_us: int, up: Uptime | None, connection: AsyncConnection
) -> list[Uptime]:
    """Those that have something of the window, and the one before; in order, without overlap."""
    before = (
        await connection.execute(
            select(func.max(uptimes.c.from_us)).where(uptimes.c.from_us <= from_us)
        )
    ).scalar()
    rows = await connection.execute(
        select(uptimes)
        .where(uptimes.c.from_us >= (before if before is not None else from_us))
        .where(uptimes.c.from_us < to_us)
        .order_by(uptimes.c.from_us)
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
    ends = [after.from_us for after in found[1:]] + [1 << 62]
    lived: list[Uptime] = []
    for uptime, end_us in zip(found, ends, strict=True):
        last_us = uptime.to_us
        if uptime.ended is GapReason.NODE_CRASHED:
            recorded = (s.to_us for s in spans if s.to_us > uptime.from_us and s.from_us < end_us)
            last_us = min(max(last_us, *recorded, last_us), end_us)
        lived.append(Uptime(uptime.from_us, last_us, uptime.ended))
    return lived


async def _deletions(
    stream_ids: Sequence[int], from_us: int, to_us: int, connection: AsyncConnection
) -> list[Deletion]:
    """What was deleted of the window, in order, without overlap: the later row counts."""
    rows = await connection.execute(
        select(deletions)
        .where(
            deletions.c.stream_id.in_(stream_ids),
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


async def _explained(gap: Gap, main_ids: Sequence[int], connection: AsyncConnection) -> Gap:
    """A gap that nothing was noticed of: why the run before it ended."""
    if gap.reason is not GapReason.UNKNOWN:
        return gap
    ended = (
        await connection.execute(
            select(runs.c.end_reason)
            .join(segments, segments.c.run_id == runs.c.id)
            .where(
                segments.c.stream_id.in_(main_ids),
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
