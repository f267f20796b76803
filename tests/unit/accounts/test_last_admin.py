"""Two nodes remove each other's last admin at once: what is left, and the way back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.service import Accounts
from falconeye.accounts.users import Rights
from falconeye.base.errors import Conflict, InvalidInput
from falconeye.base.secret import Secret
from falconeye.storage.index.database import Database
from falconeye.storage.replication.changes import Change
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.node_store import load_identity
from tests.clock import FakeClock
from tests.databases import closed_database, lay_new_database
from tests.unit.accounts.test_service import CHEAP, GOOD


class Node:
    """One with its accounts; what is merged is read again, as in the product."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.replica = Replica(database)
        self.accounts = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
        self.replica.on_applied.append(self._applied)

    async def _applied(self, _kinds: frozenset[str]) -> None:
        await self.accounts.reload()

    async def hear(self, other: "Node") -> None:
        batch = await other.replica.changes_after(0)
        await self.replica.merge(batch.changes, sender="other")


@pytest.fixture
async def nodes(tmp_path: Path, clock: FakeClock) -> AsyncIterator[list[Node]]:
    """Both know of the admins Anna and Ben, and of Vera, who is none."""
    made = []
    for name in ("one", "two"):
        await lay_new_database(tmp_path / name)
        database = closed_database(tmp_path / name, clock)
        await database.open()
        await load_identity(database, clock)
        made.append(Node(database, clock))
        await made[-1].replica.open()
        await made[-1].accounts.start(serving=False)
    one, two = made
    for name, role in (("Anna", Role.ADMIN), ("Ben", Role.ADMIN), ("Vera", Role.VIEWER)):
        await one.accounts.users.add(name, Secret(GOOD), Rights(role))
    await two.hear(one)
    yield made
    for node in made:
        await node.accounts.stop()
        await node.replica.stop()
        await node.database.close()


def names(node: Node) -> list[str]:
    return [user.name for user in node.accounts.users.list()]


async def remove(node: Node, name: str) -> None:
    (user,) = [user for user in node.accounts.users.list() if user.name == name]
    await node.accounts.users.remove(user.id)


async def test_what_was_taken_away_stays_so_and_a_set_up_link_is_the_way_back(
    nodes: list[Node], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = nodes
    await remove(one, "Anna")
    await remove(two, "Ben")
    assert await one.accounts.has_admin()
    assert "nobody may administer" not in caplog.text
    await one.hear(two)
    await two.hear(one)
    for node in nodes:  # neither comes back: it may be that one of them was an intruder
        assert names(node) == ["Vera"]
        assert await node.accounts.has_users()
        assert not await node.accounts.has_admin()
    assert caplog.text.count("nobody may administer this recorder any more") == 2
    secret = (await two.accounts.make_setup_link("http://pi-2")).rpartition("/")[2]
    with pytest.raises(InvalidInput, match="already a user named “VERA”"):
        await two.accounts.redeem_setup_link(secret, "VERA", GOOD)
    await two.accounts.redeem_setup_link(secret, "Carla", GOOD)
    await one.hear(two)
    for node in nodes:
        assert names(node) == ["Carla", "Vera"]
        with pytest.raises(Conflict, match="there is an admin already"):
            await node.accounts.make_setup_link("http://pi-2")


async def test_an_admin_whom_only_a_newer_release_knows_is_one(nodes: list[Node]) -> None:
    """Nobody gets a set-up link because a node was not updated yet."""
    one, two = nodes
    told = [
        Change("users", user.id, "role", "owner", (3 << 40) + 9, "newer", {})
        for user in one.accounts.users.list()
        if user.name != "Vera"
    ]
    await one.replica.merge(told, sender="newer")
    assert names(one) == ["Vera"]
    assert await one.accounts.has_admin()
    with pytest.raises(Conflict):
        await one.accounts.make_setup_link("http://pi-1")
    await two.hear(one)
    assert await two.accounts.has_admin()
