"""What the database tells about a node's health, for `falconeye doctor`."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.tables.footage import inits, segments, streams
from falconeye.storage.tables.ledger import coverage_steps, uptimes


@dataclass(frozen=True, slots=True)
class LastStep:
    """What keeps a camera from recording since then; `reason` None: nothing."""

    since_us: int
    reason: GapReason | None
    detail: str


async def quick_check(connection: AsyncConnection) -> str:
    """The word "ok", else what SQLite found first (PRAGMA quick_check). Reads the whole file."""
    found = await connection.exec_driver_sql("PRAGMA quick_check(1)")
    return str(found.scalar_one())


async def last_steps(connection: AsyncConnection) -> dict[str, LastStep]:
    """The newest step of the ledger, by camera."""
    newest = (
        select(coverage_steps.c.camera_id, func.max(coverage_steps.c.since_us).label("since_us"))
        .group_by(coverage_steps.c.camera_id)
        .subquery()
    )
    rows = await connection.execute(
        select(coverage_steps).join(
            newest,
            (coverage_steps.c.camera_id == newest.c.camera_id)
            & (coverage_steps.c.since_us == newest.c.since_us),
        )
    )
    return {
        row.camera_id: LastStep(
            row.since_us, GapReason(row.reason) if row.reason else None, row.detail
        )
        for row in rows
    }


async def last_formats(connection: AsyncConnection) -> dict[str, str]:
    """Codecs and size of each camera's newest main footage, such as "avc1.640028 1920×1080"."""
    found: dict[str, str] = {}
    main = select(streams.c.id, streams.c.camera_id).where(streams.c.kind == StreamKind.MAIN.value)
    for stream in (await connection.execute(main)).all():
        newest = (
            select(segments.c.init_id)
            .where(segments.c.stream_id == stream.id)
            .order_by(segments.c.start_us.desc())
            .limit(1)
            .scalar_subquery()
        )
        row = (await connection.execute(select(inits).where(inits.c.id == newest))).first()
        if row is not None:
            found[stream.camera_id] = f"{row.codecs} {row.width}×{row.height}"
    return found


async def clock_steps(since_us: int, connection: AsyncConnection) -> int:
    """How often the node's clock was set while it ran, since then."""
    found = await connection.execute(
        select(func.count())
        .select_from(uptimes)
        .where(uptimes.c.to_us >= since_us, uptimes.c.ended == GapReason.CLOCK_CHANGED.value)
    )
    count: int = found.scalar_one()
    return count
