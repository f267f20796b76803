"""This node among the others: everything of the cluster, built, started and stopped in one place.

```
 members ──▶ clients ──▶ beats ──▶ peers ──▶ states of their cameras (pages)
 (replicated)              │         └────▶ exchange: configuration that is new
                           └─ tell: position, report, own cameras
```
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from falconeye import __version__
from falconeye.accounts.service import Accounts
from falconeye.base.clock import Clock
from falconeye.base.errors import Conflict, FalconEyeError, NotFound
from falconeye.base.tasks import TaskSet
from falconeye.cameras.registry import CameraRegistry
from falconeye.config.addresses import address_key, stays_with_node
from falconeye.config.camera import CameraConfig
from falconeye.events.bus import EventBus
from falconeye.federation.beat import Beat
from falconeye.federation.beats import Beats
from falconeye.federation.camera_states import CameraStates
from falconeye.federation.cluster_actions import Removal
from falconeye.federation.data_keys import DataKeys
from falconeye.federation.exchange import Exchange, conflict_words
from falconeye.federation.failover import Failover
from falconeye.federation.join_code import JoinCode
from falconeye.federation.join_words import JoinAnswer, JoinRequest
from falconeye.federation.joining import Configured, Joining
from falconeye.federation.membership import Membership
from falconeye.federation.node_keys import NodeKeys
from falconeye.federation.peer_clients import PeerClients
from falconeye.federation.peers import Peer, Peers
from falconeye.federation.placement.load import Defaults
from falconeye.federation.placing import Placing
from falconeye.federation.report import NodeReport
from falconeye.federation.self_report import SelfReport
from falconeye.federation.ways import Way, Ways
from falconeye.federation.who import Who
from falconeye.storage.index.database import Database
from falconeye.storage.replication.changes import FieldConflict
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.camera_owners import assign, claim, hand_over
from falconeye.storage.stores.join_offers import JoinOffers
from falconeye.storage.stores.member_store import MemberStore

log = logging.getLogger(__name__)

LOOK_S = 1.0  # who came or went is looked at so often


@dataclass(frozen=True, slots=True)
class FederationParts:
    """What the node has already."""

    keys: NodeKeys
    boot_id: str
    database: Database
    members: MemberStore
    replica: Replica
    data_keys: Callable[[Callable[[str], Way]], DataKeys]
    accounts: Accounts
    cameras: CameraRegistry
    report: SelfReport
    bus: EventBus
    clock: Clock
    own_addresses: Callable[[], Sequence[str]]
    offers: JoinOffers
    defaults: Callable[[], Defaults]  # of the settings, for new cameras
    name: str  # what it is called until it is a member


class Federation:
    """Lives on the loop, from `start` to `stop`."""

    def __init__(self, parts: FederationParts) -> None:
        self._parts = parts
        clock = parts.clock
        self.members = Membership(parts.members, parts.keys, clock)
        self.peers = Peers(parts.keys.node_id, clock)
        self.clients = PeerClients(parts.keys.node_id, lambda: parts.keys.private_key, clock)
        self.ways = Ways(self.clients, self.peers)
        self.data_keys = parts.data_keys(self.ways.of)
        self.exchange = Exchange(parts.replica, self.ways.of, self._tell_conflict)
        self.states = CameraStates(self.peers, parts.cameras, parts.bus, clock)
        self.who = Who(parts.keys.node_id, self.peers, self.states, parts.cameras, clock)
        self.joining = Joining(
            parts.members, parts.offers, parts.replica, self.data_keys, self._configured, clock
        )
        self.failover = Failover(
            parts.keys.node_id, self.peers, self.members, parts.cameras, clock, self._adopt
        )
        self._last_report: NodeReport | None = None  # of this node
        self.placing = Placing(
            parts.keys.node_id,
            self.members,
            self.peers,
            parts.cameras,
            lambda: self._last_report,
            parts.defaults,
            self.failover.takes_one,
        )
        self._beats = Beats(self.peers, self.ways.of, self.tell, self.hear, clock)
        self._tasks = TaskSet("federation")
        self._loaded = asyncio.Lock()
        self._news = asyncio.Event()  # something was heard by which may be decided otherwise
        self.told_of_kubernetes: Callable[[], dict[str, object]] = dict  # for `Beat.kubernetes`
        self.on_peers: Callable[[], Awaitable[None]] | None = None  # there are some
        self.on_removed: list[Callable[[str], None]] = []  # of a member that was expelled

    @property
    def keys(self) -> NodeKeys:
        return self._parts.keys

    @property
    def own_id(self) -> str:
        return self._parts.keys.node_id

    @property
    def name(self) -> str:
        """What this node is called, or would be as a member."""
        return self.members.names.get(self.own_id, self._parts.name)

    @property
    def clock(self) -> Clock:
        return self._parts.clock

    def own_addresses(self) -> Sequence[str]:
        """Where other nodes reach this one."""
        return self._parts.own_addresses()

    async def start(self) -> None:
        """Know the members, and begin to talk to them."""
        self._parts.replica.on_applied.append(self._applied)
        self._parts.replica.changed.append(self._edited)
        await self.follow_members()
        self._parts.cameras.roles.own_id = self.own_id
        self._parts.cameras.roles.names = lambda: self.members.names
        self._parts.cameras.roles.here = self.failover.runs_here
        self._parts.cameras.roles.owner_of_new = self.placing.owner_of_new
        _ = await self.failover.look()
        _ = self._tasks.start(self._look(), "look")

    async def stop(self) -> None:
        """Say good-bye and hang up."""
        self._parts.replica.changed.remove(self._edited)
        self._parts.replica.on_applied.remove(self._applied)
        await self._beats.stop()
        await self._tasks.stop()
        await self.failover.stop()
        await self.clients.stop()

    async def reload(self) -> None:
        """Members, owners or keys may be others by now."""
        await self.follow_members()
        if self.members.all:
            await self.claim_cameras()
        await self._decide()

    # -- what is known ---------------------------------------------------------------------

    def is_heard(self, peer: Peer) -> bool:
        """Whether it is there now."""
        return peer.is_heard(self._parts.clock.monotonic_us())

    def utc_us(self) -> int:
        """By this node's clock."""
        return self._parts.clock.utc_us()

    def user_count(self) -> int:
        return len(self._parts.accounts.users.list())

    def token_count(self) -> int:
        return len(self._parts.accounts.tokens.list())

    def camera_configs(self) -> list[CameraConfig]:
        """All cameras of the cluster."""
        return [camera.config for camera in self._parts.cameras.list()]

    async def follow_members(self) -> None:
        """Members came, went or moved."""
        async with self._loaded:
            before = set(self.members.names)
            await self.members.load()
            if self.members.all and not self.members.is_removed:
                await self.members.ensure_self(self._parts.name, self._parts.own_addresses())
            present = {} if self.members.is_removed else self.members.names
            others = [] if self.members.is_removed else self.members.addresses()
            if others:
                await self.clients.load()
            self.clients.update(others)
            self.peers.follow(present)
            self._beats.follow()
        if others and self.on_peers is not None:
            await self.on_peers()
        for node_id in before - set(self.members.names):
            for removed in self.on_removed:
                removed(node_id)

    def newer(self) -> Sequence[str]:
        """The nodes that told of what this release does not know, by name."""
        names = self.members.names
        return sorted(names.get(one, one) for one in self._parts.replica.tell_of_more)

    # -- what is done to the cluster -------------------------------------------------------

    async def claim_cameras(self) -> None:
        """Cameras that have no owner and were added here are this node's."""
        if await claim(self._parts.database, self.own_id):
            await self._parts.cameras.reload()

    async def make_join_code(self) -> JoinCode:
        """A code by which one node joins; this one is the first member where there is none."""
        await self.found()
        return await self.joining.make_code(self._parts.keys.certificate, self.own_addresses())

    async def found(self) -> None:
        """Be a member, as the first one where there is none."""
        await self.members.ensure_self(self._parts.name, self.own_addresses())
        await self.claim_cameras()

    async def admit(self, request: JoinRequest) -> JoinAnswer:
        """A node that has a code becomes a member; see `Joining.admit`."""
        answer = await self.joining.admit(request)
        await self.follow_members()
        await self._parts.accounts.audit.record(
            None, "node.joined", "node", request.node_id, answer.name
        )
        return answer

    async def rename(self, node_id: str, name: str) -> None:
        """Call a member otherwise, on all nodes; NotFound, Conflict for a name another has."""
        member = await self._parts.members.get(node_id)
        if any(one.name.casefold() == name.casefold() and one.id != node_id
               for one in self.members.all):  # fmt: skip
            msg = f"another node is called {name} already"
            raise Conflict(msg)
        await self._parts.members.put(replace(member, name=name))
        await self.follow_members()

    def plan_removal(self, node_id: str) -> Removal:
        """What removing a member means; NotFound, Conflict for this node itself."""
        peer = self.peers.get(node_id)
        if node_id == self.own_id:
            raise Conflict("remove this node from another one: it goes on alone then")
        if peer is None:
            raise NotFound("there is no such node in this cluster")
        heard = self.is_heard(peer)
        return Removal.of(node_id, peer.name, self.camera_configs(), is_reachable=heard)

    async def replace(self, node_id: str, by_node_id: str) -> None:
        """Give a member's network cameras to another, then expel it."""
        await hand_over(self._parts.database, node_id, by_node_id)
        await self._parts.cameras.reload()
        await self.remove(node_id)

    async def move(self, owners: Mapping[str, str], *, pinned: bool | None = None) -> None:
        """Other owners of cameras; who has one goes on until the new owner has footage of it."""
        await assign(self._parts.database, owners, pinned=pinned)
        await self._parts.cameras.reload()
        await self._decide()

    async def remove(self, node_id: str) -> None:
        """Expel a member: its key counts for nothing, the data key is another. Unavailable."""
        await self.data_keys.check_writable()
        await self._parts.members.remove(node_id)
        await self.follow_members()
        await self._decide()
        await self.data_keys.rotate()
        self._beats.poke()

    # -- what is said ----------------------------------------------------------------------

    async def tell(self) -> Beat:
        """What this node says of itself now."""
        clock = self._parts.clock
        report = self._last_report = await self._parts.report.now()
        return Beat(
            node_id=self.own_id,
            boot_id=self._parts.boot_id,
            version=__version__,
            time_us=clock.utc_us(),
            addresses=list(self.own_addresses())[:8],
            position=await self.exchange.position(),
            data_keys=self.data_keys.told,
            report=report.as_json(),
            cameras=self.failover.told(),
            draining=self.failover.is_draining,
            listening=self.failover.is_listening,
            kubernetes=self.told_of_kubernetes(),
        )

    async def answer(self, beat: Beat) -> Beat:
        """A peer told something: take it over, and say the same of this node."""
        peer = self.peers.hear(beat)
        if peer is not None:
            self.states.follow()
            self._news.set()
            for address in beat.addresses:  # where it says it is, which its row may not say yet
                self.hear_of(peer.node_id, address)
            if self.exchange.is_behind(peer) or set(beat.data_keys) - set(self.data_keys.names):
                self._beats.poke(peer.node_id)  # asks it, and takes over what is new
        return await self.tell()

    async def hear(self, beat: Beat, sent_us: int | None) -> None:
        """A peer answered."""
        peer = self.peers.hear(beat, sent_us=sent_us)
        if peer is None:
            return
        self.states.follow()
        self._news.set()
        await self.data_keys.follow(peer)
        if await self.exchange.pull(peer):
            self._beats.poke()

    async def look_again(self, node_id: str) -> None:
        """What a peer asks by is not known here: it may have come there a moment ago."""
        peer = self.peers.get(node_id)
        if peer is None:
            return
        try:
            _ = await self.exchange.pull(peer, insist=True)
        except FalconEyeError as error:
            log.info("node %s cannot be asked again: %s", peer.name, error)

    # -- where others are ------------------------------------------------------------------

    def hear_of(self, node_id: str, address: str) -> None:
        """Somebody announces a node there; only who shows the right certificate is believed."""
        if self.members.hint(node_id, address):
            self.clients.update(self.members.addresses())
            self._beats.poke(node_id)

    def moved(self) -> None:
        """This node has other addresses: tell the others."""
        _ = self._tasks.start(self.follow_members(), "moved")

    # -- within ----------------------------------------------------------------------------

    async def _applied(self, kinds: frozenset[str]) -> None:
        if "members" in kinds:
            await self.follow_members()
        if "cameras" in kinds or "members" in kinds:
            await self._decide()

    async def _configured(self) -> Configured:
        configs = self.camera_configs()
        shared = [config for config in configs if not stays_with_node(config)]
        keys = {address_key(config): config.name for config in shared}
        return Configured(
            users=self.user_count(),
            cameras=len(configs),
            addresses={key: name for key, name in keys.items() if key is not None},
        )

    def _edited(self) -> None:
        """Somebody changed something at this node."""
        self._beats.poke()
        if any(config.owner_id is None for config in self.camera_configs()) and self.members.all:
            _ = self._tasks.start(self.claim_cameras(), "claim")

    async def _tell_conflict(self, conflict: FieldConflict) -> None:
        words = conflict_words(conflict, self.members.names.get(conflict.node, conflict.node))
        await self._parts.accounts.audit.record(
            None, "config.conflict", conflict.kind, conflict.id, words
        )

    async def _look(self) -> None:
        while True:
            changed = self.peers.look()
            if changed:
                now_us = self._parts.clock.monotonic_us()
                for peer in changed:
                    how = "is heard" if peer.is_heard(now_us) else "is not heard any more"
                    log.info("node %s %s", peer.name, how)
                self.states.follow()
            await self._decide()
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._news.wait()

    async def _decide(self) -> None:
        try:
            if await self.failover.look():
                self._beats.poke()
        except Exception:  # without it no camera of a dead node is recorded
            log.exception("it could not be decided who records what")

    async def _adopt(self, camera_id: str) -> None:
        await assign(self._parts.database, {camera_id: self.own_id})
        await self._parts.cameras.reload()
        await self._parts.accounts.audit.record(
            None, "camera.adopted", "camera", camera_id, f"{self.name} is its node now"
        )
