"""The storage of one node, in a folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clock import FakeClock
from tests.unit.storage_footage.footage import OPENED, Node, open_node


@pytest.fixture(autouse=True)
async def stop_what_is_open() -> AsyncIterator[None]:
    """A test that failed has not stopped its node."""
    yield
    for node in list(OPENED):
        await node.stop()


@pytest.fixture
async def node(tmp_path: Path, clock: FakeClock) -> Node:
    return await open_node(tmp_path, clock)
