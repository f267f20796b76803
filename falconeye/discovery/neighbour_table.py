"""All neighbours that the kernel knows (RFC 826), and which of them are routers; asked by netlink.

Nothing is sent, nothing waits, and the answer is that of the namespace of the calling thread.
"""

import ipaddress
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from falconeye.discovery import netlink
from falconeye.discovery.evidence import mac_address

_NDMSG_BYTES: Final = 12
_NDA_DST, _NDA_LLADDR, _NDA_CACHEINFO = 1, 2, 3
_RTA_GATEWAY = 5
# include/uapi/linux/neighbour.h: reachable, stale, delay, probe, permanent. The others hold a
# hardware address that nobody answers for any more, or none.
_NUD_VALID: Final = 0x02 | 0x04 | 0x08 | 0x10 | 0x80


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry of the table."""

    address: IPv4Address
    mac: str  # as `evidence.mac_address` writes it
    silent_s: float  # since somebody there answered


def look_at_neighbours() -> tuple[Neighbour, ...]:
    """Those at IPv4 addresses that have answered; OSError where the kernel does not tell."""
    return tuple(_neighbours(os.sysconf("SC_CLK_TCK")))


def gateways() -> frozenset[IPv4Address]:
    """The routers that IPv4 routes lead to; OSError where the kernel does not tell."""
    found = set()
    for body in netlink.dump(netlink.RTM_GETROUTE):
        raw = netlink.attributes(body, 12).get(_RTA_GATEWAY, b"")
        if len(raw) == 4:
            found.add(IPv4Address(raw))
    return frozenset(found)


def _neighbours(ticks_per_s: int) -> Iterator[Neighbour]:
    """As struct ndmsg and nda_cacheinfo tell them; the times of these are ticks that went by."""
    for body in netlink.dump(netlink.RTM_GETNEIGH, _NDMSG_BYTES):
        _, _, state, _, _ = struct.unpack_from("=B3xiHBB", body)
        told = netlink.attributes(body, _NDMSG_BYTES)
        raw, hardware = told.get(_NDA_DST, b""), told.get(_NDA_LLADDR, b"")
        if not state & _NUD_VALID or len(raw) != 4 or len(hardware) != 6:
            continue
        mac = mac_address(hardware.hex())
        address = ipaddress.IPv4Address(raw)
        if mac is None or address.is_multicast:
            continue
        confirmed, _, updated = struct.unpack_from("=III", told.get(_NDA_CACHEINFO, bytes(12)))
        yield Neighbour(address, mac, min(confirmed, updated) / ticks_per_s)
