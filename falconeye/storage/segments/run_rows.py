"""The rows of streams and runs. Each function is one step of a transaction (`Database.write`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, exists, func, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.tables.footage import open_files, runs, streams


@dataclass(frozen=True, slots=True)
class RunGrowth:
    """What a closed segment tells of its run."""

    run_id: int
    ended_us: int | None  # it has footage up to there; None: no more than before
    reason: RunEnd | None  # why it ended, if it did


async def add_stream(
    connection: AsyncConnection, stream_id: int, camera_id: str, kind: StreamKind
) -> None:
    await connection.execute(
        upsert(streams)
        .values(id=stream_id, camera_id=camera_id, kind=kind.value)
        .on_conflict_do_nothing()
    )


async def add_run(
    connection: AsyncConnection,
    run_id: int,
    stream_id: int,
    started_us: int,
    clock_id: int | None = None,
) -> None:
    await connection.execute(
        upsert(runs)
        .values(id=run_id, stream_id=stream_id, started_us=started_us, clock_id=clock_id)
        .on_conflict_do_nothing()
    )


_ENDED_US = bindparam("until_us", type_=runs.c.ended_us.type)
_REASON = bindparam("reason", type_=runs.c.end_reason.type)
# As if one came after the other; a None changes nothing. An end may lie before what is known: a
# repair indexes a file amid its run again.
_END = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"))
    .values(
        ended_us=func.max(
            func.coalesce(runs.c.ended_us, _ENDED_US), func.coalesce(_ENDED_US, runs.c.ended_us)
        ),
        end_reason=func.coalesce(_REASON, runs.c.end_reason),
    )
)


async def end_runs(connection: AsyncConnection, grown: Sequence[RunGrowth]) -> None:
    """They have footage up to there; with a reason they ended."""
    await connection.execute(
        _END,
        [
            {
                "of_run": run.run_id,
                "until_us": run.ended_us,
                "reason": run.reason.value if run.reason else None,
            }
            for run in grown
        ],
    )


async def forget_empty_run(connection: AsyncConnection, run_id: int) -> None:
    """A file came to nothing: its run goes, unless it has footage or another file."""
    await connection.execute(
        delete(runs).where(
            runs.c.id == run_id,
            runs.c.ended_us.is_(None),
            ~exists().where(open_files.c.run_id == run_id),
        )
    )
