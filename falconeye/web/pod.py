"""What a node has more in a pod: membership by the cluster key, and a part in the leading.

Loaded there alone. The recorder depends on none of it: with the API server down all goes on.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from falconeye.base.errors import Conflict, FalconEyeError, Unavailable
from falconeye.cluster.api import ApiServer, access_of_pod
from falconeye.cluster.leader import Leader, LeaderState
from falconeye.cluster.nodes import KubeNode, SharedNodes
from falconeye.cluster.placement import Selection
from falconeye.cluster.pod import CLUSTER_KEY_LINE, place_of_pod
from falconeye.federation.arriving import Arrival
from falconeye.federation.draining import PATH as DRAIN_PATH
from falconeye.federation.draining import Draining
from falconeye.federation.federation import Federation
from falconeye.federation.key_membership import KeyMembership, KeyParts
from falconeye.federation.kubernetes_told import (
    MAX_NODES,
    KubeNodeTold,
    KubernetesTold,
    newest,
    read_told,
)
from falconeye.federation.peers import Peer
from falconeye.federation.refusals import Refused
from falconeye.federation.report import (
    MAX_LABELS,
    MAX_NAME,
    MAX_TAINT,
    KubernetesFacts,
    NotReady,
    told,
)
from falconeye.federation.self_report import SelfReport
from falconeye.storage.replication.replica import Replica
from falconeye.web.services import Services

log = logging.getLogger(__name__)

DRAIN_LOOK_S: Final = 1.0
DRAIN_LIMIT_S: Final = 5.0
NO_KEY_SETTING: Final = "cluster_key_file is not set: the manifests set it. Make the key by: "


@dataclass(frozen=True, slots=True)
class PodParts:
    """What the node has already; `refused(address, claimed_id, why)` is shown to people."""

    services: Services
    federation: Federation
    report: SelfReport
    replica: Replica
    arrival: Arrival
    encrypt_anew: Callable[[], Awaitable[None]]
    refused: Callable[[str, str, Refused], None]


class Pod:
    """Lives on the loop, from `start` to `stop`. `leader` None: not under Kubernetes."""

    def __init__(self, parts: PodParts, environment: Mapping[str, str]) -> None:
        self._parts = parts
        services, federation = parts.services, parts.federation
        self._stored = services.stored_settings
        self.draining = Draining(federation.failover, services.clock)
        self.keyed = self._keyed()
        self.place = place_of_pod(environment, f"{federation.own_id}+{secrets.token_hex(8)}")
        access = access_of_pod(environment)
        self.leader: Leader | None = None
        if access is not None and self.place is not None:
            self.leader = Leader(
                ApiServer(access, services.clock),
                self.place,
                services.clock,
                lambda: self.selection,
                self._drain,
                is_manual=services.settings.placement == "manual",
            )

    async def start(self) -> None:
        """Be a member, where the key is there; wait for nobody."""
        federation, parts = self._parts.federation, self._parts.report.parts
        node_name = self.place.node if self.place else ""
        not_ready = parts.not_ready

        async def reasons() -> Sequence[str]:
            found = tuple(await not_ready())
            return (*found, NotReady.CLUSTER_KEY.value) if self.problem else found

        self._parts.report.ask(
            replace(
                parts,
                kubernetes=lambda: KubernetesFacts(node_name=told(node_name, MAX_NAME)),
                is_draining=lambda: federation.failover.is_draining,
                not_ready=reasons,
            )
        )
        federation.told_of_kubernetes = self._told
        if self.keyed is not None:
            await self.keyed.start()
        if self.leader is not None:
            await self.leader.start()

    async def stop(self) -> None:
        """Let another lead at once; 2 s at most where the API server hangs."""
        if self.leader is not None:
            await self.leader.stop()
        if self.keyed is not None:
            await self.keyed.stop()
        await self.draining.stop()

    @property
    def problem(self) -> str:
        """Why the node is not ready, in words; "" where it is."""
        return NO_KEY_SETTING + CLUSTER_KEY_LINE if self.keyed is None else self.keyed.problem

    async def meet(self, address: str, certificate: str) -> str | None:
        """A node that is no member answers there; see `KeyMembership.meet`."""
        return None if self.keyed is None else await self.keyed.meet(address, certificate)

    # -- which nodes have agents ------------------------------------------------------------

    @property
    def selection(self) -> Selection:
        """As it is configured, on all nodes alike."""
        current = self._stored.current
        include = current.agent_nodes_include
        return Selection(
            None if include is None else frozenset(include), frozenset(current.agent_nodes_exclude)
        )

    async def select(self, include: Sequence[str] | None, exclude: Sequence[str]) -> None:
        """Have agents on these nodes alone (`Selection`); the leader does it, within seconds.

        InvalidInput where none of them is ready, Conflict where placing is manual, Unavailable
        where there is nobody to do it.
        """
        self.check(include, exclude)
        _ = await self._stored.patch(
            {
                "agent_nodes_include": None if include is None else tuple(sorted(set(include))),
                "agent_nodes_exclude": tuple(sorted(set(exclude))),
            }
        )
        self.wake()

    def check(self, include: Sequence[str] | None, exclude: Sequence[str]) -> None:
        """What `select` refuses, whoever changes the configuration; see there."""
        if self.leader is None:
            raise Unavailable("this node does not run under Kubernetes")
        if self.leader.is_manual:
            raise Conflict("placement is manual: nothing is written through the Kubernetes API")
        chosen = None if include is None else frozenset(include)
        selection, shared = Selection(chosen, frozenset(exclude)), self.kubernetes
        if not shared.nodes:
            raise Unavailable("no node has read Kubernetes' nodes yet: try again in a moment")
        selection.check(_kube_nodes(shared), [])
        self.leader.check(selection)

    def wake(self) -> None:
        """The selection is another one."""
        if self.leader is not None:
            self.leader.wake()

    @property
    def state(self) -> LeaderState:
        """The leader as this node sees it; the holder by the node's name."""
        if self.leader is None:
            return LeaderState("", is_leader=False, is_manual=False, rolls="", problem="")
        state = self.leader.state
        node_id = state.holder.partition("+")[0]
        return replace(state, holder=self._parts.federation.members.names.get(node_id, node_id))

    @property
    def kubernetes(self) -> KubernetesTold:
        """What was read last of Kubernetes' nodes, here or by another node."""
        beats = [peer.beat for peer in self._parts.federation.peers if peer.beat is not None]
        return newest(read_told(one) for one in (self._told(), *(b.kubernetes for b in beats)))

    # -- within -----------------------------------------------------------------------------

    def _keyed(self) -> KeyMembership | None:
        parts, settings = self._parts, self._parts.services.settings
        if settings.cluster_key_file is None:
            return None
        return KeyMembership(
            KeyParts(
                key_file=settings.cluster_key_file,
                admin_file=settings.admin_password_file,
                how_to_make_it=CLUSTER_KEY_LINE,
                federation=parts.federation,
                replica=parts.replica,
                accounts=parts.services.accounts,
                arrival=parts.arrival,
                encrypt_anew=parts.encrypt_anew,
                refused=parts.refused,
                clock=parts.services.clock,
            )
        )

    def _told(self) -> dict[str, Any]:
        shared = self.leader.shared if self.leader is not None else None
        return {} if shared is None else _told_of(shared).as_json()

    async def _drain(self, node: str) -> None:
        """Have the agent of a Kubernetes node hand over; returns when it has."""
        while not await self._is_drained(node):  # noqa: ASYNC110 - another node has to be asked
            await asyncio.sleep(DRAIN_LOOK_S)
        log.info("the node %s is drained", node)

    async def _is_drained(self, node: str) -> bool:
        if self.place is not None and node == self.place.node:
            return self.draining.ask()
        federation = self._parts.federation
        peer = next((one for one in federation.peers if _machine_of(one) == node), None)
        if peer is None or not federation.is_heard(peer):
            return True  # nobody is there who could hand over; its cameras are stood in for
        try:
            answer = await federation.ways.of(peer.node_id).request_json(
                "POST", DRAIN_PATH, {}, limit_s=DRAIN_LIMIT_S
            )
        except FalconEyeError as error:
            log.info("the node %s does not say whether it is drained: %s", node, error)
            return False
        return isinstance(answer, dict) and answer.get("drained") is True


def _machine_of(peer: Peer) -> str:
    """The name in Kubernetes that a node tells of itself; "" for none."""
    facts = peer.beat.report.get("kubernetes") if peer.beat is not None else None
    return str(facts.get("node_name", "")) if isinstance(facts, dict) else ""


def _told_of(shared: SharedNodes) -> KubernetesTold:
    """As it travels; what does not fit a report is left out."""
    return KubernetesTold(
        read_at_us=shared.read_at_us,
        nodes={
            told(node.name, MAX_NAME): KubeNodeTold(
                labels=dict(list(node.labels.items())[:MAX_LABELS]),
                taints=tuple(
                    told(f"{one.key}={one.value}:{one.effect}".replace("=:", ":"), MAX_TAINT)
                    for one in node.taints[:MAX_LABELS]
                ),
                is_ready=node.is_ready,
            )
            for node in shared.nodes[:MAX_NODES]
        },
    )


def _kube_nodes(shared: KubernetesTold) -> list[KubeNode]:
    """For a first check; taints are the leader's business, who knows what agents tolerate."""
    return [
        KubeNode(name, node.labels, (), node.is_ready, "", "", "")
        for name, node in shared.nodes.items()
    ]
