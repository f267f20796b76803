"""The kernel's side of one V4L2 device node, for what no real driver can be made to answer.

The node is a memory file, so that opening, mapping and closing are the kernel's own; `ioctl` is
answered here. Real drivers are asked in `tests/vm`.
"""

import asyncio
import errno
import fcntl
import os
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import pytest

from falconeye.devices.present import UsbDevices
from falconeye.devices.udev import Plugged
from falconeye.devices.usb_camera import UsbCamera

MONOTONIC = 0x2000  # V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
DAMAGED = 0x40
INACTIVE, GRABBED = 0x10, 0x2
S_FMT, REQBUFS, QBUF, DQBUF, STREAMON, S_CTRL, QUERYCTRL = 5, 8, 15, 17, 18, 28, 36
_ENUM_FMT, _QUERYBUF, _S_PARM, G_CTRL, _QUERYMENU, _SIZES, _RATES = 2, 9, 22, 27, 37, 74, 75
_BUFFER_BYTES = 1 << 20
_NEXT = 0x8000_0000


@dataclass
class NodeControl:
    """A control: `kind` is 1 number, 2 switch, 3 menu, 9 menu of numbers."""

    name: bytes
    kind: int
    value: int
    maximum: int = 5000
    governed_by: int | None = None  # the switch that must be 0
    reset_to: int | None = None  # what it becomes when that switch goes to 0
    menu: dict[int, bytes] = field(default_factory=dict)
    flags: int = 0
    minimum: int = 0


@dataclass
class VideoNode:
    """Streams `pictures`: (data, flags, taken µs); afterwards it is silent, or fails by `end`."""

    fourcc: bytes = b"MJPG"
    size: tuple[int, int] = (320, 240)
    bytes_per_line: int = 0
    interval: tuple[int, int] = (1, 15)  # s, that it agrees to
    controls: dict[int, NodeControl] = field(default_factory=dict)
    pictures: deque[tuple[bytes, int, int]] = field(default_factory=deque)
    end: int = errno.EAGAIN  # of the next picture, when there is none left
    refuse: dict[int, int] = field(default_factory=dict)  # number of a call → errno
    asked: list[int] = field(default_factory=list)
    streaming: threading.Event = field(default_factory=threading.Event)
    hangs: threading.Event | None = None  # the choice of a format takes until it is set
    _queued: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._file = os.memfd_create("video", os.MFD_CLOEXEC)
        os.ftruncate(self._file, 8 * _BUFFER_BYTES)

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self._file}"

    def camera(self, serial: str = "SN1") -> UsbCamera:
        return UsbCamera(self.path, "046d", "0825", "Acme", "Webcam", serial, "usb-0:1", "", 0)

    def lay(self, patch: pytest.MonkeyPatch) -> UsbDevices:
        """Answer from now on; the devices among which its camera is."""
        patch.setattr(fcntl, "ioctl", self._ioctl)
        plugged = Plugged((self.camera(),))
        patch.setattr(UsbDevices, "look", lambda _self: plugged)
        return UsbDevices()

    async def streams(self) -> None:
        """Wait until it is told to stream; the next wait is for the next time."""
        await asyncio.to_thread(self.streaming.wait, 8)
        assert self.streaming.is_set()
        self.streaming.clear()

    def close(self) -> None:
        os.close(self._file)

    def _ioctl(self, _descriptor: int, code: int, data: bytearray | bytes) -> int:
        number = code & 0xFF
        assert code >> 8 & 0xFF == ord("V"), "no question to a video device"
        self.asked.append(number)
        if number == S_FMT and self.hangs:
            self.hangs.wait(8)
        if number in self.refuse:
            raise OSError(self.refuse[number], os.strerror(self.refuse[number]))
        if number == STREAMON:
            self.streaming.set()
        else:
            assert isinstance(data, bytearray)
            assert len(data) == code >> 16 & 0x3FFF
            self._answer(number, data)
        return 0

    def _answer(self, number: int, data: bytearray) -> None:
        first = struct.unpack_from("<I", data)[0]
        if number == _ENUM_FMT:
            self._list(first)
            struct.pack_into("<32sI", data, 12, b"a format", int.from_bytes(self.fourcc, "little"))
        elif number == _SIZES:
            self._list(first)
            struct.pack_into("<III", data, 8, 1, *self.size)
        elif number == _RATES:
            self._list(first)
            struct.pack_into("<III", data, 16, 1, 1, 15)
        elif number == S_FMT:
            code = int.from_bytes(self.fourcc, "little")
            struct.pack_into(
                "<6I", data, 8, *self.size, code, 1, self.bytes_per_line, _BUFFER_BYTES
            )
        elif number == _S_PARM:
            struct.pack_into("<II", data, 12, *self.interval)
        elif number == _QUERYBUF:
            struct.pack_into("<II4xI", data, 64, first * _BUFFER_BYTES, 0, _BUFFER_BYTES)
        elif number == QBUF:
            self._queued.append(first)
        elif number == DQBUF:
            self._take(data)
        elif number in {QUERYCTRL, G_CTRL, S_CTRL, _QUERYMENU}:
            self._control(number, data, first)

    def _list(self, index: int) -> None:
        if index:
            raise OSError(errno.EINVAL, "the list has ended")

    def _take(self, data: bytearray) -> None:
        if not self.pictures:
            time.sleep(0.01)  # the file is always readable
            raise OSError(self.end, os.strerror(self.end))
        picture, flags, taken_us = self.pictures.popleft()
        index = self._queued.popleft()
        os.pwrite(self._file, picture, index * _BUFFER_BYTES)
        seconds, microseconds = divmod(taken_us, 1_000_000)
        struct.pack_into(
            "<IIIII4xqq", data, 0, index, 1, len(picture), flags, 0, seconds, microseconds
        )

    def _control(self, number: int, data: bytearray, first: int) -> None:
        if number == QUERYCTRL:
            after = [each for each in sorted(self.controls) if each > first - _NEXT]
            if not after:
                raise OSError(errno.EINVAL, "the list has ended")
            one = self.controls[after[0]]
            flags = one.flags | (INACTIVE if self._is_governed(one) else 0)
            limits = one.minimum, one.maximum, 1, one.minimum
            struct.pack_into("<II32siiiiI", data, 0, after[0], one.kind, one.name, *limits, flags)
        elif number == G_CTRL:
            struct.pack_into("<i", data, 4, self.controls[first].value)
        elif number == S_CTRL:
            self._set(first, struct.unpack_from("<i", data, 4)[0])
        else:
            index = struct.unpack_from("<I", data, 4)[0]
            if index not in self.controls[first].menu:
                raise OSError(errno.EINVAL, "a hole")
            struct.pack_into("<32s", data, 8, self.controls[first].menu[index])

    def _is_governed(self, one: NodeControl) -> bool:
        return one.governed_by is not None and self.controls[one.governed_by].value != 0

    def _set(self, number: int, value: int) -> None:
        if self._is_governed(self.controls[number]):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self.controls[number].value = value
        for one in self.controls.values():
            if one.governed_by == number and value == 0 and one.reset_to is not None:
                one.value = one.reset_to
