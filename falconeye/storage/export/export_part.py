"""One file of an export, laid out from the heads of the fragments it takes: no media are read.

A part holds the footage of one init segment. Holes are closed up: pictures follow one another, and
audio stays with its pictures. What lies before the instant that was asked for, back to a keyframe,
is in the file but hidden by its edit lists. Runs on a thread; pure but for `read`.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from falconeye.media.boxes import BadBox, ReadAt, box_at
from falconeye.media.movie import Movie, TrackFragment, movie_of, parse_moof
from falconeye.media.movie_header import Edit, SampleTable, TrackContents, make_movie_head
from falconeye.media.samples import VIDEO_TIMESCALE
from falconeye.media.segment_file import MAX_MOOF_BYTES, FragmentPlace
from falconeye.media.stored_pictures import video_codec_of
from falconeye.storage.export.export_stretches import Stretch, add_stretch
from falconeye.storage.segments.fragment_table import FragmentTable

_HEAD_BYTES = 4096  # one page holds the moof of half a second
_LATE_FRAGMENTS = 2  # behind the end: audio is written a little after its pictures
_AUDIO_OUTLASTS_S = 0.1  # more than so much without pictures is left out
_OPEN_GOP = 3  # SAP type


@dataclass(frozen=True, slots=True)
class SourceSegment:
    """A segment that has something of the span, closed or still being written."""

    volume: int
    path: str
    run_id: int
    start_us: int
    end_us: int
    media_offset_90k: int
    size_bytes: int  # as far as it is written
    init: bytes
    table: bytes | FragmentTable  # as in the index, or of an open file
    node_id: str = ""  # of another node that has it; "": this one
    node_name: str = ""


@dataclass(frozen=True, slots=True)
class FragmentHead:
    """A fragment: where it lies in its file, and what its `moof` says."""

    offset: int
    place: FragmentPlace
    video: TrackFragment
    audio: TrackFragment | None


@dataclass(slots=True)
class Piece:
    """Footage without a hole, in wall time."""

    from_us: int
    to_us: int


@dataclass(slots=True)
class Copied:
    """What is taken of one segment's file: bytes from `offsets`, as many as `sizes`, in order."""

    source: SourceSegment
    offsets: "array[int]" = field(default_factory=partial(array, "Q"))
    sizes: "array[int]" = field(default_factory=partial(array, "Q"))

    def add(self, offset: int, size: int) -> None:
        if self.sizes and self.offsets[-1] + self.sizes[-1] == offset:
            self.sizes[-1] += size
        else:
            self.offsets.append(offset)
            self.sizes.append(size)


@dataclass(frozen=True, slots=True)
class Part:
    """A whole file: its head, then bytes of segments."""

    head: bytes
    copied: Sequence[Copied]
    media_bytes: int
    pieces: Sequence[Piece]
    duration_us: int
    codec: str  # of the pictures: h264 | hevc
    stretches: Sequence[Stretch] = ()  # in the order in which they play

    @property
    def size_bytes(self) -> int:
        return len(self.head) + self.media_bytes


def chosen_fragments(
    table: FragmentTable, lowest_90k: int | None, end_90k: int
) -> list[tuple[int, FragmentPlace]]:
    """Offset and place of those from the keyframe at or before `lowest_90k` on (None: the first).

    Up to those that begin at `end_90k`, and a few more for their audio.
    """
    first = 0
    for index, place in enumerate(table.fragments):
        access = place.access
        if access is None or lowest_90k is None:
            continue
        if place.start_90k + access.earliest_90k + access.delta_90k <= lowest_90k:
            first = index
    found: list[tuple[int, FragmentPlace]] = []
    offset = table.head_bytes
    late = _LATE_FRAGMENTS
    for index, place in enumerate(table.fragments):
        if index >= first:
            if place.start_90k >= end_90k:
                late -= 1
            if late < 0:
                break
            found.append((offset, place))
        offset += place.size_bytes
    return found


def head_ranges(chosen: Sequence[tuple[int, FragmentPlace]]) -> list[tuple[int, int]]:
    """Offset and size of what `read_heads` reads first."""
    return [(offset, min(_HEAD_BYTES, place.size_bytes)) for offset, place in chosen]


def read_heads(
    read: ReadAt, chosen: Sequence[tuple[int, FragmentPlace]], movie: Movie
) -> Iterator[FragmentHead]:
    """The `moof` of each; BadBox at the first that is not what the index says, OSError."""
    for offset, place in chosen:
        data = read(offset, min(_HEAD_BYTES, place.size_bytes))
        if data[4:8] != b"moof":
            msg = "no fragment where the index has one"
            raise BadBox(msg)
        size = int.from_bytes(data[:4], "big")
        if size > min(MAX_MOOF_BYTES, place.size_bytes):
            msg = "a moof that is larger than its fragment"
            raise BadBox(msg)
        if size > len(data):
            data = read(offset, size)
        video, audio = parse_moof(data[: box_at(data[:size]).end], movie)
        for track in (video, audio):
            if track is not None and not _lies_within(track, size, place):
                msg = "samples outside their fragment"
                raise BadBox(msg)
        yield FragmentHead(offset, place, video, audio)


def _lies_within(track: TrackFragment, moof_bytes: int, place: FragmentPlace) -> bool:
    end = track.data_offset + sum(track.sample_bytes)
    return moof_bytes + 8 <= track.data_offset and end <= place.size_bytes


@dataclass(slots=True)
class _Picture:
    """A picture in the file that is made; `offset` is where it lies in its segment's."""

    at_90k: int
    shown_90k: int
    duration_90k: int
    offset: int
    size: int
    is_keyframe: bool


class PartBuilder:
    """Takes segments with one init segment in order, then is asked for the part."""

    def __init__(self, init: bytes, from_us: int, to_us: int) -> None:
        self._init = init
        self.movie = movie_of(init)
        self._from_us, self._to_us = from_us, to_us
        self._video, self._audio = SampleTable(), SampleTable()
        self._rate = self.movie.audio.timescale if self.movie.audio else VIDEO_TIMESCALE
        self._copied: list[Copied] = []
        self._media_bytes = 0
        self._last: tuple[SampleTable, int] | None = None  # and where its source ends
        self._held: list[_Picture] = []  # shown after the end, unless one before it needs them
        self._pieces: list[Piece] = []
        self._stretches: list[Stretch] = []
        self._run_end: tuple[int, int] | None = None  # run, its media time
        self._shift_90k = 0  # from the run's media time to the file's
        self._audio_first = 0  # ticks of the first audio frame, in the file's time
        self._start_90k: int | None = None  # what is shown first
        self._lowest_shown_90k: int | None = None
        self._shown_end_90k = 0
        self._end_90k: int | None = None  # what is not shown any more, where the span ends

    @property
    def is_empty(self) -> bool:
        return not self._video.count

    def choose(
        self, source: SourceSegment, table: FragmentTable
    ) -> list[tuple[int, FragmentPlace]]:
        """The fragments of a segment whose heads `add` wants."""
        origin = _origin(table)
        # Not the first one alone begins before the span where a clock was set back.
        begins_before = self.is_empty or source.start_us < self._from_us
        lowest = _to_90k(self._from_us - source.start_us) + origin if begins_before else None
        return chosen_fragments(table, lowest, _to_90k(self._to_us - source.start_us) + origin)

    def add(
        self, source: SourceSegment, table: FragmentTable, heads: Sequence[FragmentHead]
    ) -> None:
        """The next segment, or as much of it as can be read."""
        self._held.clear()
        first = heads[0]
        file_begin = source.media_offset_90k
        continues = self._run_end == (source.run_id, file_begin + first.place.start_90k)
        if not continues:
            self._join(file_begin, first)
        self._copied.append(Copied(source))
        self._last = None
        origin = _origin(table)
        zero_90k = file_begin + self._shift_90k  # of this file, in the part's time
        end_90k = zero_90k + _to_90k(self._to_us - source.start_us) + origin
        wanted_90k = zero_90k + _to_90k(self._from_us - source.start_us) + origin
        before = self._shown_end_90k
        for head in heads:
            leads = not continues and head is first and _is_open_gop(head.place)
            self._add_pictures(head, zero_90k, end_90k, wanted_90k, leads=leads)
            self._add_audio(head, table, end_90k, zero_90k + _end_90k(table))
        self._end_90k = end_90k
        last = heads[-1].place
        self._run_end = (source.run_id, file_begin + last.start_90k + last.duration_90k)
        if self._shown_end_90k > before:
            self._note_piece(source, zero_90k + origin, before, continues=continues)

    def finish(self) -> Part:
        """The part; it may not be empty."""
        start = self._begin_90k()
        end = self._shown_end_90k
        if self._end_90k is not None:
            end = max(start + 1, min(end, self._end_90k))
        tracks = {self.movie.video.track_id: TrackContents(self._video, [Edit(end - start, start)])}
        if self.movie.audio is not None and (edits := self._audio_edits(start, end)):
            tracks[self.movie.audio.track_id] = TrackContents(self._audio, edits)
        head = make_movie_head(self._init, tracks, self._media_bytes, self._pieces[0].from_us)
        return Part(
            head,
            self._copied,
            self._media_bytes,
            self._pieces,
            (end - start) * 100 // 9,
            video_codec_of(self._init),
            self._stretches,
        )

    def _begin_90k(self) -> int:
        """The picture at the instant, or the first one when the instant lies before it."""
        if self._start_90k is not None:
            return self._start_90k
        return self._lowest_shown_90k or 0

    def _join(self, file_begin: int, first: FragmentHead) -> None:
        """Another run, or a hole: the next picture is shown when the one before has been."""
        access = first.place.access
        earliest = access.earliest_90k if access else 0
        overlap = self._shown_end_90k - (self._video.end + earliest)
        if self._video.count and overlap > 0:
            self._video.stretch(overlap)
        self._shift_90k = self._video.end - file_begin - first.place.start_90k

    def _add_pictures(
        self, head: FragmentHead, zero_90k: int, end_90k: int, wanted_90k: int, *, leads: bool
    ) -> None:
        """`leads`: without the pictures that are shown before the keyframe and need others."""
        track = head.video
        at, offset = zero_90k + track.start, head.offset + track.data_offset
        begin = at
        for index, size in enumerate(track.sample_bytes):
            duration, shown = track.durations[index], track.shown[index]
            if not (leads and shown < track.shown[0]):
                key = index == 0 and track.starts_with_keyframe
                picture = _Picture(at, begin + shown, duration, offset, size, key)
                if picture.shown_90k >= end_90k and not (key and not self._video.count):
                    self._held.append(picture)
                else:
                    self._put_held(wanted_90k)
                    self._put(picture, wanted_90k)
            at += duration
            offset += size

    def _put_held(self, wanted_90k: int) -> None:
        for picture in self._held:
            self._put(picture, wanted_90k)
        self._held.clear()

    def _put(self, picture: _Picture, wanted_90k: int) -> None:
        late = picture.at_90k - self._video.end
        if late > 0 and self._video.count:
            self._video.stretch(late)
        self._place(self._video, picture.offset, picture.size)
        shift = max(0, picture.shown_90k - self._video.end)
        self._video.add(picture.size, picture.duration_90k, shift, is_keyframe=picture.is_keyframe)
        shown = picture.shown_90k
        self._shown_end_90k = max(self._shown_end_90k, shown + picture.duration_90k)
        if self._lowest_shown_90k is None or shown < self._lowest_shown_90k:
            self._lowest_shown_90k = shown
        if len(self._copied) == 1 and shown <= wanted_90k:
            self._start_90k = max(self._start_90k or 0, shown)

    def _add_audio(
        self, head: FragmentHead, table: FragmentTable, end_90k: int, video_end_90k: int
    ) -> None:
        track = head.audio
        if track is None:
            return
        last_90k = min(end_90k, video_end_90k + int(_AUDIO_OUTLASTS_S * VIDEO_TIMESCALE))
        last = last_90k * self._rate // VIDEO_TIMESCALE
        shift = self._shift_90k * self._rate // VIDEO_TIMESCALE
        at = table.audio_offset_ticks + track.start + shift
        offset = head.offset + track.data_offset
        for size, duration in zip(track.sample_bytes, track.durations, strict=True):
            if not self._audio.count:
                self._audio_first = at
            late = at - self._audio_first - self._audio.end
            if late >= 0 and at < last:  # else it was heard already: the end of a hole
                if late and self._audio.count:
                    self._audio.stretch(late)
                self._place(self._audio, offset, size)
                self._audio.add(size, duration)
            at += duration
            offset += size

    def _place(self, table: SampleTable, offset: int, size: int) -> None:
        """The sample's bytes come next in the file."""
        if self._last != (table, offset):
            table.chunk(self._media_bytes)
        self._copied[-1].add(offset, size)
        self._media_bytes += size
        self._last = (table, offset + size)

    def _audio_edits(self, start: int, end: int) -> list[Edit]:
        """Audio keeps its place beside the pictures; empty when there is none to be heard."""
        begin = start * self._rate // VIDEO_TIMESCALE - self._audio_first
        heard_90k = (self._audio_first + self._audio.end) * VIDEO_TIMESCALE // self._rate
        edits: list[Edit] = []
        if begin < 0:
            empty = -begin * VIDEO_TIMESCALE // self._rate
            edits.append(Edit(empty, None))
            begin, start = 0, start + empty
        duration = min(end, heard_90k) - start
        if not self._audio.count or duration <= 0:
            return []
        return [*edits, Edit(duration, begin)]

    def _note_piece(
        self, source: SourceSegment, begin_90k: int, before_90k: int, *, continues: bool
    ) -> None:
        """`begin_90k`: when the file's first picture is shown, which is at its start."""
        first_90k = before_90k if self._pieces else self._begin_90k()
        last_90k = self._shown_end_90k
        if self._end_90k is not None:
            last_90k = min(last_90k, self._end_90k)
        from_us = source.start_us + max(0, first_90k - begin_90k) * 100 // 9
        to_us = source.start_us + (last_90k - begin_90k) * 100 // 9
        add_stretch(self._stretches, Stretch(source.node_id, source.node_name, from_us, to_us))
        if continues and self._pieces:
            self._pieces[-1].to_us = to_us
            return
        self._pieces.append(Piece(from_us, to_us))


def _origin(table: FragmentTable) -> int:
    """When the first picture of a file is shown: that is its start in wall time."""
    access = table.fragments[0].access
    return access.earliest_90k if access else 0


def _end_90k(table: FragmentTable) -> int:
    last = table.fragments[-1]
    return last.start_90k + last.duration_90k


def _is_open_gop(place: FragmentPlace) -> bool:
    return place.access is not None and place.access.sap_type == _OPEN_GOP


def _to_90k(span_us: int) -> int:
    """A time in µs, rounded up: a picture shown at the instant itself belongs to it."""
    return -(-span_us * 9 // 100)
