"""The storage of one node, in a folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clock import FakeClock
from tests.unit.storage_footage.footage import Node, open_node


@pytest.fixture
async def node(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Node]:
    opened = await open_node(tmp_path, clock)
    yield opened
    await opened.stop()
