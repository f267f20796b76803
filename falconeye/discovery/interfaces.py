"""The network interfaces on which cameras are looked for, and whose hardware is at an address.

Those that are up, have a cable and an IPv4 address of a LAN (RFC 1918, RFC 3927) or the default
route. Never those that containers and tunnels bring: a probe there wakes pods, or leaves the house.
"""

import fcntl
import ipaddress
import re
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from falconeye.discovery import netlink
from falconeye.discovery.evidence import mac_address

_NEVER: Final = re.compile(
    r"lo$|cni|flannel|veth|docker|br-[0-9a-f]{12}$|tun|tap|wg|virbr|vnet|cali|cilium|lxc|lxd|weave"
    r"|kube|nodelocaldns|podman|tailscale|zt|ifb|dummy|ppp|sit|gre"
)
# A bridge of this name counts where it carries the default route (OpenWrt calls its LAN so).
_BRIDGE: Final = re.compile(r"br-")
_LAN: Final = tuple(
    map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"))
)
_IFF_UP, _IFF_LOOPBACK, _IFF_POINTOPOINT, _IFF_RUNNING = 0x1, 0x8, 0x10, 0x40
_IFLA_IFNAME = 3
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_OIF = 4
_MAIN_TABLE = 254
_SIOCGARP = 0x8954
_ATF_COM = 0x2


@dataclass(frozen=True, slots=True, order=True)
class Interface:
    """One IPv4 address of one interface."""

    name: str
    index: int  # another one where the interface was taken out and put in again
    address: IPv4Address
    network: IPv4Network
    default_route: bool  # whether what leaves the LAN goes here


def is_lan(network: IPv4Network) -> bool:
    """Whether all of `network` is of a kind that never leaves a site."""
    return any(network.subnet_of(lan) for lan in _LAN)


def look_at_interfaces(*, loopback: bool = False) -> tuple[Interface, ...]:
    """Those to look on now, sorted; `loopback` adds lo, for tests. OSError where it is not told."""
    names = _links(loopback=loopback)
    routed = _default_routes()
    found = []
    for index, address, bits in _addresses():
        name = names.get(index)
        if name is None or (_BRIDGE.match(name) and index not in routed):
            continue
        network = ipaddress.IPv4Network((int(address), bits), strict=False)
        if is_lan(network) or index in routed or address.is_loopback:
            found.append(Interface(name, index, address, network, index in routed))
    return tuple(sorted(set(found)))


def mac_at(address: str, interfaces: tuple[Interface, ...]) -> str | None:
    """The hardware address that the kernel knows for a neighbour (arp(7), SIOCGARP), else None.

    Nothing is sent: None also where nobody has talked to it lately.
    """
    ip = IPv4Address(address)
    for interface in interfaces:
        if ip in interface.network and (mac := _arp_entry(ip, interface.name)) is not None:
            return mac
    return None


def _arp_entry(ip: IPv4Address, device: str) -> str | None:
    asked = struct.pack("=HH4s8x", socket.AF_INET, 0, ip.packed)
    request = bytearray(asked + bytes(16 + 4 + 16) + device.encode().ljust(16, b"\0")[:16])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            fcntl.ioctl(any_socket, _SIOCGARP, request)
        except OSError:  # ENXIO: no entry, ENODEV: the interface has just gone
            return None
    (flags,) = struct.unpack_from("=i", request, 32)
    return mac_address(request[18:24].hex()) if flags & _ATF_COM else None


def _links(*, loopback: bool) -> dict[int, str]:
    """Names by index of the interfaces that may be used at all (struct ifinfomsg)."""
    found = {}
    for body in netlink.dump(netlink.RTM_GETLINK):
        _, _, index, flags, _ = struct.unpack_from("=BxHiII", body)
        name = netlink.attributes(body, 16).get(_IFLA_IFNAME, b"").rstrip(b"\0").decode("latin-1")
        if flags & (_IFF_UP | _IFF_RUNNING) != _IFF_UP | _IFF_RUNNING:
            continue
        if flags & _IFF_LOOPBACK:
            if loopback:
                found[index] = name
        elif not _NEVER.match(name) and not flags & _IFF_POINTOPOINT:
            found[index] = name
    return found


def _addresses() -> list[tuple[int, IPv4Address, int]]:
    """(index, address, prefix length) of each IPv4 address (struct ifaddrmsg)."""
    found = []
    for body in netlink.dump(netlink.RTM_GETADDR):
        family, bits, _, _, index = struct.unpack_from("=BBBBi", body)
        told = netlink.attributes(body, 8)
        raw = told.get(_IFA_LOCAL) or told.get(_IFA_ADDRESS)
        if family == socket.AF_INET and raw is not None:
            found.append((index, IPv4Address(raw), bits))
    return found


def _default_routes() -> frozenset[int]:
    """The interfaces that 0.0.0.0/0 of the main table goes to (struct rtmsg)."""
    found = set()
    for body in netlink.dump(netlink.RTM_GETROUTE):
        family, to_bits, _, _, table = struct.unpack_from("=BBBBB", body)
        interface = netlink.attributes(body, 12).get(_RTA_OIF)
        if family == socket.AF_INET and not to_bits and table == _MAIN_TABLE and interface:
            found.add(struct.unpack("=i", interface)[0])
    return frozenset(found)
