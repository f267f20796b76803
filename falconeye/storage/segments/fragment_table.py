"""The fragments of one segment as a compact blob: about 11 bytes each.

With it, playlists, `sidx` and every `tfdt` of a download are made without reading media. All
numbers are LEB128 varints; differences that are normally zero cost one byte.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from falconeye.media.random_access import RandomAccess
from falconeye.media.segment_file import FragmentPlace

_VERSION = 1
_KEYFRAME, _AUDIO, _REORDERED = 1, 2, 4  # reordered: an access point with its three numbers

_PLAIN = RandomAccess()


@dataclass(frozen=True, slots=True)
class FragmentTable:
    """What lies where in one segment's file."""

    head_bytes: int  # ftyp + moov + uuid: the first fragment follows
    audio_offset_ticks: int  # the audio track's zero of this file, in the run
    audio_end_ticks: int  # where the file's audio ends; 0 without audio
    fragments: tuple[FragmentPlace, ...]


def encode(table: FragmentTable) -> bytes:
    """The blob."""
    out = bytearray()
    header = (_VERSION, table.head_bytes, _zigzag(table.audio_offset_ticks))
    for number in (*header, table.audio_end_ticks, len(table.fragments)):
        _put(out, number)
    video, audio = 0, 0
    for place in table.fragments:
        has_audio = place.audio_tfdt_offset > 0
        access = place.access
        reordered = access is not None and access != _PLAIN
        flags = (place.is_keyframe, _KEYFRAME), (has_audio, _AUDIO), (reordered, _REORDERED)
        out.append(sum(bit for given, bit in flags if given))
        if access is not None and reordered:
            for number in (access.sap_type, access.earliest_90k, access.delta_90k):
                _put(out, number)
        _put(out, place.size_bytes)
        _put(out, place.duration_90k)
        _put(out, _zigzag(place.start_90k - video))
        _put(out, place.video_tfdt_offset)
        video = place.start_90k + place.duration_90k
        if has_audio:
            _put(out, place.audio_tfdt_offset)
            _put(out, _zigzag(place.audio_start_ticks - audio))
            audio = place.audio_start_ticks
    return bytes(out)


def decode(blob: bytes) -> FragmentTable:
    """The inverse of `encode`; ValueError for anything else."""
    numbers = _numbers(blob)
    try:
        version = next(numbers)
        if version != _VERSION:
            msg = f"a fragment table of version {version}"
            raise ValueError(msg)
        head, offset, end, count = (next(numbers) for _ in range(4))
        places = tuple(_places(numbers, count))
    except (StopIteration, RuntimeError) as error:  # a generator turns the first into the second
        msg = "a fragment table is cut off"
        raise ValueError(msg) from error
    return FragmentTable(head, _unzigzag(offset), end, places)


def _places(numbers: Iterator[int], count: int) -> Iterator[FragmentPlace]:
    video, audio = 0, 0
    for _ in range(count):
        flags = next(numbers)
        access = _access(flags, numbers)
        size, duration = next(numbers), next(numbers)
        start = video + _unzigzag(next(numbers))
        video_offset = next(numbers)
        audio_offset, audio_start = 0, 0
        if flags & _AUDIO:
            audio_offset = next(numbers)
            audio_start = audio = audio + _unzigzag(next(numbers))
        video = start + duration
        yield FragmentPlace(size, access, start, duration, video_offset, audio_offset, audio_start)


def _access(flags: int, numbers: Iterator[int]) -> RandomAccess | None:
    if not flags & _KEYFRAME:
        return None
    if not flags & _REORDERED:
        return _PLAIN
    return RandomAccess(next(numbers), next(numbers), next(numbers))


def _numbers(blob: bytes) -> Iterator[int]:
    value, shift = 0, 0
    for byte in blob:
        value |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            yield value
            value, shift = 0, 0


def _put(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _unzigzag(number: int) -> int:
    return number >> 1 if not number & 1 else -((number + 1) >> 1)
