"""Whether two are one: a camera that is configured already, a serial number in another spelling."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from falconeye.base.errors import Conflict
from falconeye.config.camera import CameraConfig


def refuse_same_device(config: CameraConfig, others: Iterable[CameraConfig]) -> None:
    """Conflict, naming the other, where the same stream of the same device is there already.

    A recorder is one device with many streams. Cheap cameras leave the factory with one endpoint
    reference for all: where hardware address or serial number differ, they are two.
    """
    for other in others:
        if other.id != config.id and _is_same(config, other) and _path(config) == _path(other):
            raise Conflict(f"this is the camera {other.name!r}, which is there already")


def serial_of(config: CameraConfig) -> str:
    """The serial number among what people and devices told of it; "" without."""
    serial = config.metadata.get("serial")
    return serial.strip() if isinstance(serial, str) else ""


def serials_differ(one: str, other: str) -> bool:
    """Whether these are of two devices.

    A device tells its serial number with its model in front here and without it there, by dashes
    or not: where one is a part of the other, nothing is known to differ.
    """
    first, second = (re.sub(r"[^0-9a-z]", "", each.casefold()) for each in (one, other))
    return bool(first and second) and first not in second and second not in first


def _is_same(one: CameraConfig, other: CameraConfig) -> bool:
    pairs = (
        (one.mac_address, other.mac_address),
        (one.metadata.get("serial"), other.metadata.get("serial")),
        (one.endpoint_reference, other.endpoint_reference),
    )
    known = [(mine, theirs) for mine, theirs in pairs if mine and theirs]
    if any(mine != theirs for mine, theirs in known):
        return False
    strong = (one.mac_address, one.endpoint_reference)
    return any(mine in strong for mine, _ in known if mine)


def _path(config: CameraConfig) -> tuple[str, str]:
    parts = urlsplit(config.source_url or "")
    return parts.path, parts.query
