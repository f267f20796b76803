"""Three more nodes beside the one of the test: two that answer, and one that is away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from falconeye.accounts.model import Principal
from falconeye.federation.cluster_actions import ClusterActions
from falconeye.federation.cluster_view import ClusterView, NodeView, Refusal
from falconeye.web.cluster import STATE_KEY, cluster_of
from tests.browser.node_samples import refusals, report, view
from tests.integration.api.conftest import Served


@dataclass
class Others(ClusterView):
    """This node as it is, and others as a test has them."""

    own: ClusterView
    others: Sequence[NodeView] = ()
    answers: dict[str, object] = field(default_factory=dict)  # of scans, by node id
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def actions(self) -> ClusterActions | None:
        return None

    async def nodes(self) -> Sequence[NodeView]:
        return (*await self.own.nodes(), *self.others)

    def refusals(self) -> Sequence[Refusal]:
        return refusals()

    async def scan(self, who: Principal, node_id: str, *, network: bool) -> object:
        self.asked.append((who.name, node_id, network))
        answer = self.answers.get(node_id)
        if answer is None:
            await self.hanging.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
async def others(served: Served) -> AsyncIterator[Others]:
    """Two that answer and one that is away."""
    away = view(
        report(name="attic"), 3, "attic", reachable=False,
        heard_at_us=served.services.clock.utc_us() - 600_000_000,
    )  # fmt: skip
    cluster = Others(
        cluster_of(served.app),
        (view(report(name="pi-2"), 1, "pi-2"), view(report(name="nvr"), 2, "nvr"), away),
    )
    served.app.state[STATE_KEY] = cluster
    yield cluster
    cluster.hanging.set()
