"""Which announced services may be cameras, and what they tell.

mDNS is a hint: what it finds is confirmed by asking the camera when it is added. `_onvif._tcp` is
no type of the ONVIF standard, though some devices announce it.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from falconeye.base.clock import Clock
from falconeye.discovery.evidence import Evidence, Way, mac_address
from falconeye.discovery.interfaces import Interface
from falconeye.discovery.makes import AXIS, make_named, make_of_mac
from falconeye.discovery.mdns import Browse, Mdns, Service
from falconeye.discovery.ws_discovery import Listing

RTSP: Final = "_rtsp._tcp.local."
HTTP: Final = "_http._tcp.local."
HOMEKIT: Final = "_hap._tcp.local."
TYPES: Final = (
    RTSP,
    HTTP,
    HOMEKIT,
    "_axis-video._tcp.local.",
    "_axis-nvr._tcp.local.",
    "_psia._tcp.local.",
    "_CGI._tcp.local.",
    "_nvr._tcp.local.",
    "_camera._tcp.local.",
    "_onvif._tcp.local.",
)
# HomeKit Accessory Protocol, accessory categories: 17 IP camera, 18 video doorbell.
_HOMEKIT_CAMERAS: Final = frozenset({"17", "18"})
# Web pages of anything are announced: printers, lamps. A camera's is known by its name alone.
_CAMERA_WORDS: Final = re.compile(
    r"cam(?:era)?s?\b|\bip-?cam|webcam|\bnvr\b|\bdvr\b", re.IGNORECASE
)


class MdnsCameras:
    """Puts announced cameras on the list."""

    def __init__(
        self, clock: Clock, listing: Listing, interfaces: Callable[[], tuple[Interface, ...]]
    ) -> None:
        self._clock = clock
        self._listing = listing
        self._interfaces = interfaces
        self._browse: Browse | None = None

    def start(self, mdns: Mdns) -> None:
        """Browse from now on."""
        self._browse = mdns.browse(TYPES, self._found, self._gone)

    async def stop(self) -> None:
        """Browse no more."""
        if self._browse is not None:
            await self._browse.close()
            self._browse = None

    def _found(self, service: Service) -> None:
        evidence = evidence_of(service, self._interfaces(), self._clock.utc_us())
        if evidence is None:
            self._gone(service.key)  # it may have been a camera a moment ago
        else:
            self._listing.note(evidence)

    def _gone(self, key: str) -> None:
        self._listing.gone(Way.MDNS, key)


def evidence_of(
    service: Service, interfaces: tuple[Interface, ...], seen_us: int
) -> Evidence | None:
    """The finding that a service is; None for what is no camera, or nowhere near."""
    address = _near(service.addresses, interfaces)
    if address is None or not _is_camera(service):
        return None
    txt = service.txt
    mac = mac_address(txt.get("macaddress") or txt.get("mac") or "")
    make = make_named(txt.get("manufacturer", ""), service.name, txt.get("md", ""))
    if service.type.startswith("_axis-"):
        make = AXIS
    homekit = service.type == HOMEKIT
    told = {name: value for name, value in txt.items() if value}
    return Evidence(
        Way.MDNS,
        service.key,
        seen_us,
        name=service.name,
        make=make or (make_of_mac(mac) if mac else ""),
        model=txt.get("md") or txt.get("model") or "",
        serial=txt.get("serial") or "",
        address=address,
        port=service.port or None,
        mac=mac,
        url=_stream(service, address),
        usable=not homekit,
        note="homekit" if homekit else "",
        details={"service": service.type.removesuffix(".local."), **told},
    )


def _is_camera(service: Service) -> bool:
    if service.type == HOMEKIT:
        return service.txt.get("ci") in _HOMEKIT_CAMERAS
    if service.type == HTTP:
        return bool(make_named(service.name) or _CAMERA_WORDS.search(service.name))
    return True


def _near(addresses: tuple[str, ...], interfaces: tuple[Interface, ...]) -> str | None:
    """An address on one of our networks: hosts also announce those of their containers."""
    for address in addresses:
        if any(IPv4Address(address) in one.network for one in interfaces):
            return address
    return None


def _stream(service: Service, address: str) -> str | None:
    """Of `_rtsp._tcp`: the address with the path that the TXT record tells, if any."""
    if service.type != RTSP or not service.port:
        return None
    path = service.txt.get("path", "")
    return f"rtsp://{address}:{service.port}/{path.lstrip('/')}"
