"""Notices from the ledger to the database and out: real parts, on a clock that the test owns."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from cryptography.fernet import Fernet

from falconeye.alerts.delivery import NotDelivered
from falconeye.alerts.service import Alerts
from falconeye.base.errors import Unavailable
from falconeye.events.bus import EventBus, NoticesChanged
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.stores.credentials import CredentialCipher
from falconeye.storage.stores.notice_store import Notice, NoticeStore
from falconeye.storage.stores.settings_store import SettingsStore
from tests.clock import FakeClock
from tests.peers.http_receiver import http_receiver

OFFLINE = GapReason.CAMERA_OFFLINE


class Running:
    """Alerts as the node makes them; the test looks in their place."""

    def __init__(self, database: Database, clock: FakeClock, settings: SettingsStore) -> None:
        self.clock = clock
        self.store = NoticeStore(database)
        self.ledger = Ledger(database, clock)
        self.bus = EventBus()
        self.alerts = Alerts(
            self.store, self.ledger, settings, self.bus, clock,
            node_id="1", node_name="pi-1", name_of=str.title,
        )  # fmt: skip

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            await self.alerts.round()
            await asyncio.sleep(0)  # what is under way gets its turn

    async def stored(self) -> list[Notice]:
        """What is in the database, as soon as all that waits is."""
        await self.alerts._save()
        await self.store.save([])  # after those that are on their way
        return (await self.store.list(limit=10))[0]


@pytest.fixture
async def settings(database: Database) -> SettingsStore:
    store = SettingsStore(database, CredentialCipher([Fernet.generate_key()], "the test"))
    await store.load()
    return store


@asynccontextmanager
async def running(
    database: Database, clock: FakeClock, settings: SettingsStore
) -> AsyncIterator[Running]:
    one = Running(database, clock, settings)
    await one.alerts.start()
    try:
        yield one
    finally:
        await one.alerts.stop()


async def test_a_mistake_of_ours_does_not_end_the_storing(
    database: Database,
    clock: FakeClock,
    settings: SettingsStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("falconeye.alerts.service.LOOK_S", 0.0)
    failed, saved, save = asyncio.Event(), asyncio.Event(), NoticeStore.save

    async def fail_once(store: NoticeStore, changed: Sequence[Notice]) -> None:
        if not failed.is_set():
            failed.set()
            raise ValueError("ours")
        await save(store, changed)
        saved.set()

    monkeypatch.setattr(NoticeStore, "save", fail_once)
    async with running(database, clock, settings) as one:
        one.ledger.note("yard", OFFLINE, "no answer")
        await one.run(100)
        async with asyncio.timeout(5):
            await saved.wait()
        assert failed.is_set()
        assert [notice.camera_name for notice in await one.stored()] == ["Yard"]


async def test_by_default_nothing_is_contacted(
    database: Database,
    clock: FakeClock,
    settings: SettingsStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, lambda *what, **_more: asked.append(what))
    for module in ("outside", "http"):
        monkeypatch.setattr(f"falconeye.alerts.{module}.in_thread", asked.append)
    monkeypatch.setattr("falconeye.alerts.push.in_thread", asked.append)
    async with running(database, clock, settings) as node:
        with node.bus.subscribe() as events:
            node.ledger.note("yard", OFFLINE, "no answer")
            await node.run(120)
            assert await events.get() == NoticesChanged("yard")
        assert not node.alerts.everything_records()
        node.ledger.note("yard", None)
        await node.run(120)
        assert await node.alerts.channels() == []
        (notice,) = await node.stored()
    assert notice.until_us is not None
    assert notice.sent_us is None
    assert asked == []


async def test_several_cameras_are_one_request_and_marked_as_sent(
    database: Database, clock: FakeClock, settings: SettingsStore
) -> None:
    async with http_receiver() as receiver, running(database, clock, settings) as node:
        _ = await settings.patch({"webhook_url": receiver.url(), "notify_allow_local": True})
        for name in ("yard", "gate"):
            node.ledger.note(name, OFFLINE)
            await node.run(2)
        await node.run(70)
        (got,) = await receiver.until(1)
        content = json.loads(got.body)
        assert content["title"] == "FalconEye pi-1: 2 cameras are not recorded"
        assert [each["camera_name"] for each in content["notices"]] == ["Yard", "Gate"]
        while not all(notice.sent_us for notice in node.alerts.active()):
            await node.run(1)
        assert {notice.sent_us for notice in await node.stored()} != {None}
        # It is told once, and the end as well.
        await node.run(3600)
        node.ledger.note("yard", None)
        await node.run(20)
        (_, got) = await receiver.until(2)
        (ended,) = json.loads(got.body)["notices"]
        assert (ended["camera_name"], ended["turn"]) == ("Yard", "records")
        assert [notice.camera_id for notice in node.alerts.active({"gate", "yard"})] == ["gate"]


async def test_a_restart_takes_up_what_lasts(
    database: Database, clock: FakeClock, settings: SettingsStore
) -> None:
    async with running(database, clock, settings) as before:
        before.ledger.note("yard", OFFLINE)
        await before.run(70)
        (notice,) = before.alerts.active()
    async with running(database, clock, settings) as after:
        assert after.alerts.active() == [notice]
        after.ledger.note("yard", None)
        await after.run(15)
        (ended,) = await after.stored()
    assert ended.id == notice.id
    assert ended.until_us is not None


async def test_a_database_that_takes_nothing_keeps_no_notice_back(
    database: Database,
    clock: FakeClock,
    settings: SettingsStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with http_receiver() as receiver, running(database, clock, settings) as node:
        _ = await settings.patch({"webhook_url": receiver.url(), "notify_allow_local": True})

        async def full(_notices: object) -> None:
            raise Unavailable("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(node.store, "save", full)
            node.ledger.note("yard", GapReason.DISK_FULL)
            await node.run(80)
            _ = await receiver.until(1)
            assert await node.store.list(limit=1) == ([], 0)
        (notice,) = await node.stored()  # later
        assert notice.reason is GapReason.DISK_FULL


async def test_what_an_unreadable_address_waits_for_is_said(
    database: Database, clock: FakeClock, settings: SettingsStore
) -> None:
    _ = await settings.patch({"webhook_url": "https://hook.example/x"})
    other = SettingsStore(database, CredentialCipher([Fernet.generate_key()], "another file"))
    await other.load()
    async with running(database, clock, other) as node:
        with pytest.raises(NotDelivered, match="another key"):
            await node.alerts.test("webhook")
        (state,) = await node.alerts.channels()
        assert "another key" in state.problem
