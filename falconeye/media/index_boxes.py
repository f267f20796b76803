"""Boxes that let a player seek in a download: `mehd` (ISO 14496-12 8.8.2) and `sidx` (8.16.3)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from falconeye.media.boxes import BadBox, Box, box_at, child_boxes, make_box
from falconeye.media.movie import Movie
from falconeye.media.random_access import RandomAccess
from falconeye.media.samples import VIDEO_TIMESCALE

MAX_REFERENCES = 0xFFFF
_STARTS_WITH_SAP = 1 << 31
_SAP_TYPE_SHIFT = 28
_MAX_SAP_DELTA = (1 << 28) - 1


@dataclass(frozen=True, slots=True)
class Subsegment:
    """Fragments from one keyframe up to the next."""

    size_bytes: int
    duration_90k: int  # from its first picture shown to that of the next one
    access: RandomAccess | None


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
    """One `sidx` over all that directly follows it; neighbours are joined beyond 65 535 entries.

    Decode times count from 0, so the first access point says when the first picture is shown.
    """
    joined = _join(subsegments)
    access = joined[0].access if joined else None
    earliest = access.earliest_90k if access else 0
    track = movie.video.track_id
    head = struct.pack(">IIIIIHH", 0, track, VIDEO_TIMESCALE, earliest, 0, 0, len(joined))
    entries = b"".join(
        struct.pack(
            ">III",
            entry.size_bytes,
            entry.duration_90k,
            _sap(entry.access),
        )
        for entry in joined
    )
    return make_box(b"sidx", head + entries)


def _sap(access: RandomAccess | None) -> int:
    """starts_with_SAP, SAP_type and SAP_delta_time of an entry."""
    if access is None:
        return 0
    delta = min(access.delta_90k, _MAX_SAP_DELTA)
    return _STARTS_WITH_SAP | access.sap_type << _SAP_TYPE_SHIFT | delta


def _join(subsegments: Sequence[Subsegment]) -> list[Subsegment]:
    step = -(-len(subsegments) // MAX_REFERENCES) or 1
    return [
        Subsegment(
            sum(entry.size_bytes for entry in group),
            sum(entry.duration_90k for entry in group),
            group[0].access,
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
