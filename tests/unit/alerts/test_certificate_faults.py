"""The certificate for browsers is a notice while something is wrong with it: real files."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.alerts.faults import Change, Turn
from falconeye.alerts.messages import Message
from falconeye.alerts.service import Alerts
from falconeye.base.times import to_datetime
from falconeye.config.settings import NodeSettings
from falconeye.doctor.finding import Level
from falconeye.doctor.https import examine
from falconeye.events.bus import EventBus
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.stores.notice_store import (
    CERTIFICATE_SUBJECT,
    CertificateCause,
    Notice,
    NoticeStore,
)
from falconeye.storage.stores.settings_store import SettingsStore
from falconeye.tls.condition import SOON, Condition, State, by_dates
from falconeye.web.https.files import FileCertificates
from tests.certificates import Files, files, self_signed
from tests.clock import START_US, FakeClock

DAY_S = 86_400
UTC = ZoneInfo("UTC")


class Running:
    """A node's certificate of files, and its alerts; the test looks in their place."""

    def __init__(self, database: Database, pair: Files, clock: FakeClock) -> None:
        self.clock, self.pair = clock, pair
        self.store, self.settings = NoticeStore(database), SettingsStore(database)
        self.certificates = FileCertificates(pair.certificate, pair.key, clock)
        self.alerts = Alerts(
            self.store, Ledger(database, clock), self.settings, EventBus(), clock,
            node_id="1", node_name="pi-1", name_of=str.title,
        )  # fmt: skip

    async def start(self, *, with_tls: bool = True) -> None:
        await self.settings.load()
        if with_tls:
            await self.certificates.open()
            self.alerts.watch_certificate(lambda: self.certificates.condition)
        await self.alerts.start()

    async def run(self, seconds: int = 120) -> list[CertificateCause | str]:
        """What lasts then."""
        if self.alerts.certificate() is not None:
            await self.certificates.check()
        for _ in range(seconds):
            self.clock.advance(1)
            await self.alerts.round()
            await asyncio.sleep(0)
        return [notice.reason for notice in self.alerts.active()]

    def renewed(self, days: int = 90) -> tuple[bytes, bytes]:
        return self_signed(begins=to_datetime(self.clock.utc_us()), days=days)

    async def saved(self) -> None:
        """Also what the alerts have begun to store by themselves: writes come one by one."""
        _ = await self.alerts._save()
        await self.store._database.write(_nothing)

    async def doctor(self) -> Level:
        settings = NodeSettings(
            Path("/data"), Path("/data/media"), tls="files",
            tls_cert=self.pair.certificate, tls_key=self.pair.key,
        )  # fmt: skip
        [found] = await asyncio.to_thread(examine, settings, self.clock)
        return found.level


async def _nothing(_connection: AsyncConnection) -> None:
    """A write that changes nothing."""


@pytest.fixture
async def running(database: Database, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Running]:
    one = Running(database, files(tmp_path), clock)
    one.pair.write(*one.renewed())
    await one.start()
    yield one
    await one.alerts.stop()


async def test_the_end_is_told_as_time_passes_and_a_new_pair_ends_it(running: Running) -> None:
    assert (await running.run(), await running.doctor()) == ([], Level.OK)
    running.clock.advance(75 * DAY_S)
    assert await running.run() == []
    running.clock.advance(DAY_S)
    assert await running.run() == [CertificateCause.ENDS_SOON]
    assert await running.doctor() is Level.WARN
    running.clock.advance(14 * DAY_S)
    assert await running.run() == [CertificateCause.ENDED]
    assert await running.doctor() is Level.FAIL
    [notice] = running.alerts.active()
    assert (notice.camera_name, notice.volume_id, notice.is_of_camera) == ("HTTPS", None, False)
    assert "ended on" in notice.detail
    assert running.alerts.active(cameras=["front"]) == []  # not for who sees some cameras only
    assert running.alerts.everything_records()  # no camera is kept from recording by it
    running.pair.write(*running.renewed())
    assert (await running.run(), await running.doctor()) == ([], Level.OK)
    await running.saved()
    stored, _ = await running.store.list(limit=10)
    assert [each.reason for each in stored] == [CertificateCause.ENDED, CertificateCause.ENDS_SOON]
    assert all(each.until_us is not None for each in stored)


async def test_a_renewed_key_that_does_not_fit_is_told_until_it_does(running: Running) -> None:
    certificate, key = running.renewed()
    running.pair.replace(running.pair.certificate, certificate)
    assert await running.run() == [CertificateCause.UNUSABLE]
    assert "does not belong" in running.alerts.active()[0].detail
    assert await running.doctor() is Level.FAIL
    running.pair.replace(running.pair.key, key)
    assert await running.run() == []


async def test_files_that_are_moved_away_and_back_are_told_until_then(running: Running) -> None:
    """What is back is the very file that is served: its inode and times are those of before."""
    aside = running.pair.key.with_suffix(".aside")
    running.pair.key.rename(aside)
    assert await running.run() == [CertificateCause.UNUSABLE]
    aside.rename(running.pair.key)
    assert await running.run() == []


async def test_half_a_renewal_of_a_moment_is_no_notice(running: Running) -> None:
    await running.run()
    certificate, key = running.renewed()
    running.pair.replace(running.pair.certificate, certificate)
    assert await running.run(20) == []
    running.pair.replace(running.pair.key, key)
    assert await running.run() == []
    await running.saved()
    assert await running.store.list(limit=10) == ([], 0)


async def test_that_browsers_refuse_it_is_told_before_that_the_new_one_is_damaged(
    running: Running,
) -> None:
    running.pair.replace(running.pair.key, running.renewed()[1])
    assert await running.run() == [CertificateCause.UNUSABLE]
    running.clock.advance(100 * DAY_S)
    assert await running.run() == [CertificateCause.ENDED]
    detail = running.alerts.active()[0].detail
    assert "ended on" in detail
    assert "does not belong" in detail


async def test_a_clock_that_is_behind_is_told(running: Running) -> None:
    running.clock.step_utc(-30 * DAY_S)
    assert await running.run() == [CertificateCause.NOT_BEGUN]
    running.clock.step_utc(30 * DAY_S)
    assert await running.run() == []


@pytest.mark.parametrize("with_tls", [True, False])
async def test_what_lasted_is_taken_up_by_the_next_start(
    running: Running, database: Database, clock: FakeClock, with_tls: bool
) -> None:
    clock.advance(80 * DAY_S)
    assert await running.run() == [CertificateCause.ENDS_SOON]
    await running.saved()
    [before] = running.alerts.active()
    again = Running(database, running.pair, clock)
    await again.start(with_tls=with_tls)
    assert await again.run() == ([CertificateCause.ENDS_SOON] if with_tls else [])
    if with_tls:
        assert again.alerts.active()[0].id == before.id
    await again.alerts.stop()


def test_one_judgement_at_its_bounds() -> None:
    begins, ends = to_datetime(START_US), to_datetime(START_US) + dt.timedelta(days=90)
    second = dt.timedelta(seconds=1)
    found = [
        by_dates(begins, ends, now).state
        for now in (begins - second, begins, ends - SOON, ends - SOON + second, ends - second, ends)
    ]
    assert found == [
        State.NOT_BEGUN, State.GOOD, State.GOOD, State.ENDS_SOON, State.ENDS_SOON, State.ENDED,
    ]  # fmt: skip
    good = Condition(State.GOOD, "", ends)
    assert good.beside("") is good
    assert good.beside("no key") == Condition(State.UNUSABLE, "no key", ends)


def test_messages_about_the_certificate() -> None:
    notice = Notice(
        "1", CERTIFICATE_SUBJECT, "HTTPS", START_US, CertificateCause.ENDED, "it ended", START_US
    )
    began = Message("1", "pi-1", START_US, (Change(Turn.BEGAN, notice),))
    back = Message("1", "pi-1", START_US, (Change(Turn.RECORDS, notice),))
    assert began.title == "FalconEye pi-1: HTTPS: its certificate has ended"
    assert "(it ended)" in began.text(UTC)
    assert back.title == "FalconEye pi-1: HTTPS: its certificate is in order again"
    document = began.document(UTC)
    assert b'"camera_id": null' in document
    assert b'"volume_id": null' in document
    assert b'"reason": "certificate_ended"' in document
