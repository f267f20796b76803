"""The nodes that are announced in the LAN, as far as anybody can be believed.

Everybody may announce anything: what stands here are places to ask, and who answers there proves by
its certificate who it is. So a stranger with a member's id is only one more address to try.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import zip_longest
from typing import Any, Final

from falconeye.base.clock import Clock
from falconeye.base.counters import Counter
from falconeye.base.times import SECOND_US
from falconeye.discovery.evidence import clean
from falconeye.discovery.mdns import Service

MAX_NODES: Final = 64  # that are no members
MAX_ADDRESSES: Final = 8  # of one node
MAX_INSTANCES: Final = 8  # that tell of one id
FORGET_US: Final = 600 * SECOND_US  # who is there answers every four minutes
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class FoundNode:
    """Another node, as it tells of itself; nothing of it is proved."""

    node_id: str
    name: str
    version: str
    addresses: tuple[str, ...]  # "host:port" of its listener for nodes, the likeliest first
    web_url: str | None  # of its pages
    is_member: bool

    def as_json(self) -> dict[str, Any]:
        """For the API and `falconeye node list --json`."""
        return {
            "node_id": self.node_id,
            "name": self.name,
            "version": self.version,
            "addresses": list(self.addresses),
            "web_url": self.web_url,
            "is_member": self.is_member,
        }


@dataclass(frozen=True, slots=True)
class DuplicateSuspect:
    """One id under several names at once: a copied SD card, or somebody who wants it to seem so."""

    node_id: str
    announced_as: tuple[str, ...]
    addresses: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For the API."""
        return {
            "node_id": self.node_id,
            "announced_as": list(self.announced_as),
            "addresses": list(self.addresses),
        }


@dataclass(frozen=True, slots=True)
class _Instance:
    """One announcement."""

    node_id: str
    label: str
    name: str
    version: str
    port: int
    web_port: int  # 0: not told
    web_scheme: str
    hosts: tuple[str, ...]
    heard_us: int

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(f"{host}:{self.port}" for host in self.hosts)


class FoundNodes:
    """What is announced now; the same again replaces it."""

    def __init__(
        self,
        own_id: str,
        clock: Clock,
        *,
        is_member: Callable[[str], bool],
        is_near: Callable[[str], bool],
    ) -> None:
        """`is_near`: whether an address is in one of our networks; these are tried first."""
        self.displaced = Counter()  # announcements that made room for newer ones
        self._own_id = own_id
        self._clock = clock
        self._is_member = is_member
        self._is_near = is_near
        self._instances: dict[str, _Instance] = {}  # by full name, the oldest first

    def note(self, service: Service) -> tuple[str, tuple[str, ...]] | None:
        """Take an announcement; its node's id and the addresses that are new, None for neither."""
        one = self._read(service)
        known = () if one is None else self.addresses_of(one.node_id)
        self._instances.pop(service.key, None)  # what is replaced goes to the end, as the newest
        if one is None:
            return None
        self._make_room(one)
        self._instances[service.key] = one
        if one.node_id == self._own_id:
            return None
        new = tuple(each for each in one.addresses if each not in known)
        return (one.node_id, new) if new else None

    def gone(self, key: str) -> None:
        """It said goodbye."""
        self._instances.pop(key, None)

    def found(self) -> list[FoundNode]:
        """All nodes but this one, by name."""
        newest = {one.node_id: one for one in self._fresh() if one.node_id != self._own_id}
        nodes = [self._node(one) for one in newest.values()]
        return sorted(nodes, key=lambda node: (node.name.casefold(), node.node_id))

    def addresses_of(self, node_id: str) -> tuple[str, ...]:
        """Where a node may be: of each announcement the first, then the second ones, at most 8."""
        newest_first = [one.addresses for one in reversed(list(self._fresh(node_id)))]
        turns = (each for turn in zip_longest(*newest_first) for each in turn if each is not None)
        return tuple(dict.fromkeys(turns))[:MAX_ADDRESSES]

    def suspects(self) -> list[DuplicateSuspect]:
        """Ids that several announce, and this node's own where another announces it."""
        by_id: dict[str, list[_Instance]] = {}
        for one in self._fresh():
            by_id.setdefault(one.node_id, []).append(one)
        return [
            DuplicateSuspect(
                node_id, tuple(sorted(each.label for each in some)), self.addresses_of(node_id)
            )
            for node_id, some in sorted(by_id.items())
            if len(some) > 1 or node_id == self._own_id
        ]

    def _fresh(self, node_id: str | None = None) -> Iterator[_Instance]:
        since_us = self._clock.monotonic_us() - FORGET_US
        for one in self._instances.values():
            if one.heard_us > since_us and node_id in (None, one.node_id):
                yield one

    def _make_room(self, new: _Instance) -> None:
        """The newest displaces the oldest: whoever is there comes again, a flood does not last."""
        same = [key for key, one in self._instances.items() if one.node_id == new.node_id]
        if same:
            for key in same[: max(0, len(same) + 1 - MAX_INSTANCES)]:
                self._displace(key)
            return
        if self._is_member(new.node_id) or new.node_id == self._own_id:
            return
        ids = dict.fromkeys(one.node_id for one in self._instances.values())
        strangers = [each for each in ids if not self._is_member(each) and each != self._own_id]
        for node_id in strangers[: max(0, len(strangers) + 1 - MAX_NODES)]:
            for key, one in list(self._instances.items()):
                if one.node_id == node_id:
                    self._displace(key)

    def _displace(self, key: str) -> None:
        del self._instances[key]
        self.displaced.add()

    def _node(self, one: _Instance) -> FoundNode:
        addresses = self.addresses_of(one.node_id)
        return FoundNode(
            one.node_id,
            one.name,
            one.version,
            addresses,
            f"{one.web_scheme}://{one.hosts[0]}:{one.web_port}/" if one.web_port else None,
            self._is_member(one.node_id),
        )

    def _read(self, service: Service) -> _Instance | None:
        """None for what is no node that could be asked."""
        node_id = service.txt.get("id", "").casefold()
        hosts = [host for host in service.addresses if _may_be(host)]
        if not _ID.fullmatch(node_id) or not hosts or not 1 <= service.port <= 65_535:
            return None
        hosts.sort(key=lambda host: not self._is_near(host))
        return _Instance(
            node_id,
            clean(service.name, 64),
            clean(service.txt.get("name", ""), 64) or clean(service.name, 64),
            clean(service.txt.get("v", ""), 32),
            service.port,
            _port(service.txt.get("web", "")),
            "https" if service.txt.get("tls") == "1" else "http",
            tuple(dict.fromkeys(hosts))[:MAX_ADDRESSES],
            self._clock.monotonic_us(),
        )


def _may_be(host: str) -> bool:
    ip = IPv4Address(host)
    no_host = ip.is_loopback or ip.is_multicast or ip.is_unspecified or ip.is_reserved
    return not (no_host or int(ip) >> 24 == 0)


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
    return number if number <= 65_535 else 0
