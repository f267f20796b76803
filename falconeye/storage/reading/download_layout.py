"""Where each byte of a download comes from: a pure function of index rows.

A download is the first init segment with `mehd`, one `sidx`, then the segments' fragments with
each `tfdt` moved so that time runs on: holes are closed up. No media are read for any of it.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from falconeye.media.index_boxes import Subsegment, make_sidx, with_duration
from falconeye.media.movie import movie_of
from falconeye.media.samples import VIDEO_TIMESCALE
from falconeye.media.segment_file import FragmentPlace
from falconeye.storage.segments.fragment_table import FragmentTable

_SEQUENCE_OFFSET = 20  # of mfhd's sequence_number in a moof, whose first child it is


@dataclass(frozen=True, slots=True)
class SegmentRows:
    """What the index knows of one segment."""

    run_id: int
    media_offset_90k: int
    media_duration_90k: int
    table: FragmentTable

    @property
    def body_bytes(self) -> int:
        return sum(place.size_bytes for place in self.table.fragments)


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that replace those of the file, at an offset in the segment's body."""

    offset: int
    data: bytes


@dataclass(frozen=True)
class PlacedSegment:
    """One segment in the download."""

    rows: SegmentRows
    offset: int  # of its body, in the download
    size_bytes: int
    video_base_90k: int
    audio_base_ticks: int
    first_sequence: int

    @cached_property
    def patches(self) -> list[Patch]:
        """In the order of their offsets; they do not touch one another."""
        return list(self._patches())

    def patches_between(self, first: int, end: int) -> list[Patch]:
        """Those that touch `[first, end)` of the body."""
        low = bisect_right(self.patches, first - 8, key=lambda patch: patch.offset)
        high = bisect_right(self.patches, end - 1, key=lambda patch: patch.offset)
        return self.patches[low:high]

    def _patches(self) -> Iterator[Patch]:
        position = 0
        for index, place in enumerate(self.rows.table.fragments):
            sequence = (self.first_sequence + index) & 0xFFFFFFFF
            yield Patch(position + _SEQUENCE_OFFSET, sequence.to_bytes(4, "big"))
            times = [(place.video_tfdt_offset, self.video_base_90k + place.start_90k)]
            if place.audio_tfdt_offset:
                ticks = self.audio_base_ticks + place.audio_start_ticks
                times.append((place.audio_tfdt_offset, ticks))
            for offset, value in sorted(times):
                yield Patch(position + offset, value.to_bytes(8, "big"))
            position += place.size_bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole download."""

    head: bytes
    segments: tuple[PlacedSegment, ...]
    length: int
    duration_90k: int

    def segment_index_at(self, offset: int) -> int:
        """The segment that holds the byte at `offset`, which lies behind the head."""
        return bisect_right(self.segments, offset, key=lambda segment: segment.offset) - 1


def lay_out(init: bytes, rows: Sequence[SegmentRows]) -> Layout:
    """The layout of these segments, in this order; BadBox when the init cannot be read."""
    movie = movie_of(init)
    duration = sum(row.media_duration_90k for row in rows)
    head = with_duration(init, movie, duration) + make_sidx(movie, _subsegments(rows))
    rate = movie.audio.timescale if movie.audio else VIDEO_TIMESCALE
    segments = tuple(_place_all(rows, len(head), rate))
    length = len(head) + sum(segment.size_bytes for segment in segments)
    return Layout(head, segments, length, duration)


def _place_all(rows: Sequence[SegmentRows], offset: int, rate: int) -> Iterator[PlacedSegment]:
    base_90k, sequence, audio_end, audio_shift = 0, 1, 0, 0
    before: SegmentRows | None = None
    for row in rows:
        if before is None or not _continues(before, row):
            shift_90k = base_90k - row.media_offset_90k
            audio_shift = _audio_shift(row, shift_90k * rate // VIDEO_TIMESCALE, audio_end)
        audio_base = row.table.audio_offset_ticks + audio_shift
        size = row.body_bytes
        yield PlacedSegment(row, offset, size, base_90k, audio_base, sequence)
        offset += size
        base_90k += row.media_duration_90k
        sequence += len(row.table.fragments)
        audio_end = max(audio_end, audio_base + row.table.audio_end_ticks)
        before = row


def _continues(before: SegmentRows, row: SegmentRows) -> bool:
    end_90k = before.media_offset_90k + before.media_duration_90k
    return before.run_id == row.run_id and end_90k == row.media_offset_90k


def _audio_shift(row: SegmentRows, shift: int, audio_end: int) -> int:
    """The shift, or a little more: the audio before a hole may last longer than its pictures."""
    first = next(
        (place.audio_start_ticks for place in row.table.fragments if place.audio_tfdt_offset), 0
    )
    return max(shift, audio_end - row.table.audio_offset_ticks - first)


def _subsegments(rows: Sequence[SegmentRows]) -> list[Subsegment]:
    """The fragments grouped by GOP."""
    groups: list[list[FragmentPlace]] = []
    for row in rows:
        for place in row.table.fragments:
            if place.is_keyframe or not groups:
                groups.append([])
            groups[-1].append(place)
    delays = [group[0].access.earliest_90k if group[0].access else 0 for group in groups]
    return [
        Subsegment(
            sum(place.size_bytes for place in group),
            sum(place.duration_90k for place in group) + next_delay - delay,
            group[0].access,
        )
        for group, delay, next_delay in zip(groups, delays, delays[1:] + delays[-1:], strict=True)
    ]
