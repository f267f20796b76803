"""What is plugged into this node as findings, and which camera a new one may be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from falconeye.config.camera import CameraConfig, Protocol
from falconeye.devices.udev import Plugged
from falconeye.devices.usb_camera import Presence, UsbCamera, find, is_identity, replaces
from falconeye.discovery.evidence import Evidence, Way


@dataclass(frozen=True, slots=True)
class Offer:
    """A device may be a camera that is missing, or that several claim to be: a person says so."""

    camera_id: str
    device_identity: str
    device_path: str


def evidence_of(plugged: Plugged, seen_us: int) -> Iterator[Evidence]:
    """A finding for each device. Its key is the port: of twins both are told."""
    for camera in plugged.cameras:
        yield Evidence(
            way=Way.USB,
            key=camera.identities[-1],
            seen_us=seen_us,
            name=camera.name,
            make=camera.vendor,
            model=camera.name,
            serial=camera.serial,
            device_identity=camera.identity,
            device_path=camera.device_path,
            details={"port": camera.port, "id": camera.model},
        )
    for module in plugged.modules:
        yield Evidence(
            way=Way.CSI,
            key=module.port or module.device_path,
            seen_us=seen_us,
            name=module.name,
            device_path=module.device_path,
            usable=False,
            note="csi",
        )


def offers(configs: Iterable[CameraConfig], cameras: Sequence[UsbCamera]) -> list[Offer]:
    """Each camera that is not at its port, with each device that may be it.

    Only devices that are no configured camera themselves. Where several claim to be one camera each
    of them is offered: whichever is chosen is told by its port from then on.
    """
    usb = [
        config
        for config in configs
        if config.protocol is Protocol.USB and is_identity(config.device_identity or "")
    ]
    found = {config.id: find(config.device_identity or "", cameras) for config in usb}
    taken = {
        camera.device_path
        for one in found.values()
        if one.presence in (Presence.PRESENT, Presence.CONFLICT)
        for camera in one.cameras
    }
    claims = [
        Offer(config.id, camera.identity, camera.device_path)
        for config in usb
        if found[config.id].presence is Presence.CONFLICT
        for camera in found[config.id].cameras
    ]
    return claims + [
        Offer(config.id, camera.identity, camera.device_path)
        for config in usb
        if found[config.id].presence in (Presence.MISSING, Presence.OTHER)
        for camera in cameras
        if camera.device_path not in taken and replaces(config.device_identity or "", camera)
    ]
