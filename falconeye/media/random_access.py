"""How decoding begins at a keyframe: the stream access point types of ISO 14496-12 annex I.

Type 1: a closed GOP, the keyframe is shown first. Types 2 and 3: pictures that follow the keyframe
in the file are shown before it ("leading pictures"); in type 2 they can be decoded from here, in
type 3 (an open GOP) they need pictures from before.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from falconeye.media.boxes import ReadAt
from falconeye.media.movie import TrackFragment

_HEVC_RADL = (6, 7)  # random access decodable leading pictures (ITU-T H.265 table 7-1)
_HEVC_FIRST_NON_VCL = 32


@dataclass(frozen=True, slots=True)
class RandomAccess:
    """What a `sidx` says of a fragment that begins with a keyframe; times in 1/90000 s."""

    sap_type: int = 1
    earliest_90k: int = 0  # when its first picture is shown, after the fragment's decode time
    delta_90k: int = 0  # how much later the keyframe itself is shown


def read_access(
    read: ReadAt, moof_offset: int, video: TrackFragment, codecs: str
) -> RandomAccess | None:
    """The access point at the start of a fragment; None when it does not begin with a keyframe.

    `read` gives bytes of the file or buffer in which the `moof` lies at `moof_offset`; only leading
    pictures are looked at. `codecs` is the RFC 6381 string of the init segment.
    """
    if not video.starts_with_keyframe:
        return None
    keyframe = video.shown[0]
    earliest = min(video.shown)
    if earliest == keyframe:
        return RandomAccess(1, earliest)
    hevc = codecs.startswith(("hvc1", "hev1"))
    decodable = hevc and all(
        _is_radl(read(moof_offset + offset, size)) for offset, size in _leading(video)
    )
    return RandomAccess(2 if decodable else 3, earliest, keyframe - earliest)


def _leading(video: TrackFragment) -> Iterator[tuple[int, int]]:
    """Offset in the fragment and size of each sample that is shown before the keyframe."""
    offset = video.data_offset
    for shown, size in zip(video.shown, video.sample_bytes, strict=True):
        if shown < video.shown[0]:
            yield offset, size
        offset += size


def _is_radl(sample: bytes) -> bool:
    """Whether the first slice of a length-prefixed HEVC picture is of a RADL picture."""
    position = 0
    while position + 5 <= len(sample):
        kind = sample[position + 4] >> 1 & 0x3F
        if kind < _HEVC_FIRST_NON_VCL:
            return kind in _HEVC_RADL
        position += 4 + int.from_bytes(sample[position : position + 4], "big")
    return False
