"""Where a connection leads, and which addresses a camera may have."""

import ipaddress
from typing import NamedTuple

from typing_extensions import override


class Peer(NamedTuple):
    """Where a connection leads: the address as text, without a zone, and the port."""

    address: str
    port: int

    @override
    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


def is_allowed(address: str, *, allow_local: bool) -> bool:
    """Whether a camera may be at `address`.

    Never at a multicast, broadcast, reserved or unspecified one; at loopback and link-local ones
    only with `allow_local` (an admin's decision). IPv4 inside IPv6 is judged as IPv4.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    if ip.is_loopback or ip.is_link_local:
        return allow_local
    # ::/8 is "reserved" in IPv6 and holds nothing but the cases above and the old IPv4-compatible
    # form; 0.0.0.0/8 is "this host" in IPv4.
    this_host = ip.version == 4 and int(ip) >> 24 == 0
    return not (ip.is_multicast or ip.is_unspecified or ip.is_reserved or this_host)


def plain_address(address: str) -> str:
    """An address without zone, IPv4 not wrapped in IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ip)
