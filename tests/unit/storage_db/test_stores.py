"""Cameras, settings, the node's identity and the data key."""

import asyncio
import dataclasses
import errno
import os
import sqlite3
import stat
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Conflict, InvalidInput, NotFound, StartError
from falconeye.base.secret import Secret
from falconeye.cameras.identity.same_address import of_one_address
from falconeye.config.addresses import normalised_address
from falconeye.config.camera import CameraConfig, Protocol, RecordMode, Transport
from falconeye.config.loading import SETTINGS as NODE_SETTINGS
from falconeye.recording.plan import Beginnings
from falconeye.storage.index.change_watch import ChangeWatch
from falconeye.storage.index.database import Database
from falconeye.storage.segments.layout import recording_id
from falconeye.storage.segments.recording_index import RecordingEntry, begin_recording
from falconeye.storage.segments.segments import RecordingKind
from falconeye.storage.stores.audit_store import (
    AuditEntry,
    AuditFilter,
    AuditStore,
    AuditWords,
)
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import (
    KEY_NAME,
    CredentialCipher,
    CredentialUnreadable,
    load_cipher,
)
from falconeye.storage.stores.node_store import load_identity
from falconeye.storage.stores.settings_store import SettingsStore, StoredSettings
from falconeye.storage.tables.node import AUDIT, SETTINGS
from tests.clock import START_US, FakeClock
from tests.databases import closed_database

DOOR = CameraConfig(
    id="11111111-1111-4111-8111-111111111111",
    name="Door",
    protocol=Protocol.RTSP,
    source_url="rtsp://10.0.0.9/stream1",
    created_at_us=START_US,
    updated_at_us=START_US,
    sub_url="rtsp://10.0.0.9/stream2",
    username="viewer",
    password=Secret("pässword"),
    location="front",
    resolution="640x480",
    framerate=15,
    transport=Transport.UDP,
    audio=False,
    record=RecordMode.MANUAL,
    started=False,
    recording_stopped_by="anna",
    allow_local=True,
    metadata={"floor": 1, "tags": ["a"]},
)


def new_cipher(origin: str = "data.key") -> CredentialCipher:
    return CredentialCipher([Fernet.generate_key()], origin)


async def test_a_camera_comes_back_as_it_was(database: Database) -> None:
    store = CameraStore(database, new_cipher())
    await store.insert(DOOR)
    assert await store.get(DOOR.id) == DOOR
    plain = CameraConfig("2", "Attic", Protocol.DEMO, "demo:", START_US, START_US)
    await store.insert(plain)
    assert await store.list() == [plain, DOOR]
    changed = dataclasses.replace(DOOR, name="Gate", started=True, password=None, metadata={})
    await store.update(changed)
    assert await store.get(DOOR.id) == changed
    await store.delete(DOOR.id)
    assert await store.list() == [plain]


async def test_a_recording_after_a_restart_has_an_id_of_its_own_though_the_clock_is_behind(
    database: Database,
) -> None:
    """Two of one id would be one that reaches over all that was recorded between them."""
    store = CameraStore(database, new_cipher())
    await store.insert(DOOR)
    assert await store.latest_recordings() == {}
    for start_us in (START_US, START_US - 5_000_000):
        made = recording_id(DOOR.id, start_us)
        entry = RecordingEntry(made, RecordingKind.EVENT, DOOR.id, DOOR.name, "pi-1")
        await database.write(
            partial(begin_recording, entry=entry, stream_id=1, run_id=1, start_us=start_us)
        )
    latest = await store.latest_recordings()
    assert latest == {DOOR.id: START_US}
    beginnings = Beginnings()
    beginnings.know(latest)
    for start_us, is_first in ((START_US - 5_000_000, False), (START_US + 1, False)):
        assert beginnings.is_first(DOOR.id, start_us) is is_first
    assert beginnings.is_first(DOOR.id, START_US + 1_000_000)
    assert beginnings.is_first("another", START_US)


async def test_unknown_cameras_are_said(database: Database) -> None:
    store = CameraStore(database, new_cipher())
    with pytest.raises(NotFound):
        await store.get("x")
    with pytest.raises(NotFound):
        await store.update(DOOR)
    with pytest.raises(NotFound):
        await store.delete("x")


async def test_one_address_is_one_camera(database: Database) -> None:
    store = CameraStore(database, new_cipher())
    await store.insert(DOOR)
    same = dataclasses.replace(DOOR, id="2", source_url="RTSP://10.0.0.9:554/stream1#x")
    with pytest.raises(Conflict, match="“Door” already has this address"):
        await store.insert(same)
    other = dataclasses.replace(DOOR, id="2", source_url="rtsp://10.0.0.9/stream2")
    await store.insert(other)
    with pytest.raises(Conflict, match="Door"):
        await store.update(same)
    await store.update(dataclasses.replace(DOOR, name="Gate"))


async def test_no_password_lies_in_the_database(database: Database) -> None:
    await CameraStore(database, new_cipher()).insert(DOOR)
    with closing(sqlite3.connect(database.path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert "stream1" in dump
    assert "pässword" not in dump
    assert "pässword".encode().hex().upper() not in dump


async def test_a_lost_key_costs_the_password_alone_and_is_said(database: Database) -> None:
    right = new_cipher()
    await CameraStore(database, right).insert(DOOR)
    store = CameraStore(database, new_cipher("/data/data.key"))
    (camera,) = await store.list()
    assert camera == dataclasses.replace(DOOR, password=None)
    assert "another key" in store.password_problems[DOOR.id]
    assert "/data/data.key" in store.password_problems[DOOR.id]
    # A change of something else keeps what is stored, for when the key comes back.
    await store.update(dataclasses.replace(camera, name="Gate"))
    assert (await CameraStore(database, right).get(DOOR.id)).password == DOOR.password
    await store.update(dataclasses.replace(camera, password=Secret("new")))
    assert not store.password_problems
    assert (await store.get(DOOR.id)).password == Secret("new")


HIDING = dataclasses.replace(
    DOOR,
    protocol=Protocol.HTTP,
    source_url="http://10.0.0.9/v.cgi?loginuse=adm1n&loginpas=s3cr%27et'x&ch=1",
    sub_url="http://10.0.0.9/user=adm1n_password=s3cr%26et_channel=1_stream=0.sdp",
)


async def test_no_login_within_an_address_lies_in_the_database(database: Database) -> None:
    store = CameraStore(database, new_cipher())
    await store.insert(HIDING)
    assert await store.get(HIDING.id) == HIDING
    with closing(sqlite3.connect(database.path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert "loginuse=sealed:" in dump
    assert "adm1n" not in dump
    assert "s3cr" not in dump
    assert "et'x" not in dump.replace("''", "'")
    # Two channels of one recorder are two cameras; another login makes no other camera.
    assert HIDING.source_url
    other = dataclasses.replace(HIDING, id="2", source_url=HIDING.source_url[:-1] + "2")
    await store.insert(other)
    same = dataclasses.replace(HIDING, id="3", source_url="http://10.0.0.9/v.cgi?loginpas=x&ch=1")
    with pytest.raises(Conflict, match="Door"):
        await store.insert(same)


async def test_a_loopback_address_is_another_camera_at_each_node(database: Database) -> None:
    store = CameraStore(database, new_cipher())
    first = dataclasses.replace(HIDING, source_url="http://127.0.0.1/v.cgi", owner_id="one")
    await store.insert(first)
    await store.insert(dataclasses.replace(first, id="2", name="Yard", owner_id="two"))
    with pytest.raises(Conflict, match="Yard"):
        await store.insert(dataclasses.replace(first, id="3", name="Back", owner_id="two"))
    assert of_one_address(await store.list()) == {}


def test_an_address_key_holds_no_login() -> None:
    url = "rtsp://10.0.0.9/user=adm1n_password=s3cr%26et_channel={}_stream=0.sdp"
    assert normalised_address(url.format(1)) == "10.0.0.9:554/user=***_channel=1_stream=0.sdp"
    assert normalised_address(url.format(2)) == "10.0.0.9:554/user=***_channel=2_stream=0.sdp"


async def test_a_lost_key_hides_what_an_address_held(database: Database) -> None:
    right = new_cipher()
    await CameraStore(database, right).insert(HIDING)
    store = CameraStore(database, new_cipher())
    (camera,) = await store.list()
    assert camera.source_url == "http://10.0.0.9/v.cgi?loginuse=***&loginpas=***&ch=1"
    assert "another key" in store.password_problems[HIDING.id]
    # A change of something else keeps it, for when the key comes back.
    await store.update(dataclasses.replace(camera, source_url=camera.source_url + "0"))
    back = await CameraStore(database, right).get(HIDING.id)
    assert back.source_url == f"{HIDING.source_url}0"
    assert (back.sub_url, back.password) == (HIDING.sub_url, HIDING.password)
    # It can be used again when everything was entered anew.
    camera = dataclasses.replace(camera, password=Secret("new"))
    await store.update(camera)
    assert HIDING.id in store.password_problems
    camera = dataclasses.replace(camera, source_url=HIDING.source_url, sub_url=None)
    await store.update(camera)
    assert not store.password_problems
    assert await store.get(HIDING.id) == camera
    await store.update(dataclasses.replace(camera, password=None))
    assert (await store.get(HIDING.id)).password is None


def test_a_changed_ciphertext_is_damage() -> None:
    cipher = new_cipher()
    stored = cipher.encrypt(Secret("x"))
    with pytest.raises(CredentialUnreadable, match="damaged"):
        cipher.decrypt(stored[:-4] + b"AAA=")


def test_an_old_key_still_decrypts_and_the_first_encrypts() -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    stored = CredentialCipher([old], "k").encrypt(Secret("x"))
    both = CredentialCipher([new, old], "k")
    assert both.decrypt(stored) == Secret("x")
    assert CredentialCipher([new], "k").decrypt(both.encrypt(Secret("y"))) == Secret("y")


def test_the_key_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    stored = load_cipher(tmp_path, None, {}).encrypt(Secret("x"))
    assert stat.S_IMODE((tmp_path / KEY_NAME).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [KEY_NAME]
    assert load_cipher(tmp_path, None, {}).decrypt(stored) == Secret("x")


def test_a_key_can_be_given(tmp_path: Path) -> None:
    given = tmp_path / "data-key"
    given.write_text("/+" + Fernet.generate_key().decode()[2:].replace("-", "+").replace("_", "/"))
    given.chmod(0o600)
    stored = load_cipher(tmp_path, given, {}).encrypt(Secret("x"))
    by_systemd = load_cipher(tmp_path, None, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert by_systemd.decrypt(stored) == Secret("x")
    assert not (tmp_path / KEY_NAME).exists()


@pytest.mark.parametrize("content", ["", "short", "*" * 44, "A" * 40 + "AA=="])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    given = tmp_path / "key"
    given.write_text(content)
    with pytest.raises(StartError, match=str(given)):
        load_cipher(tmp_path, given, {})


def test_a_directory_in_which_no_key_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)  # as FAT does
    with pytest.raises(StartError, match="cannot be made: Operation not permitted"):
        load_cipher(tmp_path, None, {})
    assert list(tmp_path.iterdir()) == []


def test_a_missing_given_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be read"):
        load_cipher(tmp_path, tmp_path / "none", {})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rtsp://cam.local/a", "rtsp://CAM.local.:554/a"),
        ("rtsp://u:p@10.0.0.9/a?x=1", "rtsp://10.0.0.9:554/a?x=1"),
        ("http://10.0.0.9", "http://10.0.0.9:80/"),
        ("http://[fe80:0::1]/a", "http://[fe80::1]:80/a"),
        ("http://c/v?user=a&pwd=b&ch=1", "http://c/v?ch=1&user=c&pwd=d"),
        ("http://c/%61b", "http://c/ab"),
    ],
)
def test_the_same_address(one: str, other: str) -> None:
    assert normalised_address(one) == normalised_address(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rtsp://c/a", "rtsp://c/A"),
        ("rtsp://c/a", "rtsp://c:8554/a"),
        ("rtsp://c/a?ch=1", "rtsp://c/a?ch=2"),
        ("rtsp://c/a", "rtsp://c/a/"),
    ],
)
def test_another_address(one: str, other: str) -> None:
    assert normalised_address(one) != normalised_address(other)


@pytest.mark.parametrize("url", ["", "rtsp://", "cam/stream", "rtsp://c:99999/", "rtsp://[1::/"])
def test_no_address(url: str) -> None:
    with pytest.raises(InvalidInput):
        normalised_address(url)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused_and_stable(text: str) -> None:
    try:
        once = normalised_address("rtsp://" + text)
    except InvalidInput:
        return
    assert normalised_address("rtsp://" + once) == once


async def test_settings_start_with_their_defaults(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    store = SettingsStore(database)
    await store.load()
    assert store.current == StoredSettings(site_time_zone="Europe/Berlin")
    assert store.current.creating_timeout_minutes == 3
    assert store.zone.key == "Europe/Berlin"


async def test_changed_settings_stay_and_reach_another_process(
    database: Database, clock: FakeClock
) -> None:
    store = SettingsStore(database)
    await store.load()
    changes = {
        "default_framerate": 20,
        "site_time_zone": "Asia/Tokyo",
        "node_ips": {"a": "1.2.3.4"},
    }
    after = await store.patch(changes)
    assert after is store.current
    assert (after.default_framerate, after.node_ips) == (20, {"a": "1.2.3.4"})
    command = closed_database(database.data_dir, clock)
    await command.open()
    theirs = SettingsStore(command)
    await theirs.load()
    assert theirs.current == after
    await theirs.patch({"default_framerate": 25, "site_time_zone": "UTC"})
    await command.close()
    watch = ChangeWatch(database)
    watch.subscribe(store.load)
    assert await watch.check()
    assert store.current.default_framerate == 25
    assert store.zone.key == "UTC"
    assert not await watch.check()


async def test_a_change_is_not_lost_when_a_reload_fails(
    database: Database, clock: FakeClock
) -> None:
    command = closed_database(database.data_dir, clock)
    await command.open()
    theirs = SettingsStore(command)
    await theirs.load()
    await theirs.patch({"keep_days": 3})
    await command.close()
    store = SettingsStore(database)
    fails = [Conflict("once")]

    async def reload() -> None:
        if fails:
            raise fails.pop()
        await store.load()

    watch = ChangeWatch(database)
    watch.subscribe(reload)
    with pytest.raises(Conflict):
        await watch.check()
    assert await watch.check()
    assert store.current.keep_days == 3


async def test_the_watch_looks_by_itself(database: Database, clock: FakeClock) -> None:
    seen = asyncio.Event()

    async def reload() -> None:
        seen.set()

    watch = ChangeWatch(database)
    watch.subscribe(reload)
    watch.start()
    command = closed_database(database.data_dir, clock)
    await command.open()
    await load_identity(command, clock)
    await seen.wait()
    await command.close()
    await watch.stop()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("default_resolution", "big"),
        ("default_resolution", "0x480"),
        ("default_framerate", 0),
        ("default_framerate", "15"),
        ("default_framerate", True),
        ("site_time_zone", "Mars/Base"),
        ("site_time_zone", "../../etc/passwd"),
        ("site_time_zone", ""),
        ("keep_days", 0),
        ("cleanup_interval", 9),
        ("cleanup_interval", 86_401),
        ("cleanup_interval", 60.0),
        ("cleanup_interval", "60"),
        ("import_root", "/srv"),  # the node's: see the next test
        ("cors_origins", ["ftp://x"]),
        ("cors_origins", ["https://x/path"]),
        ("frame_ancestors", ["https://x/path"]),
        ("frame_ancestors", ["https://x; script-src *"]),
        ("frame_ancestors", ["https://x;script-src"]),
        ("frame_ancestors", ["https://*.example"]),
        ("frame_ancestors", ["*"]),
        ("frame_ancestors", ["'self'"]),
        ("frame_ancestors", ["https://user@x"]),
        ("frame_ancestors", ["https://x:port"]),
        ("frame_ancestors", ["data:"]),
        ("frame_ancestors", ["https://x\r\ny"]),
        ("frame_ancestors", [f"https://x{number}" for number in range(21)]),
        ("node_ips", {"a": 5}),
        ("k8s_namespace", "Bad_Name"),
        ("unknown", 1),
    ],
)
async def test_bad_settings_are_refused_and_nothing_changes(
    database: Database, field: str, value: object
) -> None:
    store = SettingsStore(database)
    await store.load()
    before = store.current
    with pytest.raises(InvalidInput, match=f"^{field}: ") as refused:
        await store.patch({"default_camera_node": "n1", field: value})
    assert refused.value.field == field
    await store.load()
    assert store.current == before


def test_a_setting_has_one_home() -> None:
    """What whoever runs the node sets is never changed by a client, and the other way round."""
    assert StoredSettings.model_fields.keys().isdisjoint(NODE_SETTINGS)


async def test_a_refusal_says_the_unit_that_the_name_does_not(database: Database) -> None:
    store = SettingsStore(database)
    await store.load()
    with pytest.raises(InvalidInput, match=r"^cleanup_interval: .*\(seconds, 10 to 86400; "):
        await store.patch({"cleanup_interval": 5})
    for allowed in (10, 86_400):
        assert (await store.patch({"cleanup_interval": allowed})).cleanup_interval == allowed


async def test_a_bad_or_newer_stored_setting_stops_nothing(database: Database) -> None:
    async def by_hand(connection: AsyncConnection) -> None:
        for key, value in (("default_framerate", 999), ("from_the_future", {"a": 1})):
            await connection.execute(insert(SETTINGS).values(key=key, value=value))

    await database.write(by_hand)
    store = SettingsStore(database)
    await store.load()
    assert store.current.default_framerate == 15
    await store.patch({"keep_days": 7})
    async with database.reader() as connection:
        found = await connection.execute(SETTINGS.select().where(SETTINGS.c.key.like("from%")))
        assert found.one().value == {"a": 1}


async def test_the_node_keeps_its_id(database: Database, clock: FakeClock) -> None:
    first = await load_identity(database, clock)
    clock.advance(100)
    assert await load_identity(database, clock) == first
    assert first.created_at_us == START_US


async def test_a_view_of_the_audit_log_does_not_read_all_of_it(database: Database) -> None:
    """It only grows: what its filter offers and finds comes from indexes, each word once."""
    store = AuditStore(database)
    for number in range(4):
        action, name = ("camera.added", "anna") if number % 2 else ("user.added", "")
        what = ("door", "door_1700", "door_1700-pi", "doorbell")[number]
        entry = AuditEntry(number, "user", None, name, action, "camera", what, "", "")
        await store.add(entry)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    assert database._readers is not None
    event.listen(database._readers.sync_engine, "before_cursor_execute", note)
    assert await store.words() == AuditWords(("camera.added", "user.added"), ("anna",), ("camera",))
    for wanted, count in (
        (AuditFilter(action="user.added"), 2),
        (AuditFilter(who_name="anna"), 2),
        (AuditFilter(object_kind="camera"), 4),
        (AuditFilter(object_id="door"), 1),
        (AuditFilter(camera_id="door"), 3),
    ):
        found, total = await store.list(wanted, 10, 0)
        assert len(found) == total == count
    event.remove(database._readers.sync_engine, "before_cursor_execute", note)

    async def plan(connection: AsyncConnection) -> list[str]:
        rows: list[Any] = []
        for statement in (one for one in asked if "audit" in one):
            values = (1,) * statement.count("?")
            rows += await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [str(row[3]) for row in rows]

    steps = await database.read(plan)
    of_it = [step for step in steps if "audit" in step]
    assert len(of_it) >= 13
    assert [step for step in of_it if not step.startswith("SEARCH audit USING")] == []


async def test_the_audit_log_only_grows(database: Database) -> None:
    row = {
        "at_us": 1, "who_kind": "user", "who_name": "anna", "action": "x", "object_kind": "",
        "detail": "", "address": "",
    }  # fmt: skip

    async def add(connection: AsyncConnection) -> None:
        await connection.execute(insert(AUDIT).values(row))

    async def change(connection: AsyncConnection) -> None:
        await connection.execute(update(AUDIT).values(action="y"))

    async def remove(connection: AsyncConnection) -> None:
        await connection.execute(AUDIT.delete())

    await database.write(add)
    for operation in (change, remove):
        with pytest.raises(Exception, match="only grows"):
            await database.write(operation)
