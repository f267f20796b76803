"""The ledger does not grow for ever: reasons of times long gone are forgotten."""

from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import DAY_US, HOUR_US
from falconeye.storage.ledger.peer_coverage import prune_peers
from falconeye.storage.tables.footage import open_files, runs, segments, streams
from falconeye.storage.tables.ledger import coverage_steps, deletions, events, uptimes
from falconeye.storage.tables.peer_coverage import coverage_changes

CHANGES_KEPT = 50_000  # 64 cameras that make room for new footage all day: two weeks
KEPT_US = 2 * 366 * DAY_US  # a camera that flaps every 10 s writes 17 000 rows a day


async def prune(before_us: int, connection: AsyncConnection) -> None:
    """Forget what ended before; the step that holds at `before_us` stays, of each camera."""
    later = coverage_steps.alias()
    holds_us = (
        select(func.max(later.c.since_us))
        .where(later.c.camera_id == coverage_steps.c.camera_id, later.c.since_us <= before_us)
        .scalar_subquery()
    )
    await connection.execute(delete(coverage_steps).where(coverage_steps.c.since_us < holds_us))
    await connection.execute(delete(events).where(events.c.until_us < before_us))
    await connection.execute(delete(uptimes).where(uptimes.c.to_us < before_us))
    await connection.execute(delete(deletions).where(deletions.c.to_us < before_us))
    # A rule's deletion goes on for years: nobody can tell any more where its beginning had holes.
    reaching = deletions.c.from_us < before_us
    await connection.execute(
        update(deletions).prefix_with("OR IGNORE").where(reaching).values(from_us=before_us)
    )
    await prune_peers(before_us, connection)
    await prune_changes(connection)
    await _forget_runs(before_us, connection)


async def _forget_runs(before_us: int, connection: AsyncConnection) -> None:
    """Those that ended before, have no footage, and of which no deletion asks for its holes.

    One whose clock may prove wrong stays: its footage may be on its way to other times. So does one
    with a file on a disk that is away.
    """
    later, told = runs.alias(), deletions.alias()
    next_us = (
        select(func.min(later.c.started_us))
        .where(later.c.stream_id == runs.c.stream_id, later.c.started_us > runs.c.started_us)
        .scalar_subquery()
    )
    first_told_us = (
        select(func.min(told.c.from_us))
        .where(told.c.stream_id == runs.c.stream_id)
        .scalar_subquery()
    )
    footage = exists().where(
        segments.c.stream_id == runs.c.stream_id,
        segments.c.start_us >= runs.c.started_us - HOUR_US,
        or_(segments.c.start_us <= runs.c.ended_us + HOUR_US, segments.c.start_us < next_us),
    )
    await connection.execute(
        delete(runs).where(
            runs.c.stream_id.in_(select(streams.c.id)),  # so that SQLite takes `runs_of_stream`
            runs.c.started_us < before_us - HOUR_US,
            runs.c.ended_us < before_us - HOUR_US,
            runs.c.ended_us < func.coalesce(first_told_us, before_us) - HOUR_US,
            runs.c.clock_id.is_(None),
            ~footage,
            ~exists().where(open_files.c.run_id == runs.c.id),
        )
    )


async def prune_changes(connection: AsyncConnection) -> None:
    """Forget the oldest changes of coverage; a peer that comes for them is told all anew.

    Up to which number is remembered in a row without a camera, for `coverage_since`.
    """
    seq, is_its = coverage_changes.c.seq, coverage_changes.c.camera_id != ""
    beyond = select(seq).where(is_its).order_by(seq.desc()).offset(CHANGES_KEPT).limit(1)
    forgotten = await connection.scalar(beyond)
    if forgotten is None:
        return
    await connection.execute(delete(coverage_changes).where(seq <= forgotten))
    row = {"camera_id": "", "from_us": 0, "to_us": 0, "seq": forgotten}
    await connection.execute(insert(coverage_changes).values(row))
