"""A network of its own for each test, and nodes in it; needs root."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.integration.peer_finding.finding_nodes import FindingNodes, finding_nodes
from tests.peers.site import Site, site_of_test


@pytest.fixture
def site() -> Iterator[Site]:
    with site_of_test() as made:
        yield made


@pytest.fixture
async def nodes(site: Site) -> AsyncIterator[FindingNodes]:
    async with finding_nodes(site) as made:
        yield made
