"""What the doctor says of the certificate that browsers are shown."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from falconeye.base.times import to_datetime
from falconeye.config.settings import NodeSettings
from falconeye.doctor.finding import Level
from falconeye.doctor.https import examine
from falconeye.tls.own_files import write_own
from tests.certificates import HERE as NAMES
from tests.certificates import authority, files, self_signed
from tests.clock import FakeClock

SETTINGS = NodeSettings(Path("/data"), Path("/data/media"))


def test_nothing_is_said_where_tls_is_off(clock: FakeClock) -> None:
    assert examine(SETTINGS, clock) == []


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(90, Level.OK, "90 more days"), (9, Level.WARN, "9 more days"), (-3, Level.FAIL, "ended on")],
)
def test_files_are_judged_by_their_end(
    tmp_path: Path, clock: FakeClock, days: int, level: Level, words: str
) -> None:
    pair = files(tmp_path)
    begins = to_datetime(clock.utc_us())
    if days < 0:
        begins += dt.timedelta(days=days - 10)
    pair.write(*self_signed(begins=begins, days=days if days > 0 else 10))
    settings = replace(SETTINGS, tls="files", tls_cert=pair.certificate, tls_key=pair.key)
    [found] = examine(settings, clock)
    assert (found.level, found.area) == (level, "network")
    assert words in found.words
    assert bool(found.advice) is (level is not Level.OK)


def test_half_a_pair_is_a_fault_that_says_what_serves(tmp_path: Path, clock: FakeClock) -> None:
    pair = files(tmp_path)
    pair.write(*self_signed())
    pair.replace(pair.key, self_signed()[1])
    settings = replace(SETTINGS, tls="files", tls_cert=pair.certificate, tls_key=pair.key)
    [found] = examine(settings, clock)
    assert found.level is Level.FAIL
    assert "does not belong" in found.words
    assert "serves the pair it had before" in found.words


def test_an_own_certificate(tmp_path: Path, clock: FakeClock) -> None:
    settings = replace(SETTINGS, data_dir=tmp_path, tls="auto")
    [missing] = examine(settings, clock)
    assert (missing.level, missing.words) == (Level.OK, "is made when the recorder starts")
    issued = authority().issue("pi-1", NAMES, to_datetime(clock.utc_us()))
    write_own(tmp_path, issued.certificate, issued.key)
    [good] = examine(settings, clock)
    assert (good.level, "pi-1.local" in good.words) == (Level.OK, True)
    clock.advance(200 * 86_400)
    assert examine(settings, clock)[0].level is Level.WARN
    (tmp_path / "tls.key").write_bytes(b"nothing")
    assert "damaged" in examine(settings, clock)[0].words
