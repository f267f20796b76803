"""A missing disk is a notice of its own, within a minute, and told when it is back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from falconeye.alerts.faults import Change, Turn
from falconeye.alerts.messages import Message
from falconeye.alerts.service import Alerts
from falconeye.events.bus import EventBus
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.stores.notice_store import Notice, NoticeStore, VolumeCause
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import Volumes, adopt
from tests.clock import START_US, FakeClock

UTC = ZoneInfo("UTC")


class Running:
    """Alerts beside real volumes; the test looks in their place."""

    def __init__(self, database: Database, volumes: Volumes, clock: FakeClock) -> None:
        self.clock, self.volumes = clock, volumes
        self.store = NoticeStore(database)
        settings = SettingsStore(database)
        self._settings = settings
        self.alerts = Alerts(
            self.store, Ledger(database, clock), settings, EventBus(), clock,
            node_id="1", node_name="pi-1", name_of=str.title,
        )  # fmt: skip

    async def start(self) -> None:
        await self._settings.load()
        self.alerts.watch(self.volumes)
        await self.alerts.start()

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            await self.alerts.round()
            await asyncio.sleep(0)

    async def stored(self) -> list[Notice]:
        await self.alerts._save()
        await self.store.save([])
        return (await self.store.list(limit=10))[0]


@pytest.fixture
async def running(database: Database, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Running]:
    await adopt(database, tmp_path / "archive", clock.utc_us(), Role.ARCHIVE)
    volumes = await Volumes.open(database, tmp_path / "media", clock)
    one = Running(database, volumes, clock)
    await one.start()
    yield one
    await one.alerts.stop()
    await volumes.stop()


async def lose(path: Path, volumes: Volumes) -> None:
    await asyncio.to_thread(path.rename, path.with_name("away"))
    for volume in volumes.all:
        await volume.look()


async def test_a_missing_disk_is_told_within_a_minute_and_when_it_is_back(
    running: Running, tmp_path: Path
) -> None:
    await running.run(60)
    assert running.alerts.active() == []
    await lose(tmp_path / "archive", running.volumes)
    await running.run(45)
    (notice,) = running.alerts.active()
    assert (notice.reason, notice.camera_name) == (
        VolumeCause.MISSING, str(tmp_path / "archive"),
    )  # fmt: skip
    assert notice.volume_id == running.volumes.all[1].id
    assert running.alerts.active(cameras=["front"]) == []  # not for who sees some cameras only
    assert running.alerts.everything_records()  # nothing that should record is kept from it
    await asyncio.to_thread((tmp_path / "away").rename, tmp_path / "archive")
    await running.volumes.all[1].open()
    await running.run(20)
    assert running.alerts.active() == []
    (stored,) = await running.stored()
    assert stored.until_us is not None
    assert stored.reason is VolumeCause.MISSING


async def test_that_an_archive_records_in_place_of_the_missing_disk_is_said(
    running: Running, tmp_path: Path
) -> None:
    await running.run(60)
    await lose(tmp_path / "media", running.volumes)
    await running.run(45)
    missing, archive = sorted(running.alerts.active(), key=lambda one: one.camera_name)[::-1]
    assert (missing.reason, archive.reason) == (VolumeCause.MISSING, VolumeCause.ARCHIVE_RECORDS)
    assert str(tmp_path / "media") in archive.detail


async def test_one_that_is_removed_is_not_missed(running: Running, tmp_path: Path) -> None:
    await lose(tmp_path / "archive", running.volumes)
    await running.run(60)
    assert len(running.alerts.active()) == 1
    first, gone = running.volumes.all
    running.volumes.all = [first]
    await running.run(2)
    assert running.alerts.active() == []
    assert await asyncio.to_thread(gone.stop)


async def test_what_lasted_is_taken_up_by_the_next_start(
    running: Running, database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    await lose(tmp_path / "archive", running.volumes)
    await running.run(60)
    (before,) = await running.stored()
    again = Running(database, running.volumes, clock)
    await again.start()
    await again.run(40)
    (notice,) = again.alerts.active()
    assert notice.id == before.id
    await again.alerts.stop()


def test_messages_about_disks() -> None:
    notice = Notice("1", "volume:v1", "/srv/nas", START_US, VolumeCause.MISSING, "not mounted")
    ended = Notice("1", "volume:v1", "/srv/nas", START_US, VolumeCause.MISSING, "", START_US)
    began = Message("1", "pi-1", START_US, (Change(Turn.BEGAN, notice),))
    back = Message("1", "pi-1", START_US, (Change(Turn.RECORDS, ended),))
    assert began.title == "FalconEye pi-1: the disk of /srv/nas is missing"
    assert "since 2026-" in began.text(UTC)
    assert "(not mounted)" in began.text(UTC)
    assert back.title == "FalconEye pi-1: the disk of /srv/nas is back"
    assert b'"volume_path": "/srv/nas"' in began.document(UTC)
    assert b'"camera_id": null' in began.document(UTC)
