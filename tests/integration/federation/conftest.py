"""Two nodes for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.federation.two_nodes import TwoNodes, two_nodes


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[TwoNodes]:
    async with two_nodes(tmp_path) as started:
        yield started
