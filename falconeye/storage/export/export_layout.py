"""Which bytes of which files make up an export, and what it says of itself. On a thread."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from falconeye.base.times import rfc3339, to_datetime
from falconeye.media.boxes import BadBox
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
from falconeye.storage.ledger.coverage import Gap, GapReason
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.layout import plain_name

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
                builder, init = PartBuilder(source.init, order.from_us, order.to_us), source.init
            table = source.table
            if not isinstance(table, FragmentTable):
                table = fragment_table.decode(table)
            heads, is_whole = _heads(builder, source, table, copier)
        except (OSError, ValueError, SourceLost):  # BadBox is a ValueError
            found.lost.append(source)
            continue
        if not is_whole:
            found.lost.append(source)
        if heads:
            builder.add(source, table, heads)
    _finish(builder, found)
    return found


def _finish(builder: PartBuilder | None, found: ExportLayout) -> None:
    if builder is not None and not builder.is_empty:
        found.parts.append(builder.finish())


def _heads(
    builder: PartBuilder, source: SourceSegment, table: FragmentTable, copier: Copier
) -> tuple[list[FragmentHead], bool]:
    """As many as can be read, from the first on, and whether those are all."""
    chosen = builder.choose(source, table)
    heads: list[FragmentHead] = []
    with copier.opened(source) as fd:
        if os.fstat(fd).st_size < source.size_bytes:
            raise SourceLost(source)
        try:
            for head in read_heads(reader(fd), chosen, builder.movie):
                heads.append(head)  # noqa: PERF402 - those before an error count
        except (OSError, BadBox):
            return heads, False
    return heads, True


def find_holes(layout: ExportLayout, from_us: int, to_us: int, known: Sequence[Gap]) -> list[Gap]:
    """What of [from, to) is not in the export, and why, as far as the ledger tells."""
    holes: list[Gap] = []
    at = from_us
    for piece in [*layout.pieces, Piece(to_us, to_us)]:
        if piece.from_us - at >= MIN_HOLE_US:
            holes.append(_explained(at, piece.from_us, layout.lost, known))
        at = max(at, piece.to_us)
    return holes


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


def file_name(camera_name: str, start_us: int, zone: tzinfo, suffix: str) -> str:
    """`Front-door_2026-11-20_14-02-10+0100.mp4`: in the site's time, which it says."""
    at = to_datetime(start_us).astimezone(zone)
    return f"{plain_name(camera_name)}_{at:%Y-%m-%d_%H-%M-%S%z}{suffix}"


def part_names(order: ExportOrder, parts: Sequence[Part], zone: tzinfo) -> list[str]:
    """Each by when it begins; two of one second get a number."""
    names: list[str] = []
    for part in parts:
        name = file_name(order.camera_name, part.pieces[0].from_us, zone, ".mp4")
        if name in names:
            name = f"{name.removesuffix('.mp4')}_{len(names) + 1}.mp4"
        names.append(name)
    return names


def sidecar(
    order: ExportOrder,
    layout: ExportLayout,
    names: Sequence[str],
    made: Sequence[tuple[str, int]],
    holes: Sequence[Gap],
    facts: dict[str, Any],
) -> bytes:
    """The JSON beside an export. `made`: hash and size of each part; `facts` of the whole."""
    pieces = layout.pieces
    told = facts | {
        "camera_id": order.camera_id,
        "camera_name": order.camera_name,
        "asked": {"from": rfc3339(order.from_us), "to": rfc3339(order.to_us)},
        "from": rfc3339(pieces[0].from_us),
        "to": rfc3339(max(piece.to_us for piece in pieces)),
        "parts": [
            {
                "name": name,
                "from": rfc3339(part.pieces[0].from_us),
                "to": rfc3339(part.pieces[-1].to_us),
                "duration_seconds": round(part.duration_us / 1_000_000, 3),
                "size_bytes": size,
                "sha256": digest,
            }
            for name, part, (digest, size) in zip(names, layout.parts, made, strict=True)
        ],
        "gaps": [
            {
                "from": rfc3339(hole.from_us),
                "to": rfc3339(hole.to_us),
                "reason": hole.reason.value,
                "detail": hole.detail,
            }
            for hole in holes
        ],
    }
    return json.dumps(told, indent=2, ensure_ascii=False).encode() + b"\n"
