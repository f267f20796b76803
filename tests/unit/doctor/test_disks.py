"""Disks of footage: there, exchanged, unmounted, refusing, hanging."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from falconeye.doctor import disks
from falconeye.doctor.disks import Disk, examine
from falconeye.doctor.finding import Finding, Level
from falconeye.storage.volumes.id_file import ID_FILE, make_volume_id
from falconeye.storage.volumes.volume_facts import DiskKind, Role


@pytest.fixture
async def disk(tmp_path: Path) -> Disk:
    path = tmp_path / "media"
    return Disk(path, await asyncio.to_thread(make_volume_id, path), Role.RECORD, 0)


def failures(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.level is Level.FAIL]


async def test_a_good_disk_leaves_nothing_behind(disk: Disk) -> None:
    found = await examine([disk])
    assert len(found) == 3
    assert failures(found) == []
    assert [path.name for path in disk.path.iterdir()] == [ID_FILE]


async def test_what_is_not_the_disk_is_not_written_to(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    exchanged = tmp_path / "exchanged"
    await asyncio.to_thread(make_volume_id, exchanged)
    cases = {"gone": "not there", "empty": "nothing is mounted", "exchanged": "another disk"}
    for name, words in cases.items():
        [finding] = await examine([Disk(tmp_path / name, disk.volume_id, Role.RECORD, 0)])
        assert (finding.level, words in finding.words) == (Level.FAIL, True)
        assert finding.advice
    assert list((tmp_path / "empty").iterdir()) == []
    assert len(list(exchanged.iterdir())) == 1


async def test_a_disk_that_cannot_be_written(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(disks.os, "fdatasync", refuse)  # type: ignore[attr-defined]
    [failed] = failures(await examine([disk]))
    assert failed.words == "cannot be written: Read-only file system"
    assert [path.name for path in disk.path.iterdir()] == [ID_FILE]


async def test_a_full_disk_and_poor_kinds(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Disk(disk.path, disk.volume_id, Role.RECORD, 10**18)
    assert "make room" in failures(await examine([full]))[0].advice
    for kind, words in (
        (DiskKind("exfat", is_root_fs=False, is_sd_card=False), "power cuts"),
        (DiskKind("ext4", is_root_fs=False, is_sd_card=True), "SD card"),
        (DiskKind("nfs4", is_root_fs=False, is_sd_card=False), "network"),
        (DiskKind("tmpfs", is_root_fs=False, is_sd_card=False), "restart"),
    ):
        monkeypatch.setattr(disks, "disk_kind", lambda _fd, kind=kind: kind)
        found = await examine([disk])
        assert any(words in one.words for one in found if one.level is Level.WARN), kind


@pytest.fixture
async def hanging(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    answered = threading.Event()
    monkeypatch.setattr(disks, "disk_kind", lambda _fd: answered.wait())
    monkeypatch.setattr(disks, "ANSWER_S", 0.2)
    yield
    answered.set()


@pytest.mark.usefixtures("hanging")
async def test_a_disk_that_hangs_is_said_and_holds_nobody_up(disk: Disk) -> None:
    [finding] = await examine([disk])
    assert (finding.level, "does not answer" in finding.words) == (Level.FAIL, True)
