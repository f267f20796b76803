"""The first admin: the same on all nodes, and weaker than anything that a person did since."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from falconeye.accounts.model import Role
from falconeye.accounts.passwords import PasswordHasher
from falconeye.accounts.service import Accounts
from falconeye.accounts.users import Rights
from falconeye.base.errors import NotAuthenticated
from falconeye.base.secret import Secret
from falconeye.federation.cluster_key import ClusterKey
from falconeye.federation.first_admin import ADMIN_ID, NoFirstAdmin, make_first_admin
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.node_store import load_identity
from tests.clock import FakeClock
from tests.databases import closed_database
from tests.integration.web_security.site import CHEAP

KEY = ClusterKey(b"kV0r1vGJm8i0m0b8b4q0x2Yb3d1l5n7p9r1t3v5x7z8=")
PASSWORD, OTHER = "a first password", "a password of a person"


class Pod:
    """What a node has of it."""

    def __init__(self, accounts: Accounts, replica: Replica) -> None:
        self.accounts, self.replica = accounts, replica

    async def start(self, file: Path) -> None:
        await make_first_admin(self.accounts, self.replica, KEY, file)

    async def hear(self, other: "Pod") -> int:
        """All that the other has; how many fields it changed here."""
        batch = await other.replica.changes_after(0, 1000)
        merged = await self.replica.merge(batch.changes, sender="other")
        assert not merged.conflicts
        await self.accounts.reload()
        return merged.applied

    async def takes(self, password: str) -> bool:
        try:
            _ = await self.accounts.login("admin", password, "192.0.2.1")
        except NotAuthenticated:
            return False
        return True


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[tuple[Pod, Pod]]:
    """Two with a minute between their clocks, whose parts end with the test."""
    made: list[Pod] = []
    async with AsyncExitStack() as stack:
        for name in ("pi-1", "pi-2"):
            clock = FakeClock()
            clock.advance(60 * len(made))
            (tmp_path / name).mkdir()
            database = closed_database(tmp_path / name, clock)
            await database.open()
            stack.push_async_callback(database.close)
            await load_identity(database, clock)
            replica = Replica(database)
            await replica.open()
            accounts = Accounts(database, clock, hasher=PasswordHasher(CHEAP))
            await accounts.start(serving=False)
            stack.push_async_callback(accounts.stop)
            made.append(Pod(accounts, replica))
        yield made[0], made[1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "admin-password"
    path.write_text(PASSWORD + "\n")
    return path


async def test_pods_that_start_apart_have_one_admin_and_nothing_to_tell(
    pods: tuple[Pod, Pod], file: Path
) -> None:
    one, two = pods
    for pod in pods:
        await pod.start(file)
    assert await two.hear(one) == 0
    assert await one.hear(two) == 0
    for pod in pods:
        (user,) = pod.accounts.users.list()
        assert (user.id, user.name, user.role.value) == (ADMIN_ID, "admin", "admin")
        assert await pod.takes(PASSWORD)


@pytest.mark.parametrize("is_first_to_tell", [True, False])
async def test_who_comes_later_brings_no_old_password_back(
    pods: tuple[Pod, Pod], file: Path, *, is_first_to_tell: bool
) -> None:
    old, new = pods
    await old.start(file)
    await old.accounts.users.set_password(ADMIN_ID, Secret(OTHER))
    await new.start(file)
    for one, other in ((old, new), (new, old)) if is_first_to_tell else ((new, old), (old, new)):
        await one.hear(other)
    for pod in pods:
        assert not await pod.takes(PASSWORD)
        assert await pod.takes(OTHER)


async def test_who_comes_later_brings_no_removed_admin_back(
    pods: tuple[Pod, Pod], file: Path
) -> None:
    old, new = pods
    await old.start(file)
    stays = await old.accounts.users.prepared("eve", Secret(OTHER), Rights(Role.ADMIN))
    await old.accounts._store.add_user(stays)
    await old.accounts.reload()
    await old.accounts.users.remove(ADMIN_ID)
    await new.start(file)
    await old.hear(new)
    await new.hear(old)
    for pod in pods:
        assert [user.name for user in pod.accounts.users.list()] == ["eve"]


async def test_a_password_that_must_not_be_used_makes_no_admin(
    pods: tuple[Pod, Pod], file: Path
) -> None:
    for text in ("short", "0123456789", ""):
        await asyncio.to_thread(file.write_text, text)
        with pytest.raises(NoFirstAdmin, match="admin-password"):
            await pods[0].start(file)
    with pytest.raises(NoFirstAdmin, match="No such file"):
        await pods[0].start(file.with_name("none"))
    assert pods[0].accounts.users.list() == []
