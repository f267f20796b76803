"""The listening socket, and clear words when it cannot be had."""

import errno
import socket
from typing import Any, Final

from falconeye.base.errors import StartError

# What the kernel may hold of a stream beyond what is on its way (Linux tcp(7)): a viewer that does
# not keep up is noticed at once, and downloads keep the large send buffer. The module has no name.
TCP_NOTSENT_LOWAT: Final = 25
NOTSENT_BYTES: Final = 128 * 1024
BACKLOG: Final = 512


def open_socket(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A bound, listening socket; StartError in words for whoever started the node.

    Port 0 takes a free one. An IPv6 wildcard takes IPv4 as well. `flag` chooses another port.
    """
    family, address = _resolve(host, port)
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_BYTES)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.settimeout(0)
    except OSError as error:
        listening.close()
        raise StartError(_bind_words(error, host, port, flag)) from error
    return listening


def _resolve(host: str, port: int) -> tuple[int, Any]:
    if not 0 <= port <= 65535:
        msg = f"there is no port {port}: ports go from 1 to 65535"
        raise StartError(msg)
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
        )
    except (OSError, UnicodeError) as error:
        msg = f"this machine does not know the address {host!r} to listen on"
        raise StartError(msg) from error
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)  # "localhost": IPv4 first
    return found[0][0], found[0][4]


def _bind_words(error: OSError, host: str, port: int, flag: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} is in use: another program (or FalconEye) listens there; try {flag}"
            )
        case errno.EACCES:
            other = 8900 if flag == "--port" else 8901
            return (
                f"port {port} needs more rights: those below 1024 are for root; try {flag} {other}"
            )
        case errno.EADDRNOTAVAIL:
            return f"this machine has no address {host} to listen on"
        case _:
            return f"cannot listen on {host} port {port}: {error.strerror}"
