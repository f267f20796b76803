"""Walks the boxes of MP4 data (ISO 14496-12 4.2) without trusting any of it."""

import struct
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

# Bytes at (offset, size) of a file; may return fewer at its end.
ReadAt = Callable[[int, int], bytes]

_SHORT = struct.Struct(">I4s")
_LARGE_SIZE = 1  # a 64-bit size follows the type; 0, "to the end of the file", no recorder writes


class BadBox(ValueError):
    """The bytes are no whole, well-formed box."""


class Box(NamedTuple):
    """Where a box lies: `offset` of its header, `size` with the header.

    A tuple, as a segment has two thousand, and half a million segments may be read in a row.
    """

    kind: bytes
    offset: int
    size: int
    header_bytes: int

    @property
    def body(self) -> int:
        return self.offset + self.header_bytes

    @property
    def end(self) -> int:
        return self.offset + self.size


def top_level_boxes(read: ReadAt, size: int, start: int = 0) -> Iterator[Box]:
    """The whole boxes of a file of `size` bytes; only their headers are read.

    Ends without an error before the first box that is torn: cut off by the end of the file, or
    with a header that cannot be one (zeros after a power cut).
    """
    offset = start
    while offset + 8 <= size:
        box = _header(read(offset, 16), 0, offset)
        if box is None or box.end > size:
            return
        yield box
        offset = box.end


def child_boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that fill `data[start:end]`; BadBox where they do not fill it exactly."""
    offset = start
    while offset < end:
        box = _header(data, offset, offset)
        if box is None or offset + box.size > end:
            msg = f"no whole box at byte {offset}"
            raise BadBox(msg)
        yield box
        offset += box.size


def find_child(data: bytes, parent: Box, kind: bytes) -> Box:
    """The first child of that kind; BadBox when there is none."""
    return first_of(child_boxes(data, parent.body, parent.end), kind, parent)


def first_of(children: Iterable[Box], kind: bytes, parent: Box) -> Box:
    """The first one of that kind; BadBox when there is none."""
    for box in children:
        if box.kind == kind:
            return box
    msg = f"no {kind.decode('latin-1')} in {parent.kind.decode('latin-1')}"
    raise BadBox(msg)


def box_at(data: bytes, offset: int = 0) -> Box:
    """The box whose header is at `offset`; BadBox when it does not lie in `data`."""
    box = _header(data, offset, offset)
    if box is None or box.end > len(data):
        msg = f"no whole box at byte {offset}"
        raise BadBox(msg)
    return box


def make_box(kind: bytes, payload: bytes) -> bytes:
    """A box around `payload`."""
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def _header(data: bytes, at: int, offset: int) -> Box | None:
    """The header at `data[at:]`, which lies at `offset` of the file; None where it is none."""
    if len(data) - at < 8:
        return None
    size, kind = _SHORT.unpack_from(data, at)
    header_bytes = 8
    if size == _LARGE_SIZE:
        if len(data) - at < 16:
            return None
        size, header_bytes = int.from_bytes(data[at + 8 : at + 16], "big"), 16
    if size < header_bytes or not _is_kind(kind):
        return None
    return Box(kind, offset, size, header_bytes)


@lru_cache(maxsize=256)  # a recorder writes twenty kinds
def _is_kind(kind: bytes) -> bool:
    return all(0x20 <= byte <= 0x7E for byte in kind)
