"""What this node has to tell its peers of its coverage: what changed since they heard last.

Changes are numbered as they are made (`coverage_changes`: an hour of a camera each), so that a peer
that comes every ten seconds costs one look at an index, and the time line of the hours that
changed: about one a camera and minute. What is being recorded right now, or why nothing is, changes
all the time and is known in memory: it is told whole each time (*tails*).

A peer that comes with a position of another incarnation of the database, or of so long ago that its
changes were forgotten, is told everything anew, camera by camera.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Final

from sqlalchemy import func, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput, Unavailable
from falconeye.base.times import DAY_US, HOUR_US, SECOND_US
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.index.replica_triggers import COPY
from falconeye.storage.ledger.coverage import Gap, Span, Step
from falconeye.storage.ledger.ledger_prune import KEPT_US
from falconeye.storage.ledger.told_coverage import Told
from falconeye.storage.reading.timeline import UNWRITTEN_US, Timeline
from falconeye.storage.reading.unrecorded import Unrecorded, Window
from falconeye.storage.segments.recording_rows import Growing
from falconeye.storage.tables.footage import segments, streams
from falconeye.storage.tables.ledger import coverage_steps, deletions
from falconeye.storage.tables.node import CAMERAS
from falconeye.storage.tables.peer_coverage import coverage_changes
from falconeye.storage.tables.replicated import replica_state

MAX_CHANGES: Final = 256  # of one page, or times of a camera when all is told anew
MAX_PIECES: Final = 4_000  # of one page: it ends with the piece of time that reaches it
PAGE_US: Final = SECOND_US  # or after so long: on a busy machine who asks would wait in vain
WINDOW_US: Final = 7 * DAY_US  # of one camera, when all is told anew
_LEAST_US: Final = HOUR_US  # what has more than can be told of is halved down to this

ReadTimeline = Callable[[str, int, int], Awaitable[Timeline]]
GrowingStreams = Callable[[str], Sequence[tuple[StreamKind, Growing]]]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a peer has heard. As text it means nothing to the peer, who gives it back."""

    incarnation: str
    seq: int
    # All is told anew, changes after `seq` come then: the camera and time that are next.
    camera_id: str | None = None
    from_us: int = 0

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """None for one that is not of this release, or none at all."""
        parts = text.split(" ")
        if len(parts) not in {2, 4} or not all(part.isascii() for part in parts):
            return None
        numbers = [parts[1], *parts[3:]]
        if not all(number.isdigit() and len(number) < 19 for number in numbers):
            return None
        if len(parts) == 2:
            return cls(parts[0], int(parts[1]))
        return cls(parts[0], int(parts[1]), parts[2], int(parts[3]))

    @override
    def __str__(self) -> str:
        anew = "" if self.camera_id is None else f" {self.camera_id} {self.from_us}"
        return f"{self.incarnation} {self.seq}{anew}"


@dataclass(frozen=True, slots=True)
class CoveragePage:
    """What a peer is told at once: `PeerCoverage.put` takes it."""

    increments: Sequence[Told]
    tails: Sequence[Told]  # none while there is more: what was told before holds until then
    position: str
    is_anew: bool = False  # it begins from the start: what was told before is forgotten
    has_more: bool = False  # ask again at once


@dataclass(frozen=True, slots=True)
class _Change:
    camera_id: str
    from_us: int
    to_us: int
    seq: int


class CoverageSince:
    """Lives on the loop; any number of peers ask."""

    def __init__(
        self,
        database: Database,
        read: ReadTimeline,
        unrecorded: Unrecorded,
        growing: GrowingStreams,
        present: Mapping[str, Step],
        clock: Clock,
    ) -> None:
        """`read`: `Timelines.read`; `growing`: `FootageStore.growing_streams`.

        `present`: `Ledger.present`. Open the replica before: it gives the database its incarnation.
        """
        self._database = database
        self._read = read
        self._unrecorded = unrecorded
        self._growing = growing
        self._present = present
        self._clock = clock
        # The next peer asks for the same ones. What changes after has another number.
        self._read_before: OrderedDict[_Change, Sequence[Told]] = OrderedDict()

    async def since(self, position: str) -> CoveragePage:
        """What came after `position`, the oldest change first; "": everything.

        Unavailable when the database cannot be read.
        """
        asked = Position.parse(position)
        state = await self._database.read(partial(_read_state, asked))
        if asked is None or state.is_lost(asked):
            begin = Position(state.incarnation, state.last_seq, "", 0)
            return replace(await self._anew(begin), is_anew=True)
        if asked.camera_id is not None:
            return await self._anew(asked)
        tails = await self._tails()
        await self._read_unrecorded(state.changes)
        increments: list[Told] = []
        pieces, reached, until_us = 0, asked.seq, self._clock.monotonic_us() + PAGE_US
        for change in state.changes:
            told = await self._of_change(change)
            increments += told
            reached = change.seq
            pieces += _count(told)
            if pieces >= MAX_PIECES or self._clock.monotonic_us() >= until_us:
                break
        has_more = reached < state.last_seq
        position = str(replace(asked, seq=reached))
        return CoveragePage(increments, () if has_more else tails, position, has_more=has_more)

    async def _anew(self, at: Position) -> CoveragePage:
        """A page of everything, from there on."""
        cameras = await self._database.read(partial(_begins, at.camera_id or ""))
        now_us, until_us = self._clock.utc_us(), self._clock.monotonic_us() + PAGE_US
        windows = list(islice(_windows(cameras, at, now_us), MAX_CHANGES + 1))
        gaps = await self._gaps(windows[:MAX_CHANGES])
        increments: list[Told] = []
        pieces = 0
        for count, window in enumerate(windows):
            is_late = increments and self._clock.monotonic_us() >= until_us
            if is_late or pieces >= MAX_PIECES or count == MAX_CHANGES:
                next_ = replace(at, camera_id=window.camera_id, from_us=window.from_us)
                return CoveragePage(increments, (), str(next_), has_more=True)
            told = gaps[window] if window in gaps else await self._told(*window)
            increments += told
            pieces += _count(told) + 1
        return CoveragePage(increments, (), str(Position(at.incarnation, at.seq)), has_more=True)

    async def _read_unrecorded(self, changes: Sequence[_Change]) -> None:
        """Changes of cameras that this node never recorded: all at once."""
        windows = {
            change: Window(change.camera_id, change.from_us - DAY_US, change.to_us + DAY_US)
            for change in changes
            if change not in self._read_before
        }
        gaps = await self._gaps(list(windows.values()))
        for change, window in windows.items():
            if window in gaps:
                self._keep(change, gaps[window])

    async def _gaps(self, windows: Sequence[Window]) -> dict[Window, Sequence[Told]]:
        """What there is to tell of those without footage, up to now."""
        now_us = self._clock.utc_us()
        cut = {
            window: window._replace(to_us=min(window.to_us, now_us))
            for window in windows
            if not self._growing(window.camera_id)
        }
        gaps = await self._unrecorded.gaps(list(cut.values()))
        return {
            window: [Told(*known, (), gaps[known])]
            for window, known in cut.items()
            if known in gaps
        }

    async def _of_change(self, change: _Change) -> Sequence[Told]:
        told = self._read_before.get(change)
        if told is None:
            span = await self._database.read(partial(_with_its_holes, change))
            told = await self._told(change.camera_id, *span)
            self._keep(change, told)
        return told

    def _keep(self, change: _Change, told: Sequence[Told]) -> None:
        self._read_before[change] = told
        while len(self._read_before) > 2 * MAX_CHANGES:
            self._read_before.popitem(last=False)

    async def _told(self, camera_id: str, from_us: int, to_us: int) -> list[Told]:
        """A time of a camera as it is now, up to what is known; in parts where much happened."""
        found: list[Told] = []
        while from_us < to_us:
            end_us = min(to_us, from_us + WINDOW_US)
            line, end_us = await self._line(camera_id, from_us, end_us)
            if line.to_us > line.from_us:
                spans = [one.span for one in line.spans]
                found.append(Told(camera_id, from_us, line.to_us, spans, line.gaps))
            from_us = end_us
        return found

    async def _line(self, camera_id: str, from_us: int, to_us: int) -> tuple[Timeline, int]:
        """Its time line, and up to when: half of the time, and so on, where there is too much."""
        while True:
            try:
                return await self._read(camera_id, from_us, to_us), to_us
            except InvalidInput:
                if to_us - from_us <= _LEAST_US:
                    raise
                to_us = from_us + max(_LEAST_US, (to_us - from_us) // 2)

    async def _tails(self) -> list[Told]:
        """What is recorded at this moment, or why nothing is."""
        now_us = self._clock.utc_us()
        found: list[Told] = []
        quiet: dict[str, tuple[Step, int]] = {}
        for camera_id, step in list(self._present.items()):
            growing = self._growing(camera_id)
            main = [_span(part, kind) for kind, part in growing if kind is StreamKind.MAIN]
            last = max(main, key=_end, default=None)
            if last is not None and last.to_us > now_us - UNWRITTEN_US:
                if last.to_us > last.from_us:
                    found.append(_tail(camera_id, last, growing))
            else:
                ends = [_end(_span(part, kind)) for kind, part in growing]
                quiet[camera_id] = step, max(ends, default=0)
        ends_us = await self._database.read(partial(_ends, list(quiet)))
        for camera_id, (step, until_us) in quiet.items():
            # A step is noted a little before the last picture is on the disk, or after.
            from_us = max(until_us, ends_us[camera_id])
            if step.reason is not None and (from_us := max(from_us, step.since_us)) < now_us:
                gap = Gap(from_us, now_us, step.reason, step.detail)
                found.append(Told(camera_id, from_us, now_us, (), (gap,)))
            elif step.reason is None and from_us < now_us - UNWRITTEN_US:  # nobody knows why
                found += await self._told(camera_id, max(from_us, now_us - HOUR_US), now_us)
        return found


def _windows(cameras: Sequence[tuple[str, int]], at: Position, now_us: int) -> Iterator[Window]:
    """All times of which something is known from a position on, in order."""
    for camera_id, begun_us in cameras:
        goes_on = camera_id == at.camera_id
        from_us = max(begun_us, now_us - KEPT_US, at.from_us if goes_on else 0)
        for begin_us in range(from_us, now_us, WINDOW_US):
            yield Window(camera_id, begin_us, min(begin_us + WINDOW_US, now_us))


def _end(span: Span) -> int:
    return span.to_us


async def _ends(camera_ids: Sequence[str], connection: AsyncConnection) -> dict[str, int]:
    """When the last file of each camera ends, or what was deleted of it; 0 where there is none.

    All at once: most cameras of a cluster are quiet at a node, and each peer asks all the time.
    """
    found = dict.fromkeys(camera_ids, 0)
    if not found:
        return found
    end = segments.c.start_us + segments.c.wall_duration_us
    its_file = select(end).where(segments.c.stream_id == streams.c.id)
    its_file = its_file.order_by(segments.c.start_us.desc()).limit(1)
    deleted = select(deletions.c.to_us).where(deletions.c.stream_id == streams.c.id)
    deleted = deleted.order_by(deletions.c.from_us.desc()).limit(1)
    last_us = its_file.scalar_subquery().label("last_us")
    deleted_us = deleted.scalar_subquery().label("deleted_us")
    rows = await connection.execute(
        select(streams.c.camera_id, streams.c.kind, last_us, deleted_us).where(
            streams.c.camera_id.in_(camera_ids)
        )
    )
    for row in rows:
        is_main = row.kind == StreamKind.MAIN
        ends_us = row.last_us or 0, (row.deleted_us or 0) if is_main else 0
        found[row.camera_id] = max(found[row.camera_id], *ends_us)
    return found


def _tail(camera_id: str, main: Span, growing: Sequence[tuple[StreamKind, Growing]]) -> Told:
    """The time of the main stream's open file: what the substream has of it is footage, too."""
    footage = [main]
    for kind, part in growing:
        begin = max(main.from_us, part.start_us)
        end = min(main.to_us, part.start_us + part.duration_us)
        if kind is not StreamKind.MAIN and begin < end:
            footage.append(Span(begin, end, kind))
    return Told(camera_id, main.from_us, main.to_us, footage)


def _span(part: Growing, kind: StreamKind) -> Span:
    return Span(part.start_us, part.start_us + part.duration_us, kind)


def _count(told: Sequence[Told]) -> int:
    return sum(len(one.footage) + len(one.gaps) for one in told)


@dataclass(frozen=True, slots=True)
class _State:
    """Of the changes, in one state of the database."""

    incarnation: str
    forgotten_seq: int  # up to this one
    last_seq: int
    changes: Sequence[_Change]

    def is_lost(self, asked: Position) -> bool:
        """Whether what came after that position cannot be told."""
        is_other = asked.incarnation != self.incarnation
        return is_other or not self.forgotten_seq <= asked.seq <= self.last_seq


async def _read_state(asked: Position | None, connection: AsyncConnection) -> _State:
    incarnation = await connection.scalar(select(replica_state.c.incarnation))
    seq = coverage_changes.c.seq
    last = await connection.scalar(select(func.max(seq)))
    forgotten = await connection.scalar(select(seq).where(coverage_changes.c.camera_id == ""))
    changes: list[_Change] = []
    if asked is not None and asked.camera_id is None:
        rows = await connection.execute(
            select(coverage_changes)
            .where(seq > asked.seq, coverage_changes.c.camera_id != "")
            .order_by(seq)
            .limit(MAX_CHANGES)
        )
        changes = [_Change(row.camera_id, row.from_us, row.to_us, row.seq) for row in rows]
    if incarnation is None or incarnation in {"", COPY}:
        raise Unavailable("the replica is not open: the database has no incarnation")
    return _State(incarnation, forgotten or 0, last or 0, changes)


async def _with_its_holes(change: _Change, connection: AsyncConnection) -> tuple[int, int]:
    """The time of a change with the holes that reach beyond it: what explains one is around it.

    At most a day of each: what nothing explains by itself is seconds, as a rule.
    """
    start_us, from_us, to_us = segments.c.start_us, change.from_us, change.to_us
    before_us, after_us = change.from_us - DAY_US, change.to_us + DAY_US
    its_streams = select(streams.c.id).where(streams.c.camera_id == change.camera_id)
    for stream_id in (await connection.execute(its_streams)).scalars().all():
        mine = segments.c.stream_id == stream_id
        earlier = select(start_us + segments.c.wall_duration_us).where(mine, start_us < from_us)
        ended_us = await connection.scalar(earlier.order_by(start_us.desc()).limit(1))
        before_us = max(before_us, ended_us or 0)
        later = select(func.min(start_us)).where(mine, start_us >= to_us)
        after_us = min(after_us, await connection.scalar(later) or after_us)
    return min(from_us, before_us), max(to_us, after_us)


async def _begins(from_id: str, connection: AsyncConnection) -> list[tuple[str, int]]:
    """When something is known of each camera from `from_id` on first (UTC), in order of the ids.

    By the keys, all cameras at once: whoever joins a cluster asks every node.
    """
    known = union(select(streams.c.camera_id.label("id")), select(CAMERAS.c.id)).subquery()
    its_step = select(func.min(coverage_steps.c.since_us))
    its_step = its_step.where(coverage_steps.c.camera_id == known.c.id)
    its_file = select(func.min(segments.c.start_us)).where(segments.c.stream_id == streams.c.id)
    begins = union_all(
        select(known.c.id, its_step.scalar_subquery().label("begin_us")),
        select(streams.c.camera_id, its_file.scalar_subquery()),
    ).subquery()
    first_us = func.min(begins.c.begin_us)
    found = await connection.execute(
        select(begins.c.id, first_us)
        .where(begins.c.id >= from_id)
        .group_by(begins.c.id)
        .having(first_us.is_not(None))
        .order_by(begins.c.id)
    )
    return [(camera_id, begin_us) for camera_id, begin_us in found]
