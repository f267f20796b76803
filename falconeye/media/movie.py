"""Reads what storage needs of `moov` and `moof` (ISO 14496-12 8.2 to 8.8): tracks, times, places.

Everything read here may come from a damaged file: BadBox is raised for all that does not add up.
"""

import struct
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import NamedTuple

from falconeye.media.boxes import BadBox, Box, box_at, child_boxes, find_child, first_of

_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION = 0x01, 0x02
_TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS = 0x08, 0x10, 0x20
_TRUN_OFFSET, _TRUN_FIRST_FLAGS = 0x01, 0x04
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_CTS = 0x100, 0x200, 0x400, 0x800
_NOT_SYNC = 0x00010000  # sample_is_non_sync_sample


@dataclass(frozen=True, slots=True)
class Track:
    """One track of an init segment."""

    track_id: int
    is_video: bool
    timescale: int
    width: int
    height: int
    default_duration: int  # `trex`
    default_size: int
    default_flags: int


@dataclass(frozen=True, slots=True)
class Movie:
    """An init segment: its video track, its audio track if there is one, the movie's timescale."""

    timescale: int
    video: Track
    audio: Track | None

    def track(self, track_id: int) -> Track:
        for track in (self.video, self.audio):
            if track is not None and track.track_id == track_id:
                return track
        msg = f"a fragment of track {track_id}, which the moov does not know"
        raise BadBox(msg)


class TrackFragment(NamedTuple):
    """One `traf`: its decode time, where that is written, and its samples."""

    track: Track
    start: int  # baseMediaDecodeTime, in the track's timescale
    tfdt_offset: int  # of the 8-byte value, from the start of the `moof`
    duration: int  # sum of the samples' durations
    sample_bytes: tuple[int, ...]
    data_offset: int  # of the first sample, from the start of the `moof`
    starts_with_keyframe: bool
    shown: tuple[int, ...]  # presentation times of the samples, from `start`
    durations: tuple[int, ...]


def parse_movie(moov: bytes) -> Movie:
    """Read a whole `moov` box; BadBox when it lacks a video track."""
    try:
        return _movie(moov)
    except (struct.error, IndexError) as error:
        msg = "the moov cannot be read"
        raise BadBox(msg) from error


def movie_of(init: bytes) -> Movie:
    """The `moov` of an init segment; BadBox without one."""
    position = 0
    while position < len(init):
        box = box_at(init, position)
        if box.kind == b"moov":
            return parse_movie(init[box.offset : box.end])
        position = box.end
    msg = "no moov in the init segment"
    raise BadBox(msg)


def parse_moof(moof: bytes, movie: Movie) -> tuple[TrackFragment, TrackFragment | None]:
    """The video and the audio part of a whole `moof` box; BadBox when there is no video part."""
    try:
        root = box_at(moof)
        parts = [
            _track_fragment(moof, box, movie)
            for box in child_boxes(moof, root.body, root.end)
            if box.kind == b"traf"
        ]
    except (struct.error, IndexError) as error:
        msg = "the moof cannot be read"
        raise BadBox(msg) from error
    video = [part for part in parts if part.track.is_video]
    audio = [part for part in parts if not part.track.is_video]
    if len(video) != 1 or len(audio) > 1:
        msg = "not one video and at most one audio part in the moof"
        raise BadBox(msg)
    return video[0], audio[0] if audio else None


def _movie(moov: bytes) -> Movie:
    root = box_at(moov)
    header = find_child(moov, root, b"mvhd")
    place = 20 if moov[header.body] == 1 else 12  # version 1 has 64-bit times before it
    (timescale,) = struct.unpack_from(">I", moov, header.body + place)
    extends = find_child(moov, root, b"mvex")
    defaults = {
        fields[0]: fields[2:]
        for box in child_boxes(moov, extends.body, extends.end)
        if box.kind == b"trex"
        for fields in [struct.unpack_from(">IIIII", moov, box.body + 4)]
    }
    tracks = [
        _track(moov, box, defaults)
        for box in child_boxes(moov, root.body, root.end)
        if box.kind == b"trak"
    ]
    video = next((track for track in tracks if track.is_video), None)
    if video is None or not timescale:
        msg = "no video track"
        raise BadBox(msg)
    return Movie(timescale, video, next((track for track in tracks if not track.is_video), None))


def _track(moov: bytes, box: Box, defaults: dict[int, tuple[int, ...]]) -> Track:
    header = find_child(moov, box, b"tkhd")
    long = moov[header.body] == 1
    (track_id,) = struct.unpack_from(">I", moov, header.body + (20 if long else 12))
    width, height = struct.unpack_from(">II", moov, header.end - 8)
    media = find_child(moov, box, b"mdia")
    times = find_child(moov, media, b"mdhd")
    (timescale,) = struct.unpack_from(
        ">I", moov, times.body + (20 if moov[times.body] == 1 else 12)
    )
    handler = find_child(moov, media, b"hdlr")
    kind = moov[handler.body + 8 : handler.body + 12]
    if not timescale or track_id not in defaults:
        msg = f"track {track_id} has no timescale or no trex"
        raise BadBox(msg)
    duration, size, flags = defaults[track_id]
    return Track(
        track_id, kind == b"vide", timescale, width >> 16, height >> 16, duration, size, flags
    )


def _track_fragment(moof: bytes, traf: Box, movie: Movie) -> TrackFragment:
    boxes = list(child_boxes(moof, traf.body, traf.end))
    header = first_of(boxes, b"tfhd", traf)
    track, duration, size, flags = _defaults(moof, header, movie)
    time = first_of(boxes, b"tfdt", traf)
    if moof[time.body] != 1:
        msg = "a tfdt of 32 bits"
        raise BadBox(msg)
    (start,) = struct.unpack_from(">Q", moof, time.body + 4)
    runs = [box for box in boxes if box.kind == b"trun"]
    if len(runs) != 1:
        msg = "not one trun in the traf"
        raise BadBox(msg)
    samples = _samples(moof, runs[0], duration, size, flags)
    return TrackFragment(
        track=track,
        start=start,
        tfdt_offset=time.body + 4,
        duration=sum(samples.durations),
        sample_bytes=samples.sizes,
        data_offset=samples.data_offset,
        starts_with_keyframe=not samples.first_flags & _NOT_SYNC,
        shown=samples.shown,
        durations=samples.durations,
    )


def _defaults(moof: bytes, header: Box, movie: Movie) -> tuple[Track, int, int, int]:
    """The track and its default duration, size and flags: `tfhd` over `trex`."""
    given, track_id = struct.unpack_from(">II", moof, header.body)
    track = movie.track(track_id)
    position = header.body + 8
    if given & _TFHD_BASE_OFFSET:
        position += 8
    if given & _TFHD_DESCRIPTION:
        position += 4
    values = [track.default_duration, track.default_size, track.default_flags]
    for index, bit in enumerate((_TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS)):
        if given & bit:
            (values[index],) = struct.unpack_from(">I", moof, position)
            position += 4
    duration, size, flags = values
    return track, duration, size, flags


class _Samples(NamedTuple):
    durations: tuple[int, ...]
    sizes: tuple[int, ...]
    data_offset: int
    first_flags: int
    shown: tuple[int, ...]


def _samples(moof: bytes, run: Box, duration: int, size: int, flags: int) -> _Samples:
    given, count = struct.unpack_from(">II", moof, run.body)
    position = run.body + 8
    data_offset = 0
    if given & _TRUN_OFFSET:
        (data_offset,) = struct.unpack_from(">i", moof, position)
        position += 4
    first_flags: int | None = None
    if given & _TRUN_FIRST_FLAGS:
        (first_flags,) = struct.unpack_from(">I", moof, position)
        position += 4
    bits = [bit for bit in (_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_CTS) if given & bit]
    width = len(bits)
    if not count or not width or position + 4 * width * count > run.end:
        msg = "a trun without samples or columns, or one that passes its end"  # ours have both
        raise BadBox(msg)
    values = struct.unpack_from(f">{width * count}I", moof, position)
    columns = {bit: values[index::width] for index, bit in enumerate(bits)}
    if first_flags is None:
        first_flags = columns[_TRUN_FLAGS][0] if _TRUN_FLAGS in columns else flags
    durations = columns.get(_TRUN_DURATION, (duration,) * count)
    decoded = accumulate(durations[:-1], initial=0)
    return _Samples(
        durations=durations,
        sizes=columns.get(_TRUN_SIZE, (size,) * count),
        data_offset=data_offset,
        first_flags=first_flags,
        shown=tuple(map(add, decoded, columns.get(_TRUN_CTS, (0,) * count))),
    )
