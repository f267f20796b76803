"""Video4Linux2 (the kernel's userspace API guide, part I): the formats of a device node.

The structures are those of 64-bit kernels (`linux/videodev2.h`). A call may wait for the device:
make it in a thread.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_CAP_VIDEO_CAPTURE, _CAP_STREAMING, _CAP_DEVICE_CAPS = 0x1, 0x0400_0000, 0x8000_0000
_DISCRETE = 1
MAX_ENTRIES = 200  # of any list: a driver that never ends one must not hold us


def request_code(kind: str, number: int, size: int) -> int:
    """The number of an ioctl ("r", "w" or "rw") as `asm-generic/ioctl.h` makes it."""
    direction = ("r" in kind) << 1 | ("w" in kind)
    return direction << 30 | size << 16 | ord("V") << 8 | number


_QUERYCAP = struct.Struct("<16s32s32sIII12x")
_FMTDESC = struct.Struct("<III32sI16x")
_FRMSIZE = struct.Struct("<III6I8x")
_FRMIVAL = struct.Struct("<IIIII6I8x")
_QUERYCAP_CODE = request_code("r", 0, _QUERYCAP.size)
_ENUM_FMT = request_code("rw", 2, _FMTDESC.size)
_ENUM_FRAMESIZES = request_code("rw", 74, _FRMSIZE.size)
_ENUM_FRAMEINTERVALS = request_code("rw", 75, _FRMIVAL.size)


@dataclass(frozen=True, slots=True)
class FrameSize:
    """One size in pixels and the rates it is offered at, pictures/s, fastest first."""

    width: int
    height: int
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A format of the device: its four-character code ("MJPG", "YUYV", "H264"), its name."""

    fourcc: str
    name: str
    sizes: tuple[FrameSize, ...]


@contextmanager
def opened(device_path: str) -> Iterator[int]:
    """A descriptor of the node, not for streaming; others may stream meanwhile. OSError."""
    descriptor = os.open(device_path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def captures_video(descriptor: int) -> bool:
    """Whether the node delivers pictures that are streamed; metadata nodes do not."""
    answer = bytearray(_QUERYCAP.size)
    if not ask(descriptor, _QUERYCAP_CODE, answer):
        return False
    *_, device, own = _QUERYCAP.unpack(answer)
    can = own if device & _CAP_DEVICE_CAPS else device
    return bool(can & _CAP_VIDEO_CAPTURE and can & _CAP_STREAMING)


def pixel_formats(descriptor: int) -> tuple[PixelFormat, ...]:
    """All formats with their sizes and rates; empty where the driver tells none."""
    found: list[PixelFormat] = []
    for index in range(MAX_ENTRIES):
        answer = bytearray(_FMTDESC.pack(index, CAPTURE, 0, b"", 0))
        if not ask(descriptor, _ENUM_FMT, answer):
            break
        _, _, _, name, code = _FMTDESC.unpack(answer)
        found.append(PixelFormat(fourcc_text(code), text_of(name), tuple(_sizes(descriptor, code))))
    return tuple(found)


def _sizes(descriptor: int, code: int) -> Iterator[FrameSize]:
    for index in range(MAX_ENTRIES):
        answer = bytearray(_FRMSIZE.pack(index, code, 0, *[0] * 6))
        if not ask(descriptor, _ENUM_FRAMESIZES, answer):
            return
        _, _, kind, width, height, *rest = _FRMSIZE.unpack(answer)
        if kind == _DISCRETE:
            yield FrameSize(width, height, _rates(descriptor, code, width, height))
            continue
        for size in _usual_sizes(minimum=(width, rest[1]), maximum=(height, rest[2])):
            yield FrameSize(*size, _rates(descriptor, code, *size))
        return


def _usual_sizes(minimum: tuple[int, int], maximum: tuple[int, int]) -> list[tuple[int, int]]:
    """Of a device that offers every size in a range: those that people choose."""
    usual = [(320, 240), (640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)]
    inside = [
        size
        for size in usual
        if minimum[0] <= size[0] <= maximum[0] and minimum[1] <= size[1] <= maximum[1]
    ]
    return inside or [maximum]


def _rates(descriptor: int, code: int, width: int, height: int) -> tuple[float, ...]:
    rates: set[float] = set()
    for index in range(MAX_ENTRIES):
        answer = bytearray(_FRMIVAL.pack(index, code, width, height, 0, *[0] * 6))
        if not ask(descriptor, _ENUM_FRAMEINTERVALS, answer):
            break
        _, _, _, _, kind, numerator, denominator, most, per, *_ = _FRMIVAL.unpack(answer)
        ends = [(numerator, denominator)] + ([] if kind == _DISCRETE else [(most, per)])
        rates |= {_rate(each) for each in ends if all(each)}
        if kind != _DISCRETE:
            break
    return tuple(sorted(rates, reverse=True))


def _rate(interval: tuple[int, int]) -> float:
    return round(float(1 / Fraction(*interval)), 2)


def ask(descriptor: int, code: int, answer: bytearray) -> bool:
    """One question; False where the list has ended or the driver knows no such thing."""
    try:
        fcntl.ioctl(descriptor, code, answer)
    except OSError as error:
        # Some cameras stall on a control they announced (EPIPE, EIO), or time out.
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.EPIPE, errno.EIO, errno.ETIMEDOUT):
            return False
        raise
    return True


def fourcc_text(code: int) -> str:
    """A four-character code as text; formats that a driver does not know are four zeros."""
    return printable(code.to_bytes(4, "little").decode("ascii", "replace"))


def printable(text: str) -> str:
    """What a device says of itself, fit for a line of a log or a page: it may say anything."""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def text_of(told: object) -> str:
    text = told.partition(b"\0")[0].decode("utf-8", "replace") if isinstance(told, bytes) else ""
    return printable(text)
