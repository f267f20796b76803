"""What is made of udev's facts; udev itself is asked in `tests/vm`."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import pytest

from falconeye.devices.udev import Udev
from falconeye.devices.usb_camera import UsbCamera
from falconeye.devices.v4l2 import fourcc_text


class Properties(dict[str, bytes]):
    """Decodes as pyudev does, which takes all that devices say for UTF-8."""

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        return self[key].decode() if key in self else default


@dataclass
class Device:
    """As pyudev tells of one."""

    properties: Properties
    attributes: dict[str, bytes] = field(default_factory=dict)
    device_node: str = "/dev/video0"
    device_number: int = 81 << 8
    device_path: str = "/devices/x"
    sys_name: str = "1-1"

    def find_parent(self, _subsystem: str, _kind: str) -> "Device":
        return self  # the node and the USB device are one here


def seen(monkeypatch: pytest.MonkeyPatch, **facts: bytes) -> tuple[UsbCamera, ...]:
    usual = {
        "ID_V4L_CAPABILITIES": b":capture:",
        "ID_VENDOR_ID": b"046d",
        "ID_MODEL_ID": b"0825",
        "ID_PATH": b"pci-0000:00:14.0-usb-0:1:1.0",
    }
    udev = Udev()
    device = Device(Properties(usual | facts), {"index": b"0"})
    monkeypatch.setattr(udev, "_context", Listing([device]))
    return udev.plugged().cameras


@dataclass
class Listing:
    devices: list[Device]

    def list_devices(self, subsystem: str) -> list[Device]:
        assert subsystem == "video4linux"
        return self.devices


def test_a_camera_is_known_by_what_udev_says(monkeypatch: pytest.MonkeyPatch) -> None:
    (camera,) = seen(monkeypatch, ID_SERIAL_SHORT=b"SN1", ID_V4L_PRODUCT=b"HD Webcam: HD Webcam")
    assert camera.identities == (
        "usb:046d:0825:serial:SN1",
        "usb:046d:0825:port:pci-0000:00:14.0-usb-0:1",
    )
    assert camera.name == "HD Webcam"


def test_a_name_that_the_kernel_cut_within_a_letter_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """UVC names have 31 bytes at the most: eleven letters of many languages."""
    cut = "高清网络摄像头高清网络".encode()[:31]
    (camera,) = seen(monkeypatch, ID_V4L_PRODUCT=cut)
    assert camera.name == "高清网络摄像头高清网\N{REPLACEMENT CHARACTER}"


def test_a_name_is_one_line_that_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    (camera,) = seen(monkeypatch, ID_V4L_PRODUCT=b"Cam\x1b[2J\r\n<b>\xe2\x80\xae\xff")
    assert camera.name == "Cam[2J<b>\N{REPLACEMENT CHARACTER}"
    camera.name.encode()


@pytest.mark.parametrize(
    ("code", "text"), [(0, ""), (0x47504A4D, "MJPG"), (0x20363159, "Y16"), (0x0A41410D, "AA")]
)
def test_a_code_of_a_format_can_be_shown(code: int, text: str) -> None:
    assert fourcc_text(code) == text


BARE = {"idVendor": b"046d", "idProduct": b"0825", "index": b"0", "devnum": b"7"}


@pytest.mark.parametrize(
    ("told", "serial"),
    [
        (b"SN 12 345 ", "SN_12_345"),
        (b"SN/1(a)#2", "SN_1_a_#2"),
        (b"a,b", ""),
        ("Nº7".encode(), ""),
        (b"", ""),
    ],
)
def test_a_serial_is_the_same_with_and_without_udev(
    monkeypatch: pytest.MonkeyPatch, told: bytes, serial: str
) -> None:
    """As systemd's `usb_id` has it."""
    udev = Udev()
    monkeypatch.setattr(udev, "_context", Listing([Device(Properties(), BARE | {"serial": told})]))
    monkeypatch.setattr("falconeye.devices.udev.captures_video", lambda _descriptor: True)
    monkeypatch.setattr("falconeye.devices.udev.opened", lambda _path: nullcontext(-1))
    assert [camera.serial for camera in udev.plugged().cameras] == [serial]


def test_a_device_that_udev_has_not_looked_at_is_opened_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each opening wakes it; another one in its place is asked again, and who refused, too."""
    udev, asked = Udev(), []
    devices = [Device(Properties(), BARE)]
    monkeypatch.setattr(udev, "_context", Listing(devices))
    monkeypatch.setattr("falconeye.devices.udev.captures_video", lambda _descriptor: True)

    def opened(path: str) -> AbstractContextManager[int]:
        asked.append(path)
        if len(asked) == 1:
            raise PermissionError(13, "Permission denied", path)
        return nullcontext(-1)

    monkeypatch.setattr("falconeye.devices.udev.opened", opened)
    found = [len(udev.plugged().cameras) for _ in range(4)]
    assert (found, len(asked)) == ([0, 1, 1, 1], 2)
    devices[0] = Device(Properties(), BARE | {"devnum": b"8"})
    assert len(udev.plugged().cameras) == 1
    assert len(asked) == 3
