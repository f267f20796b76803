"""Each night a copy, seven kept, whatever the clock or a disk does."""

import asyncio
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest

from falconeye.base.errors import Conflict, NotFound, Unavailable
from falconeye.base.times import DAY_US, HOUR_US, to_us
from falconeye.storage.backups import nightly as nightly_module
from falconeye.storage.backups.backup import Sources
from falconeye.storage.backups.nightly import KEPT, NightlyBackups, NightlyState
from falconeye.storage.backups.restore import needs_passphrase
from falconeye.storage.index.database import Database
from tests.clock import FakeClock

VIENNA = ZoneInfo("Europe/Vienna")
EVENING_US = to_us(datetime(2026, 11, 20, 20, 0, tzinfo=UTC))
ELSEWHERE = Path("/dev/shm")  # another file system than that of the tests  # noqa: S108


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(EVENING_US)


@pytest.fixture
def sources(tmp_path: Path, database: Database) -> Sources:
    key = tmp_path / "data.key"
    key.write_bytes(b"key")
    return Sources(
        database.data_dir, key, None, "attic & cellar", "0a1b2c3d-0000-4000-8000-000000000001"
    )


@pytest.fixture
async def nightly(sources: Sources, clock: FakeClock) -> NightlyBackups:
    return NightlyBackups(sources, clock, lambda: VIENNA)


async def names(nightly: NightlyBackups) -> list[str]:
    return [kept.path.name for kept in await nightly.kept()]


async def test_one_a_night_from_three_o_clock_of_the_site(
    nightly: NightlyBackups, clock: FakeClock
) -> None:
    for _ in range(3):
        await nightly.look()
    assert await names(nightly) == ["nightly-20261120T200000Z.sqlite3"]
    clock.advance(5.9 * 3600)  # 02:54 in Vienna
    await nightly.look()
    assert len(await names(nightly)) == 1
    clock.advance(0.2 * 3600)
    await nightly.look()
    await nightly.look()
    assert (await names(nightly))[0] == "nightly-20261121T020600Z.sqlite3"
    [first, _] = await nightly.kept()
    assert first.path.stat().st_mode & 0o077 == 0
    assert not await asyncio.to_thread(needs_passphrase, first.path)


async def test_seven_are_kept(nightly: NightlyBackups, clock: FakeClock) -> None:
    for _ in range(KEPT + 3):
        await nightly.look()
        clock.advance(24 * 3600)
    kept = await names(nightly)
    assert len(kept) == KEPT
    assert kept[0].startswith("nightly-20261129")
    other = nightly.sources.data_dir / "backups" / "falconeye-mine.sqlite3"
    await asyncio.to_thread(other.touch)
    await nightly.look()
    assert await asyncio.to_thread(other.exists)


async def test_a_clock_that_was_wrong_keeps_no_night_away(
    nightly: NightlyBackups, clock: FakeClock
) -> None:
    """In the future once, and in 1970: the newest is never the one that goes."""
    clock.step_utc(900 * 24 * 3600)
    await nightly.look()
    clock.step_utc(-900 * 24 * 3600)
    await nightly.look()
    assert len(await names(nightly)) == 2
    for _ in range(KEPT):
        clock.advance(24 * 3600)
        await nightly.look()
    clock.step_utc(-(clock.utc_us() // 10**6) + 3600)
    await nightly.look()
    assert "nightly-19700101T010000Z.sqlite3" in await names(nightly)
    assert len(await names(nightly)) == KEPT


async def test_what_fails_is_said_and_tried_again(
    nightly: NightlyBackups, sources: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    blocking = sources.data_dir / "backups"
    await asyncio.to_thread(blocking.touch)
    await nightly.look()
    await nightly.look()
    assert "backups" in nightly.problem
    assert len([record for record in caplog.records if "no nightly" in record.message]) == 1
    await asyncio.to_thread(blocking.unlink)
    await nightly.look()
    assert nightly.problem == ""
    assert len(await names(nightly)) == 1


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    if not ELSEWHERE.is_dir() or ELSEWHERE.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system")
    with TemporaryDirectory(dir=ELSEWHERE) as folder:
        yield Path(folder)


async def test_a_sealed_one_goes_to_another_disk(
    sources: Sources, clock: FakeClock, tmp_path: Path, elsewhere: Path
) -> None:
    passphrase = tmp_path / "passphrase"
    nightly = NightlyBackups(
        sources, clock, lambda: VIENNA, directory=elsewhere, passphrase_file=passphrase
    )
    await nightly.look()
    assert "passphrase" in nightly.problem
    assert len(await names(nightly)) == 1  # the one at home does not wait for it
    await asyncio.to_thread(passphrase.write_text, "four words in a row\n")
    await nightly.look()
    assert nightly.problem == ""
    [file] = await asyncio.to_thread(lambda: list(elsewhere.iterdir()))
    assert file.name == "falconeye-attic___cellar-0a1b2c3d-20261120T200000Z.backup"
    assert await asyncio.to_thread(needs_passphrase, file)
    assert b"SQLite" not in file.read_bytes()


@pytest.mark.parametrize("other", ["pi-2-0a1b2c3d", "pi-ffffffff", "pi"])
async def test_nodes_that_share_a_disk_leave_each_other_s_alone(
    other: str, sources: Sources, clock: FakeClock, tmp_path: Path, elsewhere: Path
) -> None:
    """ "pi" takes those of "pi-2", or of another "pi", neither for its own nor for its old ones."""
    passphrase = tmp_path / "passphrase"
    await asyncio.to_thread(passphrase.write_text, "four words in a row\n")

    nightly = NightlyBackups(
        replace(sources, node_name="pi"), clock, lambda: VIENNA,
        directory=elsewhere, passphrase_file=passphrase,
    )  # fmt: skip
    others = {f"falconeye-{other}-202611{day}T180000Z.backup" for day in range(14, 21)}
    assert len(others) == KEPT
    for name in others:
        await asyncio.to_thread((elsewhere / name).touch)
    await nightly.look()
    assert nightly.problem == ""
    own = "falconeye-pi-0a1b2c3d-20261120T200000Z.backup"
    assert set(await asyncio.to_thread(os.listdir, elsewhere)) == {*others, own}
    assert own in await names(nightly)
    assert not others & {*await names(nightly)}


async def test_a_disk_that_hangs_keeps_neither_nights_nor_pages_nor_the_end_waiting(
    sources: Sources, clock: FakeClock, tmp_path: Path, elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A pipe in the passphrase's place: whoever opens it waits until somebody writes to it."""
    passphrase = tmp_path / "passphrase"
    os.mkfifo(passphrase)
    monkeypatch.setattr(nightly_module, "MAKE_S", 0.05)
    nightly = NightlyBackups(
        sources, clock, lambda: VIENNA, directory=elsewhere, passphrase_file=passphrase
    )
    for night in range(2):
        await nightly.look()
        assert "does not answer" in nightly.problem
        assert len(await names(nightly)) == night + 1
        clock.advance(24 * 3600)
    [hanging] = [one for one in threading.enumerate() if one.name == "backups-make-0"]
    assert hanging.daemon
    monkeypatch.setattr(nightly_module, "MAKE_S", 300.0)
    assert nightly._making is not None
    waiting = nightly._making._asked
    assert waiting is not None
    await asyncio.to_thread(passphrase.write_text, "four words in a row\n")
    await asyncio.wrap_future(waiting)
    await asyncio.to_thread(passphrase.unlink)
    await asyncio.to_thread(passphrase.write_text, "four words in a row\n")
    await nightly.look()
    assert nightly.problem == ""


async def test_a_copy_is_brought_from_its_disk_before_anybody_reads_it(
    sources: Sources, clock: FakeClock, tmp_path: Path, elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A disk that hangs would hold whoever restores; one of the data directory is read there."""
    passphrase, folder = tmp_path / "passphrase", tmp_path / "folder"
    passphrase.write_text("four words in a row\n")
    folder.mkdir()
    nightly = NightlyBackups(
        sources, clock, lambda: VIENNA, directory=elsewhere, passphrase_file=passphrase
    )
    await nightly.look()
    [there, here] = sorted(await nightly.kept(), key=lambda kept: kept.path.name)
    assert await nightly.bring(here.path.name, folder) == here.path
    copied = await nightly.bring(there.path.name, folder)
    assert copied.parent == folder
    assert copied.read_bytes() == there.path.read_bytes()
    for name in ("../data/data.key", str(here.path), "other.backup", ""):
        with pytest.raises(NotFound, match="no such nightly backup"):
            await nightly.bring(name, folder)
    held = threading.Event()
    monkeypatch.setattr(nightly_module, "MAKE_S", 0.05)
    monkeypatch.setattr("shutil.copyfile", lambda _from, _to: held.wait())
    with pytest.raises(Unavailable, match="does not answer"):
        await nightly.bring(there.path.name, folder)
    held.set()


async def test_what_a_kill_leaves_passes_for_no_backup(
    nightly: NightlyBackups, sources: Sources, clock: FakeClock
) -> None:
    """Killed while the copy was being made: the night is made good, the piece goes in time."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _KILLED, str(sources.database), str(sources.data_dir / "backups"),
        "nightly-20261120T200000Z.sqlite3",
    )  # fmt: skip
    assert await child.wait() == -signal.SIGKILL
    directory = sources.data_dir / "backups"
    [left] = await asyncio.to_thread(os.listdir, directory)
    assert await names(nightly) == []
    await nightly.look()
    [made] = await nightly.kept()
    with closing(sqlite3.connect(made.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    long_ago_s = clock.utc_us() / 1e6 - 2 * 24 * 3600
    os.utime(directory / left, (long_ago_s, long_ago_s))
    await nightly.look()
    assert await asyncio.to_thread(os.listdir, directory) == [made.path.name]


_KILLED = """
import os, signal, sys
from pathlib import Path
from falconeye.storage.backups import snapshot
directory = Path(sys.argv[2])
directory.mkdir(exist_ok=True)
snapshot._has_sequences = lambda connection: os.kill(os.getpid(), signal.SIGKILL)
snapshot.snapshot(Path(sys.argv[1]), directory / sys.argv[3])
"""


async def test_a_disk_that_is_not_mounted_gets_nothing(
    sources: Sources, clock: FakeClock, tmp_path: Path
) -> None:
    mount_point = tmp_path / "mnt"
    mount_point.mkdir()
    for directory, words in ((mount_point, "own disk mounted"), (tmp_path / "no", "cannot be")):
        nightly = NightlyBackups(sources, clock, lambda: VIENNA, directory=directory)
        await nightly.look()
        assert words in nightly.problem
    assert list(mount_point.iterdir()) == []


async def test_a_day_is_a_night_also_where_the_clocks_change(sources: Sources) -> None:
    """On 25 October 2026 three o'clock comes twice after a night of 25 hours."""
    clock = FakeClock(to_us(datetime(2026, 10, 24, 12, 0, tzinfo=UTC)))
    nightly = NightlyBackups(sources, clock, lambda: VIENNA)
    for _ in range(4 * 24):
        await nightly.look()
        clock.advance(HOUR_US / 10**6)
    made = [kept.made_us for kept in await nightly.kept()]
    assert len(made) == 5
    assert all(before - after <= DAY_US + HOUR_US for before, after in pairwise(made))


async def test_the_last_night_is_told_without_asking_a_disk_and_tried_again_at_once(
    nightly: NightlyBackups, sources: Sources, clock: FakeClock
) -> None:
    """Its file, when and how large; why there is none; what is made now."""
    with pytest.raises(Conflict):
        nightly.retry()  # none are made
    blocking = sources.data_dir / "backups"
    await asyncio.to_thread(blocking.touch)
    nightly.start()
    assert nightly.state == NightlyState(is_on=True, since_us=None, newest=(), problem="")
    nightly.retry()
    async with asyncio.timeout(10):
        while not nightly.state.problem:
            await asyncio.to_thread(blocking.exists)
    assert nightly.state.since_us is None
    await asyncio.to_thread(blocking.unlink)
    clock.advance(1)
    nightly.retry()  # not in ten minutes
    async with asyncio.timeout(10):
        while not nightly.state.newest:
            await asyncio.to_thread(blocking.exists)
    [newest] = nightly.state.newest
    assert (newest.made_us, newest.size_bytes) == (clock.utc_us(), newest.path.stat().st_size)
    assert (nightly.state.problem, nightly.state.since_us) == ("", None)
    await nightly.stop()
    again = NightlyBackups(sources, clock, lambda: VIENNA)
    again.start()
    async with asyncio.timeout(10):
        while not again.state.newest:  # what an earlier process made
            await asyncio.to_thread(blocking.exists)
    assert again.state.newest == (newest,)
    await again.stop()


async def test_what_is_being_made_says_since_when(
    nightly: NightlyBackups, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, begun, goes_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def held(_source: Path, _target: Path) -> None:
        loop.call_soon_threadsafe(begun.set)
        assert goes_on.wait(10)
        raise KeyError

    monkeypatch.setattr(nightly_module, "snapshot", held)
    looking = asyncio.create_task(nightly.look())
    await begun.wait()
    assert nightly.state.since_us == clock.utc_us()
    goes_on.set()
    with pytest.raises(KeyError):  # a mistake of ours: nothing is made now
        await looking
    assert nightly.state.since_us is None
