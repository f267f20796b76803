"""What there is of a camera's time: footage by stream, and a gap with its reason for the rest."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.clock import Clock
from falconeye.base.errors import InvalidInput
from falconeye.base.times import SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.clocks import ClockCorrection
from falconeye.storage.ledger.coverage import (
    MIN_GAP_US,
    Gap,
    GapReason,
    Known,
    Span,
    Step,
    Uptime,
    find_gaps,
    merge_spans,
)
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.reading.timeline_rows import (
    TimelineRows,
    read_both,
    read_islands,
    read_latest_end,
    read_rows,
)
from falconeye.storage.segments.recording_rows import Growing, Recording
from falconeye.storage.segments.segment_store import FootageStore

MAX_PIECES = 20_000  # a camera that flaps for months; what lists them must stay small
# The last fragment of a stream that runs is on its way to the disk.
UNWRITTEN_US = 10 * SECOND_US
_RUN_ENDS = {
    RunEnd.CAMERA_OFFLINE: GapReason.CAMERA_OFFLINE,
    RunEnd.CAMERA_HOLE: GapReason.CAMERA_OFFLINE,
    RunEnd.NODE_STOPPED: GapReason.NODE_STOPPED,
    RunEnd.NODE_CRASHED: GapReason.NODE_CRASHED,
    RunEnd.CLOCK_CHANGED: GapReason.CLOCK_CHANGED,
    RunEnd.STOPPED_BY_USER: GapReason.RECORDING_STOPPED,
    RunEnd.PAUSED: GapReason.PAUSED,
    RunEnd.HANDED_OVER: GapReason.ELSEWHERE,
    RunEnd.SCHEDULE_OVER: GapReason.OUTSIDE_SCHEDULE,
    RunEnd.EVENT_OVER: GapReason.OUTSIDE_EVENTS,
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
    corrections: Sequence[ClockCorrection] = ()  # where the node's clock had been wrong
    seams: Sequence[ClockSeam] = ()  # where it was set, and the times before it stay
    overlaps: Sequence[Span] = ()  # what was recorded twice, by stream: the clock was set back
    ahead: Sequence[KindSpan] = ()  # footage whose time has not come: a clock was ahead; no gaps


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

        Up to the last fragment on the disk for one that records. What is dated later, of a clock
        that was ahead, stands beside it (`ahead`), as far as it was asked for.
        """
        growing = self._store.growing_streams(camera_id)  # before the rows: see `to_recording`
        unstored = self._ledger.unstored(camera_id)  # before the rows, too
        now_us = self._clock.utc_us()
        later = max(from_us, now_us + UNWRITTEN_US), to_us  # what was just written is not ahead
        to_us = min(to_us, self._known_until(growing))
        read = partial(read_both, camera_id, (from_us, to_us), later, self._ledger.up)
        rows, found, kinds = await self._database.read(read)
        dated = [span for span in found if span.to_us > later[0]]
        ahead = tuple(_with_kinds(_within(dated, max(from_us, now_us), later[1]), kinds))
        if rows is None:
            return Timeline(from_us, from_us, (), (), ahead=ahead)
        rows = replace(rows, steps=with_unstored(rows.steps, unstored, to_us))
        made = await asyncio.to_thread(make_timeline, rows, from_us, to_us, growing)
        if len(made.spans) + len(made.gaps) + len(ahead) > MAX_PIECES:
            msg = "from: too much happened in this time to list it: ask for a shorter one"
            raise InvalidInput(msg, field="from")
        return replace(made, ahead=ahead)

    async def latest_us(self, camera_ids: Sequence[str]) -> int:
        """The last moment of which there may be something: now, or of what is dated later."""
        end_us = await self._database.read(partial(read_latest_end, camera_ids))
        return max(end_us - 1, self._clock.utc_us())

    async def footage(self, camera_id: str, from_us: int, to_us: int) -> list[Span]:
        """When there is footage in [from, to), whichever stream; in order, without overlap.

        Any length: what is missing costs more to tell (`read`).
        """
        growing = self._store.growing_streams(camera_id)  # before the rows, as above
        islands, _overlaps = await self._database.read(
            partial(read_islands, camera_id, from_us, to_us)
        )
        written = [
            Span(part.start_us, part.start_us + part.duration_us, kind) for kind, part in growing
        ]
        known = [*chain.from_iterable(islands.values()), *written]
        merged = merge_spans(sorted(known, key=lambda one: one.from_us))
        clipped = (_clipped(span, from_us, to_us) for span in merged)
        return [span for span in clipped if span.to_us > span.from_us]

    async def gaps_of(self, recording: Recording) -> Sequence[Gap]:
        """The holes of a recording, which its download closes up; none of an imported one.

        Of the main stream: the substream may have footage of that time.
        """
        if recording.external_path is not None or recording.end_us is None:
            return ()
        span = recording.start_us, recording.end_us
        rows = await self._rows(recording.camera_id, *span)
        rows = replace(rows, spans={**rows.spans, StreamKind.SUB: ()})
        return (await asyncio.to_thread(make_timeline, rows, *span)).gaps

    async def _rows(self, camera_id: str, from_us: int, to_us: int) -> TimelineRows:
        """What is stored, with what the ledger has not stored yet."""
        unstored = self._ledger.unstored(camera_id)  # before the rows: else one may be in neither
        rows = await self._database.read(
            partial(read_rows, camera_id, from_us, to_us, self._ledger.up)
        )
        return replace(rows, steps=with_unstored(rows.steps, unstored, to_us))

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
    up: Uptime | None,
    connection: AsyncConnection,
) -> Timeline:
    """The closed files' time alone, made where it is read: for `falconeye check`."""
    rows = await read_rows(camera_id, from_us, to_us, up, connection)
    return make_timeline(rows, from_us, to_us)


def make_timeline(
    rows: TimelineRows,
    from_us: int,
    to_us: int,
    growing: Sequence[tuple[StreamKind, Growing]] = (),
) -> Timeline:
    """From rows and what is in memory; any thread."""
    spans: list[Span] = []
    for kind in StreamKind:
        written = [
            Span(part.start_us, part.start_us + part.duration_us, kind)
            for of_kind, part in growing
            if of_kind is kind
        ]
        known = [*rows.spans[kind], *written]
        merged = merge_spans(sorted(known, key=lambda one: one.from_us))
        clipped = (_clipped(span, from_us, to_us) for span in merged)
        spans += [span for span in clipped if span.to_us > span.from_us]
    spans.sort(key=lambda span: (span.from_us, span.stream))
    reasons = Known(rows.steps, _outlived(rows.uptimes, spans), rows.deletions)
    gaps = [_explained(gap, rows.run_ends) for gap in find_gaps(spans, from_us, to_us, reasons)]
    kinds = list(_with_kinds(spans, rows.kinds))
    clipped = (_clipped(span, from_us, to_us) for span in rows.overlaps)
    overlaps = tuple(span for span in clipped if span.to_us > span.from_us)
    seams = tuple(rows.seams)
    return Timeline(from_us, to_us, kinds, gaps, rows.corrections, seams, overlaps)


def with_unstored(stored: Sequence[Step], unstored: Sequence[Step], to_us: int) -> list[Step]:
    """In the order of time; of two of one moment the later noted one holds, as in the database."""
    known = {step.since_us: step for step in (*stored, *unstored) if step.since_us < to_us}
    return sorted(known.values(), key=lambda step: step.since_us)


def _explained(gap: Gap, run_ends: Sequence[tuple[int, RunEnd]]) -> Gap:
    """A gap that nothing was noticed of: why the run ended whose footage ends there."""
    if gap.reason is not GapReason.UNKNOWN:
        return gap
    at = bisect_right(run_ends, gap.from_us + MIN_GAP_US, key=lambda end: end[0]) - 1
    if at < 0 or run_ends[at][0] < gap.from_us - MIN_GAP_US:
        return gap
    return replace(gap, reason=_RUN_ENDS[run_ends[at][1]])


def _within(spans: Iterable[Span], from_us: int, to_us: int) -> list[Span]:
    """What of them lies in [from, to), in order."""
    clipped = (_clipped(span, from_us, to_us) for span in spans)
    found = [span for span in clipped if span.to_us > span.from_us]
    return sorted(found, key=lambda span: (span.from_us, span.stream))


def _clipped(span: Span, from_us: int, to_us: int) -> Span:
    return Span(max(span.from_us, from_us), min(span.to_us, to_us), span.stream)


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
