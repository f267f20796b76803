"""Pictures of the emulated USB camera, and what can be wrong with them.

The host encodes them (`tests.vm.usb_pictures`) and packs them into a file; the guest has nothing
but its Python. YUYV needs no encoder and is drawn here.
"""

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Size = tuple[int, int]  # width, height

_HEAD: Final = struct.Struct("<4sHHI")  # kind, width, height, bytes
_DAMAGE_BYTES = 400
_SHORT_BYTES = 16
KINDS: Final = ("MJPG", "H264", "YUYV")  # as V4L2 names them


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of picture, and its sizes."""

    kind: str
    sizes: tuple[Size, ...]


def pack_pictures(kind: str, size: Size, pictures: Iterable[bytes]) -> bytes:
    """Of a pictures file, which is any number of these behind each other."""
    return b"".join(_HEAD.pack(kind.encode(), *size, len(data)) + data for data in pictures)


class Pictures:
    """All that a camera has: these kinds in these sizes, of encoded ones what the file has.

    Of each clip of JPEGs it takes those of `part`, so that two cameras can be told apart.
    """

    def __init__(
        self, file: Path, kinds: Sequence[str], sizes: Sequence[Size], part: slice
    ) -> None:
        self._encoded = {
            (kind, size): clip[part] if kind == "MJPG" else clip
            for (kind, size), clip in _read(file.read_bytes()).items()
        }
        had = {kind: [size for size in sizes if (kind, size) in self._encoded] for kind in kinds}
        had |= {"YUYV": list(sizes)} if "YUYV" in kinds else {}
        self.formats = tuple(Format(kind, tuple(had[kind])) for kind in kinds if had[kind])
        assert self.formats, "it has no pictures"

    def picture(self, kind: str, size: Size, number: int) -> bytes:
        """The encoded ones are repeated; the brightness of the others goes up with each."""
        if kind == "YUYV":
            luma = number * 4 & 0xFF
            return bytes((luma, 128, 255 - luma, 128)) * (size[0] * size[1] // 2)
        clip = self._encoded[kind, size]
        return clip[number % len(clip)]


def _read(content: bytes) -> Mapping[tuple[str, Size], list[bytes]]:
    found: dict[tuple[str, Size], list[bytes]] = {}
    place = 0
    while place < len(content):
        kind, width, height, length = _HEAD.unpack_from(content, place)
        place += _HEAD.size
        found.setdefault((kind.decode(), (width, height)), []).append(
            content[place : place + length]
        )
        place += length
    return found


class Damage:
    """Of the next pictures so many are damaged; one may meet several kinds of it."""

    KINDS: Final = ("corrupt", "truncate", "short")

    def __init__(self) -> None:
        self._left = dict.fromkeys(self.KINDS, 0)

    def order(self, kind: str, count: int) -> None:
        """`corrupt`: bytes in the middle are others. `truncate`: half is missing. `short`: 16 bytes
        are left."""
        self._left[kind] = count

    def of(self, data: bytes) -> bytes:
        """The picture as it leaves the camera."""
        if self._take("corrupt"):
            middle = len(data) // 3
            length = min(_DAMAGE_BYTES, len(data) - middle)
            data = data[:middle] + os.urandom(length) + data[middle + length :]
        if self._take("truncate"):
            data = data[: len(data) // 2]
        if self._take("short"):
            data = data[:_SHORT_BYTES]
        return data

    def _take(self, kind: str) -> bool:
        if not self._left[kind]:
            return False
        self._left[kind] -= 1
        return True
