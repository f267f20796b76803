"""`falconeye check`, the ledger's part: whether every camera's time adds up.

Footage and gaps must cover the time since the camera was added, once. This holds by the way gaps
are found; it is looked at all the same, with the rows as they are. While the node ran, a gap has
its reason: one that has none is a mistake of ours, or somebody took rows and file away.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import MIN_GAP_US, Gap, GapReason
from falconeye.storage.reading.timeline import Timeline, read_timeline
from falconeye.storage.tables.footage import open_files, streams
from falconeye.storage.tables.ledger import deletions, uptimes
from falconeye.storage.tables.node import CAMERAS

WINDOW_US = 7 * DAY_US  # looked at in one read
UNEXPLAINED_US = 10 * SECOND_US  # less than that a start, or the first keyframe, may take
NOTED = "noted by falconeye check"


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


@dataclass(frozen=True, slots=True)
class Unexplained:
    """The node ran, and nothing tells why there is no footage of a camera; UTC."""

    camera_id: str
    from_us: int
    to_us: int

    @property
    def detail(self) -> str:
        """In words."""
        span = f"{rfc3339(self.from_us)} to {rfc3339(self.to_us)}"
        return f"{span}: the node ran, and nobody knows why there is nothing"


async def check_coverage(
    database: Database,
) -> tuple[CoverageReport, list[Miscount], list[Unexplained]]:
    """Look at all cameras, from when they were added to the node's last sign of life."""
    report, wrong = CoverageReport(), []
    unexplained: list[Unexplained] = []
    ran = await database.read(_ran)
    for camera_id, added_us, to_us in await database.read(_cameras):
        report.cameras += 1
        unknown: list[Gap] = []
        for from_us in range(added_us, to_us, WINDOW_US):
            until_us = min(from_us + WINDOW_US, to_us)
            found = await database.read(partial(read_timeline, camera_id, from_us, until_us, None))
            wrong += [Miscount(camera_id, words) for words in _wrong(found)]
            _add(report, found)
            unknown += [gap for gap in found.gaps if gap.reason is GapReason.UNKNOWN]
        spans = _while_running([gap for gap in unknown if gap.detail != NOTED], ran)
        unexplained += [Unexplained(camera_id, *span) for span in spans]
    return report, wrong, unexplained


async def note(one: Unexplained, connection: AsyncConnection) -> None:
    """The time line tells from now on that somebody knows of it; nothing more can be done."""
    mine = {"camera_id": one.camera_id, "kind": StreamKind.MAIN.value}
    await connection.execute(upsert(streams).values(mine).on_conflict_do_nothing())
    its_id = select(streams.c.id).filter_by(**mine).scalar_subquery()
    said = {"reason": GapReason.UNKNOWN.value, "detail": NOTED}
    await connection.execute(
        insert(deletions).values(stream_id=its_id, from_us=one.from_us, to_us=one.to_us, **said)
    )


async def _ran(connection: AsyncConnection) -> list[tuple[int, int]]:
    """(from, to) of all that the node ran, in order; those that overlap are one."""
    rows = await connection.execute(
        select(uptimes.c.from_us, uptimes.c.to_us).order_by(uptimes.c.from_us)
    )
    found: list[tuple[int, int]] = []
    for from_us, to_us in rows:
        if found and from_us <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], to_us))
        else:
            found.append((from_us, to_us))
    return found


def _while_running(
    gaps: Sequence[Gap], ran: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """What of the gaps lies within the node's life, and is long enough to tell of it."""
    pieces: list[tuple[int, int]] = []
    for gap in gaps:
        first = bisect_right(ran, gap.from_us, key=lambda stretch: stretch[1])
        last = bisect_left(ran, gap.to_us, key=lambda stretch: stretch[0])
        for begin, end in ran[first:last]:
            begin_us, end_us = max(gap.from_us, begin), min(gap.to_us, end)
            if pieces and begin_us - pieces[-1][1] < MIN_GAP_US:  # cut by a window, or a seam
                pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end_us))
            else:
                pieces.append((begin_us, end_us))
    yield from (piece for piece in pieces if piece[1] - piece[0] >= UNEXPLAINED_US)


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
