"""The rows that a timeline is made of: all that asks the database, and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import HOUR_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.clocks import ClockCorrection, read_corrections
from falconeye.storage.ledger.coverage import (
    MIN_GAP_US,
    Deletion,
    GapReason,
    Span,
    Step,
    Uptime,
    long_overlaps,
)
from falconeye.storage.ledger.seams import ClockSeam, read_seams
from falconeye.storage.segments.segments import MAX_HOLE_US
from falconeye.storage.tables.footage import recordings, runs, segments, streams
from falconeye.storage.tables.ledger import coverage_steps, deletions, uptimes

_Run = Row[*tuple[Any, ...]]  # when it began and ended, and why


@dataclass(frozen=True, slots=True)
class TimelineRows:
    """What is stored about a camera's time; each list in the order of time."""

    spans: Mapping[StreamKind, Sequence[Span]]  # as stored: they may reach beyond the window
    steps: Sequence[Step]
    uptimes: Sequence[Uptime]
    deletions: Sequence[Deletion]
    kinds: Sequence[tuple[int, str]]  # from when on which kind of recording was made
    run_ends: Sequence[tuple[int, RunEnd]]  # when runs of the main stream ended, and why
    corrections: Sequence[ClockCorrection]  # of the node's clock
    seams: Sequence[ClockSeam]  # where it was set
    overlaps: Sequence[Span]  # what two runs of a stream claim; closed files alone


async def read_rows(
    camera_id: str, from_us: int, to_us: int, up: Uptime | None, connection: AsyncConnection
) -> TimelineRows:
    """Of [from, to), in one state of the database; `up`: the present uptime, where it runs."""
    nothing_recorded = TimelineRows(
        spans=dict.fromkeys(StreamKind, ()),
        steps=await _steps(camera_id, from_us, to_us, connection),
        uptimes=await read_uptimes(from_us, to_us, up, connection),
        deletions=(),
        kinds=(),
        run_ends=(),
        corrections=await read_corrections(from_us, to_us, connection),
        seams=await read_seams(from_us, to_us, connection),
        overlaps=(),
    )
    if await connection.scalar(_ANY_STREAM, {"camera": camera_id}) is None:
        return nothing_recorded  # another node's camera, as most of a cluster's are
    ran = await _runs(camera_id, from_us, to_us, connection)
    spans, overlaps = await read_islands(camera_id, from_us, to_us, connection)
    deleted = await _deletions(camera_id, from_us, to_us, connection)
    return replace(
        nothing_recorded,
        spans=spans,
        deletions=list(_without_holes(deleted, ran)),
        kinds=await _kinds(camera_id, from_us, to_us, connection),
        run_ends=_run_ends(ran),
        overlaps=overlaps,
    )


async def read_both(
    camera_id: str,
    known: tuple[int, int],
    later: tuple[int, int],
    up: Uptime | None,
    connection: AsyncConnection,
) -> tuple[TimelineRows | None, list[Span], Sequence[tuple[int, str]]]:
    """The rows of [from, to), and the footage of a time that has not come, as it was recorded.

    In one state of the database. None, or nothing, of a time that is empty.
    """
    rows = await read_rows(camera_id, *known, up, connection) if known[1] > known[0] else None
    if later[1] <= later[0] or await read_latest_end([camera_id], connection) <= later[0]:
        return rows, [], ()
    spans, _overlaps = await read_islands(camera_id, *later, connection)
    found = [span for kind in StreamKind for span in spans[kind]]
    return rows, found, await _kinds(camera_id, *later, connection)


async def read_latest_end(camera_ids: Sequence[str], connection: AsyncConnection) -> int:
    """When the file ends that begins last (UTC), of any of the cameras; 0 where there is none."""
    found = 0
    for camera_id in camera_ids:
        latest = (await connection.execute(_LATEST, {"camera": camera_id})).one()
        found = max(found, *(end_us or 0 for end_us in latest))
    return found


def _latest_end(kind: StreamKind) -> ColumnElement[int]:
    """Of a camera's stream; by the key, which tells at once."""
    end = segments.c.start_us + segments.c.wall_duration_us
    its_id = _stream_id(kind)
    last = select(end).where(segments.c.stream_id == its_id)
    return last.order_by(segments.c.start_us.desc()).limit(1).scalar_subquery()


def _stream_id(kind: StreamKind) -> ColumnElement[int]:
    """`:camera` is given later."""
    mine = streams.c.camera_id == bindparam("camera"), streams.c.kind == kind.value
    return select(streams.c.id).where(*mine).scalar_subquery()


def _within(kind: StreamKind) -> tuple[ColumnElement[bool], ...]:
    """The segments of a camera's stream; `:camera`, `:from_us` and `:to_us` are given later."""
    return (
        segments.c.stream_id == _stream_id(kind),
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


def _joined(kind: StreamKind) -> Select[*tuple[Any, ...]]:
    """Stretches as `read_islands` tells them, also where segments overlap."""
    start, end = segments.c.start_us, segments.c.start_us + segments.c.wall_duration_us
    reached = func.max(end).over(order_by=start, rows=(None, -1))  # by all before it
    rows = (
        select(start, end.label("end_us"), reached.label("reached_us"))
        .where(*_within(kind))
        .subquery()
    )
    begins = or_(rows.c.reached_us.is_(None), rows.c.start_us - rows.c.reached_us >= MIN_GAP_US)
    count = func.sum(case((begins, 1), else_=0)).over(order_by=rows.c.start_us)
    numbered = select(rows.c.start_us, rows.c.end_us, count.label("number")).subquery()
    return select(
        literal(kind.value).label("kind"),
        func.min(numbered.c.start_us).label("from_us"),
        func.max(numbered.c.end_us).label("to_us"),
    ).group_by(numbered.c.number)


def _claimed_twice(kind: StreamKind) -> Select[*tuple[Any, ...]]:
    """What of each segment one that began before it claims, too."""
    start, end = segments.c.start_us, segments.c.start_us + segments.c.wall_duration_us
    reached = func.max(end).over(order_by=start, rows=(None, -1))
    rows = (
        select(start, end.label("end_us"), reached.label("reached_us"))
        .where(*_within(kind))
        .subquery()
    )
    return select(
        literal(kind.value).label("kind"),
        rows.c.start_us,
        func.min(rows.c.end_us, rows.c.reached_us).label("to_us"),
    ).where(rows.c.reached_us > rows.c.start_us)


# Made once: that takes longer than SQLite takes for a day.
_EDGES = union_all(*(_edges(kind) for kind in StreamKind))
_JOINED = union_all(*(_joined(kind) for kind in StreamKind))
_TWICE = union_all(*(_claimed_twice(kind) for kind in StreamKind))
_ANY_STREAM = select(streams.c.id).where(streams.c.camera_id == bindparam("camera")).limit(1)
_LATEST = select(*(_latest_end(kind) for kind in StreamKind))


async def read_islands(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> tuple[dict[StreamKind, list[Span]], list[Span]]:
    """Stretches of segments without a hole between, joined by SQLite: a month has 80 000 rows.

    And the overlaps among them, in order.
    """
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
        return found, []
    # A clock was set back, which is seldom: what overlaps takes SQLite longer.
    found = {kind: [] for kind in StreamKind}
    for name, from_, to in await connection.execute(_JOINED, given):
        kind = StreamKind(name)
        found[kind].append(Span(from_, to, kind))
    twice: dict[StreamKind, list[Span]] = {kind: [] for kind in StreamKind}
    for name, from_, to in await connection.execute(_TWICE, given):
        kind = StreamKind(name)
        twice[kind].append(Span(from_, to, kind))
    islands = {kind: sorted(spans, key=_begin) for kind, spans in found.items()}
    overlaps = [span for each in twice.values() for span in long_overlaps(sorted(each, key=_begin))]
    return islands, sorted(overlaps, key=_begin)


def _begin(span: Span) -> int:
    return span.from_us


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
        Step(row.since_us, GapReason.stored(row.reason) if row.reason else None, row.detail)
        for row in rows
    ]


async def read_uptimes(
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
        ended = GapReason.stored(row.ended) if row.ended else GapReason.NODE_CRASHED
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
            reason = GapReason.stored(row.reason)
            found.append(Deletion(begin, row.to_us, reason, row.detail))
    return found


def _without_holes(deleted: Sequence[Deletion], ran: Sequence[_Run]) -> Iterator[Deletion]:
    """A row may reach over short holes between runs (`deleted_times`): those never were footage."""
    holes: list[tuple[int, int]] = []
    until_us = ran[0].ended_us if ran else 0
    for run in ran:
        if MIN_GAP_US <= run.started_us - until_us <= MAX_HOLE_US:
            holes.append((until_us, run.started_us))
        until_us = max(until_us, run.ended_us)
    next_hole = 0
    for deletion in deleted:
        at = deletion.from_us
        while next_hole < len(holes) and holes[next_hole][0] <= at:
            next_hole += 1
        while next_hole < len(holes) and holes[next_hole][1] < deletion.to_us:
            begin, end = holes[next_hole]
            yield replace(deletion, from_us=at, to_us=begin)
            at = end
            next_hole += 1
        yield replace(deletion, from_us=at)


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


async def _runs(
    camera_id: str, from_us: int, to_us: int, connection: AsyncConnection
) -> Sequence[_Run]:
    """Those of the main stream that have footage in or just beside the window, as they began."""
    rows = await connection.execute(
        select(runs.c.started_us, runs.c.ended_us, runs.c.end_reason)
        .join(streams, streams.c.id == runs.c.stream_id)
        .where(
            streams.c.camera_id == camera_id,
            streams.c.kind == StreamKind.MAIN,
            runs.c.started_us < to_us + MAX_HOLE_US,
            runs.c.ended_us >= from_us - MAX_HOLE_US,
        )
        .order_by(runs.c.started_us)
    )
    return rows.all()


def _run_ends(ran: Sequence[_Run]) -> list[tuple[int, RunEnd]]:
    known = set(RunEnd)  # not what a newer release wrote
    return sorted((row.ended_us, RunEnd(row.end_reason)) for row in ran if row.end_reason in known)
