"""The cluster in the application's state, and the one that a node without peers has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from litestar import Litestar

from falconeye.base.errors import Unavailable
from falconeye.federation.cluster_view import ClusterView
from falconeye.federation.lone_node import LoneNode
from falconeye.federation.self_report import OwnParts, SelfReport
from falconeye.web.found_told import told_of
from falconeye.web.metrics import NodeStatus
from falconeye.web.services import Services

STATE_KEY: Final = "cluster"


def cluster_of(app: Litestar) -> ClusterView:
    """The cluster as this node knows it; Unavailable while the node has not set it."""
    cluster: ClusterView | None = app.state.get(STATE_KEY)
    if cluster is None:
        msg = "the node is starting"
        raise Unavailable(msg)
    return cluster


def own_report(services: Services, status: NodeStatus) -> SelfReport:
    """What this node tells of itself; the caller runs it."""
    return SelfReport(
        OwnParts(
            node_id=services.node_id,
            name=lambda: services.node_name,
            started_at_us=services.started_at_us,
            clock=services.clock,
            bus=services.bus,
            volumes=services.volumes,
            use=services.storage.use,
            zone=lambda: services.stored_settings.zone,
            cameras=lambda: [each for each in services.cameras.list() if each.is_here],
            not_ready=status.not_ready,
            found=lambda: told_of(services.finding.candidates.list()),
            notices=lambda: services.alerts.active(),  # noqa: PLW0108 - as it is then
        )
    )


@asynccontextmanager
async def lone_node(
    app: Litestar, services: Services, status: NodeStatus
) -> AsyncIterator[LoneNode]:
    """A cluster of this node alone, in the application's state until the context ends."""
    async with own_report(services, status).running() as report:
        cluster = LoneNode(report)
        app.state[STATE_KEY] = cluster
        yield cluster
