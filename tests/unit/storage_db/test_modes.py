"""Events as rows; and what becomes of modes and privacy on the way to the release before."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import InvalidInput
from falconeye.base.times import HOUR_US
from falconeye.config.camera import CameraConfig, Protocol, RecordMode
from falconeye.config.schedule import WeekSchedule
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.database import Database
from falconeye.storage.stores import event_store
from falconeye.storage.stores.camera_store import CameraStore
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.event_store import CameraEvent, EventStore
from falconeye.storage.tables.ledger import coverage_steps
from tests.clock import START_US, FakeClock
from tests.databases import closed_database
from tests.unit.storage_db.test_stores import DOOR

WEEK = WeekSchedule.parse({"mon": ["08:00-17:00"], "sun": ["22:00-06:00"]}, field="schedule")
EVENT = CameraEvent("cam", START_US, START_US + 5_000_000, "doorbell", "Somebody rings")


async def test_the_modes_are_kept(tmp_path: Path, clock: FakeClock) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    store = CameraStore(database, CredentialCipher([Fernet.generate_key()], "the test"))
    camera = replace(
        DOOR, record=RecordMode.EVENT, schedule=WEEK, privacy_schedule=WEEK, pre_roll_s=20,
        post_roll_s=30, paused_by="Anna", paused_until_us=START_US,
        privacy_lifted_until_us=START_US + 1,
    )  # fmt: skip
    await store.insert(camera)
    assert await store.get(camera.id) == camera
    await store.update(replace(camera, schedule=None, paused_by=None))
    assert (await store.get(camera.id)).schedule is None
    await database.close()


async def test_events_are_found_by_their_time(tmp_path: Path, clock: FakeClock) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    events = EventStore(database)
    later = replace(EVENT, at_us=START_US + HOUR_US, until_us=START_US + HOUR_US)
    for event in (later, EVENT, replace(EVENT, camera_id="another")):
        await events.add(event)
    assert await events.between("cam", START_US, START_US + 2 * HOUR_US) == [EVENT, later]
    assert await events.between("cam", START_US + 5_000_000, START_US + HOUR_US) == [EVENT]
    assert await events.between("cam", START_US + 5_000_001, START_US + HOUR_US) == []
    await database.close()


async def test_two_in_one_moment_are_two(tmp_path: Path, clock: FakeClock) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    events = EventStore(database)
    for label in "abc":
        await events.add(replace(EVENT, label=label))
    found = await events.between("cam", START_US, START_US + 1000)
    assert [event.label for event in found] == ["a", "b", "c"]
    await database.close()


async def test_a_flood_of_events_keeps_the_newest(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "KEPT", 3)
    monkeypatch.setattr(event_store, "PRUNE_EVERY", 1)
    monkeypatch.setattr(event_store, "MAX_LISTED", 2)
    database = closed_database(tmp_path, clock)
    await database.open()
    events = EventStore(database)
    for number in range(6):
        at_us = START_US + number * 10_000
        await events.add(replace(EVENT, at_us=at_us, until_us=at_us))
    with pytest.raises(InvalidInput, match="too much"):
        await events.between("cam", START_US, START_US + HOUR_US)
    found = await events.between("cam", START_US + 35_000, START_US + HOUR_US)
    assert [event.at_us for event in found] == [START_US + 40_000, START_US + 50_000]
    await database.close()


async def test_not_each_event_walks_over_all_that_are_kept(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a hundred thousand that is 8 ms, in which no footage is indexed."""
    monkeypatch.setattr(event_store, "KEPT", 3)
    monkeypatch.setattr(event_store, "PRUNE_EVERY", 4)
    database = closed_database(tmp_path, clock)
    await database.open()
    kept = []
    events = EventStore(database)
    for number in range(9):
        at_us = START_US + number * 10_000
        await events.add(replace(EVENT, at_us=at_us, until_us=at_us))
        kept.append(len(await events.between("cam", START_US, START_US + HOUR_US)))
    assert kept == [1, 2, 3, 4, 3, 4, 5, 6, 3]
    await EventStore(database).add(replace(EVENT, at_us=START_US + HOUR_US - 1))  # another start
    assert len(await events.between("cam", START_US, START_US + HOUR_US)) == 3
    await database.close()


async def test_the_release_before_stops_what_was_paused_and_records_the_rest(
    tmp_path: Path, clock: FakeClock
) -> None:
    database = closed_database(tmp_path, clock)
    await database.open()
    store = CameraStore(database, CredentialCipher([Fernet.generate_key()], "the test"))
    await add(database, store)
    await database.close()
    await closed_database(tmp_path, clock).downgrade("0005")
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        rows = connection.execute("SELECT id, record, started, stopped_by FROM cameras ORDER BY id")
        assert rows.fetchall() == [
            ("event", "continuous", 1, None),
            ("paused", "continuous", 0, "Anna"),
            ("private", "continuous", 0, None),
        ]
        reasons = connection.execute("SELECT reason FROM coverage_steps ORDER BY since_us")
        assert [row[0] for row in reasons] == ["camera_stopped", "recording_off", "recording_off"]


async def add(database: Database, store: CameraStore) -> None:
    base = CameraConfig("", "Door", Protocol.DEMO, "demo:", 0, 0)
    await store.insert(replace(base, id="event", record=RecordMode.EVENT))
    await store.insert(replace(base, id="paused", paused_by="Anna", source_url="rtsp://a/1"))
    await store.insert(replace(base, id="private", privacy_schedule=WEEK, source_url="rtsp://b/1"))

    async def steps(connection: AsyncConnection) -> None:
        for number, reason in enumerate(("paused", "outside_schedule", "outside_events")):
            row = {"camera_id": "paused", "since_us": number, "reason": reason, "detail": ""}
            await connection.execute(insert(coverage_steps).values(row))

    await database.write(steps)
