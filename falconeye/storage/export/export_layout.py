"""Which bytes of which files make up an export of a camera. On a thread."""

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
    head_ranges,
    read_heads,
)
from falconeye.storage.export.export_stretches import Stretch, add_stretch
from falconeye.storage.export.export_writer import Copier, SourceLost
from falconeye.storage.ledger.clocks import ClockCorrection
from falconeye.storage.ledger.coverage import Gap, GapReason, Span, find_overlaps
from falconeye.storage.ledger.seams import ClockSeam
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.segments import ClockState

_HEAD_BYTES = 4096  # the boxes before the first fragment lie within it
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
    silent: Sequence[str] = ()  # names of nodes that may have more and did not answer

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
    def stretches(self) -> list[Stretch]:
        """Which node has what of it, as it plays."""
        every: list[Stretch] = []
        for part in self.parts:
            for one in part.stretches:
                add_stretch(every, one)
        return every

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
    with copier.opened(source) as file:
        if file.size_bytes < source.size_bytes:
            raise SourceLost(source)
        file.expect([(0, min(_HEAD_BYTES, table.head_bytes)), *head_ranges(chosen)])
        clock = read_head(file.read, table.head_bytes).identity.clock
        clock_was_set = clock == ClockState.SYNCHRONISED
        try:
            for head in read_heads(file.read, chosen, builder.movie):
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


def silent_words(names: Sequence[str]) -> str:
    """Why something may be missing that other nodes hold."""
    return f"no answer from {', '.join(names)}, which may have recorded it"


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
    told = [
        (one.start_us, one.end_us, GapReason.UNKNOWN, f"it could not be read from {one.node_name}")
        for one in lost
        if one.node_id  # before what this node, which did not record it, knows of the time
    ]
    told += [(gap.from_us, gap.to_us, gap.reason, gap.detail) for gap in known]
    told += [(one.start_us, one.end_us, GapReason.FILE_LOST, "") for one in lost if not one.node_id]
    for begin, end, why, words in told:
        shared = min(end, to_us) - max(begin, from_us)
        if shared > best:
            best, reason, detail = shared, why, words
    return Gap(from_us, to_us, reason, detail)
