"""Nodes of two releases, and databases that are brought back."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from falconeye.storage.backups.restore import Origin, check_backup
from falconeye.storage.backups.snapshot import snapshot
from falconeye.storage.index import schema
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.instance_lock import InstanceLock
from falconeye.storage.replication.changes import Change
from falconeye.storage.replication.replica import Replica
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.tables import known_values
from tests.clock import START_US, FakeClock
from tests.databases import HEAD, closed_database, later_release
from tests.unit.storage_replication.sites import Site, exchange

LATER_STEPS = """
import sqlalchemy as sa
from alembic import op


def upgrade():
    with op.batch_alter_table("users", recreate="always") as users:
        users.add_column(sa.Column("language", sa.String()))
        users.add_column(sa.Column("rooms", sa.JSON()))
        users.add_column(sa.Column("face", sa.LargeBinary()))
        users.add_column(sa.Column("tall", sa.Boolean(), nullable=False, server_default="0"))


def downgrade():
    with op.batch_alter_table("users", recreate="always") as users:
        for name in ("tall", "face", "rooms", "language"):
            users.drop_column(name)
"""
TOLD = {"language": "de", "rooms": ["hall"], "face": {"b64": "AAE="}, "tall": True}


def one(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def migrate(site: Site, clock: FakeClock) -> None:
    site.close()
    schema.migrate(site.path, InstanceLock(site.path.parent), clock)


def told_by_a_newer_release(site: Site, user_id: str) -> list[Change]:
    changes = [
        Change("users", user_id, name, value, 70 + number, "cc", {})
        for number, (name, value) in enumerate(TOLD.items())
    ]
    site.merge(changes)
    return changes


def test_fields_of_a_newer_release_are_kept_passed_on_and_taken_over(
    tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "a").mkdir()
    here, there = Site(tmp_path / "a" / "db.sqlite3", "aa"), Site(tmp_path / "b.sqlite3", "bb")
    here.add_user("anna", "Anna")
    here.add_user("otto", "Otto")
    changes = told_by_a_newer_release(here, "anna")
    exchange([here, there])
    passed = {(each.id, each.field): each for each in there.after().changes}
    assert [passed[each.id, each.field] for each in changes] == changes
    here.edit("UPDATE users SET role = 'viewer' WHERE id = 'anna'")  # and is no reason to lose it
    with later_release(tmp_path, LATER_STEPS):
        migrate(here, clock)
        found = one(here.path, "SELECT id, language, rooms, face, tall FROM users ORDER BY id")
        assert found == [
            ("anna", "de", '["hall"]', b"\0\1", 1),
            ("otto", None, None, None, 0),
        ]
        versions = one(
            here.path,
            "SELECT id, field, counter, node, value FROM replica_fields "
            "WHERE field IN ('language', 'tall') ORDER BY id, field",
        )
        assert versions == [
            ("anna", "language", 70, "cc", None), ("anna", "tall", 73, "cc", None),
            ("otto", "language", 1, "aa", None), ("otto", "tall", 1, "aa", None),
        ]  # fmt: skip
        one(here.path, "UPDATE users SET language = 'fr' WHERE id = 'anna'")
        schema.downgrade(here.path, HEAD, clock)
    # This release keeps what it does not know for the one that comes again.
    here.restart()
    kept = {(each.id, each.field): each for each in here.after().changes}
    assert (kept["anna", "language"].value, kept["anna", "language"].node) == ("fr", "aa")
    assert {name: kept["anna", name].value for name in TOLD} == TOLD | {"language": "fr"}
    exchange([here, there])
    assert here.state() == there.state()
    here.close()
    there.close()


def test_what_does_not_fit_the_new_column_costs_no_start(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a").mkdir()
    site = Site(tmp_path / "a" / "db.sqlite3", "aa")
    site.add_user("anna", "Anna")
    site.merge([Change("users", "anna", "face", "no bytes", 70, "cc", {})])
    with later_release(tmp_path, LATER_STEPS):
        migrate(site, clock)
        assert one(site.path, "SELECT face FROM users") == [(None,)]
        kept = "SELECT counter, node, value FROM replica_fields WHERE field = 'face'"
        assert one(site.path, kept) == [(70, "cc", '"no bytes"')]
        assert "what a peer told of face does not fit" in caplog.text


def newer(site: Site, row_id: str, **told: Any) -> list[Change]:
    """What node "cc" of a newer release says of a user."""
    changes = [
        Change("users", row_id, name, value, (1 << 40) + 90 + number, "cc", {})
        for number, (name, value) in enumerate(told.items())
    ]
    site.merge(changes)
    return changes


def test_who_has_a_role_of_a_newer_release_may_do_nothing_here_until_it_is_known(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Neither the rights of before nor any other: it may be that they were taken away."""
    (tmp_path / "a").mkdir()
    here, there = Site(tmp_path / "a" / "db.sqlite3", "aa"), Site(tmp_path / "b.sqlite3", "bb")
    here.add_user("anna", "Anna")
    here.add_user("otto", "Otto")
    here.add_session("s", "anna")
    (role,) = newer(here, "anna", role="guest")
    newer(here, "anna", name="Anne")
    here.merge([Change("users", "otto", "name", "Otter", 95, "cc", {})])
    exchange([here, there])
    for site in (here, there):
        assert site.rows("SELECT id, name FROM users") == [("otto", "Otter")]
        assert site.rows("SELECT id FROM sessions") == []
        kept = {(each.id, each.field): each for each in site.after().changes}
        assert kept["anna", "role"] == role
        assert kept["s", "user_id"].value == "anna"
    assert here.state() == there.state()
    with (
        later_release(tmp_path, "def upgrade(): pass\n\ndef downgrade(): pass\n"),
        pytest.MonkeyPatch.context() as bent,
    ):
        bent.setitem(known_values._RULES, ("users", "role"), lambda _: True)
        migrate(here, clock)
        assert one(here.path, "SELECT id FROM users") == [("otto",)]  # the column refuses it still
    here.restart()
    (back,) = newer(there, "anna", password_hash="x")
    role = Change("users", "anna", "role", "viewer", role.counter + (1 << 40), "cc", {})
    there.merge([role])
    exchange([here, there])
    for site in (here, there):
        assert site.rows("SELECT id, name, role, password_hash FROM users ORDER BY id") == [
            ("anna", "Anne", "viewer", back.value), ("otto", "Otter", "admin", "hash"),
        ]  # fmt: skip
        assert site.rows("SELECT id, user_id FROM sessions") == [("s", "anna")]
        waiting = "SELECT count(*) FROM replica_fields WHERE value IS NOT NULL"
        assert site.rows(waiting) == [(0,)]
        site.close()


def test_what_another_release_knows_is_taken_up_at_its_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "a", "aa")
    site.add_camera("door")
    site.add_camera("hall")
    (told,) = [Change("cameras", "door", "protocol", "webrtc", 90, "cc", {})]
    site.merge([told, Change("cameras", "door", "name", "Front door", 91, "cc", {})])
    protocols = "SELECT name, protocol FROM cameras ORDER BY id"
    assert site.rows(protocols) == [("Front door", "rtsp"), ("hall", "rtsp")]
    site.take_up_waiting()
    assert site.rows(protocols) == [("Front door", "rtsp"), ("hall", "rtsp")]
    before = site.state(), site.position()
    monkeypatch.setitem(known_values._RULES, ("cameras", "protocol"), lambda _: True)
    site.take_up_waiting()
    assert site.rows(protocols) == [("Front door", "webrtc"), ("hall", "rtsp")]
    assert (site.state(), site.position()) == before
    assert site.rows("SELECT count(*) FROM replica_fields WHERE value IS NOT NULL") == [(0,)]
    site.close()


def test_pages_are_bounded_by_what_they_hold(tmp_path: Path) -> None:
    """Pictures of a newer release: two hundred of a megabyte would be no page any more."""
    here, there = Site(tmp_path / "a", "aa"), Site(tmp_path / "b", "bb")
    told = [Change("plans", str(n), "picture", "x" * 900_000, 5, "cc", {}) for n in range(12)]
    here.merge(told)
    seq, sizes = 0, []
    while True:
        batch = here.after(seq)
        sizes.append(len(batch.changes))
        there.merge(batch.changes)
        seq = batch.next_seq
        if not batch.more:
            break
    assert sizes == [4, 4, 4]
    assert here.state() == there.state()
    for site in (here, there):
        site.close()


def test_a_row_in_pieces_waits_until_it_is_one(tmp_path: Path) -> None:
    here, there = Site(tmp_path / "a", "aa"), Site(tmp_path / "b", "bb")
    here.add_user("anna", "Anna")
    here.add_session("s", "anna")
    changes = sorted(here.after().changes, key=lambda each: (each.kind != "sessions", each.field))
    for change in changes:
        assert there.stored()["users"] == []
        assert there.stored()["sessions"] == []
        there.merge([change])
    assert there.stored() == here.stored()
    assert there.state() == here.state()
    assert there.rows("SELECT count(*) FROM replica_fields WHERE value IS NOT NULL") == [(0,)]
    here.close()
    there.close()


def test_a_backup_by_hand_and_what_was_written_since(tmp_path: Path) -> None:
    here, there = Site(tmp_path / "a", "aa"), Site(tmp_path / "b", "bb")
    here.add_camera("door")
    exchange([here, there])
    copy, before = here.back_up(), here.position()
    here.edit("UPDATE cameras SET name = 'after the backup'")
    exchange([here, there])
    here.bring_back(copy)
    assert here.position()[0] != before[0]
    here.heard.clear()
    here.edit("UPDATE cameras SET location = 'after the restore'")
    exchange([here, there])
    wanted = [("after the backup", "after the restore")]
    assert here.rows("SELECT name, location FROM cameras") == wanted
    assert there.rows("SELECT name, location FROM cameras") == wanted
    here.close()
    there.close()


async def test_a_restored_backup_signs_nobody_out_elsewhere(
    tmp_path: Path, clock: FakeClock
) -> None:
    database = closed_database(tmp_path / "data", clock)
    await database.open()
    await load_identity(database, clock)
    replica = Replica(database)
    await replica.open()
    before = await replica.position()

    def fill(path: Path) -> None:
        values = "'anna', 'Anna', 'anna', 'hash', 'admin', NULL, 0, NULL, 1, 1, NULL, NULL"
        one(path, f"INSERT INTO users VALUES ({values})")  # noqa: S608
        one(path, "INSERT INTO sessions VALUES ('s', x'00', 'anna', 1, 1, '', '', 1, 0)")

    await asyncio.to_thread(fill, database.path)
    work = tmp_path / "data" / "work"
    for plain in (True, False):  # a copy of the file, and what a backup holds

        def unpack(plain: bool = plain) -> Path:
            copy = tmp_path / f"copy-{plain}.sqlite3"
            if plain:
                schema.copy_database(database.path, copy)
            else:
                snapshot(database.path, copy)
            work.mkdir()
            checked = check_backup(copy, work, None, other_key=None)
            checked.lay_ready(
                tmp_path / "restored", name="copy", has_settings=False, utc_us=START_US,
                origin=Origin(),
            )  # fmt: skip
            return copy

        await asyncio.to_thread((tmp_path / "restored").mkdir, exist_ok=True)
        await asyncio.to_thread(unpack)
        restored = closed_database(tmp_path / "restored", clock)
        await restored.open(exclusive=True)
        again = Replica(restored)
        await again.open()
        incarnation, _ = await again.position()
        assert incarnation not in {before[0], "", "copy"}
        changes = (await again.changes_after(0)).changes
        assert {each.kind for each in changes} == {"users"}
        (counter,) = (
            await asyncio.to_thread(one, restored.path, "SELECT counter FROM replica_state")
        )[0]
        assert counter > 1_000_000  # no version is given twice
        await restored.close()
    await database.close()


def test_a_value_that_no_column_takes_is_json(tmp_path: Path) -> None:
    site = Site(tmp_path / DATABASE_NAME, "aa")
    site.merge([Change("plans", "p", "walls", {"ä": [1, None, "\u2028"]}, 5, "cc", {"dd": 3})])
    (change,) = site.after().changes
    assert json.loads(json.dumps(change.value)) == {"ä": [1, None, "\u2028"]}
    assert change.seen == {"dd": 3}
    site.close()
