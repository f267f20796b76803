"""Boxes that let a player seek in a download: `mehd` (ISO 14496-12 8.8.2) and `sidx` (8.16.3)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from falconeye.media.boxes import BadBox, Box, box_at, child_boxes, make_box
from falconeye.media.movie import Movie
from falconeye.media.samples import VIDEO_TIMESCALE

MAX_REFERENCES = 0xFFFF
_SAP_TYPE_1 = 1 << 28  # a closed GOP: decoding can start here and all that follows is right
_STARTS_WITH_SAP = 1 << 31


@dataclass(frozen=True, slots=True)
class Subsegment:
    """Fragments from one keyframe up to the next."""

    size_bytes: int
    duration_90k: int
    starts_with_keyframe: bool


def with_duration(init: bytes, movie: Movie, duration_90k: int) -> bytes:
    """`ftyp` + `moov` with an `mehd` in its `mvex`, which tells the length of all fragments."""
    duration = duration_90k * movie.timescale // VIDEO_TIMESCALE
    mehd = make_box(b"mehd", struct.pack(">IQ", 1 << 24, duration))
    result = b""
    position = 0
    while position < len(init):
        box = box_at(init, position)
        result += _with_mehd(init, box, mehd) if box.kind == b"moov" else _bytes(init, box)
        position = box.end
    return result


def make_sidx(movie: Movie, subsegments: Sequence[Subsegment]) -> bytes:
    """One `sidx` over all that directly follows it; neighbours are joined beyond 65 535 entries."""
    joined = _join(subsegments)
    head = struct.pack(">IIIIIHH", 0, movie.video.track_id, VIDEO_TIMESCALE, 0, 0, 0, len(joined))
    entries = b"".join(
        struct.pack(
            ">III",
            entry.size_bytes,
            entry.duration_90k,
            _STARTS_WITH_SAP | _SAP_TYPE_1 if entry.starts_with_keyframe else 0,
        )
        for entry in joined
    )
    return make_box(b"sidx", head + entries)


def _join(subsegments: Sequence[Subsegment]) -> list[Subsegment]:
    step = -(-len(subsegments) // MAX_REFERENCES) or 1
    return [
        Subsegment(
            sum(entry.size_bytes for entry in group),
            sum(entry.duration_90k for entry in group),
            group[0].starts_with_keyframe,
        )
        for start in range(0, len(subsegments), step)
        for group in [subsegments[start : start + step]]
    ]


def _with_mehd(init: bytes, moov: Box, mehd: bytes) -> bytes:
    parts: list[bytes] = []
    found = False
    for box in child_boxes(init, moov.body, moov.end):
        if box.kind != b"mvex":
            parts.append(_bytes(init, box))
            continue
        found = True
        others = [
            _bytes(init, child)
            for child in child_boxes(init, box.body, box.end)
            if child.kind != b"mehd"
        ]
        parts.append(make_box(b"mvex", b"".join((mehd, *others))))
    if not found:
        msg = "no mvex in the moov"
        raise BadBox(msg)
    return make_box(b"moov", b"".join(parts))


def _bytes(data: bytes, box: Box) -> bytes:
    return data[box.offset : box.end]
