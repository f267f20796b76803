"""Certificates of files: a new pair is taken, half of one is not, and both are said."""

import asyncio
import datetime as dt
import logging
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.base.errors import StartError
from falconeye.web.https.files import FileCertificates
from tests.certificates import Files, files, self_signed
from tests.clock import FakeClock


@pytest.fixture
def pair(tmp_path: Path) -> Files:
    made = files(tmp_path)
    made.write(*self_signed())
    return made


async def opened(pair: Files) -> FileCertificates:
    certificates = FileCertificates(pair.certificate, pair.key, SystemClock())
    await certificates.open()
    return certificates


async def test_what_did_not_change_is_not_read_again(pair: Files) -> None:
    certificates = await opened(pair)
    before = certificates.context
    assert not await certificates.check()
    assert certificates.context is before
    assert certificates.authority is None


async def test_a_new_pair_serves_what_comes_then(pair: Files) -> None:
    certificates = await opened(pair)
    before = certificates.context
    pair.write(*self_signed())
    assert await certificates.check()
    assert certificates.context is not before
    assert certificates.problem == ""


async def test_half_a_pair_keeps_the_one_of_before_and_says_so_once(
    pair: Files, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = await opened(pair)
    before = certificates.context
    certificate, key = self_signed()
    pair.replace(pair.certificate, certificate)
    with caplog.at_level(logging.WARNING):
        assert not await certificates.check()
        assert not await certificates.check()
    assert certificates.context is before
    assert "does not belong" in certificates.problem
    assert len([each for each in caplog.messages if "of before goes on serving" in each]) == 1
    pair.replace(pair.key, key)
    assert await certificates.check()
    assert certificates.context is not before
    assert certificates.problem == ""


async def test_a_pair_that_is_away_for_a_moment_is_waited_for(pair: Files) -> None:
    certificates = await opened(pair)
    certificate, key = pair.certificate.read_bytes(), pair.key.read_bytes()
    pair.certificate.unlink()
    assert not await certificates.check()
    assert "there is no certificate" in certificates.problem
    pair.write(certificate, key)
    assert await certificates.check()
    assert certificates.problem == ""


async def test_a_symlink_that_leads_elsewhere_is_a_new_pair(tmp_path: Path) -> None:
    """As certbot does: live/site points into archive/site."""
    one, two, live = files(tmp_path / "1"), files(tmp_path / "2"), files(tmp_path / "live")
    for made in (one, two):
        made.write(*self_signed())
    live.certificate.symlink_to(one.certificate)
    live.key.symlink_to(one.key)
    certificates = await opened(live)
    for link, target in ((live.certificate, two.certificate), (live.key, two.key)):
        aside = link.with_suffix(".aside")
        aside.symlink_to(target)
        aside.replace(link)
    assert await certificates.check()


async def test_an_ended_certificate_starts_and_is_told_of_once_a_day(
    pair: Files, caplog: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    pair.write(*self_signed(begins=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), days=10))
    certificates = FileCertificates(pair.certificate, pair.key, clock)
    with caplog.at_level(logging.WARNING):
        await certificates.open()
        await certificates.check()
        clock.advance(86_400)
        await certificates.check()
    assert len([each for each in caplog.messages if "ended on 2020-01-11" in each]) == 2
    assert "ended on" in certificates.problem


async def test_what_cannot_be_used_does_not_start(pair: Files) -> None:
    pair.replace(pair.key, self_signed()[1])
    with pytest.raises(StartError, match="does not belong"):
        await opened(pair)


async def test_it_looks_by_itself(pair: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falconeye.web.https.files.LOOK_S", 0.01)
    looked = asyncio.Event()

    class Watched(FileCertificates):
        async def check(self) -> bool:
            found = await super().check()
            if found:
                looked.set()
            return found

    certificates = Watched(pair.certificate, pair.key, SystemClock())
    await certificates.open()
    certificates.start()
    pair.write(*self_signed())
    await looked.wait()
    await certificates.stop()
