"""Footage of other nodes in an export: who tells of it, and which node's is taken where.

Storage knows no other nodes: whoever joins them gives `Exports` something that does. Their media go
from the other node into the file that is made, and lie nowhere in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from falconeye.media.segment_file import FragmentPlace
from falconeye.storage.export.byte_source import ByteSource
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_part import SourceSegment
from falconeye.storage.reading.merged_lines import merge
from falconeye.storage.reading.playback_list import Line, ListedSegment, entries_of, lines_of
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable


@dataclass(frozen=True, slots=True)
class Told:
    """What other nodes have of a span: a list for each; `silent`: names of those that say nothing.

    Run ids are told apart from this node's and from each other's.
    """

    parts: Sequence[Sequence[SourceSegment]] = ()
    silent: Sequence[str] = ()


class OtherNodes(Protocol):
    """All nodes of the cluster but this one."""

    @property
    def own_id(self) -> str:
        """Of this node, as the others know it."""

    async def expected_bytes(self, order: ExportOrder, acting: str | None) -> tuple[int, list[str]]:
        """What theirs takes at most, as told to `acting`; and who does not answer."""

    async def sources(self, order: ExportOrder) -> Told:
        """What they have now; bounded, whoever does not answer."""

    def open(self, source: SourceSegment) -> ByteSource:
        """OSError where its node does not answer; blocks, on a thread."""


def merged_sources(
    parts: Sequence[Sequence[SourceSegment]], order: ExportOrder
) -> list[SourceSegment]:
    """What is taken of each node, in order; `parts` with this node's first. Not for the loop: ms.

    As playback does it: each time once, from whole GOPs. What is damaged comes last.
    """
    damaged: list[SourceSegment] = []
    tables: dict[int, FragmentTable] = {}
    sources: dict[int, SourceSegment] = {}
    lines: list[list[Line]] = []
    for part in parts:
        listed: list[ListedSegment] = []
        for source in part:
            try:
                table = _table_of(source)
            except ValueError:
                damaged.append(source)
                continue
            segment = _listed(source, table)
            sources[id(segment)], tables[id(segment)] = source, table
            listed.append(segment)
        lines.append(lines_of(listed, order.from_us, order.to_us, is_over=True))
    stretches = [list(group) for _, group in groupby(merge(lines), lambda line: id(line.segment))]
    found: list[SourceSegment] = []
    for index, stretch in enumerate(stretches):
        segment = stretch[0].segment
        others = [
            0 <= near < len(stretches) and stretches[near][0].segment.node_id != segment.node_id
            for near in (index - 1, index + 1)
        ]
        first, last = stretch[0].entry, stretch[-1].entry
        table = _between(
            tables[id(segment)],
            first.offset if others[0] else 0,
            last.offset + last.size_bytes if others[1] else None,
        )
        found.append(replace(sources[id(segment)], table=table))
    return found + damaged


def _table_of(source: SourceSegment) -> FragmentTable:
    if isinstance(source.table, FragmentTable):
        return source.table
    return fragment_table.decode(source.table)


def _listed(source: SourceSegment, table: FragmentTable) -> ListedSegment:
    return ListedSegment(
        source.run_id,
        source.start_us // 1_000_000,
        source.start_us,
        source.media_offset_90k,
        "",
        len(source.init),
        entries_of(table),
        is_growing=False,
        node_id=source.node_id,
    )


def _between(table: FragmentTable, begin: int, end: int | None) -> FragmentTable:
    """Its fragments from `begin` up to `end`, counted in bytes of media."""
    at, skipped = 0, 0
    taken: list[FragmentPlace] = []
    for place in table.fragments:
        if at < begin:
            skipped += place.size_bytes
        elif end is None or at < end:
            taken.append(place)
        at += place.size_bytes
    return replace(table, head_bytes=table.head_bytes + skipped, fragments=tuple(taken))
