"""Backups that are brought back: in place the node stays itself, elsewhere it is another one."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from falconeye.federation.node_keys import load_node_keys, named_node
from falconeye.federation.restored_identity import own_identity
from falconeye.storage.backups.restore import restore
from falconeye.storage.backups.snapshot import snapshot
from falconeye.storage.index.database import Database
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.member_store import Member, MemberStore
from tests.clock import START_US, FakeClock
from tests.databases import closed_database, lay_new_database

pytestmark = pytest.mark.timeout(30)


@asynccontextmanager
async def opened(data_dir: Path, clock: FakeClock) -> AsyncIterator[Database]:
    database = closed_database(data_dir, clock)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def started(data_dir: Path, clock: FakeClock) -> str:
    """As the start of a node; its id, for which it has a key."""
    async with opened(data_dir, clock) as database:
        identity = await own_identity(database, data_dir, clock)
        keys = await asyncio.to_thread(load_node_keys, data_dir, identity.node_id)
        assert named_node(keys.certificate) == identity.node_id
        await Replica(database).open()
        return identity.node_id


async def become_member(data_dir: Path, clock: FakeClock, node_id: str) -> None:
    certificate = (await asyncio.to_thread(load_node_keys, data_dir, node_id)).certificate
    async with opened(data_dir, clock) as database:
        members = MemberStore(database)
        await members.put(Member(node_id, "pi-1", certificate, ("10.0.0.1:8901",), START_US))
        await members.put(Member("other", "pi-2", "-", ("10.0.0.2:8901",), START_US))


def sql(data_dir: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(data_dir / "falconeye.sqlite3")) as connection, connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
async def backup(tmp_path: Path, clock: FakeClock) -> tuple[str, Path]:
    """Of a member that is in `tmp_path / "one"`: its id, the file."""
    await lay_new_database(tmp_path / "one")
    node_id = await started(tmp_path / "one", clock)
    assert await started(tmp_path / "one", clock) == node_id
    await become_member(tmp_path / "one", clock, node_id)
    file = tmp_path / "plain.sqlite3"
    await asyncio.to_thread(snapshot, tmp_path / "one" / "falconeye.sqlite3", file)
    return node_id, file


async def brought_back(file: Path, data_dir: Path) -> None:
    done = await asyncio.to_thread(
        lambda: restore(
            file, data_dir, None, other_key=None, has_settings=False, utc_us=START_US
        )
    )  # fmt: skip
    assert done.in_place


async def test_in_place_it_stays_itself(
    tmp_path: Path, clock: FakeClock, backup: tuple[str, Path]
) -> None:
    node_id, file = backup
    key = (tmp_path / "one" / "node.key").read_bytes()
    await brought_back(file, tmp_path / "one")
    assert await started(tmp_path / "one", clock) == node_id
    assert (tmp_path / "one" / "node.key").read_bytes() == key
    assert len(sql(tmp_path / "one", "SELECT id FROM members")) == 2


async def test_elsewhere_it_is_another_node_of_no_cluster(
    tmp_path: Path, clock: FakeClock, backup: tuple[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    node_id, file = backup
    await brought_back(file, tmp_path / "new")
    made = await started(tmp_path / "new", clock)
    assert made != node_id
    assert sql(tmp_path / "new", "SELECT id FROM members") == []
    assert sql(tmp_path / "new", "SELECT id FROM replica_fields WHERE kind = 'members'") == []
    assert (made,) in sql(tmp_path / "new", "SELECT object_id FROM audit")
    assert f"the backup is of the node {node_id}, whose key is not here" in caplog.text
    assert await started(tmp_path / "new", clock) == made  # for good


async def test_over_another_node_neither_of_both_is_passed_for(
    tmp_path: Path, clock: FakeClock, backup: tuple[str, Path]
) -> None:
    node_id, file = backup
    await lay_new_database(tmp_path / "two")
    before = await started(tmp_path / "two", clock)
    key = (tmp_path / "two" / "node.key").read_bytes()
    await brought_back(file, tmp_path / "two")
    assert await started(tmp_path / "two", clock) not in {node_id, before}
    assert (tmp_path / "two" / "node.key").read_bytes() != key
    assert (tmp_path / "two" / "node.key.replaced").read_bytes() == key


async def test_a_node_without_a_cluster_keeps_its_id_on_a_new_disk(
    tmp_path: Path, clock: FakeClock
) -> None:
    await lay_new_database(tmp_path / "one")
    node_id = await started(tmp_path / "one", clock)
    file = tmp_path / "plain.sqlite3"
    await asyncio.to_thread(snapshot, tmp_path / "one" / "falconeye.sqlite3", file)
    await brought_back(file, tmp_path / "new")
    assert await started(tmp_path / "new", clock) == node_id


async def test_over_another_lone_node_neither_of_both_is_passed_for(
    tmp_path: Path, clock: FakeClock
) -> None:
    ids = []
    for name in ("one", "two"):
        await lay_new_database(tmp_path / name)
        ids.append(await started(tmp_path / name, clock))
    file = tmp_path / "plain.sqlite3"
    await asyncio.to_thread(snapshot, tmp_path / "one" / "falconeye.sqlite3", file)
    await brought_back(file, tmp_path / "two")
    assert await started(tmp_path / "two", clock) not in ids
    assert (tmp_path / "two" / "node.key.replaced").exists()


async def test_a_member_that_lost_its_key_without_a_restore_keeps_its_id(
    tmp_path: Path, clock: FakeClock, backup: tuple[str, Path]
) -> None:
    """Nothing was brought back: its cluster may refuse the new key, and says so to people."""
    node_id, _ = backup
    for file in (tmp_path / "one").glob("node.*"):
        file.unlink()
    assert await started(tmp_path / "one", clock) == node_id
    assert len(sql(tmp_path / "one", "SELECT id FROM members")) == 2
