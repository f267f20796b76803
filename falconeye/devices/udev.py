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
from falconeye.devices.v4l2 import captures_video, opened, printable

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
        self._captures: dict[tuple[object, ...], bool] = {}  # what the kernel told, by device

    @property
    def context(self) -> "pyudev.Context":
        return self._context

    def plugged(self) -> Plugged:
        """What is there at this moment."""
        devices = list(self._context.list_devices(subsystem=SUBSYSTEM))
        if self._captures:
            present = {_is_this(device) for device in devices}
            self._captures = {key: can for key, can in self._captures.items() if key in present}
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
        usb = device.find_parent("usb", "usb_device")
        if device.device_node is None or not self._counts(device, is_usb=usb is not None):
            return None
        path = _property(device, "ID_PATH") or _path_of(usb) or device.device_path
        interface = _INTERFACE.search(path) if usb is not None else None
        name = _property(device, "ID_V4L_PRODUCT") or _attribute(device, "name")
        return UsbCamera(
            device_path=device.device_node,
            vendor_id=_property(device, "ID_VENDOR_ID") or _attribute(usb, "idVendor") or "0000",
            product_id=_property(device, "ID_MODEL_ID") or _attribute(usb, "idProduct") or "0000",
            vendor=_words(_property(device, "ID_VENDOR")) or _attribute(usb, "manufacturer"),
            name=_plain_name(name) or _words(_property(device, "ID_MODEL")),
            serial=_property(device, "ID_SERIAL_SHORT") or _as_udev_has(_attribute(usb, "serial")),
            port=(path[: interface.start()] if interface else path) if usb else f"{path}/{name}",
            node=f"{interface[1] if interface else ''}.{_attribute(device, 'index') or '0'}",
            device_number=_number(device),
        )

    def _counts(self, device: "pyudev.Device", *, is_usb: bool) -> bool:
        names = (_property(device, "ID_PATH"), _attribute(device, "name"))
        listed = any(fnmatch.fnmatch(name, each) for each in self._allowed for name in names)
        if not (is_usb or listed):
            return False
        if capabilities := _property(device, "ID_V4L_CAPABILITIES"):
            return ":capture:" in capabilities
        return self._asked_whether_it_captures(device)

    def _asked_whether_it_captures(self, device: "pyudev.Device") -> bool:
        """Asked once: to be opened wakes a camera, and one that hangs would hold who asks."""
        key = _is_this(device)
        if key not in self._captures:
            try:
                with opened(device.device_node or "") as descriptor:
                    self._captures[key] = captures_video(descriptor)
            except OSError as error:
                log.debug("%s cannot be asked what it is: %s", device.device_node, error)
                return False
        return self._captures[key]


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
    return CsiModule(device.device_node, name, _property(device, "ID_PATH"))


def _is_this(device: "pyudev.Device") -> tuple[object, ...]:
    """One device from its plugging in to its pulling out: the kernel counts what it names."""
    usb = device.find_parent("usb", "usb_device")
    return device.device_path, device.device_number, _attribute(usb, "devnum")


def _property(device: "pyudev.Device", name: str) -> str:
    """What udev knows of it, as text; "" where it knows nothing.

    The kernel cuts the names of devices after 31 bytes, within a letter if need be.
    """
    try:
        value = device.properties.get(name)
    except UnicodeDecodeError as error:
        value = error.object.decode("utf-8", "replace")
    return printable(value or "")


def _attribute(device: "pyudev.Device | None", name: str) -> str:
    """A file of /sys, as text; "" where there is none."""
    if device is None:
        return ""
    value: bytes | None = device.attributes.get(name)
    return printable(value.decode("utf-8", "replace")) if value else ""


def _path_of(usb: "pyudev.Device | None") -> str:
    """The port where udev has not named it: bus and ports, the same after each start."""
    return f"usb-{usb.sys_name}" if usb is not None else ""


def _as_udev_has(serial: str) -> str:
    """A serial number from the kernel as udev's `usb_id` writes it, or leaves it out.

    The same camera must not become another one where udev begins to look at it.
    """
    if any(not " " <= letter <= "\x7f" or letter == "," for letter in serial):
        return ""
    joined = "_".join(serial.split())
    return "".join(each if each.isalnum() or each in "#+-.:=@_" else "_" for each in joined)


def _words(text: str) -> str:
    """Udev writes underscores for what it leaves out of names."""
    return text.replace("_", " ").strip()


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
