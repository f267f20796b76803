"""The picture controls of the emulated USB camera: UVC 1.1, sections 4.2.2.1 and 4.2.2.3.

A value that an automatic holds can be set all the same: uvcvideo refuses that before it asks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

CAMERA_TERMINAL, PROCESSING_UNIT = 1, 2  # their ids in the descriptors
SET_CUR: Final = 0x01
GET_CUR, GET_MIN, GET_MAX, GET_RES, GET_LEN, GET_INFO, GET_DEF = range(0x81, 0x88)
OUT_OF_RANGE, INVALID_CONTROL, INVALID_REQUEST = 4, 6, 7
_CAN_GET, _CAN_SET = 1, 2


class Refused(Exception):
    """The request stalls; the argument is what VC_REQUEST_ERROR_CODE says then."""


@dataclass(frozen=True, slots=True)
class Control:
    """One of them; `name` as `v4l2-ctl` has it."""

    name: str
    entity: int
    selector: int
    bit: int  # in bmControls of its entity
    size_bytes: int
    minimum: int
    maximum: int
    step: int  # of `auto_exposure` the modes it has, as bits
    default: int

    def packed(self, value: int) -> bytes:
        return value.to_bytes(self.size_bytes, "little", signed=self.minimum < 0)

    def unpacked(self, data: bytes) -> int:
        return int.from_bytes(data[: self.size_bytes], "little", signed=self.minimum < 0)


_UNIT, _TERMINAL = PROCESSING_UNIT, CAMERA_TERMINAL
CONTROLS: Final = (
    Control("brightness", _UNIT, 0x02, 0, 2, -64, 64, 1, 0),
    Control("contrast", _UNIT, 0x03, 1, 2, 0, 95, 1, 32),
    Control("saturation", _UNIT, 0x07, 3, 2, 0, 128, 1, 64),
    Control("white_balance_temperature", _UNIT, 0x0A, 6, 2, 2800, 6500, 10, 4600),
    Control("gain", _UNIT, 0x04, 9, 2, 0, 100, 1, 0),
    Control("power_line_frequency", _UNIT, 0x05, 10, 1, 0, 2, 1, 1),
    Control("white_balance_automatic", _UNIT, 0x0B, 12, 1, 0, 1, 1, 1),
    Control("auto_exposure", _TERMINAL, 0x02, 1, 1, 1, 8, 0b1001, 8),  # manual, aperture priority
    Control("exposure_time_absolute", _TERMINAL, 0x04, 3, 4, 1, 5000, 1, 157),
    Control("focus_absolute", _TERMINAL, 0x06, 5, 2, 0, 250, 5, 0),
    Control("focus_automatic_continuous", _TERMINAL, 0x08, 17, 1, 0, 1, 1, 1),
)


def control_bits(entity: int) -> int:
    """`bmControls` of its descriptor."""
    return sum(1 << control.bit for control in CONTROLS if control.entity == entity)


class Controls:
    """What they are set to; `changed(name, value)` hears of each SET_CUR."""

    def __init__(self, changed: Callable[[str, int], None]) -> None:
        self.values = {control.name: control.default for control in CONTROLS}
        self._changed = changed

    def request(self, entity: int, selector: int, request: int, data: bytes) -> bytes:
        """The answer to a class-specific request, empty to SET_CUR. Refused."""
        control = next(
            (one for one in CONTROLS if (one.entity, one.selector) == (entity, selector)), None
        )
        if control is None:
            raise Refused(INVALID_CONTROL)
        if request == SET_CUR:
            self._set(control, control.unpacked(data))
            return b""
        if request == GET_LEN:
            return control.size_bytes.to_bytes(2, "little")
        if request == GET_INFO:
            return bytes((_CAN_GET | _CAN_SET,))
        values = {
            GET_CUR: self.values[control.name], GET_MIN: control.minimum, GET_MAX: control.maximum,
            GET_RES: control.step, GET_DEF: control.default,
        }  # fmt: skip
        if request not in values:
            raise Refused(INVALID_REQUEST)
        return control.packed(values[request])

    def _set(self, control: Control, value: int) -> None:
        if not control.minimum <= value <= control.maximum:
            raise Refused(OUT_OF_RANGE)
        self.values[control.name] = value
        self._changed(control.name, value)
