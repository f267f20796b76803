"""Pictures of a V4L2 device by memory-mapped buffers, read without ever waiting in the kernel.

libavformat's reader waits for a picture in a call that nothing ends while a camera is silent, from
the moment it opens it. Here the descriptor is non-blocking and the wait a `poll` that a stop ends.
"""

import errno
import fcntl
import mmap
import os
import select
import struct
import time
from dataclasses import dataclass
from fractions import Fraction

from falconeye.devices.v4l2 import CAPTURE, fourcc_text, request_code

_BUFFERS = 4
_MMAP = 1  # V4L2_MEMORY_MMAP
_FIELD_ANY = 0
_SLOWEST, _FASTEST = 0.1, 1000.0  # pictures/s: beyond that a driver talks nonsense
_ERROR = 0x40  # V4L2_BUF_FLAG_ERROR: what is in the buffer may be damaged
_TIMESTAMP_MASK, _TIMESTAMP_MONOTONIC = 0xE000, 0x2000
_FORMAT = struct.Struct("<I4xIIIIII176x")
_PARAMETERS = struct.Struct("<IIIII184x")
_REQUEST = struct.Struct("<III8x")
_BUFFER = struct.Struct("<IIIII4xqq16xIIIIII8x")
_S_FMT = request_code("rw", 5, _FORMAT.size)
_REQBUFS = request_code("rw", 8, _REQUEST.size)
_QUERYBUF = request_code("rw", 9, _BUFFER.size)
_QBUF = request_code("rw", 15, _BUFFER.size)
_DQBUF = request_code("rw", 17, _BUFFER.size)
_STREAMON = request_code("w", 18, 4)
_S_PARM = request_code("rw", 22, _PARAMETERS.size)


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What the device agreed to; drivers change silently what they do not have."""

    fourcc: str
    width: int
    height: int
    rate: float | None  # pictures/s; None where the driver tells none that can be
    bytes_per_line: int  # of raw pictures, the padding included; 0 where the driver tells none


@dataclass(frozen=True, slots=True)
class Captured:
    """One buffer's contents. `is_damaged`: the driver says so."""

    data: bytes
    taken_us: int | None  # when it was taken, on the kernel's monotonic clock, where it tells that
    is_damaged: bool


class Capture:
    """One device node that streams; a context, used by one thread. All methods raise OSError."""

    def __init__(self, device_path: str) -> None:
        """Open it; EACCES where the user may not, ENOENT where it is gone."""
        self._buffers: list[mmap.mmap] = []
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            self._descriptor = os.open(device_path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except BaseException:
            os.close(self._wake)
            raise

    def __enter__(self) -> "Capture":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def descriptor(self) -> int:
        """For questions about the device while it streams."""
        return self._descriptor

    @property
    def device_number(self) -> int:
        """`st_rdev`: which device this is, whatever its path leads to by now."""
        return os.fstat(self._descriptor).st_rdev

    def start(self, fourcc: str, width: int, height: int, rate: float | None) -> Negotiated:
        """Ask for that, take what it gives, stream. EBUSY while another program streams."""
        agreed = self._negotiate(fourcc, width, height, rate)
        self._map()
        for index in range(len(self._buffers)):
            self._queue(index)
        fcntl.ioctl(self._descriptor, _STREAMON, struct.pack("<i", CAPTURE))
        return agreed

    def read(self, limit_s: float) -> Captured | None:
        """The next picture; None once `wake` was called, whether one came or not.

        TimeoutError when none comes in that time; ENODEV, EINVAL or EIO where the device is gone.
        """
        waiting = select.poll()
        waiting.register(self._wake, select.POLLIN)
        waiting.register(self._descriptor, select.POLLIN)
        end_s = time.monotonic() + limit_s
        while (left_s := end_s - time.monotonic()) > 0:
            ready = dict(waiting.poll(left_s * 1000))
            if self._wake in ready:
                return None
            if not ready:
                break
            answer = bytearray(_BUFFER.pack(0, CAPTURE, 0, 0, 0, 0, 0, 0, _MMAP, *[0] * 4))
            try:
                fcntl.ioctl(self._descriptor, _DQBUF, answer)
            except BlockingIOError:
                if ready[self._descriptor] & select.POLLERR:  # and would be again, at once
                    raise OSError(errno.EIO, os.strerror(errno.EIO)) from None
                continue  # woken for nothing
            index, _, used, flags, _, seconds, microseconds, *_ = _BUFFER.unpack(answer)
            data = self._buffers[index][:used]
            self._queue(index)
            is_monotonic = flags & _TIMESTAMP_MASK == _TIMESTAMP_MONOTONIC
            taken_us = seconds * 1_000_000 + microseconds if is_monotonic else None
            return Captured(data, taken_us, bool(flags & _ERROR))
        msg = f"no picture in {limit_s:g} s"
        raise TimeoutError(msg)

    def wake(self) -> None:
        """End the wait of `read`, now or the next one; any thread, before `close`."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Stop and release it. With a device that hangs the kernel may hold the caller here."""
        for buffer in self._buffers:
            buffer.close()
        self._buffers = []
        try:
            os.close(self._descriptor)
        finally:
            os.close(self._wake)

    def _negotiate(self, fourcc: str, width: int, height: int, rate: float | None) -> Negotiated:
        code = int.from_bytes(fourcc.ljust(4).encode("ascii"), "little")
        answer = bytearray(_FORMAT.pack(CAPTURE, width, height, code, _FIELD_ANY, 0, 0))
        fcntl.ioctl(self._descriptor, _S_FMT, answer)
        _, width, height, code, _, bytes_per_line, _ = _FORMAT.unpack(answer)
        return Negotiated(fourcc_text(code), width, height, self._set_rate(rate), bytes_per_line)

    def _set_rate(self, rate: float | None) -> float | None:
        if rate is None:
            return None
        interval = Fraction(1) / Fraction(rate).limit_denominator(1000)
        wanted = (interval.numerator, interval.denominator)
        answer = bytearray(_PARAMETERS.pack(CAPTURE, 0, 0, *wanted))
        try:
            fcntl.ioctl(self._descriptor, _S_PARM, answer)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):  # a driver with one rate
                return None
            raise
        *_, numerator, denominator = _PARAMETERS.unpack(answer)
        rate = denominator / numerator if numerator else 0.0
        return rate if _SLOWEST <= rate <= _FASTEST else None

    def _map(self) -> None:
        answer = bytearray(_REQUEST.pack(_BUFFERS, CAPTURE, _MMAP))
        fcntl.ioctl(self._descriptor, _REQBUFS, answer)
        for index in range(_REQUEST.unpack(answer)[0]):
            asked = bytearray(_BUFFER.pack(index, CAPTURE, 0, 0, 0, 0, 0, 0, _MMAP, *[0] * 4))
            fcntl.ioctl(self._descriptor, _QUERYBUF, asked)
            *_, offset, _, length, _ = _BUFFER.unpack(asked)
            self._buffers.append(
                mmap.mmap(self._descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)
            )

    def _queue(self, index: int) -> None:
        packed = _BUFFER.pack(index, CAPTURE, 0, 0, 0, 0, 0, 0, _MMAP, *[0] * 4)
        fcntl.ioctl(self._descriptor, _QBUF, bytearray(packed))
