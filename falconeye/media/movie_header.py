"""The head of an MP4 file that is not fragmented: `ftyp`, `moov` and the header of one `mdat`.

What a track is (codec, size, language) is taken from the init segment of the footage; times, sizes
and places of its samples from tables (ISO 14496-12 8.6, 8.7). The head comes before the media, so
that a player can begin at once and the media are written once. Edit lists (8.6.6) hide what lies
before the instant that was asked for.
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from falconeye.media.boxes import BadBox, Box, box_at, child_boxes, find_child, make_box
from falconeye.media.samples import VIDEO_TIMESCALE

MOVIE_TIMESCALE = VIDEO_TIMESCALE  # edits are exact to the picture
_FTYP = make_box(b"ftyp", b"isom" + struct.pack(">I", 0x200) + b"isomiso2mp41")
_EPOCH_1904_S = 2_082_844_800
_TKHD_FLAGS = 3  # enabled, in the movie
_TKHD_REST, _MDHD_REST, _MVHD_REST = (
    60,
    4,
    80,
)  # bytes behind the duration, the same in both versions
_MEDIA_HEADERS = (b"vmhd", b"smhd")
_NORMAL_RATE = 0x0001_0000


class _RunLengths:
    """A column of numbers as pairs (how often, value): `stts`, `ctts`."""

    def __init__(self) -> None:
        self._pairs = array("I")

    def add(self, value: int) -> None:
        if self._pairs and self._pairs[-1] == value:
            self._pairs[-2] += 1
        else:
            self._pairs.extend((1, value))

    def pop(self) -> int:
        """Take the last number away."""
        value = self._pairs[-1]
        self._pairs[-2] -= 1
        if not self._pairs[-2]:
            del self._pairs[-2:]
        return value

    def box(self, kind: bytes) -> bytes:
        count = len(self._pairs) // 2
        return make_box(kind, struct.pack(">II", 0, count) + _big_endian(self._pairs))

    @property
    def is_zero(self) -> bool:
        """Whether no number differs from 0."""
        return not any(self._pairs[1::2])


class SampleTable:
    """The samples of one track in decode order, and where they lie behind the `mdat` header."""

    def __init__(self) -> None:
        self.count = 0
        self.end = 0  # the sum of the durations
        self._durations = _RunLengths()
        self._shifts = _RunLengths()
        self._sizes = array("I")
        self._keyframes = array("I")  # numbers from 1
        self._places = array("Q")  # of each chunk
        self._first = array("I")  # the number of each chunk's first sample

    def chunk(self, place: int) -> None:
        """The samples that are added next follow one another from `place` on."""
        self._places.append(place)
        self._first.append(self.count + 1)

    def add(self, size: int, duration: int, shift: int = 0, *, is_keyframe: bool = True) -> None:
        """The next sample, which is shown `shift` after its decode time."""
        self.count += 1
        self.end += duration
        self._sizes.append(size)
        self._durations.add(duration)
        self._shifts.add(shift)
        if is_keyframe:
            self._keyframes.append(self.count)

    def stretch(self, by: int) -> None:
        """The last sample lasts longer than it did."""
        self._durations.add(self._durations.pop() + by)
        self.end += by

    def boxes(self, base: int) -> bytes:
        """All of `stbl` behind `stsd`; `base` is where the media begin in the file."""
        every = [self._durations.box(b"stts")]
        if not self._shifts.is_zero:
            every.append(self._shifts.box(b"ctts"))
        if len(self._keyframes) != self.count:
            numbers = struct.pack(">II", 0, len(self._keyframes)) + _big_endian(self._keyframes)
            every.append(make_box(b"stss", numbers))
        sizes = struct.pack(">III", 0, 0, self.count) + _big_endian(self._sizes)
        places = array("Q", (place + base for place in self._places))
        every += [
            make_box(b"stsc", self._samples_in_chunks()),
            make_box(b"stsz", sizes),
            make_box(b"co64", struct.pack(">II", 0, len(places)) + _big_endian(places)),
        ]
        return b"".join(every)

    def _samples_in_chunks(self) -> bytes:
        entries = array("I")
        ends = [*self._first[1:], self.count + 1]
        for number, (first, end) in enumerate(zip(self._first, ends, strict=True), 1):
            if not entries or entries[-2] != end - first:
                entries.extend((number, end - first, 1))
        return struct.pack(">II", 0, len(entries) // 3) + _big_endian(entries)


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of the movie: what of the track is shown in it; times in the units they are in."""

    duration: int  # in `MOVIE_TIMESCALE`
    media_time: int | None  # in the track's timescale; None: nothing of it


@dataclass(frozen=True, slots=True)
class TrackContents:
    """What one track of the file holds."""

    samples: SampleTable
    edits: Sequence[Edit]

    @property
    def duration(self) -> int:
        return sum(edit.duration for edit in self.edits)


def make_movie_head(
    init: bytes, tracks: dict[int, TrackContents], media_bytes: int, created_us: int
) -> bytes:
    """Everything before the media. `tracks` by their ids in `init`; one left out is not there.

    BadBox when `init` is no init segment with these tracks.
    """
    try:
        length = len(_moov(init, tracks, 0, created_us)) + len(_FTYP) + 16
        moov = _moov(init, tracks, length, created_us)
    except (struct.error, IndexError) as error:
        msg = "the moov of the init segment cannot be read"
        raise BadBox(msg) from error
    return _FTYP + moov + struct.pack(">I4sQ", 1, b"mdat", media_bytes + 16)


def _moov(init: bytes, tracks: dict[int, TrackContents], base: int, created_us: int) -> bytes:
    moov = _top_level(init, b"moov")
    at = created_us // 1_000_000 + _EPOCH_1904_S
    duration = max(contents.duration for contents in tracks.values())
    header = find_child(init, moov, b"mvhd")
    rest = init[header.end - _MVHD_REST : header.end]
    parts = [
        make_box(b"mvhd", struct.pack(">IQQIQ", 1 << 24, at, at, MOVIE_TIMESCALE, duration) + rest)
    ]
    found = 0
    for box in child_boxes(init, moov.body, moov.end):
        if box.kind == b"trak" and (contents := tracks.get(_track_id(init, box))) is not None:
            parts.append(_trak(init, box, contents, base, at))
            found += 1
    if found != len(tracks):
        msg = "a track is not in the init segment"
        raise BadBox(msg)
    return make_box(b"moov", b"".join(parts))


def _top_level(init: bytes, kind: bytes) -> Box:
    position = 0
    while position < len(init):
        box = box_at(init, position)
        if box.kind == kind:
            return box
        position = box.end
    msg = f"no {kind.decode('latin-1')} in the init segment"
    raise BadBox(msg)


def _track_id(init: bytes, trak: Box) -> int:
    header = find_child(init, trak, b"tkhd")
    place = header.body + (20 if init[header.body] == 1 else 12)
    return int.from_bytes(init[place : place + 4], "big")


def _trak(init: bytes, trak: Box, contents: TrackContents, base: int, at: int) -> bytes:
    header = find_child(init, trak, b"tkhd")
    rest = init[header.end - _TKHD_REST : header.end]
    track_id = _track_id(init, trak)
    tkhd = struct.pack(">IQQIIQ", 1 << 24 | _TKHD_FLAGS, at, at, track_id, 0, contents.duration)
    media = find_child(init, trak, b"mdia")
    return make_box(
        b"trak",
        make_box(b"tkhd", tkhd + rest)
        + make_box(b"edts", make_box(b"elst", _edits(contents.edits)))
        + make_box(b"mdia", _media(init, media, contents, base, at)),
    )


def _edits(edits: Sequence[Edit]) -> bytes:
    return struct.pack(">II", 1 << 24, len(edits)) + b"".join(
        struct.pack(
            ">QqI",
            edit.duration,
            -1 if edit.media_time is None else edit.media_time,
            _NORMAL_RATE,
        )
        for edit in edits
    )


def _media(init: bytes, media: Box, contents: TrackContents, base: int, at: int) -> bytes:
    times = find_child(init, media, b"mdhd")
    place = times.body + (20 if init[times.body] == 1 else 12)
    (timescale,) = struct.unpack_from(">I", init, place)
    mdhd = struct.pack(">IQQIQ", 1 << 24, at, at, timescale, contents.samples.end)
    information = find_child(init, media, b"minf")
    tables = find_child(init, information, b"stbl")
    description = _bytes(init, find_child(init, tables, b"stsd"))
    head = b"".join(
        _bytes(init, box)
        for box in child_boxes(init, information.body, information.end)
        if box.kind in {*_MEDIA_HEADERS, b"dinf"}
    )
    stbl = make_box(b"stbl", description + contents.samples.boxes(base))
    return (
        make_box(b"mdhd", mdhd + init[times.end - _MDHD_REST : times.end])
        + _bytes(init, find_child(init, media, b"hdlr"))
        + make_box(b"minf", head + stbl)
    )


def _bytes(data: bytes, box: Box) -> bytes:
    return data[box.offset : box.end]


def _big_endian(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        return numbers.tobytes()
    swapped = numbers[:]
    swapped.byteswap()
    return swapped.tobytes()
