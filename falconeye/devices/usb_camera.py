"""One camera at a USB port as udev tells it, and what it stays itself by.

A device node's number (`/dev/video0`) says nothing: it goes to whoever comes first. A serial number
does while no other device of the same vendor and product on this node has it, too; else the port
does. Cheap cameras of one batch often share a serial, or have none.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from falconeye.base.errors import InvalidInput

_KINDS = ("serial", "port")


@dataclass(frozen=True, slots=True)
class UsbCamera:
    """One capture node of a device that is plugged in."""

    device_path: str  # "/dev/video0": now, and no longer than it is plugged in
    vendor_id: str  # 4 hexadecimal digits, like the next
    product_id: str
    vendor: str
    name: str  # what the device calls itself
    serial: str  # "" where it has none
    port: str  # path of the USB port: "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.2"
    node: str  # "" for the device's first capture node, else interface and index: "02.0"
    device_number: int  # st_rdev of the device node
    serial_is_unique: bool = True

    @property
    def identity(self) -> str:
        """What it stays itself by, as it is stored: "usb:046d:0825:serial:SN12345"."""
        return self.identities[0]

    @property
    def identities(self) -> tuple[str, ...]:
        """The one above and, where a serial is it, that of the port."""
        node = f"#{self.node}" if self.node else ""
        kinds = [("port", self.port)]
        if self.serial and self.serial_is_unique:
            kinds.insert(0, ("serial", self.serial))
        return tuple(f"usb:{self.model}:{kind}:{_escaped(value)}{node}" for kind, value in kinds)

    @property
    def model(self) -> str:
        """Vendor and product: what twins share."""
        return f"{self.vendor_id}:{self.product_id}"


class Presence(StrEnum):
    """Whether the camera that an identity names is there."""

    PRESENT = "present"
    MISSING = "missing"
    OTHER = "other"  # another device is at its port
    CONFLICT = "conflict"  # several claim to be it


@dataclass(frozen=True, slots=True)
class Found:
    """What an identity leads to; `cameras` are those that claim it, or sit at its port."""

    presence: Presence
    cameras: tuple[UsbCamera, ...] = ()


def with_unique_serials(cameras: Iterable[UsbCamera]) -> list[UsbCamera]:
    """The same cameras, each told whether its serial is its own on this node.

    Several capture nodes of one device share its port and so its serial.
    """
    present = list(cameras)
    devices = {(camera.model, camera.serial, camera.port) for camera in present}
    owners = Counter((model, serial) for model, serial, _ in devices)
    return [
        replace(camera, serial_is_unique=owners[camera.model, camera.serial] == 1)
        for camera in present
    ]


def find(identity: str, cameras: Sequence[UsbCamera]) -> Found:
    """The camera of a stored identity among those that are plugged in.

    Several with its serial are a conflict that a person has to settle. One with another serial at
    a port is another camera, whatever the stored identity says of the port. InvalidInput for what
    is no identity.
    """
    vendor_id, product_id, kind, value, node = _parts(identity)
    model = f"{vendor_id}:{product_id}"
    same_node = [camera for camera in cameras if camera.node == node]
    if kind == "serial":
        claim = [one for one in same_node if one.model == model and one.serial == value]
        if len(claim) > 1:
            return Found(Presence.CONFLICT, tuple(claim))
        return Found(Presence.PRESENT if claim else Presence.MISSING, tuple(claim))
    at_port = [one for one in same_node if one.port == value]
    its_kind = tuple(one for one in at_port if one.model == model)
    if its_kind:
        return Found(Presence.PRESENT if len(its_kind) == 1 else Presence.CONFLICT, its_kind)
    return Found(Presence.OTHER if at_port else Presence.MISSING, tuple(at_port))


def is_identity(text: str) -> bool:
    """Whether `find` can read it."""
    try:
        _parts(text)
    except InvalidInput:
        return False
    return True


def replaces(identity: str, camera: UsbCamera) -> bool:
    """Whether `camera` may be the one of that identity on another port.

    Only one without a serial of its own, of the same vendor and product.
    """
    vendor_id, product_id, kind, _, node = _parts(identity)
    same = camera.model == f"{vendor_id}:{product_id}" and camera.node == node
    return kind == "port" and same and not (camera.serial and camera.serial_is_unique)


def _escaped(value: str) -> str:
    """A "#" within it begins no node: a serial number may be anything."""
    return value.replace("%", "%25").replace("#", "%23")


def _parts(identity: str) -> tuple[str, str, str, str, str]:
    """Vendor, product, kind, value, node. Values hold colons themselves: ports do."""
    head, _, rest = identity.partition(":")
    vendor_id, _, rest = rest.partition(":")
    product_id, _, rest = rest.partition(":")
    kind, _, value = rest.partition(":")
    value, _, node = value.partition("#")
    value = value.replace("%23", "#").replace("%25", "%")
    if head != "usb" or kind not in _KINDS or not (vendor_id and product_id and value):
        msg = "this names no USB camera"
        raise InvalidInput(msg, field="device_path")
    return vendor_id, product_id, kind, value, node
