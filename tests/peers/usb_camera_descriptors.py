"""What the emulated camera says of itself: USB 2.0 chapter 9, UVC 1.1 with a bulk endpoint.

Frame-based formats (H.264) are of UVC 1.1, "Frame Based Payload". Isochronous endpoints are left
out: bulk needs no bandwidth, and the driver is the same behind it.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.peers.usb_camera_controls import CAMERA_TERMINAL, PROCESSING_UNIT, control_bits
from tests.peers.usb_camera_pictures import Format, Size

UVC_VERSION: Final = 0x0110
UNITS_PER_S: Final = 10_000_000  # frame intervals count 100 ns
PAYLOAD_BYTES: Final = 16384  # one transfer, header included
_OUTPUT_TERMINAL: Final = 3
_ENDPOINT: Final = 0x81
_INTERFACE: Final = 0x24  # CS_INTERFACE
_FORMAT: Final = {"MJPG": 0x06, "YUYV": 0x04, "H264": 0x10}  # VS_FORMAT_*; the frame's is one more
_GUID_TAIL: Final = bytes.fromhex("0000 1000 8000 00aa00389b71")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is; one without a serial number has an empty one."""

    vendor_id: int
    product_id: int
    manufacturer: str
    product: str
    serial: str

    def device(self) -> bytes:
        """The device descriptor of a high-speed device with an interface association."""
        return struct.pack(
            "<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xEF, 2, 1, 64, self.vendor_id, self.product_id,
            0x0100, 1, 2, 3 if self.serial else 0, 1,
        )  # fmt: skip

    def string(self, number: int) -> bytes | None:
        """A string descriptor, of 0 the languages; None: there is none of this number."""
        if number == 0:
            return b"\x04\x03\x09\x04"
        texts = {1: self.manufacturer, 2: self.product, 3: self.serial}
        if not (text := texts.get(number, "")):
            return None
        data = text.encode("utf-16-le")
        return bytes((2 + len(data), 3)) + data


def configuration(formats: Sequence[Format], rates: Sequence[int]) -> bytes:
    """The configuration descriptor, with all that belongs to it."""
    body = bytes((8, 0x0B, 0, 2, 0x0E, 3, 0, 2))  # one function of two interfaces: video
    body += bytes((9, 4, 0, 0, 0, 0x0E, 1, 0, 2)) + _control_interface()
    body += bytes((9, 4, 1, 0, 1, 0x0E, 2, 0, 0)) + _streaming_interface(formats, rates)
    body += struct.pack("<BBBBHB", 7, 5, _ENDPOINT, 2, 512, 0)
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 2, 1, 0, 0x80, 250) + body


def _control_interface() -> bytes:
    terminal = struct.pack(
        "<BBBBHBBHHHB3s", 18, _INTERFACE, 2, CAMERA_TERMINAL, 0x0201, 0, 0, 0, 0, 0, 3,
        control_bits(CAMERA_TERMINAL).to_bytes(3, "little"),
    )  # fmt: skip
    unit = struct.pack(
        "<BBBBBHB2sBB", 12, _INTERFACE, 5, PROCESSING_UNIT, CAMERA_TERMINAL, 0, 2,
        control_bits(PROCESSING_UNIT).to_bytes(2, "little"), 0, 0,
    )  # fmt: skip
    output = struct.pack(
        "<BBBBHBBB", 9, _INTERFACE, 3, _OUTPUT_TERMINAL, 0x0101, 0, PROCESSING_UNIT, 0
    )
    parts = terminal + unit + output
    head = struct.pack(
        "<BBBHHIBB", 13, _INTERFACE, 1, UVC_VERSION, 13 + len(parts), 48_000_000, 1, 1
    )
    return head + parts


def _streaming_interface(formats: Sequence[Format], rates: Sequence[int]) -> bytes:
    described = b"".join(_format(number, one, rates) for number, one in enumerate(formats, start=1))
    length = 13 + len(formats)
    head = struct.pack(
        "<BBBBHBBBBBBB", length, _INTERFACE, 1, len(formats), length + len(described), _ENDPOINT,
        0, _OUTPUT_TERMINAL, 0, 0, 0, 1,
    )  # fmt: skip
    return head + bytes(len(formats)) + described


def _format(number: int, described: Format, rates: Sequence[int]) -> bytes:
    kind, count = described.kind, len(described.sizes)
    guid = (b"YUY2" if kind == "YUYV" else kind.encode()) + _GUID_TAIL
    if kind == "MJPG":
        head = bytes((11, _INTERFACE, _FORMAT[kind], number, count, 1, 1, 0, 0, 0, 0))
    elif kind == "YUYV":
        head = bytes((27, _INTERFACE, _FORMAT[kind], number, count)) + guid
        head += bytes((16, 1, 0, 0, 0, 0))
    else:
        head = bytes((28, _INTERFACE, _FORMAT[kind], number, count)) + guid
        head += bytes((16, 1, 0, 0, 0, 0, 1))
    frames = b"".join(
        _frame(frame, kind, size, rates) for frame, size in enumerate(described.sizes, start=1)
    )
    return head + frames + bytes((6, _INTERFACE, 0x0D, 1, 1, 4))  # colours: BT.709, SMPTE 170M


def _frame(number: int, kind: str, size: Size, rates: Sequence[int]) -> bytes:
    intervals = [UNITS_PER_S // rate for rate in rates]
    bits = size[0] * size[1] * 16
    head = struct.pack(
        "<BBBBBHHII", 26 + 4 * len(rates), _INTERFACE, _FORMAT[kind] + 1, number, 0, *size,
        bits * min(rates), bits * max(rates),
    )  # fmt: skip
    if kind == "H264":
        middle = struct.pack("<IBI", intervals[0], len(rates), 0)
    else:
        middle = struct.pack("<IIB", picture_bytes(size), intervals[0], len(rates))
    return head + middle + struct.pack(f"<{len(rates)}I", *intervals)


def picture_bytes(size: Size) -> int:
    """The most that a picture of any kind has."""
    return size[0] * size[1] * 2
