"""Whether a camera is configured already under another address."""

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
