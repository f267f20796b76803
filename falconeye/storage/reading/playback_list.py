"""HLS playlists of recorded footage (RFC 8216): pure functions of index rows.

The list names byte ranges of our segments' media. Their decode times are those of the run, which
begins at the UTC second of its start: a segment's bytes are the same whatever window lists it, time
runs on from one segment to the next, and FFmpeg, which drops what goes back, finds it rising. Where
it does not run on, a discontinuity is said. A hole takes no time in a player.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from falconeye.base.times import SECOND_US, rfc3339
from falconeye.media.samples import VIDEO_TIMESCALE, StreamKind
from falconeye.media.segment_file import FragmentPlace
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable

MIN_ENTRY_90K = VIDEO_TIMESCALE  # GOPs are joined up to this: some streams are all keyframes
MIN_TARGET_S = 6  # of a list that still grows: how often a player asks for it again
_OPEN_GOP = 3  # `RandomAccess.sap_type`
_TABLES_KEPT = 512  # a list that grows is asked for again and again: four hours, two streams


@dataclass(frozen=True, slots=True)
class Entry:
    """Whole GOPs within a segment: what a player asks for at once."""

    offset: int  # in the segment's media
    size_bytes: int
    start_90k: int  # decode time in the segment
    duration_90k: int


@dataclass(frozen=True, slots=True)
class Entries:
    """All of a segment."""

    all: tuple[Entry, ...]
    has_open_gop: bool


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """One segment as a playlist needs it."""

    run_id: int
    run_zero_s: int  # see `run_zero_s`
    start_us: int
    media_offset_90k: int
    init_digest: str
    init_bytes: int
    entries: Entries
    is_growing: bool  # its last entry is not complete
    node_id: str = ""  # of another node that has it; "": this one


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the list, with the segment it lies in."""

    segment: ListedSegment
    entry: Entry

    @property
    def run_90k(self) -> int:
        return self.segment.media_offset_90k + self.entry.start_90k

    @property
    def wall_us(self) -> int:
        return self.segment.start_us + self.entry.start_90k * 100 // 9

    @property
    def wall_end_us(self) -> int:
        return self.wall_us + self.entry.duration_90k * 100 // 9

    def continues(self, before: "Line | None") -> bool:
        """Whether time and format run on from the entry before."""
        return (
            before is not None
            and before.segment.node_id == self.segment.node_id
            and before.segment.run_id == self.segment.run_id
            and before.segment.init_digest == self.segment.init_digest
            and before.run_90k + before.entry.duration_90k == self.run_90k
        )


def entries_of(table: FragmentTable) -> Entries:
    """The fragments of a segment, joined to whole GOPs."""
    groups: list[list[FragmentPlace]] = []
    for place in table.fragments:
        lasts_90k = sum(each.duration_90k for each in groups[-1]) if groups else 0
        if not groups or (place.is_keyframe and lasts_90k >= MIN_ENTRY_90K):
            groups.append([])
        groups[-1].append(place)
    found: list[Entry] = []
    offset = 0
    for group in groups:
        size = sum(place.size_bytes for place in group)
        duration = sum(place.duration_90k for place in group)
        found.append(Entry(offset, size, group[0].start_90k, duration))
        offset += size
    accesses = (place.access for place in table.fragments)
    has_open_gop = any(access and access.sap_type == _OPEN_GOP for access in accesses)
    return Entries(tuple(found), has_open_gop)


@lru_cache(maxsize=_TABLES_KEPT)
def stored_entries(blob: bytes) -> Entries:
    """The same of a stored fragment table; ValueError if damaged. Not for the loop: ms."""
    return entries_of(fragment_table.decode(blob))


def run_zero_s(run_started_us: int) -> int:
    """The decode time at which a run begins in playback; whole seconds, so in every timescale."""
    return run_started_us // SECOND_US


def media_name(kind: StreamKind, run_id: int, start_us: int) -> str:
    """How the list names a segment's media."""
    return f"{kind.value}-{run_id}-{start_us}.m4s"


def make_playlist(
    segments: Iterable[ListedSegment], kind: StreamKind, from_us: int, to_us: int, *, is_over: bool
) -> str | None:
    """The list of what begins before `to_us` and ends after `from_us`; None where that is nothing.

    `segments` in the order in which they are played.
    """
    return write_playlist(
        lines_of(segments, from_us, to_us, is_over=is_over), kind, is_over=is_over
    )


def lines_of(
    segments: Iterable[ListedSegment], from_us: int, to_us: int, *, is_over: bool
) -> list[Line]:
    """What begins before `to_us` and ends after `from_us`.

    While it is not over, a player asks again and finds more behind what it knows: what may still
    change is left out until it is complete.
    """
    return [
        line
        for line in _lines(segments, is_over=is_over)
        if line.wall_us < to_us and line.wall_end_us > from_us
    ]


def write_playlist(
    lines: Sequence[Line], kind: StreamKind, *, is_over: bool, comments: Sequence[str] = ()
) -> str | None:
    """The list of these, in this order; None for none. `comments`: lines that no player reads."""
    if not lines:
        return None
    longest = max(line.entry.duration_90k for line in lines)
    target = math.ceil(longest / VIDEO_TIMESCALE)
    if not is_over:
        target = max(target, MIN_TARGET_S)
    text = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if is_over else 'EVENT'}",
    ]
    if not any(line.segment.entries.has_open_gop for line in lines):
        text.append("#EXT-X-INDEPENDENT-SEGMENTS")
    text += comments
    text += _body(lines, kind)
    if is_over:
        text.append("#EXT-X-ENDLIST")
    return "\n".join(text) + "\n"


def _lines(segments: Iterable[ListedSegment], *, is_over: bool) -> Iterator[Line]:
    for segment in segments:
        entries = segment.entries.all
        stops = segment.is_growing and not is_over
        for entry in entries[:-1] if stops else entries:
            yield Line(segment, entry)
        if stops:  # what is left out here comes before all that follows
            return


def _body(lines: Sequence[Line], kind: StreamKind) -> Iterator[str]:
    before: Line | None = None
    for line in lines:
        segment, entry = line.segment, line.entry
        if not line.continues(before):
            if before is not None:
                yield "#EXT-X-DISCONTINUITY"
            if before is None or _init_of(before.segment) != _init_of(segment):
                # FFmpeg 5 asks for as many bytes as of what it read before, unless it is told.
                whole = f'BYTERANGE="{segment.init_bytes}@0"'
                yield f'#EXT-X-MAP:URI="inits/{_init_of(segment)}",{whole}'
            # A comment for our own page: the decode time there (`static/playback.js`).
            decoded_s = segment.run_zero_s + line.run_90k / VIDEO_TIMESCALE
            yield f"#MEDIA-TIME:{decoded_s:.6f}"
        if before is None or before.segment is not segment:  # media time and wall time drift apart
            yield f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(line.wall_us)}"
        yield f"#EXTINF:{entry.duration_90k / VIDEO_TIMESCALE:.6f},"
        yield f"#EXT-X-BYTERANGE:{entry.size_bytes}@{entry.offset}"
        name = media_name(kind, segment.run_id, segment.start_us)
        yield f"footage/{name}{_of_node(segment)}"
        before = line


def _init_of(segment: ListedSegment) -> str:
    return f"{segment.init_digest}.mp4{_of_node(segment)}"


def _of_node(segment: ListedSegment) -> str:
    """So that no node has to be asked who has it."""
    return f"?node={segment.node_id}" if segment.node_id else ""
