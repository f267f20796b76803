"""The cluster of a node that has no peers: itself."""

from collections.abc import Sequence

from typing_extensions import override

from falconeye.accounts.model import Principal
from falconeye.base.errors import NotFound
from falconeye.federation.cluster_actions import ClusterActions
from falconeye.federation.cluster_view import ClusterView, NodeView, Refusal
from falconeye.federation.self_report import SelfReport


class LoneNode(ClusterView):
    """Knows this node alone; `actions` are those by which it may get peers."""

    def __init__(self, report: SelfReport, actions: ClusterActions | None = None) -> None:
        self._report = report
        self._actions = actions

    @property
    @override
    def actions(self) -> ClusterActions | None:
        return self._actions

    @override
    async def nodes(self) -> Sequence[NodeView]:
        return (await own_view(self._report),)

    @override
    def refusals(self) -> Sequence[Refusal]:
        return ()  # nothing listens to peers

    @override
    async def scan(self, who: Principal, node_id: str, *, network: bool) -> object:
        raise NotFound("there is no such node")


async def own_view(report: SelfReport) -> NodeView:
    """This node among the others."""
    told = await report.now()
    return NodeView(
        node_id=told.node_id,
        name=told.name,
        is_self=True,
        reachable=True,
        heard_at_us=None,
        report=told,
        version=told.version,
        address=told.addresses[0] if told.addresses else "",
        clock_offset_us=0,
        kubernetes=told.kubernetes,
    )
