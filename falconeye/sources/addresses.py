"""Names to addresses, which of them may be connected to, and connecting so that a stop ends it."""

import errno
import ipaddress
import os
import queue
import select
import socket
import threading
import time

from falconeye.base.peers import Peer, is_allowed, plain_address
from falconeye.events.camera_state import ReasonCode
from falconeye.sources.failures import SourceFailure, answer_failure, network_failure
from falconeye.sources.interrupt import Interrupt

CONNECT_S = 4.0  # longer than the 3 s in which the kernel finds that nobody answers ARP
RESOLVE_S = 10.0
_SLICE_S = 0.1
# Tells our own sockets from libavformat's. Keep-alive is off, so its idle time has no effect.
OWN_MARK_S = 7211


def forbidden(where: str) -> SourceFailure:
    """The failure for an address that a camera may not have."""
    return answer_failure(
        ReasonCode.ADDRESS_FORBIDDEN,
        f"{where} is this machine itself, or no address of a single camera; an admin may allow it",
    )


def resolve(host: str, port: int, interrupt: Interrupt, *, allow_local: bool) -> list[Peer]:
    """The allowed addresses of `host`; SourceFailure when there is none."""
    peers = [Peer(host, port)] if _is_literal(host) else _look_up(host, port, interrupt)
    allowed = [peer for peer in peers if is_allowed(peer.address, allow_local=allow_local)]
    if not allowed:
        raise forbidden(host)
    return allowed


def connect(peers: list[Peer], interrupt: Interrupt) -> socket.socket:
    """A blocking TCP socket to the first of `peers` that answers within 4 s each."""
    failure: SourceFailure | None = None
    for peer in peers:
        try:
            return _connect(peer, interrupt)
        except OSError as error:
            failure = network_failure(error, str(peer))
    assert failure  # noqa: S101 - `resolve` gives at least one address
    raise failure


def peer_of(connection: socket.socket) -> Peer | None:
    """The peer of a connected internet socket; None for others."""
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        name = connection.getpeername()
    except OSError:
        return None  # not connected (any more)
    return Peer(plain_address(str(name[0])), int(name[1]))


def is_own(connection: socket.socket) -> bool:
    """Whether `connect` made this TCP socket (or what it is a duplicate of)."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == OWN_MARK_S


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int, interrupt: Interrupt) -> list[Peer]:
    """`getaddrinfo` cannot be interrupted, so a thread of its own does it while we may stop."""
    answers: queue.SimpleQueue[list[Peer] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([Peer(str(entry[4][0]), port) for entry in found])
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, name=f"resolve-{host}", daemon=True).start()
    deadline = time.monotonic() + RESOLVE_S
    while time.monotonic() < deadline:
        interrupt.check()
        try:
            answer = answers.get(timeout=_SLICE_S)
        except queue.Empty:
            continue
        if isinstance(answer, list) and answer:
            return list(dict.fromkeys(answer))
        break
    raise SourceFailure(ReasonCode.NAME_NOT_FOUND, f"there is no host named {host}")


def _connect(peer: Peer, interrupt: Interrupt) -> socket.socket:
    family = socket.AF_INET6 if ":" in peer.address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, OWN_MARK_S)
        code = connection.connect_ex((peer.address, peer.port))
        if code == errno.EINPROGRESS:
            _await_writable(connection, interrupt)
            code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        _raise(code)
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


def _raise(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))


def _await_writable(connection: socket.socket, interrupt: Interrupt) -> None:
    poller = select.poll()
    poller.register(connection, select.POLLOUT)
    deadline = time.monotonic() + CONNECT_S
    while time.monotonic() < deadline:
        interrupt.check()
        if poller.poll(_SLICE_S * 1000):
            return
    raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
