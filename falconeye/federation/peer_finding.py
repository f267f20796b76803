"""Where other nodes may be, and where they may find this one.

Three ways: what is announced by mDNS, the addresses of a setting, and a name whose addresses are
nodes. All of them are hints: members are known by their certificates alone.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, ip_address
from typing import Final

from falconeye import __version__
from falconeye.base.clock import Clock
from falconeye.base.counters import RepeatingLog
from falconeye.base.tasks import TaskSet
from falconeye.config.peer_addresses import MAX_PEERS, split_host_port
from falconeye.config.settings import NodeSettings
from falconeye.discovery.announcement import Announcement, label
from falconeye.discovery.interface_watch import InterfaceWatch
from falconeye.discovery.interfaces import Interface
from falconeye.discovery.mdns import Browse, Mdns, Service
from falconeye.federation.found_nodes import DuplicateSuspect, FoundNode, FoundNodes
from falconeye.federation.name_lookup import addresses_of_name

TYPE: Final = "_falconeye._tcp.local."
API: Final = "1"  # of what nodes ask one another
MAX_OWN_ADDRESSES: Final = 8
AGAIN_S: Final = 15.0  # listed addresses and names are told of again: who was off may be there
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound

log = logging.getLogger(__name__)


class PeerFinding:
    """Finds from `start` to `stop`; lives on the loop. Callbacks come there and must not wait."""

    def __init__(
        self,
        own_id: str,
        mdns: Mdns | None,
        settings: NodeSettings,
        on_address: Callable[[str, str], None],
        clock: Clock,
        *,
        on_unknown: Callable[[str], None] = lambda _: None,
        on_own_addresses: Callable[[list[str]], None] = lambda _: None,
        is_member: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`mdns`: the process's, which somebody else starts before and stops after; None: quiet.

        `on_address(node_id, "host:port")`: announced, and not known before.
        `on_unknown("host:port")`: listed, or of the service's name; every 15 s, because only who
        asks there learns who that is. It may be this node itself.
        `on_own_addresses(addresses)`: `own_addresses` are others now; not at the start.
        """
        self._own_id = own_id
        self._mdns = mdns
        self._settings = settings
        self._name = ""
        self._on_address = on_address
        self._on_unknown = on_unknown
        self._on_own_addresses = on_own_addresses
        self._nodes = FoundNodes(own_id, clock, is_member=is_member, is_near=self._is_near)
        self._watch = InterfaceWatch(clock, self._interfaces_changed, quiet=True)
        self._tasks = TaskSet("peer-finding")
        self._log = RepeatingLog(log, clock, period_s=3600.0)
        self._browse: Browse | None = None
        self._announcement: Announcement | None = None
        self._peer_port = 0
        self._web_port = 0
        self._own: list[str] | None = None
        # The service's name as long as it has led to no address; "" where it has, or there is none.
        self.unresolved = split_host_port(settings.peer_service)[0] if settings.peer_service else ""

    async def start(self, name: str, peer_port: int, web_port: int) -> None:
        """Find, and be found by this name and at these ports."""
        self._name, self._peer_port, self._web_port = name, peer_port, web_port
        self._watch.start()
        self._own = self.own_addresses(peer_port)
        log.info("other nodes may reach this one at %s", ", ".join(self._own))
        if self._mdns is not None:
            self._browse = self._mdns.browse([TYPE], self._announced, self._nodes.gone)
            self._announce(self._mdns)
        if self._settings.peers:
            _ = self._tasks.start(self._tell_of_listed(), "listed")
        if self._settings.peer_service:
            _ = self._tasks.start(self._ask_service(self._settings.peer_service), "service")

    async def stop(self) -> None:
        """Say goodbye and find no more; what was found stays."""
        self._own = None
        await self._tasks.stop()
        if self._announcement is not None:
            await self._announcement.close()
            self._announcement = None
        if self._browse is not None:
            await self._browse.close()
            self._browse = None
        await self._watch.stop()

    def rename(self, name: str) -> None:
        """This node is called otherwise from now on."""
        self._name = name
        if self._announcement is not None:
            self._announcement.update(name=self._label(), txt=self._txt())

    def found(self) -> list[FoundNode]:
        """Nodes that announce themselves, by name; who fell silent stays for ten minutes."""
        return self._nodes.found()

    def addresses_of(self, node_id: str) -> tuple[str, ...]:
        """Where a node announces itself now ("host:port"), the likeliest first, at most 8."""
        return self._nodes.addresses_of(node_id)

    def duplicate_suspects(self) -> list[DuplicateSuspect]:
        """Ids that are announced under two names at once; only who connects can tell why."""
        return self._nodes.suspects()

    def own_addresses(self, peer_port: int) -> list[str]:
        """Where others may reach this node ("host:port"), as it stands after `start`.

        Those of the LAN, the default route's first, at most 8; loopback where there is nothing
        else. Where the node listens at one address only, that one.
        """
        return own_addresses(self._settings.host, self._watch.current, peer_port)

    def look_now(self) -> None:
        """Ask the network again; answers come within seconds."""
        if self._mdns is not None:
            self._mdns.look_now()

    def _announce(self, mdns: Mdns) -> None:
        only = self._settings.host
        if only in _EVERYWHERE:
            self._announcement = mdns.announce(TYPE, self._label(), self._peer_port, self._txt())
        elif _is_lan_address(only):
            self._announcement = mdns.announce(
                TYPE, self._label(), self._peer_port, self._txt(), only=only
            )
        else:
            log.info("this node is not announced to others: it listens at %s only", only)

    def _label(self) -> str:
        return label(self._name, f"-{self._own_id[:8]}")

    def _txt(self) -> dict[str, str]:
        """RFC 6763, 6; `web` is the port of the pages, `tls` says that it speaks HTTPS."""
        secured = {"tls": "1"} if self._settings.scheme == "https" else {}
        return {
            "id": self._own_id,
            "v": __version__,
            "name": self._name,
            "web": str(self._web_port),
            "api": API,
            **secured,
        }

    def _announced(self, service: Service) -> None:
        own = self._announcement
        if own is not None and service.name.casefold() == own.name.casefold():
            return
        new = self._nodes.note(service)
        if new is not None:
            node_id, addresses = new
            for address in addresses:
                self._on_address(node_id, address)

    async def _tell_of_listed(self) -> None:
        while True:
            self._tell_of(self._settings.peers)
            await asyncio.sleep(AGAIN_S)

    async def _ask_service(self, name: str) -> None:
        """An answer counts until the next one: a resolver that is away takes no node away."""
        host, port = split_host_port(name)
        found: tuple[str, ...] = ()
        while True:
            try:
                found = await addresses_of_name(host, port)
            except (OSError, UnicodeError) as error:
                self._log.warning(f"the nodes of the service {host} are not known: {error}")
            self._tell_of(found[:MAX_PEERS])
            if found:
                self.unresolved = ""
            await asyncio.sleep(AGAIN_S)

    def _tell_of(self, addresses: Iterable[str]) -> None:
        own = set(own_addresses("0.0.0.0", self._watch.current, self._peer_port))  # noqa: S104
        for address in addresses:
            if address not in own:
                self._on_unknown(address)

    def _is_near(self, host: str) -> bool:
        return any(IPv4Address(host) in one.network for one in self._watch.current)

    def _interfaces_changed(self, _: tuple[Interface, ...]) -> None:
        if self._own is None:
            return
        now = self.own_addresses(self._peer_port)
        if now != self._own:
            self._own = now
            log.info("other nodes may reach this one at %s from now on", ", ".join(now))
            self._on_own_addresses(now)


def own_addresses(host: str, interfaces: Iterable[Interface], port: int) -> list[str]:
    """At which of `interfaces` a node that listens on `host` is reached; see `PeerFinding`."""
    if host not in _EVERYWHERE:
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    likeliest = sorted(interfaces, key=lambda one: (not one.default_route, one))
    lan = [one.address for one in likeliest if not one.address.is_loopback]
    return [f"{each}:{port}" for each in lan[:MAX_OWN_ADDRESSES] or [IPv4Address("127.0.0.1")]]


def _is_lan_address(host: str) -> bool:
    try:
        ip = ip_address(host)
    except ValueError:
        return False
    return isinstance(ip, IPv4Address) and not ip.is_loopback
