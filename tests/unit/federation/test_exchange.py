"""What a node says of its configuration while its own database is no help."""

import asyncio
from typing import cast

import pytest

from falconeye.base.errors import Unavailable
from falconeye.federation import exchange
from falconeye.federation.beats import Connection
from falconeye.federation.exchange import Exchange
from falconeye.storage.replication.changes import FieldConflict
from falconeye.storage.replication.replica import Replica


class Failing:
    """A replica over a disk that fails, or hangs."""

    def __init__(self) -> None:
        self.seq = 7
        self.fails = self.hangs = False

    async def position(self) -> tuple[str, int]:
        if self.fails:
            raise Unavailable("the disk does not answer")
        if self.hangs:
            _ = await asyncio.Event().wait()
        return "one", self.seq


def connect(node_id: str) -> Connection:
    raise AssertionError(node_id)


async def on_conflict(conflict: FieldConflict) -> None:
    raise AssertionError(conflict)


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
async def test_a_node_is_heard_though_its_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """Else the others take over the cameras that it records, and nobody is told what is wrong."""
    monkeypatch.setattr(exchange, "ANSWER_S", 0.05)
    replica = Failing()
    made = Exchange(cast("Replica", replica), connect, on_conflict)
    assert (await made.position()).seq == 7
    replica.seq = 8
    setattr(replica, trouble, True)
    async with asyncio.timeout(5):
        told = await made.position()
    assert (told.incarnation, told.seq) == ("one", 7)
    setattr(replica, trouble, False)
    assert (await made.position()).seq == 8
