"""Reads a segment's file back: its head, its whole fragments, and where the good part ends.

Used by recovery, by the check and to rebuild the index; the inverse of what a recorder wrote.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from falconeye.media.boxes import BadBox, Box, ReadAt, box_at, top_level_boxes
from falconeye.media.identity_box import Identity, is_identity_box, parse_identity_box
from falconeye.media.movie import Movie, TrackFragment, parse_moof, parse_movie
from falconeye.media.random_access import RandomAccess, read_access

MAX_HEAD_BOX_BYTES = 1 << 20  # a moov is about 1 kB
MAX_MOOF_BYTES = 1 << 22
_SECTOR = bytes(512)  # what a power cut leaves where data never reached the disk


@dataclass(frozen=True, slots=True)
class FragmentPlace:
    """One fragment of a file: all that playback and download need to know of it."""

    size_bytes: int
    access: RandomAccess | None  # None: it does not begin with a keyframe
    start_90k: int  # decode time in the file
    duration_90k: int
    video_tfdt_offset: int  # of the 8-byte value, from the fragment's start
    audio_tfdt_offset: int  # 0: no audio
    audio_start_ticks: int

    @property
    def is_keyframe(self) -> bool:
        """Decoding can begin here."""
        return self.access is not None


@dataclass(frozen=True, slots=True)
class Head:
    """`ftyp` + `moov` and the identity box."""

    init: bytes
    movie: Movie
    identity: Identity
    size_bytes: int  # where the first fragment begins


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """What can be used of a file."""

    head: Head
    fragments: tuple[FragmentPlace, ...]
    good_bytes: int  # everything behind is torn
    audio_end_ticks: int  # where the audio of the file ends; 0 without audio


def read_segment_file(read: ReadAt, size: int, *, check_from: int | None = None) -> SegmentFile:
    """Walk a file of `size` bytes.

    Fragments that end behind `check_from` (default: the last one only) are read whole and checked
    for data that never reached the disk. BadBox when not even the head can be used; a file
    without one whole fragment has an empty `fragments`.
    """
    head = read_head(read, size)
    walk = list(_fragments(read, size, head))
    if check_from is None:
        check_from = walk[-1][1].offset if walk else 0
    places: list[FragmentPlace] = []
    good_bytes, audio_end = head.size_bytes, 0
    for place, moof, video, audio in walk:
        end = moof.offset + place.size_bytes
        if end > check_from and not _is_written(read, moof, place, video):
            break
        places.append(place)
        good_bytes = end
        if audio is not None:
            audio_end = audio.start + audio.duration
    return SegmentFile(head, tuple(places), good_bytes, audio_end)


def read_head(read: ReadAt, size: int) -> Head:
    """The boxes before the first fragment; BadBox when they are not those of a segment."""
    init, movie = b"", None
    for box in top_level_boxes(read, size):
        if box.size > MAX_HEAD_BOX_BYTES:
            break
        data = read(box.offset, box.size)
        if len(data) < box.size:
            break
        own = Box(box.kind, 0, box.size, box.header_bytes)
        if movie is not None:
            if not is_identity_box(data, own):
                break
            return Head(init, movie, parse_identity_box(data, own), box.end)
        init += data
        if box.kind == b"moov":
            movie = parse_movie(data)
    msg = "the head of a segment is not there"
    raise BadBox(msg)


_Walked = tuple[FragmentPlace, Box, TrackFragment, TrackFragment | None]


def _fragments(read: ReadAt, size: int, head: Head) -> Iterator[_Walked]:
    """The whole `moof` + `mdat` pairs, up to the first thing that is not one."""
    boxes = top_level_boxes(read, size, head.size_bytes)
    for moof in boxes:
        mdat = next(boxes, None)
        if moof.kind != b"moof" or mdat is None or mdat.kind != b"mdat":
            return
        if moof.size > MAX_MOOF_BYTES:
            return
        data = read(moof.offset, moof.size)
        try:
            video, audio = parse_moof(data, head.movie)
            _check_extent(moof, mdat, video)
        except BadBox:
            return
        access = read_access(read, moof.offset, video, head.identity.codecs)
        yield _place(moof, mdat, access, video, audio), moof, video, audio


def _check_extent(moof: Box, mdat: Box, video: TrackFragment) -> None:
    begin = moof.offset + video.data_offset
    if begin < mdat.body or begin + sum(video.sample_bytes) > mdat.end:
        msg = "samples outside their mdat"
        raise BadBox(msg)


def _place(
    moof: Box,
    mdat: Box,
    access: RandomAccess | None,
    video: TrackFragment,
    audio: TrackFragment | None,
) -> FragmentPlace:
    return FragmentPlace(
        size_bytes=moof.size + mdat.size,
        access=access,
        start_90k=video.start,
        duration_90k=video.duration,
        video_tfdt_offset=video.tfdt_offset,
        audio_tfdt_offset=audio.tfdt_offset if audio else 0,
        audio_start_ticks=audio.start if audio else 0,
    )


def _is_written(read: ReadAt, moof: Box, place: FragmentPlace, video: TrackFragment) -> bool:
    """Whether the media data are really there: NAL lengths add up and no sector is zero.

    H.264 and HEVC forbid three zero bytes in a row inside a NAL unit, so zeros mean a lost write.
    """
    data = read(moof.offset, place.size_bytes)
    if len(data) < place.size_bytes or _SECTOR in data:
        return False
    position = video.data_offset
    for size in video.sample_bytes:
        if not _nal_lengths_fit(data, position, position + size):
            return False
        position += size
    return True


def _nal_lengths_fit(data: bytes, position: int, end: int) -> bool:
    while position < end:
        length = int.from_bytes(data[position : position + 4], "big")
        if length == 0:
            return False
        position += 4 + length
    return position == end


def audio_end_ticks(fragment_head: bytes, movie: Movie) -> int:
    """Where the audio of a fragment ends in its file; 0 without audio.

    `fragment_head` begins with the whole `moof`.
    """
    root = box_at(fragment_head)
    _, audio = parse_moof(fragment_head[: root.end], movie)
    return audio.start + audio.duration if audio else 0
