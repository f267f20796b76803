"""Video4Linux2 (the kernel's userspace API guide, part I): formats and controls of a device node.

The structures are those of 64-bit kernels (`linux/videodev2.h`). Every call may wait for the
device: uvcvideo asks the camera for the value of a control, with a limit of its own of some
seconds. Call it from a thread.
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
_NEXT_CONTROL = 0x8000_0000
_CONTROL_INTEGER, _CONTROL_BOOLEAN, _CONTROL_MENU, _CONTROL_INTEGER_MENU = 1, 2, 3, 9
_DISABLED, _READ_ONLY, _INACTIVE, _WRITE_ONLY = 0x1, 0x4, 0x10, 0x40
_MAX_ENTRIES = 200  # of any list: a driver that never ends one must not hold us


def request_code(kind: str, number: int, size: int) -> int:
    """The number of an ioctl ("r", "w" or "rw") as `asm-generic/ioctl.h` makes it."""
    direction = ("r" in kind) << 1 | ("w" in kind)
    return direction << 30 | size << 16 | ord("V") << 8 | number


_QUERYCAP = struct.Struct("<16s32s32sIII12x")
_FMTDESC = struct.Struct("<III32sI16x")
_FRMSIZE = struct.Struct("<III6I8x")
_FRMIVAL = struct.Struct("<IIIII6I8x")
_QUERYCTRL = struct.Struct("<II32siiiiI8x")
_QUERYMENU = struct.Struct("<II32s4x")
_CONTROL = struct.Struct("<Ii")
_QUERYCAP_CODE = request_code("r", 0, _QUERYCAP.size)
_ENUM_FMT = request_code("rw", 2, _FMTDESC.size)
_G_CTRL = request_code("rw", 27, _CONTROL.size)
_S_CTRL = request_code("rw", 28, _CONTROL.size)
_QUERYCTRL_CODE = request_code("rw", 36, _QUERYCTRL.size)
_QUERYMENU_CODE = request_code("rw", 37, _QUERYMENU.size)
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


@dataclass(frozen=True, slots=True)
class Control:
    """A control that can be changed now, such as brightness. Menus: value → name."""

    id: int
    name: str
    kind: str  # "number" | "switch" | "menu"
    minimum: int
    maximum: int
    step: int
    default: int
    value: int
    is_active: bool  # False: another control (an automatic) governs it
    menu: tuple[tuple[int, str], ...] = ()

    @property
    def key(self) -> str:
        """Its name for programs and storage: "exposure_time_absolute"."""
        words = "".join(letter if letter.isalnum() else " " for letter in self.name.lower())
        return "_".join(words.split())


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
    if not _ask(descriptor, _QUERYCAP_CODE, answer):
        return False
    *_, device, own = _QUERYCAP.unpack(answer)
    can = own if device & _CAP_DEVICE_CAPS else device
    return bool(can & _CAP_VIDEO_CAPTURE and can & _CAP_STREAMING)


def pixel_formats(descriptor: int) -> tuple[PixelFormat, ...]:
    """All formats with their sizes and rates; empty where the driver tells none."""
    found: list[PixelFormat] = []
    for index in range(_MAX_ENTRIES):
        answer = bytearray(_FMTDESC.pack(index, CAPTURE, 0, b"", 0))
        if not _ask(descriptor, _ENUM_FMT, answer):
            break
        _, _, _, name, code = _FMTDESC.unpack(answer)
        found.append(PixelFormat(_fourcc(code), _text(name), tuple(_sizes(descriptor, code))))
    return tuple(found)


def controls(descriptor: int) -> tuple[Control, ...]:
    """What can be set at the device, in its order."""
    found: list[Control] = []
    last = 0
    for _ in range(_MAX_ENTRIES):
        answer = bytearray(_QUERYCTRL.pack(last | _NEXT_CONTROL, 0, b"", 0, 0, 0, 0, 0))
        if not _ask(descriptor, _QUERYCTRL_CODE, answer):
            break
        last, *rest = _QUERYCTRL.unpack(answer)
        control = _control(descriptor, last, rest)
        if control:
            found.append(control)
    return tuple(found)


def set_control(descriptor: int, control_id: int, value: int) -> int:
    """Set it; the value that the device took. OSError where it does not take it."""
    answer = bytearray(_CONTROL.pack(control_id, value))
    fcntl.ioctl(descriptor, _S_CTRL, answer)
    taken: int = _CONTROL.unpack(answer)[1]
    return taken


def _control(descriptor: int, control_id: int, told: list[object]) -> Control | None:
    kind, name, minimum, maximum, step, default, flags = told
    kinds = {
        _CONTROL_INTEGER: "number",
        _CONTROL_BOOLEAN: "switch",
        _CONTROL_MENU: "menu",
        _CONTROL_INTEGER_MENU: "menu",
    }
    if not isinstance(kind, int) or not isinstance(flags, int) or kind not in kinds:
        return None
    if flags & (_DISABLED | _READ_ONLY | _WRITE_ONLY):
        return None
    answer = bytearray(_CONTROL.pack(control_id, 0))
    if not _ask(descriptor, _G_CTRL, answer):
        return None
    return Control(
        id=control_id,
        name=_text(name),
        kind=kinds[kind],
        minimum=_number(minimum),
        maximum=_number(maximum),
        step=max(1, _number(step)),
        default=_number(default),
        value=_CONTROL.unpack(answer)[1],
        is_active=not flags & _INACTIVE,
        menu=tuple(_menu(descriptor, control_id, kind, _number(minimum), _number(maximum))),
    )


def _menu(
    descriptor: int, control_id: int, kind: int, minimum: int, maximum: int
) -> Iterator[tuple[int, str]]:
    if kind not in (_CONTROL_MENU, _CONTROL_INTEGER_MENU):
        return
    for index in range(max(0, minimum), min(maximum, minimum + _MAX_ENTRIES) + 1):
        answer = bytearray(_QUERYMENU.pack(control_id, index, b""))
        if not _ask(descriptor, _QUERYMENU_CODE, answer):
            continue  # menus have holes
        told = _QUERYMENU.unpack(answer)[2]
        is_number = kind == _CONTROL_INTEGER_MENU
        yield index, str(int.from_bytes(told[:8], "little")) if is_number else _text(told)


def _sizes(descriptor: int, code: int) -> Iterator[FrameSize]:
    for index in range(_MAX_ENTRIES):
        answer = bytearray(_FRMSIZE.pack(index, code, 0, *[0] * 6))
        if not _ask(descriptor, _ENUM_FRAMESIZES, answer):
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
    for index in range(_MAX_ENTRIES):
        answer = bytearray(_FRMIVAL.pack(index, code, width, height, 0, *[0] * 6))
        if not _ask(descriptor, _ENUM_FRAMEINTERVALS, answer):
            break
        _, _, _, _, kind, numerator, denominator, most, per, *_ = _FRMIVAL.unpack(answer)
        ends = [(numerator, denominator)] + ([] if kind == _DISCRETE else [(most, per)])
        rates |= {_rate(each) for each in ends if all(each)}
        if kind != _DISCRETE:
            break
    return tuple(sorted(rates, reverse=True))


def _rate(interval: tuple[int, int]) -> float:
    return round(float(1 / Fraction(*interval)), 2)


def _ask(descriptor: int, code: int, answer: bytearray) -> bool:
    """One question; False where the list has ended or the driver knows no such thing."""
    try:
        fcntl.ioctl(descriptor, code, answer)
    except OSError as error:
        # Some cameras stall on a control they announced (EPIPE, EIO), or time out.
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.EPIPE, errno.EIO, errno.ETIMEDOUT):
            return False
        raise
    return True


def _fourcc(code: int) -> str:
    return code.to_bytes(4, "little").decode("ascii", "replace").rstrip()


def _text(told: object) -> str:
    text = told.partition(b"\0")[0].decode("utf-8", "replace") if isinstance(told, bytes) else ""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _number(told: object) -> int:
    return told if isinstance(told, int) else 0
