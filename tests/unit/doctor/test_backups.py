"""What the doctor says of the nights' copies: each place for itself."""

from dataclasses import replace
from pathlib import Path

from falconeye.base.times import DAY_US
from falconeye.config.settings import NodeSettings
from falconeye.doctor.data import backups
from falconeye.doctor.finding import Level
from falconeye.storage.backups.nightly import KeptBackup
from tests.clock import START_US, FakeClock

SETTINGS = NodeSettings(Path("/data"), Path("/data/media"))


def test_copies_here_do_not_hide_that_those_elsewhere_fail(clock: FakeClock) -> None:
    settings = replace(SETTINGS, backup_dir=Path("/mnt/nas"))
    here = KeptBackup(Path("/data/backups/nightly-1.sqlite3"), START_US, 1)
    there = KeptBackup(Path("/mnt/nas/falconeye-pi-1.backup"), START_US - 30 * DAY_US, 1)
    assert [one.level for one in backups([here, there], settings, clock)] == [Level.OK, Level.WARN]
    assert [one.level for one in backups([here], settings, clock)] == [Level.OK, Level.WARN]
    assert [one.level for one in backups([here], SETTINGS, clock)] == [Level.OK]
