"""From a device's own words to a finding: where it really answers, and what it calls itself."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.interfaces import Interface
from falconeye.discovery.makes import make_named
from falconeye.discovery.ws_messages import Device

DEFAULT_PATH: Final = "/onvif/device_service"  # ONVIF Core 5.1.1.1
MAX_PATH: Final = 300
_PORTS: Final = {"http": 80, "https": 443}


class Service(NamedTuple):
    """A device service as it can be reached from here."""

    url: str
    port: int
    foreign: str  # the host that the device named in place of its own; "" where it named that


def evidence_key(device: Device, address: str) -> str:
    """Of one device at one address: who claims another's reference elsewhere replaces nothing."""
    return f"{device.endpoint_reference.casefold()} {address}"


def evidence_of(device: Device, address: str, interface: Interface, seen_us: int) -> Evidence:
    """The finding that `device` answered from `address`, on `interface`."""
    service = service_at(device.addresses, address, interface)
    name, hardware = device.scope("name"), device.scope("hardware")
    details = {
        "location": device.scope("location"),
        "city": device.scope("location/city"),
        "profiles": ", ".join(device.profiles),
        "types": ", ".join(device.types),
        "announced_host": service.foreign if service else "",
    }
    return Evidence(
        Way.ONVIF,
        evidence_key(device, address),
        seen_us,
        name=name or hardware,
        make=make_named(device.scope("manufacturer"), name, hardware),
        model=hardware,
        address=address,
        port=service.port if service else None,
        mac=device.scope("mac") or None,
        endpoint_reference=device.endpoint_reference,
        url=service.url if service else None,
        # A factory address of another network: it is seen, but cannot be reached as it is.
        note="" if IPv4Address(address) in interface.network else "other_network",
        details={name: value for name, value in details.items() if value},
    )


def service_at(announced: Sequence[str], address: str, interface: Interface) -> Service | None:
    """The best of the announced addresses (XAddrs), at the host that answered.

    Devices announce all their addresses, also such as nobody here can reach: behind NAT, of a
    second network card, or link-local ones. The host is always who answered, so no device can
    send us elsewhere.
    """
    found = [
        (_rank(parts, address, interface), n, parts) for n, parts in enumerate(_parsed(announced))
    ]
    if not found:
        return None
    parts = min(found, key=lambda one: one[:2])[2]
    port = parts.port or _PORTS[parts.scheme]
    place = address if port == _PORTS[parts.scheme] else f"{address}:{port}"
    path = parts.path if parts.path not in ("", "/") else DEFAULT_PATH
    query = f"?{parts.query}" if parts.query else ""
    host = parts.hostname or ""
    return Service(f"{parts.scheme}://{place}{path}{query}", port, "" if host == address else host)


def _parsed(announced: Sequence[str]) -> list[SplitResult]:
    found = []
    for text in announced:
        try:
            parts = urlsplit(text)
            port_is_one = parts.port is None or parts.port > 0
        except ValueError:
            continue
        if parts.scheme in _PORTS and parts.hostname and port_is_one and len(text) <= MAX_PATH:
            found.append(parts)
    return found


def _rank(parts: SplitResult, address: str, interface: Interface) -> tuple[int, bool]:
    host = parts.hostname or ""
    if host == address:
        place = 0
    elif ":" in host:
        place = 3
    else:
        place = 1 if _is_in(host, interface) else 2
    return place, parts.scheme != "http"


def _is_in(host: str, interface: Interface) -> bool:
    try:
        return IPv4Address(host) in interface.network
    except ValueError:
        return False
