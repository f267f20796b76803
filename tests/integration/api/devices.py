"""USB cameras as udev and the kernel would tell of them: this machine has none.

The real driver is asked in `tests/vm`; here it is what pages and API make of its answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from falconeye.devices import v4l2, v4l2_controls
from falconeye.devices.present import UsbDevices
from falconeye.devices.udev import Plugged
from falconeye.devices.usb_camera import UsbCamera, with_unique_serials

SIZES = (
    v4l2.FrameSize(640, 480, (30.0, 15.0)),
    v4l2.FrameSize(1280, 720, (30.0,)),
)
FORMATS = (
    v4l2.PixelFormat("MJPG", "Motion-JPEG", SIZES),
    v4l2.PixelFormat("YUYV", "YUYV 4:2:2", SIZES[:1]),
    v4l2.PixelFormat("BA81", "8-bit Bayer", SIZES[:1]),  # nothing that can be read
)
CONTROLS = (
    v4l2_controls.Control(1, "Brightness", "number", 0, 255, 1, 128, 128, is_active=True),
    v4l2_controls.Control(
        2, "Auto Exposure", "menu", 0, 3, 1, 3, 3, True, ((1, "Manual"), (3, "Automatic"))
    ),
    v4l2_controls.Control(
        3, "Exposure Time, Absolute", "number", 3, 2047, 1, 250, 250, is_active=False
    ),
    v4l2_controls.Control(4, "White Balance, Automatic", "switch", 0, 1, 1, 1, 1, is_active=True),
)


@dataclass
class Ports:
    """What is plugged in, and what the one device that can be opened answers."""

    plugged: Plugged = field(default_factory=Plugged)
    told: Plugged = field(default_factory=Plugged)  # as it was when somebody looked last
    controls: dict[int, v4l2_controls.Control] = field(
        default_factory=lambda: {one.id: one for one in CONTROLS}
    )
    error: OSError | None = None  # of opening it

    def plug(self, *cameras: UsbCamera) -> None:
        self.plugged = Plugged(tuple(with_unique_serials(cameras)))

    def look(self) -> Plugged:
        self.told = self.plugged
        return self.told

    @contextmanager
    def opened(self, device_path: str) -> Iterator[int]:
        if self.error:
            raise self.error
        if all(one.device_path != device_path for one in self.plugged.cameras):
            raise FileNotFoundError(2, "No such file or directory", device_path)
        yield -1

    def set(self, _descriptor: int, control_id: int, value: int) -> int:
        self.controls[control_id] = replace(self.controls[control_id], value=value)
        if control_id == 2:  # the automatic lets go of what it governs
            self.controls[3] = replace(self.controls[3], is_active=value == 1)
        return value


def lay_ports(monkeypatch: pytest.MonkeyPatch) -> Ports:
    """Ports in place of the machine's own."""
    made = Ports()
    monkeypatch.setattr(UsbDevices, "look", lambda _self: made.look())
    monkeypatch.setattr(UsbDevices, "plugged", property(lambda _self: made.told))
    monkeypatch.setattr(v4l2, "opened", made.opened)
    monkeypatch.setattr(v4l2, "pixel_formats", lambda _descriptor: FORMATS)
    monkeypatch.setattr(
        v4l2_controls, "controls", lambda _descriptor: tuple(made.controls.values())
    )
    monkeypatch.setattr(v4l2_controls, "set_control", made.set)
    return made
