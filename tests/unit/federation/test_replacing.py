"""A node takes the place of another: nothing is given away where the other cannot be expelled."""

from typing import cast

import pytest

from falconeye.base.errors import Unavailable
from falconeye.federation.actions import Actions
from falconeye.federation.federation import Federation


class FullDisk:
    async def check_writable(self) -> None:
        raise Unavailable("the key cannot be written: No space left on device")


class Cluster:
    """What `Actions.replace` asks of a federation, and what it does to it."""

    data_keys = FullDisk()

    def __init__(self) -> None:
        self.done: list[str] = []
        self.placing = self

    def plan_replacement(self, node_id: str, by_node_id: str) -> str:
        return f"{by_node_id} for {node_id}"

    def plan_removal(self, node_id: str) -> str:
        return node_id

    async def replace(self, node_id: str, by_node_id: str) -> None:
        self.done.append(f"{node_id} {by_node_id}")


async def test_cameras_stay_where_the_next_key_cannot_be_written() -> None:
    cluster = Cluster()

    async def encrypt_anew() -> None:
        cluster.done.append("encrypted")

    actions = Actions(cast(Federation, cluster), lambda: pytest.fail("nobody joins"), encrypt_anew)
    with pytest.raises(Unavailable, match="No space left"):
        await actions.replace("old", "new")
    assert cluster.done == []
