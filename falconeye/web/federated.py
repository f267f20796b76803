"""The node among others, as the web serves it: federation and its listener, in order."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from litestar import Litestar

from falconeye.base.errors import StartError
from falconeye.base.node_name import NodeName
from falconeye.base.tasks import TaskSet
from falconeye.base.times import MINUTE_US
from falconeye.config.noted_twins import write_twins
from falconeye.config.serving_address import remove_peer_place, write_peer_place
from falconeye.config.settings import DEFAULT_PEER_PORT, NodeSettings
from falconeye.events.bus import WallsChanged
from falconeye.federation.actions import Actions
from falconeye.federation.coverage_exchange import CoverageExchange
from falconeye.federation.data_keys import DataKeys
from falconeye.federation.federation import Federation, FederationParts
from falconeye.federation.joiner import Joiner
from falconeye.federation.node_keys import load_node_keys
from falconeye.federation.peer_finding import PeerFinding
from falconeye.federation.placement.load import Defaults
from falconeye.federation.self_report import SelfReport
from falconeye.federation.twins import WORDS
from falconeye.federation.unknown_addresses import UnknownAddresses
from falconeye.federation.view import FederationView
from falconeye.storage.index.database import Database
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.credentials import CredentialCipher, load_cipher
from falconeye.storage.stores.encrypting_anew import encrypt_anew
from falconeye.storage.stores.join_offers import JoinOffers
from falconeye.storage.stores.member_store import MemberStore
from falconeye.web.cluster import STATE_KEY as VIEW_KEY
from falconeye.web.listening_socket import open_socket
from falconeye.web.peers.exports import PeerFootage
from falconeye.web.peers.listener import PeerListener
from falconeye.web.peers.proxy_upstream import Elsewhere
from falconeye.web.peers.state import STATE_KEY
from falconeye.web.pod_state import STATE_KEY as POD_KEY
from falconeye.web.pod_state import is_in_pod
from falconeye.web.services import Services
from falconeye.web.shell import STATE_KEY as SHELL_KEY
from falconeye.web.shell import Shell

if TYPE_CHECKING:
    from falconeye.web.pod import Pod

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all members have alike, as it lies on this node."""

    database: Database
    cipher: CredentialCipher
    replica: Replica


class Federated:
    """Opened before the application is built, started after it serves, stopped before it ends."""

    def __init__(
        self,
        federation: Federation,
        finding: PeerFinding,
        unknown: UnknownAddresses,
        listening: socket.socket,
        report: SelfReport,
        shared: Shared,
        settings: NodeSettings,
        coverage: CoverageExchange,
    ) -> None:
        self._settings = settings
        self._coverage = coverage
        self.federation = federation
        self._finding = finding
        self._unknown = unknown
        self.elsewhere = Elsewhere(federation.who, federation.clients)
        self._socket = listening
        self._report = report
        self._shared = shared
        self._listener: PeerListener | None = None
        self._announced = ""
        self._called: NodeName | None = None
        self._pod: Pod | None = None
        self._noted_at_us: int | None = None
        self._tasks = TaskSet("federated")

    @classmethod
    async def open(cls, services: Services, report: SelfReport, shared: Shared) -> "Federated":
        """StartError where the node's key cannot be read, or somebody has the port."""
        settings, clock = services.settings, services.clock
        keys = await asyncio.to_thread(load_node_keys, settings.data_dir, services.node_id)
        listening = await asyncio.to_thread(_open_peer_socket, settings)
        port: int = listening.getsockname()[1]

        async def read_again() -> None:
            await services.stored_settings.load()
            await services.cameras.reload()

        parts = FederationParts(
            keys=keys,
            boot_id=secrets.token_hex(8),
            database=shared.database,
            members=MemberStore(shared.database),
            replica=shared.replica,
            data_keys=lambda connect: DataKeys(
                shared.cipher, settings.data_dir, connect, read_again
            ),
            accounts=services.accounts,
            cameras=services.cameras,
            report=report,
            bus=services.bus,
            clock=clock,
            own_addresses=lambda: finding.own_addresses(port),
            offers=JoinOffers(shared.database, clock),
            defaults=lambda: Defaults(
                services.stored_settings.current.default_recorder_node,
                services.stored_settings.current.default_camera_node,
            ),
            name=services.node_name,
        )
        federation = Federation(parts)
        unknown = UnknownAddresses(federation)
        looks = services.finding
        finding = PeerFinding(
            services.node_id,
            looks.discovery.mdns if looks.looks_in_network else None,
            settings,
            federation.hear_of,
            clock,
            on_unknown=unknown.look_at,
            on_own_addresses=lambda _: federation.moved(),
            is_member=lambda node_id: federation.members.get(node_id) is not None,
        )
        coverage = CoverageExchange(
            services.coverage.told,
            federation.peers,
            federation.ways.of,
            lambda: [each.config.id for each in services.cameras.list()],
            clock,
        )
        return cls(federation, finding, unknown, listening, report, shared, settings, coverage)

    async def start(self, app: Litestar) -> None:
        """Listen to peers and talk to them; `app` serves already."""
        shell: Shell = app.state[SHELL_KEY]
        services, federation = shell.services, self.federation
        await federation.members.load()
        self._called = services.called
        self._called.change(federation.name)
        self._listener = PeerListener(
            app,
            self._socket,
            federation.keys,
            federation.members.known,
            look_again=federation.look_again,
            is_alone=True,
        )
        app.state[STATE_KEY] = federation
        services.exports.elsewhere = PeerFootage(federation)
        listener = self._listener
        app.state[VIEW_KEY] = FederationView(
            federation,
            self._report,
            lambda: listener.refusals,
            Actions(federation, self._joiner, self._encrypt_anew),
            self._finding.duplicate_suspects,
        )
        federation.peers.twins.on_seen = self._note_twins
        self._follow_applied(services)
        services.alerts.recorded_elsewhere = federation.peers.records
        await listener.start()
        federation.on_peers = self._follow_peers
        federation.on_removed.append(listener.hang_up)
        self._announced = federation.name
        await self._finding.start(federation.name, listener.port, services.settings.port)
        await federation.start()
        services.jobs.begin()
        await self._start_in_pod(app, listener)
        await self._note_place()

    async def _start_in_pod(self, app: Litestar, listener: PeerListener) -> None:
        """What a node has under Kubernetes alone is loaded there alone."""
        if self._settings.cluster_key_file is None and not is_in_pod(os.environ):
            return
        from falconeye.federation.arriving import Arrival  # noqa: PLC0415 - as its docstring says
        from falconeye.web.pod import Pod, PodParts  # noqa: PLC0415

        shell: Shell = app.state[SHELL_KEY]
        parts = PodParts(
            shell.services, self.federation, self._report, self._shared.replica,
            Arrival(self.federation, self._finding, self._unknown),
            self._encrypt_anew, listener.refusals.add,
        )  # fmt: skip
        self._pod = app.state[POD_KEY] = Pod(parts, os.environ)
        self._unknown.on_stranger = self._pod.meet
        await self._pod.start()

    async def _follow_peers(self) -> None:
        """There are peers, or they are others than before; this node may be called otherwise."""
        self._coverage.start()
        if self._listener is not None:
            await self._listener.load()
        if self._announced != self.federation.name:
            self._announced = self.federation.name
            self._finding.rename(self._announced)
            if self._called is not None:
                self._called.change(self._announced)

    async def _note_place(self) -> None:
        """For `falconeye node code`; a full disk is no reason not to record."""
        name, addresses = self.federation.name, self.federation.own_addresses()
        await self._noted(partial(write_peer_place, self._settings.data_dir, name, addresses))

    def _note_twins(self) -> None:
        """For `falconeye node list`, once a minute."""
        federation = self.federation
        now_us, twins = federation.utc_us(), federation.peers.twins
        if self._noted_at_us is not None and abs(now_us - self._noted_at_us) < MINUTE_US:
            return
        self._noted_at_us = now_us
        found = twins.seen()
        if twins.own_is_copied:
            found[federation.own_id] = tuple(federation.own_addresses())
        for node_id, addresses in found.items():
            log.warning("the id of node %s is at %s: %s", node_id, ", ".join(addresses), WORDS)
        write = partial(write_twins, self._settings.data_dir, found, now_us)
        _ = self._tasks.start(self._noted(write), "twins")

    @staticmethod
    async def _noted(change: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(change)
        except OSError as error:
            log.warning("what other commands ask for is not noted for them: %s", error)

    async def read_keys(self) -> None:
        """The command line may have brought other data keys."""
        settings, cipher = self._settings, self._shared.cipher
        stored = await asyncio.to_thread(
            load_cipher, settings.data_dir, settings.data_key_file, os.environ
        )
        if stored.keys != cipher.keys:
            cipher.adopt(stored.keys)

    async def reload(self) -> None:
        """The command line may have joined a cluster, or changed its members."""
        await self.federation.reload()

    async def stop(self) -> None:
        """Say good-bye to peers, and end what they have open here."""
        if self._pod is not None:
            await self._pod.stop()
        await self._coverage.stop()
        await self.federation.stop()
        await self._tasks.stop()
        await self._finding.stop()
        await self._unknown.stop()
        await self._noted(partial(remove_peer_place, self._settings.data_dir))
        if self._listener is not None:
            await self._listener.stop()

    def close(self) -> None:
        """Give the port back, where it was never listened at."""
        self._socket.close()

    def _follow_applied(self, services: Services) -> None:
        """Whoever keeps shared rows in memory reads them again after a peer changed them."""

        async def walls_changed() -> None:
            services.bus.publish(WallsChanged())

        readers = {
            "cameras": services.cameras.reload,
            "settings": services.stored_settings.load,
            "users": services.accounts.reload,
            "tokens": services.accounts.reload,
            "displays": services.accounts.reload,
            "sessions": services.accounts.reload,
            "ignored_candidates": services.finding.candidates.load,
            "walls": walls_changed,
        }

        async def applied(kinds: frozenset[str]) -> None:
            for read in dict.fromkeys(readers[kind] for kind in sorted(kinds) if kind in readers):
                await read()

        self._shared.replica.on_applied.insert(0, applied)

    def _joiner(self) -> Joiner:
        federation = self.federation
        return Joiner(
            federation.keys,
            federation.name,
            federation.own_addresses(),
            self._shared.replica,
            federation.data_keys,
            federation.clock,
        )

    async def _encrypt_anew(self) -> None:
        _ = await encrypt_anew(self._shared.database, self._shared.cipher)


def _open_peer_socket(settings: NodeSettings) -> socket.socket:
    """The default port may be another node's on this machine; one that was chosen must be ours."""
    try:
        return open_socket(settings.host, settings.peer_port, "--peer-port")
    except StartError as error:
        if settings.peer_port != DEFAULT_PEER_PORT:
            raise
        log.warning("%s; other nodes reach this one at another port", error)
        return open_socket(settings.host, 0, "--peer-port")
