"""Volumes added, given a role, removed and forgotten; a mount that goes and comes back."""

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from falconeye.base.errors import Conflict, InvalidInput, NotFound
from falconeye.base.times import DAY_US, HOUR_US
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading.storage_use import (
    CameraUse,
    DayBytes,
    StorageUse,
    lasting,
    room_days,
)
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.segments.mover import Mover
from falconeye.storage.segments.retention import Keep, beyond_keep
from falconeye.storage.segments.volume_changes import VolumeChanges
from falconeye.storage.tables.footage import garbage, segments, usage
from falconeye.storage.tables.ledger import deletions
from falconeye.storage.volumes.id_file import ID_FILE
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volume_facts import Role
from falconeye.web.i18n import zone_of
from falconeye.web.metrics import NodeStatus
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import CAMERA, GOP_US, Node, open_node, rows

pytestmark = pytest.mark.timeout(60)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
UTC = zone_of("UTC")


def changes_of(node: Node, tmp_path: Path) -> VolumeChanges:
    return VolumeChanges(
        node.database, node.clock, data_dir=tmp_path / "data", media_dir=node.media_dir
    )


def trouble(volume: Volume) -> str:
    return volume.missing or ""


async def added(node: Node, tmp_path: Path, role: Role = Role.ARCHIVE, name: str = "disk") -> Path:
    path = tmp_path / name
    path.mkdir()
    await changes_of(node, tmp_path).add(str(path), role, on_root=True)
    await node.volumes.reload()
    return path


async def test_a_volume_is_added_used_emptied_and_removed(node: Node, tmp_path: Path) -> None:
    changes = changes_of(node, tmp_path)
    path = await added(node, tmp_path)
    assert (path / ID_FILE).is_file()
    assert [one.role for one in node.volumes.all] == [Role.RECORD, Role.ARCHIVE]
    # Everything goes there, as if the first disk had been away.
    node.volumes.all[0].missing = "away"
    await node.record(1, ends=True)
    node.volumes.all[0].missing = None
    archive = node.volumes.all[1]
    (row,) = await rows(node, segments)
    assert row.volume_id == archive.number
    with pytest.raises(Conflict, match=r"still holds 0\.0 GB of footage in 1 file: .*leaving"):
        await changes.remove(str(path))
    await changes.change_role(archive.id, Role.LEAVING)
    await node.volumes.reload()
    assert archive.role is Role.LEAVING
    assert await Mover(node.database, node.volumes, node.deleter, node.clock).enforce()
    with pytest.raises(Conflict, match="1 file that is being written, moved or deleted"):
        await changes.remove(str(path))  # the original is garbage still
    await node.deleter.empty_garbage()
    await changes.remove(f"{path}/")
    await node.volumes.reload()
    assert len(node.volumes.all) == 1
    assert [one.is_media_dir for one in await changes.known()] == [True]
    assert (await check(node.database, node.volumes)).problems == []
    # Added again it is the same volume, and takes footage.
    again = await changes.add(str(path), Role.RECORD, on_root=True)
    assert again.row.volume_id == archive.id
    await node.volumes.reload()
    node.volumes.all[0].missing = "away"
    await node.record(2, START_US + 60 * GOP_US, recording_id="rec-2", ends=True)
    node.volumes.all[0].missing = None
    assert sum(1 for _ in path.rglob("*.mp4")) == 1
    await node.stop()


async def test_the_media_directory_is_not_changed(node: Node, tmp_path: Path) -> None:
    changes = changes_of(node, tmp_path)
    path = str(node.media_dir)
    for change in (
        changes.change_role(path, Role.LEAVING), changes.remove(path), changes.forget(path, "eve"),
    ):  # fmt: skip
        with pytest.raises(Conflict, match="set media_dir"):
            await change
    with pytest.raises(NotFound):
        await changes.find("/no/such/volume")
    with pytest.raises(InvalidInput):
        await changes.add(str(tmp_path), Role.NONE)
    await node.stop()


async def test_an_older_media_directory_is_known_by_its_footage(
    tmp_path: Path, clock: FakeClock
) -> None:
    before = await open_node(tmp_path, clock, media_dir=tmp_path / "old")
    await before.record(1, ends=True)
    await before.stop()
    node = await open_node(tmp_path, clock, media_dir=tmp_path / "new")
    changes = changes_of(node, tmp_path)
    new, old = await changes.known()
    assert (new.is_media_dir, old.row.role, old.held.segments) == (True, Role.NONE, 1)
    await changes.change_role(str(tmp_path / "old"), Role.LEAVING)
    await node.volumes.reload()
    assert await Mover(node.database, node.volumes, node.deleter, node.clock).enforce()
    assert sum(1 for _ in (tmp_path / "new").rglob("*.mp4")) == 1
    await node.stop()


async def test_a_dead_disk_is_forgotten_and_the_ledger_says_by_whom(
    node: Node, tmp_path: Path
) -> None:
    changes = changes_of(node, tmp_path)
    path = await added(node, tmp_path)
    node.volumes.all[0].missing = "away"
    for index in range(3):
        start_us = START_US + index * 2 * GOP_US
        await node.record(1, start_us, offset_90k=index * 180_000, ends=index == 2)
    await node.record(2, START_US, recording_id=None, stream=StreamKind.SUB)
    node.volumes.all[0].missing = None
    (recording,) = (await node.recordings.list())[0]
    await node.recordings.update(recording.id, {"protected": True})
    with pytest.raises(Conflict, match=r"the disk of .* is there"):
        await changes.forget(str(path), "eve")
    assert len(await rows(node, segments)) == 4
    path.rename(tmp_path / "gone")
    known, count = await changes.forget(str(path), "eve")
    assert (known.held.segments, count) == (4, 4)
    await node.volumes.reload()
    assert len(node.volumes.all) == 1
    assert await rows(node, segments) == await rows(node, garbage) == []
    assert (await node.recordings.list())[1] == 0
    assert (await check(node.database, node.volumes)).problems == []
    ledger = Ledger(node.database, node.clock)
    timeline = Timelines(node.database, node.store, ledger, node.clock)
    node.clock.advance(60)
    found = await timeline.read(CAMERA, START_US, START_US + 6 * GOP_US)
    assert [(gap.reason, gap.detail) for gap in found.gaps] == [(GapReason.DISK_REMOVED, "eve")]
    await node.stop()


async def test_a_disk_that_was_removed_keeps_nothing_waiting(node: Node, tmp_path: Path) -> None:
    """What was being written to a disk that is forgotten holds no memory."""
    await added(node, tmp_path)
    node.volumes.all[0].missing = "away"
    writer = node.store.create(node.start(1))
    node.volumes.all[0].missing = None
    (tmp_path / "disk").rename(tmp_path / "gone")
    await changes_of(node, tmp_path).forget(str(tmp_path / "disk"), "eve")
    await node.volumes.reload()
    await node.store.housekeeping()
    assert writer.failure is not None
    assert await node.store.flush(1)
    assert node.budget.used_bytes == 0
    await node.stop()


# -- a mount of its own ---------------------------------------------------------------------------

Mount = Callable[[], None]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[tuple[Path, Mount, Mount]]:
    """A real mount: its path, and how it is unmounted (also while in use) and mounted again."""
    disk, path = tmp_path / "image", tmp_path / "mnt"
    disk.mkdir()
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", str(disk)], check=True)

    def mount() -> None:  # the same file system each time, as a disk that is plugged in again
        subprocess.run(["mount", "--bind", str(disk), str(path)], check=True)

    def unmount() -> None:
        subprocess.run(["umount", "-l", str(path)], check=True)

    mount()
    yield path, unmount, mount
    subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)
    subprocess.run(["umount", "-l", str(disk)], check=True)


@needs_root
@pytest.mark.root
@pytest.mark.fault
async def test_a_missing_mount_is_noticed_and_nothing_is_written_under_it(
    tmp_path: Path, clock: FakeClock, mounted: tuple[Path, Mount, Mount]
) -> None:
    path, unmount, mount = mounted
    node = await open_node(tmp_path, clock)
    changes = changes_of(node, tmp_path)
    await changes.add(str(path), Role.RECORD)
    await node.volumes.reload()
    first, second = node.volumes.all
    first.missing = "away"  # so that the mounted one records
    assert node.volumes.for_recording() is second
    await node.record(1)
    unmount()
    assert list(path.iterdir()) == []
    await second.look()  # nothing is being written: only a look tells
    assert "is the disk mounted" in trouble(second)
    assert not node.volumes.can_record
    first.missing = None
    await node.record(2, START_US + 60 * GOP_US, recording_id="rec-2", ends=True)
    assert list(path.iterdir()) == []  # not a byte under the missing mount
    assert sum(1 for _ in node.media_dir.rglob("*.mp4")) == 1
    mount()
    await second.open()
    assert trouble(second) == ""
    first.missing = "away"
    await node.record(3, START_US + 120 * GOP_US, recording_id="rec-3", ends=True)
    first.missing = None
    assert sum(1 for _ in path.rglob("*.mp4")) == 2
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


@needs_root
@pytest.mark.root
async def test_a_node_is_ready_while_it_can_record_somewhere(
    tmp_path: Path, clock: FakeClock, mounted: tuple[Path, Mount, Mount]
) -> None:
    path, unmount, _mount = mounted
    node = await open_node(tmp_path, clock)
    status = NodeStatus(
        database=node.database,
        volumes=node.volumes,
        footage=node.store,
        mover=Mover(node.database, node.volumes, node.deleter, clock),
        budget=node.budget,
        clock=clock,
        pipelines_started=lambda: True,
    )
    await changes_of(node, tmp_path).add(str(path), Role.ARCHIVE)
    await node.volumes.reload()
    assert [one.present for one in status.figures().volumes] == [True, True]
    unmount()
    await node.volumes.all[1].look()
    assert [one.present for one in status.figures().volumes] == [True, False]
    assert await status.is_ready()
    node.volumes.all[0].missing = "away"
    assert not await status.is_ready()
    node.volumes.all[0].missing = None
    await node.stop()


# -- how much, and how long it lasts --------------------------------------------------------------


async def test_what_cameras_take_and_how_they_grow(node: Node) -> None:
    use = StorageUse(node.database, node.clock)
    begin = node.clock.utc_us() - 2 * DAY_US
    for hour in range(0, 48, 2):
        run = 1 + hour
        await node.record(run, begin + hour * HOUR_US, recording_id=f"rec-{hour}", ends=True)
    (camera,) = await use.cameras(UTC)
    size = sum(row.size_bytes for row in await rows(node, segments))
    assert camera.size_bytes == size == sum(camera.on_volumes.values())
    assert camera.oldest_us == begin
    assert camera.bytes_per_day == pytest.approx(size / 2, rel=0.02)
    assert sum(day.size_bytes for day in camera.days) == size
    assert len(camera.days) == 14
    await node.stop()


async def test_what_a_rule_took_away_does_not_slow_the_growth(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock, keep=lambda: Keep(days=1))
    begin = clock.utc_us() - 2 * DAY_US
    for hour in range(0, 48, 2):
        await node.record(1 + hour, begin + hour * HOUR_US, recording_id=f"rec-{hour}", ends=True)
    size = sum(row.size_bytes for row in await rows(node, segments))
    await node.recordings.update("rec-0", {"protected": True})  # it stays from before
    await node.deleter.enforce_rules()
    clock.advance(11 * 60)  # the clock has settled
    await node.deleter.enforce_rules()
    (camera,) = await StorageUse(node.database, clock).cameras(UTC)
    assert camera.oldest_us == begin
    assert size * 0.4 < camera.size_bytes < size * 0.6
    assert camera.bytes_per_day == pytest.approx(size / 2, rel=0.15)
    await node.stop()


def use_of(**values: object) -> CameraUse:
    plain: dict[str, object] = {
        "camera_id": CAMERA, "name": "Front door", "camera_deleted": False, "size_bytes": 100,
        "segments": 1, "on_volumes": {1: 100}, "oldest_us": START_US, "keep": Keep(),
        "days": (DayBytes(date(2026, 9, 21), 1),), "bytes_per_day": 10.0,
    }  # fmt: skip
    return CameraUse(**(plain | values))  # type: ignore[arg-type]


def test_the_rule_that_comes_first_says_when_the_oldest_goes() -> None:
    now_us = START_US + 3 * DAY_US
    by_age = lasting(use_of(), Keep(days=7), 100.0, now_us)
    assert by_age is not None
    assert (by_age.days, by_age.reason) == (4, GapReason.DELETED_BY_AGE)
    by_size = lasting(use_of(keep=Keep(size_bytes=120)), Keep(days=7), 100.0, now_us)
    assert by_size is not None
    assert (by_size.days, by_size.reason) == (2, GapReason.DELETED_BY_SIZE)
    by_room = lasting(use_of(), Keep(), 1.5, now_us)
    assert by_room is not None
    assert (by_room.days, by_room.reason) == (1.5, GapReason.DELETED_FOR_ROOM)
    overdue = lasting(use_of(), Keep(days=1), None, now_us)
    assert overdue is not None
    assert overdue.days == 0
    assert lasting(use_of(), Keep(), None, now_us) is None


def test_room_lasts_as_all_cameras_grow() -> None:
    assert room_days(600, [use_of(), use_of(bytes_per_day=20.0)]) == 20
    assert room_days(600, [use_of(bytes_per_day=None)]) is None
    assert room_days(-5, [use_of()]) == 0


async def test_what_the_command_line_forgot_is_not_deleted_a_second_time(
    node: Node, tmp_path: Path
) -> None:
    """It is another process: the deleter had looked before, and commits after."""
    path = await added(node, tmp_path)
    node.volumes.all[0].missing = "away"
    await node.record(1, ends=True)
    node.volumes.all[0].missing = None
    await node.record(2, START_US + 60 * GOP_US, recording_id="rec-2", ends=True)
    doomed = await node.database.read(partial(beyond_keep, Keep(size_bytes=1), None))
    assert len(doomed) == 2
    (path / ID_FILE).unlink()
    await changes_of(node, tmp_path).forget(str(path), "ann")
    await node.deleter._doom(doomed)
    assert await rows(node, segments) == []
    assert [row for row in await rows(node, usage) if row.segments or row.size_bytes] == []
    assert {row.volume_id for row in await rows(node, garbage)} == {1}
    [gone, deleted] = sorted(await rows(node, deletions), key=lambda row: row.from_us)
    assert (gone.reason, deleted.reason) == ("disk_removed", "deleted_by_size")
    await node.stop()
