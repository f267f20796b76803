"""Imported cameras as evidence for the list of found cameras."""

import ipaddress
from urllib.parse import urlsplit

from falconeye.config.addresses import DEFAULT_PORTS
from falconeye.config.camera import Protocol
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.imports.imported import ImportedCamera

INCOMPLETE = "incomplete"  # the note of one that lacks something


def evidence_of(camera: ImportedCamera, seen_us: int) -> Evidence:
    """What the file told of `camera`, without its login.

    A host name is not resolved here. A USB camera has no device path: that was another machine's.
    """
    address, port = None, None
    if camera.source_url is not None and not camera.missing:
        parts = urlsplit(camera.source_url)
        address = _address(parts.hostname or "")
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    is_usb = camera.protocol is Protocol.USB
    return Evidence(
        way=Way.IMPORT,
        key=camera.key,
        seen_us=seen_us,
        name=camera.name,
        address=address,
        port=port,
        url=None if is_usb else camera.address,
        usable=not camera.missing,
        note=INCOMPLETE if camera.missing else "",
    ).cleaned()


def _address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None
