"""After a restore the index is made anew from the files while cameras record."""

import asyncio
import errno
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.errors import Unavailable
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.backups.snapshot import INCOMPLETE
from falconeye.storage.checks.check import check
from falconeye.storage.checks.footage_names import Names, list_names
from falconeye.storage.checks.rebuild import IndexBuild, is_needed, prepare
from falconeye.storage.segments import recovery
from falconeye.storage.segments.recording_rows import RecordingStatus
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from falconeye.storage.tables.footage import (
    fragments,
    moves,
    open_files,
    recordings,
    runs,
    segments,
    streams,
    usage,
)
from falconeye.storage.tables.node import SETTINGS
from falconeye.storage.volumes.volume import Volume
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    open_node,
    rows,
    segment_fragments,
)
from tests.unit.storage_footage.test_moving import add_archive

FILES = 8
LATER_US = START_US + 3600 * 1_000_000


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("falconeye.storage.checks.rebuild._BATCH_BESIDE", 2)


async def record_old(node: Node) -> None:
    """One run with its substream in one recording, whose wall times drift a little."""
    main = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    sub = node.store.begin_run(CAMERA, StreamKind.SUB, START_US)
    at = START_US
    for index in range(FILES // 2):
        await node.record(
            sub, at, offset_90k=2 * index * GOP_90K, recording_id=None, stream=StreamKind.SUB,
            end_us=at + 2 * GOP_US + 500,
        )  # fmt: skip
        is_last = index == FILES // 2 - 1
        at = await node.record(
            main, at, offset_90k=2 * index * GOP_90K, end_us=at + 2 * GOP_US + 500,
            ends=is_last, run_end=RunEnd.CAMERA_OFFLINE if is_last else None,
        )  # fmt: skip


async def forget_index(node: Node, *, with_runs: bool = True) -> None:
    """What a backup leaves out; `with_runs`: it is older than all footage."""
    lost = [segments, fragments, usage, open_files, moves, *((runs, streams) if with_runs else ())]

    async def forget(connection: AsyncConnection) -> None:
        for table in lost:
            await connection.execute(delete(table))
        await connection.execute(insert(SETTINGS).values(key=INCOMPLETE, value=True))

    await node.database.write(forget)


class Restored:
    """A node of which the index is to be made anew."""

    def __init__(self, node: Node, before: list[Any]) -> None:
        self.node = node
        self.before = before  # rows of `segments`, from before the loss
        self.build = IndexBuild(
            node.database, node.volumes, node_name="pi-1", numbers=node.store,
            state=node.store.index, until_us=node.deleter.indexed_until_us,
        )  # fmt: skip

    async def rows(self) -> list[Any]:
        """Of the footage from before the loss, but for the volume."""
        return sorted(
            _plain(row) for row in await rows(self.node, segments) if row.start_us < LATER_US
        )

    async def sound(self) -> None:
        await recovery.end_all(self.node.database, self.node.store)
        report = await check(self.node.database, self.node.volumes)
        assert report.problems == []
        assert not await is_needed(self.node.database)


def _plain(row: Any) -> tuple[Any, ...]:
    return (row.start_us, row.wall_duration_us, row.media_offset_90k, row.size_bytes)


@pytest.fixture
def opener(tmp_path: Path, clock: FakeClock) -> Any:
    """Makes a node whose index is lost, in a process that begins anew."""

    async def make(*, with_runs: bool = True, archive: bool = False) -> Restored:
        node = await open_node(tmp_path, clock)
        await record_old(node)
        await node.recordings.update("rec-1", {"protected": True, "camera_name": "Old name"})
        if archive:
            await add_archive(node, tmp_path / "archive")
        before = sorted(_plain(row) for row in await rows(node, segments))
        assert len(before) == FILES
        await forget_index(node, with_runs=with_runs)
        await node.stop()
        node = await open_node(tmp_path, clock)
        assert await prepare(node.database, node.volumes)
        node.store.index.since_us = LATER_US
        return Restored(node, before)

    return make


async def test_footage_comes_back_as_it_was(opener: Any) -> None:
    restored = await opener()
    node = restored.node
    report = await check(node.database, node.volumes)  # by a person who wonders
    assert (report.to_be_indexed, report.problems) == (FILES, [])
    listed, count = await node.recordings.list()
    assert (list(listed), count) == ([], 0)  # nothing of it can be played yet
    assert await restored.build.run()
    found = await restored.rows()
    # The end of the last of each stream is no other's start: the file alone knows its media time.
    lasts = 2
    assert found[:-lasts] == restored.before[:-lasts]
    assert [row[0] for row in found] == [row[0] for row in restored.before]
    ([recording], _) = await node.recordings.list()
    assert (recording.protected, recording.camera_name, recording.segments) == (
        True, "Old name", FILES // 2,
    )  # fmt: skip
    assert node.deleter.indexed_until_us == {}
    await restored.sound()
    await node.stop()


async def until_made(node: Node, start_us: int) -> Path:
    """The file of a segment that is being written, once its first fragment is in it."""
    async with asyncio.timeout(5):
        while True:
            for path in await asyncio.to_thread(_files, node):
                if path.name == f"{start_us}.mp4" and node.store.growing():
                    return path
            await asyncio.sleep(0.01)


async def test_what_is_recorded_meanwhile_stays(opener: Any) -> None:
    """A file that is being written is neither cut nor indexed; nor is one closed meanwhile lost."""
    restored = await opener()
    node = restored.node
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, LATER_US)
    await node.record(run, LATER_US, recording_id="rec-2")
    growing = node.store.create(
        node.start(run, LATER_US + 2 * GOP_US, offset_90k=2 * GOP_90K, recording_id="rec-2")
    )
    first, *rest = segment_fragments(3, offset_90k=2 * GOP_90K)
    assert growing.append(first) is Accepted.YES
    path = await until_made(node, LATER_US + 2 * GOP_US)
    size = path.stat().st_size
    with await asyncio.to_thread(path.open, "ab") as file:
        file.write(b"\0\0\0\x99moof")  # half of the next fragment
    assert await restored.build.run()
    assert path.stat().st_size == size + 8
    await asyncio.to_thread(os.truncate, path, size)
    for fragment in rest:
        assert growing.append(fragment) is Accepted.YES
    growing.close(SegmentEnd(LATER_US + 5 * GOP_US, RunEnd.STOPPED_BY_USER, recording_ended=True))
    assert await node.store.flush(5)
    recording = await node.recordings.get("rec-2")
    assert (recording.status, recording.segments) == (RecordingStatus.COMPLETED, 2)
    assert len(await rows(node, segments)) == FILES + 2
    await restored.sound()
    await node.stop()


def _files(node: Node) -> list[Path]:
    return sorted(node.media_dir.rglob("*.mp4"))


async def test_what_was_closed_since_it_was_listed_is_as_it_was(
    opener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was open when the names were listed, and is in the index when its turn comes."""
    restored = await opener(with_runs=False)
    node = restored.node
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, LATER_US)
    growing = node.store.create(node.start(run, LATER_US, recording_id="rec-2"))
    for fragment in segment_fragments(2):
        assert growing.append(fragment) is Accepted.YES
    await until_made(node, LATER_US)
    real = IndexBuild._known

    async def known(build: Any, names: Names) -> Any:
        found = await real(build, names)
        end = SegmentEnd(LATER_US + 2 * GOP_US, RunEnd.STOPPED_BY_USER, recording_ended=True)
        growing.close(end)
        assert await node.store.flush(5)
        return found

    monkeypatch.setattr(IndexBuild, "_known", known)
    assert await restored.build.run()
    mine = [row for row in await rows(node, segments) if row.start_us == LATER_US]
    assert [row.run_id for row in mine] == [run]
    assert len(await rows(node, runs)) == 3  # main and sub of then, main of now
    assert (await node.recordings.get("rec-2")).segments == 1
    await restored.sound()
    await node.stop()


async def test_a_recording_that_has_just_begun_is_not_swept_away(opener: Any) -> None:
    restored = await opener()
    node = restored.node
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, LATER_US)
    writer = node.store.create(node.start(run, LATER_US, recording_id="rec-2"))
    for fragment in segment_fragments(1):
        writer.append(fragment)
    await until_made(node, LATER_US)
    assert await restored.build.run()
    assert {row.id for row in await rows(node, recordings)} == {"rec-1", "rec-2"}
    writer.close(SegmentEnd(LATER_US + GOP_US, RunEnd.STOPPED_BY_USER, recording_ended=True))
    await node.store.flush(5)
    await restored.sound()
    await node.stop()


async def test_a_kill_is_made_good_by_the_next_start(
    opener: Any, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on: what is in the index is not read again, and not counted twice."""
    restored = await opener()
    real, left = IndexBuild._read_best, [5]
    read: list[str] = []

    async def read_best(build: Any, copies: Any, lost: Any) -> Any:
        read.extend(file.path for file in copies)
        left[0] -= 1
        if not left[0]:
            raise KeyError
        return await real(build, copies, lost)

    monkeypatch.setattr(IndexBuild, "_read_best", read_best)
    with pytest.raises(KeyError):
        await restored.build.run()
    indexed = len(await rows(restored.node, segments))
    assert 0 < indexed < FILES
    await restored.node.stop()
    node = await open_node(tmp_path, clock)
    assert await prepare(node.database, node.volumes)
    assert len(await rows(node, segments)) == indexed
    read.clear()
    again = Restored(node, restored.before)
    assert await again.build.run()
    assert len(read) == FILES - indexed
    assert [row[:2] for row in (await again.rows())[:-2]] == [r[:2] for r in restored.before[:-2]]
    recording = await node.recordings.get("rec-1")
    assert recording.segments == FILES // 2
    await again.sound()
    await node.stop()


async def test_a_disk_that_is_away_is_waited_for_and_the_others_are_not(
    opener: Any, tmp_path: Path
) -> None:
    restored = await opener(archive=True)
    node = restored.node
    main, archive = node.volumes.all
    # Footage that had been moved to the archive.
    old = (await asyncio.to_thread(_files, node))[:3]
    await asyncio.to_thread(_carry, old, node.media_dir, archive.path)
    away = tmp_path / "away"
    await asyncio.to_thread(archive.path.rename, away)
    await archive.open()
    assert archive.missing is not None
    assert not await restored.build.run()
    assert await is_needed(node.database)
    assert len(await rows(node, segments)) == FILES - 3
    assert node.store.index.away == (str(archive.path),)
    assert not node.store.index.is_building  # what is there can be deleted and exported
    assert main.number not in node.deleter.indexed_until_us
    await asyncio.to_thread(away.rename, archive.path)
    await archive.open()
    assert await restored.build.run()
    assert (await restored.rows())[:-2] == restored.before[:-2]
    await restored.sound()
    await node.stop()


def _carry(files: list[Path], source: Path, target: Path, *, keep: bool = False) -> None:
    for file in files:
        to = target / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(file.read_bytes())
        if not keep:
            file.unlink()


@pytest.mark.parametrize("cut", ["the one that was there", "the one that was away"])
async def test_of_a_file_on_two_disks_the_whole_one_stays(
    opener: Any, tmp_path: Path, cut: str
) -> None:
    """A crash amid a move leaves two; one may be half of it."""
    restored = await opener(archive=True)
    node = restored.node
    _, archive = node.volumes.all
    [file] = [f for f in await asyncio.to_thread(_files, node) if "main" in f.parts][:1]
    await asyncio.to_thread(_carry, [file], node.media_dir, archive.path, keep=True)
    copy = archive.path / file.relative_to(node.media_dir)
    half = file if cut.endswith("there") else copy
    os.truncate(half, file.stat().st_size * 2 // 3)
    away = tmp_path / "away"
    await asyncio.to_thread(archive.path.rename, away)
    await archive.open()
    assert not await restored.build.run()
    await asyncio.to_thread(away.rename, archive.path)
    await archive.open()
    assert await restored.build.run()
    assert [row[3] for row in await restored.rows()] == [row[3] for row in restored.before]
    await node.deleter.empty_garbage()
    assert not half.exists()
    assert (await node.recordings.get("rec-1")).protected
    await restored.sound()
    await node.stop()


async def test_a_full_disk_loses_its_oldest_not_what_is_recorded_now(opener: Any) -> None:
    restored = await opener()
    node = restored.node
    await node.database.write(
        lambda connection: connection.exec_driver_sql("UPDATE recordings SET protected = 0")
    )
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, LATER_US)
    await node.record(run, LATER_US, recording_id="rec-2")
    (volume,) = node.volumes.all
    assert await node.deleter.free(volume, 1) == 0  # nothing older is known yet
    batches = 0
    write = restored.build._files.add

    async def add(batch: Any, connection: Any) -> None:
        nonlocal batches
        await write(batch, connection)
        batches += 1
        if batches == 3:
            raise KeyError

    restored.build._files.add = add
    with pytest.raises(KeyError):
        await restored.build.run()
    assert await node.deleter.free(volume, 1) > 0
    left = [row.start_us for row in await rows(node, segments)]
    assert (left.count(START_US), left.count(LATER_US)) == (1, 1)  # of two streams
    await node.stop()


async def test_nothing_is_deleted_or_promised_by_half_an_index(opener: Any) -> None:
    restored = await opener()
    node = restored.node
    state = node.store.index
    state.is_building, state.files, state.done = True, 200, 84
    state.until_us = START_US + 4 * GOP_US
    words = "is being made anew.*42%.*try again later"
    with pytest.raises(Unavailable, match=words):
        await node.recordings.delete_time(CAMERA, START_US, START_US + 5 * GOP_US, who="ann")
    with pytest.raises(Unavailable, match=words):
        await node.recordings.delete_camera_footage(CAMERA, who="ann")
    await node.database.write(
        lambda c: c.exec_driver_sql("UPDATE recordings SET protected = 0, start_us = 0")
    )
    with pytest.raises(Unavailable, match=words):
        await node.recordings.delete("rec-1", who="ann")
    state.require(START_US, START_US + 4 * GOP_US)  # all of that is in it
    state.require(LATER_US, LATER_US + 1)  # and this process saw that itself
    assert await restored.build.run()
    await node.recordings.delete_time(CAMERA, START_US, START_US + 5 * GOP_US, who="ann")
    await node.stop()


async def test_a_run_of_the_files_that_has_a_number_of_now_gets_another(opener: Any) -> None:
    """The clock is behind, and the backup older than the files: numbers begin anew."""
    restored = await opener()
    node = restored.node
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, LATER_US)
    assert run == node.clock.utc_us() // 1_000_000 + 1  # as the main run of the files
    await node.record(run, LATER_US, recording_id="rec-2")
    assert await restored.build.run()
    by_run: dict[int, set[bool]] = {}
    for row in await rows(node, segments):
        by_run.setdefault(row.run_id, set()).add(row.start_us >= LATER_US)
    assert len(by_run) == 3  # main and sub of then, main of now
    assert all(len(kinds) == 1 for kinds in by_run.values())
    assert {row.id for row in await rows(node, runs)} == by_run.keys()
    await restored.sound()
    await node.stop()


async def test_a_disk_that_cannot_list_its_files_keeps_the_node_from_nothing(
    opener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad sector in a directory: else the node would never start again, or a disk fill up."""
    restored = await opener()
    node = restored.node

    def refuse(_volume: Volume) -> Iterator[str]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(Volume, "paths", refuse)
        assert not await restored.build.run()
    assert await is_needed(node.database)
    assert node.deleter.indexed_until_us == {}
    assert not node.store.index.is_building
    assert await restored.build.run()
    await restored.sound()
    await node.stop()


async def test_a_disk_that_goes_away_amid_it_is_gone_on_with_later(
    opener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = await opener()
    node = restored.node
    (volume,) = node.volumes.all
    real = IndexBuild._read
    away = volume.path.with_name("away")
    reads = 0

    async def read(build: Any, file: Any, lost: Any) -> Any:
        nonlocal reads
        reads += 1
        if reads == 4:
            await asyncio.to_thread(volume.path.rename, away)
            monkeypatch.setattr(Volume, "open_file", _refuse)
        return await real(build, file, lost)

    monkeypatch.setattr(IndexBuild, "_read", read)
    with monkeypatch.context() as patch:
        patch.setattr(IndexBuild, "_read", read)
        open_file = Volume.open_file
        assert not await restored.build.run()
    monkeypatch.setattr(Volume, "open_file", open_file)
    assert restored.build.report.unreadable == 0
    assert len(await rows(node, segments)) < FILES
    await asyncio.to_thread(away.rename, volume.path)
    await volume.open()
    assert await restored.build.run()
    assert len(await rows(node, segments)) == FILES
    await restored.sound()
    await node.stop()


async def test_a_disk_that_hangs_holds_up_no_other(
    opener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored = await opener(archive=True)
    node = restored.node
    main, archive = node.volumes.all
    monkeypatch.setattr("falconeye.storage.checks.rebuild._LOOK_S", 0.01)
    goes_on = threading.Event()

    def hang(volume: Volume, without: Collection[str]) -> Names:
        assert volume is not archive or goes_on.wait(10)
        return list_names(volume, without)

    monkeypatch.setattr("falconeye.storage.checks.rebuild.list_names", hang)
    running = asyncio.create_task(restored.build.run())
    async with asyncio.timeout(5):
        while not archive.readers.busy_s:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        archive.does_not_answer()  # whoever asks for its room notices
        assert not await running
    assert len(await rows(node, segments)) == FILES
    assert main.number not in node.deleter.indexed_until_us
    goes_on.set()
    await archive.open()
    assert await restored.build.run()
    await restored.sound()
    await node.stop()


def _refuse(_volume: Volume, _path: str, _flags: int = 0) -> int:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
