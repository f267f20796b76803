"""The replica of a node: what it tells, what it takes over, who hears of it."""

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.base.secret import Secret
from falconeye.base.times import HOUR_US, SECOND_US
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.storage.backups.snapshot import INCOMPLETE
from falconeye.storage.index.database import Database
from falconeye.storage.replication.changes import Change
from falconeye.storage.replication.replica import Replica
from falconeye.storage.segments.move_state import PAUSED
from falconeye.storage.stores.account_store import AccountStore, StoredSession, StoredUser
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.ignored_store import IgnoredStore
from falconeye.storage.stores.member_store import Member, MemberStore
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.storage.stores.wall_store import Wall, WallStore
from falconeye.storage.tables.replicated import LOCAL_SETTINGS, SESSION_DAYS
from tests.clock import START_US, FakeClock
from tests.databases import closed_database, lay_new_database

KEY = Fernet.generate_key()
DOOR = CameraConfig(
    "door", "Door", Protocol.RTSP, "rtsp://10.0.0.9/main", START_US, START_US,
    username="admin", password=Secret("pass"),
)  # fmt: skip
ANNA = StoredUser("anna", "Anna", "hash", "admin", None, False, None, START_US, START_US)
HOUSE = Wall(
    "house", "House", "anna", True, ("door", "yard"), frozenset({"yard"}), "4", True, 30, START_US
)
PI_2 = Member("22", "pi-2", "-----BEGIN CERTIFICATE-----", ("10.0.0.2:8901",), START_US)


def cipher(*keys: bytes) -> CredentialCipher:
    return CredentialCipher([*keys, KEY], "the test")


class NodeOfTest:
    """A database with its replica and stores."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database, self.clock = database, clock
        self.replica = Replica(database, cipher())
        self.cameras = CameraStore(database, cipher())
        self.accounts = AccountStore(database)
        self.settings = SettingsStore(database, cipher())
        self.members = MemberStore(database)
        self.ignored = IgnoredStore(database, clock)
        self.walls = WallStore(database)

    async def open(self) -> None:
        await load_identity(self.database, self.clock)
        await self.replica.open()
        await self.settings.load()

    async def tell(self, other: "NodeOfTest") -> Any:
        batch = await self.replica.changes_after(0)
        return await other.replica.merge(batch.changes, sender="one")

    async def new_since(self, seq: int) -> list[tuple[str, str]]:
        batch = await self.replica.changes_after(seq)
        return [(change.id, change.field) for change in batch.changes]

    async def seq(self) -> int:
        return (await self.replica.position())[1]


@pytest.fixture
async def nodes(tmp_path: Path, clock: FakeClock) -> AsyncIterator[list[NodeOfTest]]:
    made = []
    for name in ("one", "two"):
        await lay_new_database(tmp_path / name)
        database = closed_database(tmp_path / name, clock)
        await database.open()
        made.append(NodeOfTest(database, clock))
        await made[-1].open()
    yield made
    for each in made:
        await each.replica.stop()
        await each.database.close()


async def test_what_one_node_stores_is_on_the_other(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.cameras.insert(DOOR)
    await one.accounts.add_user(ANNA)
    await one.settings.patch({"keep_days": 7})
    await one.members.put(PI_2)
    await one.ignored.add(["found"])
    merged = await one.tell(two)
    assert merged.kinds == {"cameras", "users", "settings", "members", "ignored_candidates"}
    assert await two.cameras.list() == [DOOR]
    assert (await two.accounts.load()).users == [ANNA]
    await two.settings.load()
    assert two.settings.current.keep_days == 7
    assert await two.members.list() == [PI_2]
    assert await two.ignored.load() == {"found"}
    assert (await one.tell(two)).applied == 0
    await two.settings.patch({"keep_days": None})
    await two.ignored.remove(["found"])
    await two.members.remove(PI_2.id)
    await two.cameras.delete(DOOR.id)
    await two.tell(one)
    await one.settings.load()
    assert one.settings.current.keep_days is None
    assert await one.ignored.load() == frozenset()
    assert (await one.cameras.list(), await one.members.list()) == ([], [])
    await one.ignored.add(["found"])  # ignored again: that is no deletion for good
    await one.tell(two)
    assert await two.ignored.load() == {"found"}


async def test_a_wall_is_the_same_on_every_node(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.walls.add(HOUSE)
    assert (await one.tell(two)).kinds == {"walls"}
    assert await two.walls.list() == [HOUSE]
    # Each changes something else of it before they hear of each other: both stand.
    await one.walls.change(HOUSE, dataclasses.replace(HOUSE, name="Home"))
    await two.walls.change(HOUSE, dataclasses.replace(HOUSE, camera_ids=("yard", "door")))
    await one.tell(two)
    merged = await two.tell(one)
    assert merged.conflicts == []
    both = dataclasses.replace(HOUSE, name="Home", camera_ids=("yard", "door"))
    for node in nodes:
        assert await node.walls.get("house") == both
    # Both name it: one value stands on both nodes, and who lost is told.
    await one.walls.change(both, dataclasses.replace(both, name="Ours"))
    await two.walls.change(both, dataclasses.replace(both, name="Mine"))
    told = [*(await one.tell(two)).conflicts, *(await two.tell(one)).conflicts]
    assert (await one.walls.get("house")).name == (await two.walls.get("house")).name
    assert [(lost.kind, lost.field) for lost in told] == [("walls", "name")]
    # A deletion beats an edit that nobody had heard of.
    await one.walls.remove("house")
    await two.walls.change(both, dataclasses.replace(both, size="16"))
    await two.tell(one)
    await one.tell(two)
    for node in nodes:
        with pytest.raises(NotFound):
            await node.walls.get("house")


async def test_a_wall_of_a_newer_release_is_kept_as_it_is(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.walls.add(HOUSE)
    await one.tell(two)
    (change,) = [
        each for each in (await one.replica.changes_after(0)).changes if each.field == "size"
    ]
    newer = dataclasses.replace(change, value="mosaic", counter=change.counter + 9, node="cc")
    await two.replica.merge([newer], sender="cc")
    assert (await two.walls.get("house")).size == "4"
    told = (await two.replica.changes_after(0)).changes
    assert [each.value for each in told if each.field == "size"] == ["mosaic"]


async def test_a_person_goes_with_their_own_walls(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.accounts.add_user(dataclasses.replace(ANNA, id="otto", name="Otto"))
    await one.accounts.add_user(ANNA)
    own = dataclasses.replace(HOUSE, id="own", shared=False)
    for wall in (HOUSE, own, dataclasses.replace(own, id="others", owner_id="otto")):
        await one.walls.add(wall)
    await one.tell(two)
    await one.accounts.remove_user("anna")
    await one.tell(two)
    for node in nodes:
        assert {wall.id for wall in await node.walls.list()} == {"house", "others"}


async def test_a_store_writes_only_what_its_caller_changed(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.cameras.insert(DOOR)
    await one.tell(two)
    (known,) = await two.cameras.list()
    await one.cameras.update(dataclasses.replace(DOOR, location="garage", updated_at_us=2))
    seq = await one.seq()
    await one.tell(two)
    # The other one knows nothing of the garage yet.
    await two.cameras.update(dataclasses.replace(known, name="Gate", updated_at_us=3))
    await two.tell(one)
    for node in nodes:
        stored = await node.cameras.get(DOOR.id)
        assert (stored.name, stored.location, stored.password) == ("Gate", "garage", DOOR.password)
    assert await one.new_since(seq) == [("door", "name"), ("door", "updated_at_us")]
    seq = await one.seq()
    await one.settings.patch({"keep_days": None, "default_framerate": 15})
    await one.cameras.update(await one.cameras.get(DOOR.id))
    assert await one.new_since(seq) == []


async def test_what_is_used_each_minute_is_no_edit(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.accounts.add_user(ANNA)
    session = StoredSession("s", b"s", "anna", 5, 5, "", "", active_us=5)
    assert await one.accounts.add_session(session, "hash")
    await one.tell(two)
    (there,) = (await two.accounts.load()).sessions
    assert (there.last_seen_us, there.active_us) == (5, 5)
    seq = await one.seq()
    for minutes in range(1, 60):
        await one.accounts.note_seen({"s": 5 + minutes * 60 * SECOND_US}, {})
    assert await one.new_since(seq) == []
    await one.accounts.note_seen({"s": 5 + HOUR_US}, {})
    assert await one.new_since(seq) == [("s", "active_us")]
    await one.tell(two)
    (there,) = (await two.accounts.load()).sessions
    assert (there.last_seen_us, there.active_us) == (5, 5 + HOUR_US)


async def test_two_cameras_of_one_address_are_both_kept_and_told(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.cameras.insert(DOOR)
    await two.cameras.insert(dataclasses.replace(DOOR, id="other", name="Other"))
    await one.tell(two)
    await two.tell(one)
    for node in nodes:
        assert await node.cameras.same_address("door") == ["other"]
        assert await node.cameras.same_address("other") == ["door"]
        assert [camera.name for camera in await node.cameras.list()] == ["Door", "Other"]
        with pytest.raises(Conflict, match="already has this address"):
            await node.cameras.insert(dataclasses.replace(DOOR, id="third"))
    # Each can still be changed, and leave.
    await one.cameras.update(dataclasses.replace(DOOR, name="Front door"))
    await one.cameras.update(
        dataclasses.replace(DOOR, name="Front door", source_url="rtsp://10.0.0.8/")
    )
    assert await one.cameras.same_address("door") == []
    with pytest.raises(Conflict, match="“Other” already has this address"):
        await one.cameras.update(DOOR)


async def test_names_are_kept_apart(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.accounts.add_user(ANNA)
    await two.accounts.add_user(dataclasses.replace(ANNA, id="bnna", name="anna"))
    with pytest.raises(Conflict, match="already a user named"):
        await one.accounts.add_user(dataclasses.replace(ANNA, id="cnna", name="ANNA"))
    await one.tell(two)
    await two.tell(one)
    for node in nodes:
        users = (await node.accounts.load()).users
        assert [(user.id, user.name) for user in users] == [("anna", "Anna"), ("bnna", "anna (2)")]


async def test_a_conflict_is_told_without_secrets(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.cameras.insert(DOOR)
    await one.tell(two)
    await two.cameras.list()
    await one.cameras.update(
        dataclasses.replace(
            DOOR, location="left", password=Secret("mine"), updated_at_us=8,
            source_url="rtsp://10.0.0.9/main?user=admin&password=mine",
        )
    )  # fmt: skip
    await two.settings.patch({"keep_days": 3})  # a later tick
    await two.cameras.update(
        dataclasses.replace(DOOR, location="right", password=Secret("yours"), updated_at_us=9,
                            source_url="rtsp://10.0.0.9/main?user=admin&password=yours"),
    )  # fmt: skip
    merged = await two.tell(one)
    found = {each.field: each for each in merged.conflicts}
    assert found.keys() == {"location", "password_encrypted", "source_url"}
    place = found["location"]
    assert (place.name, place.lost, place.kept, place.deleted) == ("Door", "left", "right", False)
    assert found["password_encrypted"].lost == found["password_encrypted"].kept == ""
    assert "mine" not in repr(merged.conflicts)
    assert "yours" not in repr(merged.conflicts)
    assert (await one.tell(two)).conflicts == []


async def test_one_password_under_two_keys_is_no_conflict(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.cameras.insert(dataclasses.replace(DOOR, password=None))
    await one.tell(two)
    for node in nodes:
        await node.cameras.update(await node.cameras.get(DOOR.id))
        await node.cameras.update(DOOR)
    await two.settings.patch({"keep_days": 3})
    seq = await two.seq()
    newer = Fernet.generate_key()
    rotated = CameraStore(two.database, cipher(newer))
    await rotated.update(DOOR)  # all its fields: it has handed out none
    assert ("door", "password_encrypted") in await two.new_since(seq)
    one.replica = Replica(one.database, cipher(newer))
    assert (await two.tell(one)).conflicts == []


def change(**values: Any) -> Change:
    given = {"kind": "cameras", "id": "door", "field": "name", "value": "A", "counter": 99,
             "node": "aa", "seen": {}}  # fmt: skip
    return Change(**{**given, **values})


BAD = {
    "kind": change(kind="drop table"),
    "no text": change(kind=3),
    "field": change(field="a b"),
    "id": change(id=""),
    "long id": change(id="x" * 1001),
    "node": change(node="not a node!"),
    "counter": change(counter=1 << 53),
    "clock": change(counter=(1 << 40) - 1),
    "no counter": change(counter=0),
    "true": change(counter=True),
    "seen": change(seen={"aa": "1"}),
    "no seen": change(seen=[]),
    "type": change(value=3),
    "empty": change(value=None),
    "bytes": change(field="password_encrypted", value={"b64": "?"}),
    "too great": change(field="framerate", value=1 << 64),
    "flag": change(field="audio", value=1),
    "long": change(value="x" * 1_100_000),
    "surrogate": change(value="\ud800"),
    "no number": change(field="metadata", value={"x": float("nan")}),
    "deletion": change(field="", value=True),
    "of a setting": change(kind="settings", id="keep_days", field="", value=False),
    "role": change(kind="users", id="anna", field="role", value="king"),
}


NO_CHANGES = BAD.keys() - {"type", "empty", "bytes", "too great", "flag", "role"}


@pytest.mark.parametrize("bad", BAD)
async def test_a_change_that_cannot_be_taken_over_keeps_nothing_beside_it_out(
    nodes: list[NodeOfTest], bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = nodes
    await one.cameras.insert(DOOR)
    await one.accounts.add_user(ANNA)
    told = [change(field="location", value="new"), BAD[bad], change(field="transport", value="tcp")]
    merged = await one.replica.merge(told, sender="pi-2")
    door = await one.cameras.get("door")
    assert (door.location, door.transport, door.name) == ("new", "tcp", "Door")
    assert merged.unreadable == (bad in NO_CHANGES)
    assert merged.applied == 3 - merged.unreadable
    if bad in NO_CHANGES:
        assert "node pi-2 told 1 changes that are none" in caplog.text
    else:  # kept and passed on
        assert (await one.replica.changes_after(0)).changes.count(BAD[bad]) == 1
        await one.tell(two)
        assert (await two.replica.changes_after(0)).changes.count(BAD[bad]) == 1
        assert one.replica.tell_of_more == two.replica.tell_of_more == {BAD[bad].node}
        assert (await one.replica.merge(told, sender="pi-2")).applied == 0
        assert caplog.text.count("what this release does not know") == 2  # once on each
    seq = await one.seq()
    await one.cameras.update(dataclasses.replace(door, name="B"))  # edits are stamped as before
    assert ("door", "name") in await one.new_since(seq)


@pytest.mark.parametrize("told", [None, [], {"kind": "cameras"}, "text", 3])
def test_what_is_no_change_is_refused(told: Any) -> None:
    with pytest.raises(InvalidInput):
        Change.of_json(told)


async def test_a_counter_from_the_future_pulls_the_clock_along(nodes: list[NodeOfTest]) -> None:
    one, _ = nodes
    await one.cameras.insert(DOOR)
    await one.replica.merge([change(counter=1 << 30, value="Far")], sender="pi-2")
    assert (await one.cameras.get("door")).name == "Far"
    await one.cameras.update(dataclasses.replace(await one.cameras.get("door"), name="Here"))
    batch = await one.replica.changes_after(0)
    (name,) = [each for each in batch.changes if each.field == "name"]
    assert (name.value, name.counter, name.seen["aa"]) == ("Here", (1 << 30) + 1, 1 << 30)


async def test_all_hear_of_edits_and_merges(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    heard, applied = asyncio.Event(), asyncio.Queue[frozenset[str]]()
    one.replica.changed.append(heard.set)

    async def note(kinds: frozenset[str]) -> None:
        applied.put_nowait(kinds)

    one.replica.on_applied.append(note)
    one.replica.start()
    await one.accounts.add_user(ANNA)
    await heard.wait()
    heard.clear()
    await two.cameras.insert(DOOR)
    await two.tell(one)
    assert await applied.get() == {"cameras"}
    await one.replica.look()
    assert not heard.is_set()  # peers heard that themselves

    def by_another_process() -> None:
        with closing(sqlite3.connect(one.database.path)) as connection, connection:
            connection.execute("UPDATE users SET role = 'viewer'")

    await asyncio.to_thread(by_another_process)
    await one.database.changed_elsewhere()  # as `ChangeWatch` does each second
    await heard.wait()


async def test_who_cannot_read_again_does_so_later(
    nodes: list[NodeOfTest], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("falconeye.storage.replication.replica.TRY_AGAIN_S", 0)
    one, two = nodes
    done, tries = asyncio.Event(), []

    async def fail_once(kinds: frozenset[str]) -> None:
        tries.append(kinds)
        if len(tries) == 1:
            raise RuntimeError("busy")
        done.set()

    one.replica.on_applied.append(fail_once)
    one.replica.start()
    await two.cameras.insert(DOOR)
    await two.tell(one)
    await done.wait()
    assert tries == [{"cameras"}, {"cameras"}]
    assert "trying again" in caplog.text


async def test_a_node_that_joins_takes_over_without_deleting(nodes: list[NodeOfTest]) -> None:
    one, two = nodes
    await one.accounts.add_user(ANNA)
    await one.settings.patch({"keep_days": 7})
    await two.accounts.add_user(dataclasses.replace(ANNA, id="otto", name="Otto"))
    theirs = (await two.replica.changes_after(0)).changes
    taken = [change for change in theirs if change.kind in {"users", "settings"}]
    await one.replica.replace({"users", "settings"}, taken, sender="two")
    await one.tell(two)
    await two.tell(one)
    for node in nodes:
        assert [user.name for user in (await node.accounts.load()).users] == ["Otto"]


async def test_a_member_that_was_removed_needs_a_new_id(nodes: list[NodeOfTest]) -> None:
    one, _ = nodes
    await one.members.put(PI_2)
    await one.members.put(dataclasses.replace(PI_2, addresses=("10.0.0.3:8901",)))
    assert (await one.members.get("22")).addresses == ("10.0.0.3:8901",)
    await one.members.remove("22")
    with pytest.raises(Conflict, match="needs a new id"):
        await one.members.put(PI_2)
    with pytest.raises(NotFound):
        await one.members.remove("22")
    with pytest.raises(NotFound):
        await one.members.get("22")


async def test_a_deleted_camera_leaves_its_footage_as_it_would_here(
    nodes: list[NodeOfTest],
) -> None:
    one, two = nodes
    await one.cameras.insert(dataclasses.replace(DOOR, keep_days=9))
    await one.tell(two)

    def footage() -> None:
        with closing(sqlite3.connect(two.database.path)) as connection, connection:
            connection.execute(
                "INSERT INTO streams (id, camera_id, kind) VALUES (1, 'door', 'main')"
            )

    def rule() -> Any:
        with closing(sqlite3.connect(two.database.path)) as connection:
            return connection.execute("SELECT keep_days FROM streams").fetchall()

    await asyncio.to_thread(footage)
    await one.cameras.delete("door")
    await one.tell(two)
    assert await asyncio.to_thread(rule) == [(9,)]


async def test_who_knows_more_than_there_is_begins_again(nodes: list[NodeOfTest]) -> None:
    one, _ = nodes
    await one.accounts.add_user(ANNA)
    everything = await one.replica.changes_after(0)
    assert await one.replica.changes_after(await one.seq() + 1) == everything
    assert (await one.replica.changes_after(await one.seq())).changes == []
    with pytest.raises(InvalidInput):
        await one.replica.changes_after(-1)


def test_facts_about_this_nodes_disks_stay_here() -> None:
    assert {INCOMPLETE, PAUSED, SESSION_DAYS} == LOCAL_SETTINGS


async def test_the_first_node_id_takes_over_what_was_edited_before(
    tmp_path: Path, clock: FakeClock
) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    store, replica = AccountStore(database), Replica(database)
    await store.add_user(ANNA)
    await store.rehash("anna", "hash", "better")
    identity = await load_identity(database, clock)
    await replica.open()
    changes = (await replica.changes_after(0)).changes
    assert {each.node for each in changes} == {identity.node_id}
    seen = {each.field: each.seen for each in changes}
    assert seen["password_hash"] == {identity.node_id: 1}
    await database.close()
