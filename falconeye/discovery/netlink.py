"""Asks the kernel for links, addresses and routes (rtnetlink(7)), and hears when they change.

No file is read and nothing waits: the kernel answers within the call, so the loop may ask. It also
answers for the network namespace of the process, which /sys, mounted elsewhere, does not.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final

RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST_DUMP: Final = 0x1 | 0x300
# RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE
CHANGES: Final = 0x1 | 0x10 | 0x40
_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ROUTE_BYTES: Final = 256 * 1024


def dump(request: int, body_bytes: int = 16) -> Iterator[bytes]:
    """The bodies of the kernel's answer to one RTM_GET…, IPv4 only; OSError where it refuses.

    `body_bytes`: the size of the request's own structure, of which the family is the first byte.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(0)
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROUTE_BYTES)
        body = bytes((socket.AF_INET,)).ljust(body_bytes, b"\0")
        kernel.send(_HEADER.pack(16 + len(body), request, _REQUEST_DUMP, 1, 0) + body)
        while True:
            for kind, answer in _messages(kernel.recv(65_536)):
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    number = -int(struct.unpack_from("=i", answer)[0])
                    raise OSError(number, "the kernel does not tell of its network")
                yield answer


def attributes(data: bytes, start: int) -> dict[int, bytes]:
    """The attributes of one body from `start` on, by their number."""
    found: dict[int, bytes] = {}
    while start + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[start + _ATTRIBUTE.size : start + length]
        start += -(-length // 4) * 4
    return found


def changes_socket() -> socket.socket:
    """A socket that becomes readable when a link, an IPv4 address or a route changes."""
    heard = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    heard.settimeout(0)
    heard.bind((0, CHANGES))
    return heard


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, start)
        if length < _HEADER.size:
            return
        yield kind, data[start + _HEADER.size : start + length]
        start += -(-length // 4) * 4
