"""`falconeye check`, the ledger's part: whether every camera's time adds up.

Footage and gaps must cover the time since the camera was added, once. This holds by the way gaps
are found; it is looked at all the same, with the rows as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import DAY_US, SECOND_US
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import MIN_GAP_US, GapReason
from falconeye.storage.reading.timeline import Timeline, read_timeline
from falconeye.storage.tables.footage import open_files, streams
from falconeye.storage.tables.ledger import uptimes
from falconeye.storage.tables.node import CAMERAS

WINDOW_US = 7 * DAY_US  # looked at in one read


@dataclass(slots=True)
class CoverageReport:
    """Sums over all cameras, in seconds, and what does not add up, in words."""

    cameras: int = 0
    footage_s: float = 0.0
    gaps_s: float = 0.0
    unexplained_s: float = 0.0  # of the gaps: those whose reason is unknown


@dataclass(frozen=True, slots=True)
class Miscount:
    """A camera's time that is covered twice, or not at all."""

    camera_id: str
    detail: str


async def check_coverage(database: Database) -> tuple[CoverageReport, list[Miscount]]:
    """Look at all cameras, from when they were added to the node's last sign of life."""
    report, wrong = CoverageReport(), []
    for camera_id, added_us, to_us in await database.read(_cameras):
        report.cameras += 1
        for from_us in range(added_us, to_us, WINDOW_US):
            until_us = min(from_us + WINDOW_US, to_us)
            found = await database.read(partial(read_timeline, camera_id, from_us, until_us, None))
            wrong += [Miscount(camera_id, words) for words in _wrong(found)]
            _add(report, found)
    return report, wrong


async def _cameras(connection: AsyncConnection) -> list[tuple[str, int, int]]:
    """(camera, when it was added, until when its rows are complete): open files have none yet."""
    alive_us = (await connection.execute(select(func.max(uptimes.c.to_us)))).scalar() or 0
    rows = await connection.execute(
        select(
            CAMERAS.c.id,
            CAMERAS.c.created_at_us,
            select(func.min(open_files.c.named_start_us))
            .join(streams, streams.c.id == open_files.c.stream_id)
            .where(streams.c.camera_id == CAMERAS.c.id)
            .scalar_subquery(),
        )
    )
    return [
        (camera_id, created_us, alive_us if open_us is None else min(alive_us, open_us))
        for camera_id, created_us, open_us in rows
    ]


def _pieces(found: Timeline) -> list[tuple[int, int, bool]]:
    """(from, to, is a gap), in order."""
    pieces = [(one.span.from_us, one.span.to_us, False) for one in found.spans]
    return sorted(pieces + [(gap.from_us, gap.to_us, True) for gap in found.gaps])


def _wrong(found: Timeline) -> Iterator[str]:
    covered_us, after_gap = found.from_us, False
    for begin_us, end_us, is_gap in _pieces(found):
        if begin_us - covered_us >= MIN_GAP_US:
            yield f"neither footage nor a gap for {(begin_us - covered_us) / SECOND_US:.1f} s"
        if begin_us < covered_us and (is_gap or after_gap):
            yield f"a gap and footage of one time for {(covered_us - begin_us) / SECOND_US:.1f} s"
        if end_us > covered_us:
            covered_us, after_gap = end_us, is_gap
    if found.to_us - covered_us >= MIN_GAP_US:
        yield f"neither footage nor a gap for {(found.to_us - covered_us) / SECOND_US:.1f} s"


def _add(report: CoverageReport, found: Timeline) -> None:
    covered_us = found.from_us
    for begin_us, end_us, is_gap in _pieces(found):
        length_s = max(0, end_us - max(begin_us, covered_us)) / SECOND_US
        covered_us = max(covered_us, end_us)
        if is_gap:
            report.gaps_s += length_s
        else:
            report.footage_s += length_s
    unknown = (gap for gap in found.gaps if gap.reason is GapReason.UNKNOWN)
    report.unexplained_s += sum(gap.to_us - gap.from_us for gap in unknown) / SECOND_US
