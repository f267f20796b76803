"""Who a camera is: make and model for people, and what stays the same when its address changes."""

import re
from dataclasses import dataclass
from typing import Any, Final

from falconeye.onvif.definitions import Service
from falconeye.onvif.errors import (
    OnvifFault,
    OnvifNotPermitted,
    OnvifNotSupported,
    OnvifUnreadable,
    own_words,
)
from falconeye.onvif.services import Services

_MAC: Final = re.compile(r"(?:[0-9a-f]{2}[:.-]?){5}[0-9a-f]{2}")
_LACKING: Final = (OnvifFault, OnvifNotPermitted, OnvifNotSupported, OnvifUnreadable)


@dataclass(frozen=True, slots=True)
class OnvifInformation:
    """GetDeviceInformation; "" for what the camera does not say."""

    make: str
    model: str
    firmware: str
    serial: str
    hardware: str


@dataclass(frozen=True, slots=True)
class OnvifIdentity:
    """`endpoint_reference` is that of WS-Discovery ("urn:uuid:…"); MACs as "00:11:22:33:44:55"."""

    endpoint_reference: str | None
    macs: tuple[str, ...]


async def read_identity(services: Services) -> OnvifIdentity:
    """What the camera tells of it; nothing of it is mandatory."""
    return OnvifIdentity(await read_endpoint_reference(services), await _macs(services))


async def read_endpoint_reference(services: Services) -> str | None:
    """None where the camera tells none."""
    try:
        answer = await services.call(Service.DEVICE, "GetEndpointReference")
    except _LACKING:
        return None
    guid = answer if isinstance(answer, str) else getattr(answer, "GUID", None)
    return own_words(guid) or None


async def _macs(services: Services) -> tuple[str, ...]:
    try:
        answer = await services.call(Service.DEVICE, "GetNetworkInterfaces")
    except _LACKING:
        return ()
    entries: list[Any] = answer if isinstance(answer, list) else []
    found = (plain_mac(getattr(getattr(e, "Info", None), "HwAddress", None)) for e in entries)
    return tuple(dict.fromkeys(mac for mac in found if mac))


def plain_mac(told: Any) -> str | None:
    """A hardware address in one form; None for what is none, or for the empty one."""
    text = str(told or "").strip().lower()
    if not _MAC.fullmatch(text):
        return None
    digits = re.sub("[^0-9a-f]", "", text)
    mac = ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    return None if mac == "00:00:00:00:00:00" else mac
