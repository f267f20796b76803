"""What leaves a network interface: every packet that this machine sends, as it is on the wire.

A packet socket keeps what it has seen in the kernel until somebody reads; Linux, as root.
"""

import ipaddress
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_ETH_P_ALL: Final = 3
_SO_RCVBUFFORCE: Final = 33
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_KEPT_BYTES: Final = 16 << 20
_IPV4, _ARP, _IPV6 = 0x0800, 0x0806, 0x86DD
_TCP, _UDP = 6, 17
_NO_PORTS: Final = 0

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Packet:
    """One that left: `to` is whom it is for, or for ARP whom it asks for; None: of another kind."""

    kind: str  # "tcp", "udp", "arp", "ip" or "other"
    to: Address | None
    port: int  # 0 where there is none

    def stays(self, networks: tuple[Network, ...]) -> bool:
        """Whether no router passes it on: for an address there, or for all who are on the wire."""
        if self.to is None:
            return False
        if any(self.to in network for network in networks if network.version == self.to.version):
            return True
        if self.to.version == 4:
            return self.to.is_multicast or self.to == ipaddress.IPv4Address("255.255.255.255")
        return self.to.is_link_local or self.to in ipaddress.IPv6Network("ff02::/16")


class Leaving:
    """The packets that were sent since it began."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _KEPT_BYTES)
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def seen(self) -> Counter[Packet]:
        """All of them since the last time; none was missed."""
        found: Counter[Packet] = Counter()
        while True:
            try:
                frame, place = self._socket.recvfrom(65535)
            except BlockingIOError:
                break
            if place[2] == socket.PACKET_OUTGOING:
                found[packet(frame)] += 1
        counted = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        assert struct.unpack("II", counted)[1] == 0, "packets were missed"
        return found


@contextmanager
def leaving(interface: str) -> Iterator[Leaving]:
    recorder = Leaving(interface)
    try:
        yield recorder
    finally:
        recorder.close()


def packet(frame: bytes) -> Packet:
    """What an Ethernet frame (IEEE 802.3) carries."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind == _ARP:
        return Packet("arp", ipaddress.IPv4Address(frame[38:42]), _NO_PORTS)
    if kind == _IPV4:
        header = (frame[14] & 15) * 4
        return _carried(frame[23], ipaddress.IPv4Address(frame[30:34]), frame[14 + header :])
    if kind == _IPV6:
        return _carried(frame[20], ipaddress.IPv6Address(frame[38:54]), frame[54:])
    return Packet("other", None, _NO_PORTS)


def _carried(protocol: int, to: Address, rest: bytes) -> Packet:
    if protocol not in {_TCP, _UDP}:
        return Packet("ip", to, _NO_PORTS)
    return Packet("tcp" if protocol == _TCP else "udp", to, struct.unpack_from("!H", rest, 2)[0])
