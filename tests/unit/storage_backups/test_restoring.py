"""A restore of a node that runs: what comes is bounded, what was looked at does not stay."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from falconeye.base.errors import InvalidInput, NotFound, Unavailable
from falconeye.storage.backups import backup as backup_module
from falconeye.storage.backups import restoring
from falconeye.storage.backups.backup import WORK_PREFIX
from falconeye.storage.backups.restore import Origin
from falconeye.storage.backups.restoring import Restores, Upload
from falconeye.storage.backups.snapshot import snapshot
from falconeye.storage.index import pending_restore
from falconeye.storage.index.database import Database
from tests.clock import FakeClock


@pytest.fixture
async def copy(tmp_path: Path, database: Database) -> Path:
    await asyncio.to_thread(snapshot, database.data_dir / "falconeye.sqlite3", tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
async def restores(database: Database, clock: FakeClock) -> AsyncIterator[Restores]:
    made = Restores(database.data_dir, clock, other_key=None, has_settings=False)
    yield made
    await made.stop()
    assert list(database.data_dir.glob(f"{WORK_PREFIX}*")) == []


async def test_what_comes_is_written_as_it_comes(tmp_path: Path) -> None:
    upload = Upload(tmp_path, "C:/fake\n/no\nde.backup")
    for _ in range(5):
        await upload.add(b"x" * (400 << 10))
        assert len(upload._waiting) < 1 << 20
    assert upload.path.stat().st_size > 1 << 20
    await upload.finish()
    assert (upload.path.stat().st_size, upload.size_bytes) == (5 * 400 << 10, 5 * 400 << 10)
    assert (upload.name, upload.path.stat().st_mode & 0o777) == ("node.backup", 0o600)


async def test_what_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "MAX_BYTES", 1000)
    with pytest.raises(InvalidInput, match="falconeye restore"):
        await Upload(tmp_path, "x").add(b"x" * 1001)


async def test_a_full_disk_is_left_to_the_recorder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_module, "free_bytes", lambda _path: 17 << 20)
    upload = Upload(tmp_path, "x")
    await upload.add(b"x" * (1 << 20))
    with pytest.raises(Unavailable, match="disk of the data directory is full"):
        await upload.add(b"x" * (2 << 20))


async def test_one_look_at_a_time(restores: Restores) -> None:
    async with restores.turn() as folder:
        assert folder.is_dir()
        with pytest.raises(Unavailable, match="another backup"):
            async with restores.turn():
                pass
    async with restores.turn():
        assert not folder.exists()


async def test_what_was_looked_at_goes_by_itself(
    restores: Restores, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "KEPT_S", 0.0)
    found = await restores.look(copy, "copy", None, "anna")
    assert restores._timer is not None
    await restores._timer
    assert not found.checked.work.exists()
    with pytest.raises(NotFound, match="look at it again"):
        await restores.begin(found.id, "anna", Origin())


async def test_another_look_takes_the_place_of_the_first(
    restores: Restores, copy: Path, tmp_path: Path
) -> None:
    first = await restores.look(copy, "copy", None, "anna")
    second = await restores.look(copy, "copy", None, "anna")
    assert not first.checked.work.exists()
    assert restores.find(second.id, "anna") is second
    for look_id, owner in ((first.id, "anna"), (second.id, "otto")):
        with pytest.raises(NotFound):
            restores.find(look_id, owner)
    with pytest.raises(InvalidInput):
        await restores.look(tmp_path, "a directory", None, "anna")
    with pytest.raises(NotFound):
        restores.find(second.id, "anna")


async def test_it_waits_for_the_next_start_or_is_dropped(
    restores: Restores, copy: Path, tmp_path: Path
) -> None:
    found = await restores.look(copy, "copy", None, "anna")
    await restores.begin(found.id, "anna", Origin())
    assert (tmp_path / "data" / pending_restore.PENDING / "falconeye.sqlite3").exists()
    assert await restores.is_waiting()
    assert await restores.forget()
    assert not await restores.is_waiting()
    assert not await restores.forget()
