"""The cluster as this node's pages and its API show it: what was heard, and since when not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from typing_extensions import override

from falconeye.accounts.model import Principal, PrincipalKind
from falconeye.base.errors import InvalidInput
from falconeye.federation.cluster_actions import ClusterActions
from falconeye.federation.cluster_view import ClusterView, NodeView, Refusal, RefusalKind
from falconeye.federation.federation import Federation
from falconeye.federation.found_nodes import DuplicateSuspect
from falconeye.federation.kubernetes_told import KubernetesTold, newest, read_told
from falconeye.federation.lone_node import own_view
from falconeye.federation.peers import Peer
from falconeye.federation.refusals import Refusals, Refused
from falconeye.federation.report import KubernetesFacts, NodeReport
from falconeye.federation.self_report import SelfReport

SCAN_S: Final = 20.0
_SHOWN = {kind.value: kind for kind in RefusalKind}


class FederationView(ClusterView):
    """A node without peers is one of a cluster of one."""

    def __init__(
        self,
        federation: Federation,
        report: SelfReport,
        refusals: Callable[[], Refusals],
        actions: ClusterActions | None,
        announced: Callable[[], Sequence[DuplicateSuspect]] = lambda: (),
    ) -> None:
        """`announced`: ids that are announced in the LAN by two."""
        self._federation = federation
        self._report = report
        self._refusals = refusals
        self._actions = actions
        self._announced = announced

    @property
    @override
    def actions(self) -> ClusterActions | None:
        return self._actions

    @override
    async def nodes(self) -> Sequence[NodeView]:
        peers = sorted(self._federation.peers, key=lambda peer: peer.name.casefold())
        own = replace(
            await own_view(self._report),
            twin_at=self._twin_at(self._federation.own_id),
            newer=tuple(self._federation.newer()),
            is_removed=self._federation.members.is_removed
            or any(peer.refuses is Refused.REMOVED for peer in peers),
        )
        told = self.kubernetes()
        views = (own, *map(self._view, peers))
        return tuple(_with_facts(view, told) for view in views)

    def kubernetes(self) -> KubernetesTold:
        """What was read last of Kubernetes' nodes, here or by another node."""
        beats = [peer.beat for peer in self._federation.peers if peer.beat is not None]
        own = self._federation.told_of_kubernetes()
        return newest(read_told(told) for told in (own, *(beat.kubernetes for beat in beats)))

    @override
    def refusals(self) -> Sequence[Refusal]:
        kept = self._refusals()
        names = self._federation.members.names
        return [
            Refusal(
                _SHOWN[one.why.value],
                one.claimed_id,
                names.get(one.claimed_id, ""),
                one.address,
                one.at_us,
                one.count,
            )
            for one in kept.newest()
            if one.why.value in _SHOWN
        ]

    @override
    async def scan(self, who: Principal, node_id: str, *, network: bool) -> object:
        path = f"/api/nodes/scan/cameras?network={str(network).lower()}&node={node_id}"
        way = self._federation.ways.of(node_id)
        return await way.request_json("GET", path, limit_s=SCAN_S, acting=_acting(who))

    def _view(self, peer: Peer) -> NodeView:
        report = _report(peer)
        member = self._federation.members.get(peer.node_id)
        addresses = member.addresses if member else ()
        refusals = tuple(one for one in self.refusals() if one.node_id == peer.node_id)
        return NodeView(
            node_id=peer.node_id,
            name=peer.name,
            is_self=False,
            reachable=self._federation.is_heard(peer),
            heard_at_us=peer.heard_at_us,
            report=report,
            version=peer.beat.version if peer.beat else "",
            address=addresses[0] if addresses else "",
            clock_offset_us=peer.offset_us,
            kubernetes=report.kubernetes if report else KubernetesFacts(),
            refusals=refusals,
            refuses=peer.refuses.value if peer.refuses else "",
            twin_at=self._twin_at(peer.node_id),
        )

    def _twin_at(self, node_id: str) -> tuple[str, ...]:
        """By what was heard of it, else by what is announced under its id."""
        twins, own_id = self._federation.peers.twins, self._federation.own_id
        if found := twins.addresses(node_id):
            return found
        announced = [one for one in self._announced() if one.node_id == node_id]
        own = self._federation.own_addresses() if node_id == own_id else ()
        if announced or (node_id == own_id and twins.own_is_copied):
            return tuple(
                dict.fromkeys((*own, *(each for one in announced for each in one.addresses)))
            )
        return ()


def _with_facts(view: NodeView, told: KubernetesTold) -> NodeView:
    """The node with what the leader shared of its machine; as it was where that is nothing."""
    name = view.kubernetes.node_name
    known = told.nodes.get(name) if name else None
    if known is None:
        return view
    return replace(
        view,
        kubernetes=known.facts(name),
        kubernetes_told_at_us=told.read_at_us,
        is_kube_ready=known.is_ready,
    )


def _report(peer: Peer) -> NodeReport | None:
    """None where it gave none that can be read: the rest of what is known of it is shown."""
    if peer.beat is None or not peer.beat.report:
        return None
    try:
        return NodeReport.parse(peer.beat.report)
    except InvalidInput:
        return None


def _acting(who: Principal) -> str | None:
    if who.kind in {PrincipalKind.TOKEN, PrincipalKind.DISPLAY}:
        return f"{who.kind}={who.id}"
    return None if who.session_id is None else f"session={who.session_id}"
