"""The sockets of WS-Discovery: one per interface that probes, one that hears who comes and goes."""

import asyncio
import socket
import struct
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from typing_extensions import override

from falconeye.base.peers import is_allowed
from falconeye.discovery.interfaces import Interface, is_lan
from falconeye.discovery.ws_budget import Budget
from falconeye.discovery.ws_messages import (
    MULTICAST_GROUP,
    PORT,
    Message,
    NotUnderstood,
    probe,
    read_message,
)

MAX_ANSWERS: Final = 512  # to one probe
_IP_MULTICAST_ALL: Final = 49
_RECEIVE_BYTES: Final = 1024 * 1024  # a whole LAN answers within half a second

# What was told, from which address, on which interface.
Told = Callable[[Message, str, Interface], None]


class _Listening(asyncio.DatagramProtocol):
    """A socket that reads what strangers send, until it is closed or flooded."""

    def __init__(self, told: Told) -> None:
        self.budget = Budget()
        self.broken = False  # it cannot send, or was flooded
        self._told = told
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()

    async def close(self) -> None:
        """Nothing is read any more."""
        if self._transport is not None:
            self._transport.abort()
            await self._closed.wait()

    async def _open(self, prepare: Callable[[socket.socket], None]) -> None:
        """`prepare` sets and binds it; OSError where that fails."""
        local = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            local.settimeout(0)
            prepare(local)
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=local)
        except OSError:
            local.close()
            raise

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def _give_up_if_flooded(self) -> None:
        """Close, so that the kernel throws away the rest; the next round opens another."""
        if self.budget.is_flooded and self._transport is not None:
            self.broken = True
            self._transport.abort()


class ProbeSocket(_Listening):
    """Probes one interface and reads the answers, which come to its own port alone."""

    def __init__(self, interface: Interface, told: Told, failed: Callable[[str], None]) -> None:
        super().__init__(told)
        self._interface = interface
        self._failed = failed
        self._asked: Counter[str] = Counter()  # answers by MessageID
        self._asked_before: Counter[str] = Counter()

    async def open(self) -> None:
        """OSError where the interface has gone."""
        await self._open(self._prepare)

    def _prepare(self, local: socket.socket) -> None:
        address = self._interface.address
        local.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address.packed)
        local.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        local.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        local.bind((str(address), 0))

    @property
    def port(self) -> int | None:
        """Where answers are read; None while it is closed."""
        if self._transport is None or self._transport.is_closing():
            return None
        return int(self._transport.get_extra_info("sockname")[1])

    def begin_round(self) -> None:
        """Answers to the round before the last one are not waited for any more."""
        self.budget.renew()
        self._asked_before, self._asked = self._asked, Counter()

    def send(self, *, cameras_only: bool) -> None:
        """One Probe; `failed` is told where it cannot be sent."""
        if self._transport is None or self._transport.is_closing():
            return
        asked = str(uuid.uuid4())
        self._asked[asked] = 0
        message = probe(f"urn:uuid:{asked}", cameras_only=cameras_only)
        self._transport.sendto(message, (MULTICAST_GROUP, PORT))

    @override
    def error_received(self, exc: Exception) -> None:
        self.broken = True
        self._failed(f"no probe can be sent on {self._interface.name}: {exc}")

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not may_answer(addr[0], self._interface) or not self.budget.take(addr[0], len(data)):
            self._give_up_if_flooded()
            return
        try:
            message = read_message(data)
        except NotUnderstood:
            self.budget.refused += 1
            return
        if message.kind != "ProbeMatches" or not self._is_answer(message.relates_to or ""):
            self.budget.refused += 1
            return
        self._told(message, addr[0], self._interface)

    def _is_answer(self, relates_to: str) -> bool:
        relates_to = relates_to.rpartition(":")[2]  # some say "uuid:…" only
        for asked in (self._asked, self._asked_before):
            if relates_to in asked and asked[relates_to] < MAX_ANSWERS:
                asked[relates_to] += 1
                return True
        return False


class HelloSocket(_Listening):
    """Hears Hello and Bye (WS-Discovery 4) on our interfaces, beside others who listen."""

    def __init__(self, interfaces: Iterable[Interface], told: Told) -> None:
        super().__init__(told)
        self._interfaces = tuple(interfaces)

    async def open(self) -> None:
        """OSError where somebody holds the port for himself."""
        await self._open(self._prepare)

    def _prepare(self, local: socket.socket) -> None:
        local.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Only what we joined, not what others on this machine did on other interfaces.
        local.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        # Bound to the group, so that what is sent to this machine goes to its own responder.
        local.bind((MULTICAST_GROUP, PORT))
        group = socket.inet_aton(MULTICAST_GROUP)
        for interface in self._interfaces:
            joined = struct.pack("=4s4s", group, interface.address.packed)
            local.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if b"Hello" not in data and b"Bye" not in data:
            return  # a Probe of somebody, our own among them
        possible = [one for one in self._interfaces if may_answer(addr[0], one)]
        if not possible or not self.budget.take(addr[0], len(data)):
            self._give_up_if_flooded()
            return
        near = (one for one in possible if IPv4Address(addr[0]) in one.network)
        try:
            message = read_message(data)
        except NotUnderstood:
            self.budget.refused += 1
            return
        if message.kind in ("Hello", "Bye"):
            self._told(message, addr[0], next(near, possible[0]))


def may_answer(address: str, interface: Interface) -> bool:
    """Whether a device may be at `address`: on the interface, or with a factory address."""
    ip = IPv4Address(address)
    if not is_allowed(address, allow_local=True):
        return False
    return ip in interface.network or is_lan(IPv4Network(f"{address}/32"))
