"""Which bytes of which files make up an export of a camera. On a thread."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from falconeye.media.boxes import BadBox
from falconeye.media.samples import StreamKind
from falconeye.media.segment_file import read_head
from falconeye.storage.export.export_part import (
    FragmentHead,
    Part,
    PartBuilder,
    Piece,
    SourceSegment,
    read_heads,
    reader,
)
from falconeye.storage.export.export_writer import Copier, SourceLost
from falconeye.storage.ledger.clocks import ClockCorrection
from falconeye.storage.ledger.coverage import Gap, GapReason, Span, find_overlaps
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.segments import ClockState

MIN_HOLE_US = 100_000  # shorter ones lie within what the start of a run is exact to


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What somebody wants: the main stream of a camera, in [from, to)."""

    camera_id: str
    camera_name: str
    from_us: int
    to_us: int


@dataclass(slots=True)
class ExportLayout:
    """The parts, one for each init segment, and files that could not be read."""

    parts: list[Part] = field(default_factory=list)
    lost: list[SourceSegment] = field(default_factory=list)
    unset: list[tuple[int, int]] = field(default_factory=list)  # wall time of no certain clock
    corrections: list[ClockCorrection] = field(default_factory=list)  # of these wall times
    seams: Sequence[ClockSeam] = ()  # where the node's clock was set, that it has footage of

    @property
    def size_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)

    @property
    def media_bytes(self) -> int:
        return sum(part.media_bytes for part in self.parts)

    @property
    def pieces(self) -> list[Piece]:
        """In the order of time, even where a clock was set back."""
        every = [piece for part in self.parts for piece in part.pieces]
        return sorted(every, key=lambda piece: piece.from_us)

    @property
    def overlaps(self) -> list[tuple[int, int]]:
        """Times that are in it twice, because a clock was set back."""
        every = (Span(piece.from_us, piece.to_us, StreamKind.MAIN) for piece in self.pieces)
        return [(span.from_us, span.to_us) for span in find_overlaps(every)]


def lay_out(
    sources: Sequence[SourceSegment],
    order: ExportOrder,
    copier: Copier,
    report: Callable[[float], None],
) -> ExportLayout:
    """Read the heads of all fragments. What cannot be read is left out and named; Cancelled."""
    found = ExportLayout()
    builder: PartBuilder | None = None
    init: bytes | None = None
    for index, source in enumerate(sources):
        copier.check()
        report(index / len(sources))
        try:
            if builder is None or source.init != init:
                _finish(builder, found)
                builder = None  # finished once, also where the next format cannot be read
                builder, init = PartBuilder(source.init, order.from_us, order.to_us), source.init
            table = source.table
            if not isinstance(table, FragmentTable):
                table = fragment_table.decode(table)
            heads, is_whole, clock_was_set = _heads(builder, source, table, copier)
        except (OSError, ValueError, SourceLost):  # BadBox is a ValueError
            found.lost.append(source)
            continue
        if not is_whole:
            found.lost.append(source)
        if heads:
            builder.add(source, table, heads)
            if not clock_was_set:
                found.unset.append((source.start_us, source.end_us))
    _finish(builder, found)
    return found


def _finish(builder: PartBuilder | None, found: ExportLayout) -> None:
    if builder is not None and not builder.is_empty:
        found.parts.append(builder.finish())


def _heads(
    builder: PartBuilder, source: SourceSegment, table: FragmentTable, copier: Copier
) -> tuple[list[FragmentHead], bool, bool]:
    """As many as can be read, from the first on, and whether those are all.

    And whether the node's clock was set by NTP when the file was begun, as the file says.
    """
    chosen = builder.choose(source, table)
    heads: list[FragmentHead] = []
    with copier.opened(source) as fd:
        if os.fstat(fd).st_size < source.size_bytes:
            raise SourceLost(source)
        clock = read_head(reader(fd), table.head_bytes).identity.clock
        clock_was_set = clock == ClockState.SYNCHRONISED
        try:
            for head in read_heads(reader(fd), chosen, builder.movie):
                heads.append(head)  # noqa: PERF402 - those before an error count
        except (OSError, BadBox):
            return heads, False, clock_was_set
    return heads, True, clock_was_set


def find_holes(layout: ExportLayout, from_us: int, to_us: int, known: Sequence[Gap]) -> list[Gap]:
    """What of [from, to) is not in the export, and why, as far as the ledger tells."""
    holes: list[Gap] = []
    at = from_us
    for piece in [*layout.pieces, Piece(to_us, to_us)]:
        if piece.from_us - at >= MIN_HOLE_US:
            holes.append(_explained(at, piece.from_us, layout.lost, known))
        at = max(at, piece.to_us)
    return holes


def within_span(
    known: Sequence[ClockCorrection], from_us: int, to_us: int
) -> list[ClockCorrection]:
    """What of [from, to) had other times before the node's clock was set right."""
    clipped = (
        replace(one, from_us=max(one.from_us, from_us), to_us=min(one.to_us, to_us))
        for one in known
    )
    return [one for one in clipped if one.from_us < one.to_us]


def _explained(
    from_us: int, to_us: int, lost: Sequence[SourceSegment], known: Sequence[Gap]
) -> Gap:
    """With the reason of what takes most of it."""
    best, reason, detail = 0, GapReason.UNKNOWN, ""
    told = [(gap.from_us, gap.to_us, gap.reason, gap.detail) for gap in known]
    told += [(one.start_us, one.end_us, GapReason.FILE_LOST, "") for one in lost]
    for begin, end, why, words in told:
        shared = min(end, to_us) - max(begin, from_us)
        if shared > best:
            best, reason, detail = shared, why, words
    return Gap(from_us, to_us, reason, detail)
