"""A USB camera without hardware: the kernel's own usbcore, uvcvideo and udev see a real one.

    python3 -m tests.peers.usb_camera --port 0 --pictures FILE --serial SN1 < commands

A process of its own, as root, in a machine with `vhci_hcd` and `uvcvideo`; needs Python alone. It
is plugged in at once. Lines that it reads: `stall` (no more pictures, still plugged), `resume`,
`corrupt N`, `truncate N`, `short N` (the next N pictures), `controls`, `unplug`, `plug PORT`,
`quit`; each is answered by `ok COMMAND SENT …`. The end of its input is `quit`. It also says
`plugged PORT`, `streaming KIND WIDTHxHEIGHT FPS`, `stopped` and `control NAME VALUE`. SIGSTOP is a
camera whose firmware hangs; SIGKILL pulls it.
"""

import argparse
import contextlib
import json
import os
import struct
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.peers.usb_camera_controls import (
    GET_CUR,
    GET_DEF,
    GET_INFO,
    GET_LEN,
    GET_MAX,
    GET_MIN,
    INVALID_REQUEST,
    SET_CUR,
    Controls,
    Refused,
)
from tests.peers.usb_camera_descriptors import (
    PAYLOAD_BYTES,
    UNITS_PER_S,
    Identity,
    configuration,
    picture_bytes,
)
from tests.peers.usb_camera_link import Link
from tests.peers.usb_camera_pictures import KINDS, Damage, Pictures, Size

_SETUP: Final = struct.Struct("<BBHHH")  # type, request, value, index, length
_PROBE: Final = struct.Struct("<HBBIHHHHHIIIBBBB")  # UVC 1.1, table 4-75
_WANTED: Final = struct.Struct("<HBBI")  # its begin: hint, format, frame, interval
_GET_DESCRIPTOR, _CLEAR_FEATURE, _SET_INTERFACE = 6, 1, 11
_DEVICE, _CONFIGURATION, _STRING = 1, 2, 3
_COMMIT = 2
_PAYLOAD_HEAD_BYTES = 2


def say(*words: object) -> None:
    """A line to whoever plugged it in; one that listens no longer will not be told."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(" ".join(map(str, words)) + "\n")
        sys.stdout.flush()


class UsbCamera:
    """A camera; plugged in and pulled as often as wanted."""

    def __init__(self, identity: Identity, pictures: Pictures, rates: Sequence[int]) -> None:
        self.controls = Controls(lambda name, value: say("control", name, value))
        self.damage = Damage()
        self.sent = 0
        self._identity = identity
        self._pictures = pictures
        self._intervals = [UNITS_PER_S // rate for rate in rates]
        self._configuration = configuration(pictures.formats, rates)
        self._refusal = 0
        self._link: Link | None = None
        self._pump: threading.Thread | None = None
        self._probed = self._committed = self._nearest(1, 1, self._intervals[0])
        self._stream = 0  # counts starts; odd: it streams
        self._stalled = False
        self._flip = 0

    def plug(self, port: int) -> None:
        assert self._link is None, "it is plugged in"
        self._stream = 0
        self._link = link = Link(port, self._control)
        self._pump = threading.Thread(
            target=self._pump_pictures, args=(link,), name="usb-pictures", daemon=True
        )
        self._pump.start()
        say("plugged", port)

    def unplug(self) -> None:
        if self._link is None or self._pump is None:
            return
        self._link.pull()
        self._pump.join()
        self._link = self._pump = None

    def stall(self, stalled: bool) -> None:
        self._stalled = stalled
        self._notify()

    def _notify(self) -> None:
        if self._link is not None:
            with self._link.changed:
                self._link.changed.notify_all()

    # What the host asks at endpoint 0.

    def _control(self, setup: bytes, data: bytes) -> bytes | None:
        kind, request, value, index, length = _SETUP.unpack(setup)
        if kind & 0x60 == 0:
            answer = self._standard(kind, request, value)
        else:
            try:
                answer = self._of_class(request, value >> 8, index, data)
                self._refusal = 0
            except Refused as refused:
                self._refusal, answer = refused.args[0], None
        return None if answer is None else answer[:length]

    def _standard(self, kind: int, request: int, value: int) -> bytes | None:
        if request == _GET_DESCRIPTOR and kind & 0x80:
            if value >> 8 == _DEVICE:
                return self._identity.device()
            if value >> 8 == _CONFIGURATION:
                return self._configuration
            return self._identity.string(value & 0xFF) if value >> 8 == _STRING else None
        if kind & 0x80:
            return b"\0\0"  # status, interface
        if request == _SET_INTERFACE or (request == _CLEAR_FEATURE and kind == 2):
            self._stop()  # so uvcvideo ends a stream of a bulk endpoint
        return b""

    def _of_class(self, request: int, selector: int, index: int, data: bytes) -> bytes:
        interface, entity = index & 0xFF, index >> 8
        if interface == 1:
            return self._of_stream(request, selector, data)
        if entity == 0:  # VC_REQUEST_ERROR_CODE
            return bytes((self._refusal,))
        return self.controls.request(entity, selector, request, data)

    def _of_stream(self, request: int, selector: int, data: bytes) -> bytes:
        if request == SET_CUR:
            _, number, frame, interval = _WANTED.unpack_from(data)
            self._probed = self._nearest(number, frame, interval)
            if selector == _COMMIT:
                self._start(self._probed)
            return b""
        if request == GET_LEN:
            return _PROBE.size.to_bytes(2, "little")
        if request == GET_INFO:
            return b"\x03"
        if request not in {GET_CUR, GET_MIN, GET_MAX, GET_DEF}:
            raise Refused(INVALID_REQUEST)
        number, frame, interval = self._probed
        size = self._pictures.formats[number - 1].sizes[frame - 1]
        return _PROBE.pack(
            0, number, frame, interval, 0, 0, 0, 0, 0, picture_bytes(size), PAYLOAD_BYTES,
            48_000_000, 0, 0, 0, 0,
        )  # fmt: skip

    def _nearest(self, number: int, frame: int, interval: int) -> tuple[int, int, int]:
        """Format, frame and interval that it can do."""
        number = min(max(number, 1), len(self._pictures.formats))
        frame = min(max(frame, 1), len(self._pictures.formats[number - 1].sizes))
        return number, frame, min(self._intervals, key=lambda one: abs(one - interval))

    # The pictures.

    def _start(self, wanted: tuple[int, int, int]) -> None:
        self._committed = wanted
        self._stream += 1 if self._stream % 2 == 0 else 2
        kind, size = self._committed_kind()
        say("streaming", kind, f"{size[0]}x{size[1]}", UNITS_PER_S / wanted[2])
        self._notify()

    def _stop(self) -> None:
        if self._stream % 2:
            self._stream += 1
            say("stopped")
            self._notify()

    def _committed_kind(self) -> tuple[str, Size]:
        number, frame, _ = self._committed
        chosen = self._pictures.formats[number - 1]
        return chosen.kind, chosen.sizes[frame - 1]

    def _pump_pictures(self, link: Link) -> None:
        """One picture per interval while it streams; every stream begins with the first one."""
        stream, number, due = 0, 0, time.monotonic()
        while True:
            with link.changed:
                link.changed.wait_for(
                    lambda: not link.is_up or (self._stream % 2 == 1 and not self._stalled)
                )
            if not link.is_up:
                return
            if stream != self._stream:
                stream, number, due = self._stream, 0, time.monotonic()
            kind, size = self._committed_kind()
            interval_s = self._committed[2] / UNITS_PER_S
            due = max(due, time.monotonic() - interval_s)  # what is late is not caught up with
            time.sleep(max(0.0, due - time.monotonic()))
            due += interval_s
            if self._send(link, self._pictures.picture(kind, size, number), stream):
                number += 1
                self.sent += 1

    def _send(self, link: Link, data: bytes, stream: int) -> bool:
        """A picture in payloads (UVC 1.1, 2.4.3.2.2); False: the host stopped, or a stall began.

        One that was begun is not held up by a stall, one that was not meets no damage.
        """
        self._flip ^= 1
        place = 0

        def payload(length: int) -> bytes:
            nonlocal place, data
            data = data if place else self.damage.of(data)
            part = data[place : place + min(length, PAYLOAD_BYTES) - _PAYLOAD_HEAD_BYTES]
            place += len(part)
            last = 2 if place == len(data) else 0
            return bytes((_PAYLOAD_HEAD_BYTES, 0x80 | last | self._flip)) + part

        while place < len(data):
            if not link.transfer(
                payload, lambda: self._stream == stream and (place > 0 or not self._stalled)
            ):
                return False
        return True


def obey(camera: UsbCamera, line: str) -> bool:
    """One command; False: it was the last."""
    command, *words = line.split() or [""]
    told: object = ""
    if command in Damage.KINDS:
        camera.damage.order(command, int(words[0]))
    elif command in {"stall", "resume"}:
        camera.stall(command == "stall")
    elif command == "controls":
        told = json.dumps(camera.controls.values)
    elif command in {"unplug", "quit"}:
        camera.unplug()
    elif command == "plug":
        camera.plug(int(words[0]))
    else:
        say("unknown", command)
        return True
    say("ok", command, camera.sent, told)
    return command != "quit"


def _size(text: str) -> Size:
    width, height = text.split("x")
    return int(width), int(height)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--vendor-id", type=lambda text: int(text, 16), default=0x046D)
    parser.add_argument("--product-id", type=lambda text: int(text, 16), default=0x0825)
    parser.add_argument("--manufacturer", default="LabCam")
    parser.add_argument("--product", default="HD Webcam")
    parser.add_argument("--serial", default="")
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["MJPG", "YUYV"])
    parser.add_argument("--sizes", type=_size, nargs="+", default=[(320, 240)])
    parser.add_argument("--fps", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--part", type=int, nargs=2, default=[0, None])
    given = parser.parse_args()
    identity = Identity(
        given.vendor_id, given.product_id, given.manufacturer, given.product, given.serial
    )
    pictures = Pictures(given.pictures, given.kinds, given.sizes, slice(*given.part))
    camera = UsbCamera(identity, pictures, given.fps)
    say("pid", os.getpid())
    camera.plug(given.port)
    try:
        for line in sys.stdin:
            if not obey(camera, line):
                break
    finally:
        camera.unplug()


if __name__ == "__main__":
    main()
