"""Which cameras are plugged in, by udev's database (pyudev).

Only nodes of USB devices that capture count: a UVC camera has a node for metadata beside the one
for pictures, and single-board computers have dozens of codec and image-processor nodes that capture
in name only. Others come in by an allow-list. Where no udev daemon has looked at a device (a
container without /run/udev), the kernel is asked for the same facts.
"""

import fnmatch
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from falconeye.devices.usb_camera import UsbCamera, with_unique_serials
from falconeye.devices.v4l2 import captures_video, opened

if TYPE_CHECKING:
    import pyudev

log = logging.getLogger(__name__)

SUBSYSTEM = "video4linux"
# What feeds an image processor: a camera module on a ribbon cable, no picture without a pipeline.
_CSI = re.compile(
    r"unicam|rp1-cfe|tegra.*(vi|csi)|vi-output|sun6i-csi|rkisp|mxc-isi", re.IGNORECASE
)
_INTERFACE = re.compile(r":(\d+\.\d+)$")


@dataclass(frozen=True, slots=True)
class CsiModule:
    """A camera module on a ribbon cable: shown, with the way to use it."""

    device_path: str
    name: str
    port: str


@dataclass(frozen=True, slots=True)
class Plugged:
    """All that is at the node's own ports now."""

    cameras: tuple[UsbCamera, ...] = ()
    modules: tuple[CsiModule, ...] = ()


class Udev:
    """Enumerates; `allowed` are patterns (`fnmatch`) of ID_PATH or the device's own name.

    Its calls read files of /run/udev and /sys: quick, and for a thread all the same.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        """OSError or ImportError where there is no libudev."""
        import pyudev  # noqa: PLC0415 - looks for the C library by a process of its own

        self._context = pyudev.Context()
        self._allowed = tuple(allowed)

    @property
    def context(self) -> "pyudev.Context":
        return self._context

    def plugged(self) -> Plugged:
        """What is there at this moment."""
        devices = list(self._context.list_devices(subsystem=SUBSYSTEM))
        cameras = [camera for device in devices if (camera := self._camera(device))]
        modules = {
            module.port or module.device_path: module
            for device in devices
            if (module := _csi_module(device))
        }
        ordered = sorted(cameras, key=lambda camera: camera.device_path)
        return Plugged(
            tuple(with_unique_serials(_with_nodes(ordered))),
            tuple(modules[port] for port in sorted(modules)),
        )

    def _camera(self, device: "pyudev.Device") -> UsbCamera | None:
        facts = device.properties
        usb = device.find_parent("usb", "usb_device")
        if device.device_node is None or not self._counts(device, is_usb=usb is not None):
            return None
        path = facts.get("ID_PATH") or _path_of(usb) or device.device_path
        interface = _INTERFACE.search(path) if usb is not None else None
        name = facts.get("ID_V4L_PRODUCT") or _attribute(device, "name")
        return UsbCamera(
            device_path=device.device_node,
            vendor_id=facts.get("ID_VENDOR_ID") or _attribute(usb, "idVendor") or "0000",
            product_id=facts.get("ID_MODEL_ID") or _attribute(usb, "idProduct") or "0000",
            vendor=_words(facts.get("ID_VENDOR")) or _attribute(usb, "manufacturer"),
            name=_plain_name(name) or _words(facts.get("ID_MODEL")),
            serial=facts.get("ID_SERIAL_SHORT") or _attribute(usb, "serial"),
            port=(path[: interface.start()] if interface else path) if usb else f"{path}/{name}",
            node=f"{interface[1] if interface else ''}.{_attribute(device, 'index') or '0'}",
            device_number=_number(device),
        )

    def _counts(self, device: "pyudev.Device", *, is_usb: bool) -> bool:
        facts = device.properties
        names = (facts.get("ID_PATH") or "", _attribute(device, "name"))
        listed = any(fnmatch.fnmatch(name, each) for each in self._allowed for name in names)
        if not (is_usb or listed):
            return False
        capabilities = facts.get("ID_V4L_CAPABILITIES")
        if capabilities is not None:
            return ":capture:" in capabilities
        return _asked_whether_it_captures(device.device_node or "")


def _with_nodes(cameras: Iterable[UsbCamera]) -> Iterator[UsbCamera]:
    """The first capture node of a device goes without a name: most have only that one."""
    first: dict[str, str] = {}
    present = sorted(cameras, key=lambda camera: (camera.port, camera.node))
    for camera in present:
        is_first = first.setdefault(camera.port, camera.node) == camera.node
        yield replace(camera, node="" if is_first else camera.node)


def _csi_module(device: "pyudev.Device") -> CsiModule | None:
    name = _attribute(device, "name")
    if device.device_node is None or not _CSI.search(name):
        return None
    return CsiModule(device.device_node, name, device.properties.get("ID_PATH") or "")


def _asked_whether_it_captures(device_path: str) -> bool:
    try:
        with opened(device_path) as descriptor:
            return captures_video(descriptor)
    except OSError as error:
        log.debug("%s cannot be asked what it is: %s", device_path, error)
        return False


def _attribute(device: "pyudev.Device | None", name: str) -> str:
    """A file of /sys, as text; "" where there is none."""
    if device is None:
        return ""
    value: bytes | None = device.attributes.get(name)
    text = value.decode("utf-8", "replace") if value else ""
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _path_of(usb: "pyudev.Device | None") -> str:
    """The port where udev has not named it: bus and ports, the same after each start."""
    return f"usb-{usb.sys_name}" if usb is not None else ""


def _words(text: str | None) -> str:
    """Udev writes underscores for what it leaves out of names."""
    return (text or "").replace("_", " ").strip()


def _plain_name(name: str) -> str:
    """UVC names often say themselves twice: "HD Webcam: HD Webcam"."""
    first, separator, second = name.partition(": ")
    return first if separator and first.startswith(second) else name


def _number(device: "pyudev.Device") -> int:
    number = device.device_number
    if number or device.device_node is None:
        return int(number)
    try:
        status = os.stat(device.device_node)  # noqa: PTH116 - of a device, no file
    except OSError:
        return 0
    return status.st_rdev if stat.S_ISCHR(status.st_mode) else 0
