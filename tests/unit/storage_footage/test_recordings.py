"""Recordings as people use them, and the deleter behind them."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from falconeye.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.reading.recordings import NewImport
from falconeye.storage.segments import recording_rows
from falconeye.storage.segments.recording_rows import Growing, RecordingStatus
from falconeye.storage.segments.retention import Named
from falconeye.storage.segments.segments import SegmentEnd
from falconeye.storage.tables.footage import recordings, segments, usage
from tests.clock import START_US
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_90K,
    GOP_US,
    Node,
    read,
    rows,
    segment_fragments,
)

OTHER = "7c1f0f0a-0d7b-4a53-9a3e-0a8a7f0c5f10"


async def record(node: Node, start_us: int, recording_id: str, camera_id: str = CAMERA) -> None:
    run = node.store.begin_run(camera_id, StreamKind.MAIN, start_us)
    await node.record(
        run,
        start_us,
        recording_id=recording_id,
        run_end=RunEnd.STOPPED_BY_USER,
        camera_id=camera_id,
    )


async def test_lists(node: Node) -> None:
    await record(node, START_US, "a")
    await record(node, START_US + 100 * GOP_US, "b")
    await record(node, START_US + 50 * GOP_US, "c", OTHER)

    async def ids(**query: object) -> list[str]:
        found, total = await node.recordings.list(**query)  # type: ignore[arg-type]
        assert total >= len(found)
        return [recording.id for recording in found]

    assert await ids() == ["b", "c", "a"]
    assert await ids(camera_id=CAMERA) == ["b", "a"]
    assert await ids(cameras={OTHER}) == ["c"]
    assert await ids(cameras=[]) == []
    assert await ids(status=RecordingStatus.RECORDING) == []
    assert await ids(from_us=START_US + 2 * GOP_US) == ["b", "c"]
    assert await ids(from_us=START_US + GOP_US, to_us=START_US + 60 * GOP_US) == ["c", "a"]
    assert await ids(limit=1, offset=1) == ["c"]
    assert (await node.recordings.list(limit=0))[1] == 3
    with pytest.raises(InvalidInput):
        await ids(limit=-1)


async def test_a_growing_recording_is_that_of_its_closed_segments(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = node.store.create(node.start(run))
    for fragment in segment_fragments(2):
        writer.append(fragment)
    await node.database.write(lambda connection: connection.exec_driver_sql("SELECT 1"))
    growing = await node.recordings.get("rec-1")
    assert (growing.status, growing.end_us) == (RecordingStatus.RECORDING, None)
    with pytest.raises(Unavailable):
        await node.recordings.download("rec-1")
    with pytest.raises(Conflict):
        await node.recordings.delete("rec-1", who="ann")
    writer.close(SegmentEnd(START_US + 2 * GOP_US))
    assert await node.store.flush(5)
    growing = await node.recordings.get("rec-1")
    assert (growing.status, growing.end_us) == (
        RecordingStatus.RECORDING,
        START_US + 2 * GOP_US,
    )
    plan = await node.recordings.download("rec-1")
    assert len(await read(plan)) == plan.length
    node.clock.advance(3600)
    await node.store.housekeeping()
    assert (await node.recordings.get("rec-1")).status is RecordingStatus.COMPLETED
    assert ("ended", "rec-1") in [(kind, recording) for _, recording, kind in node.events]


async def test_a_growing_recording_counts_what_is_written(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = await node.record(run, gops=2)
    closed = await node.recordings.get("rec-1")
    growing = closed
    etag = (await node.recordings.download("rec-1")).etag
    writer = node.store.create(node.start(run, at, offset_90k=2 * GOP_90K))
    written = closed.size_bytes
    for number, fragment in enumerate(segment_fragments(2, offset_90k=2 * GOP_90K), start=1):
        writer.append(fragment)
        await node.database.write(lambda connection: connection.exec_driver_sql("SELECT 1"))
        await node.volumes.all[0].writer.run(lambda: None)
        written += fragment.size_bytes
        for growing in (await node.recordings.get("rec-1"), (await node.recordings.list())[0][0]):
            assert growing.duration_us == 2 * GOP_US + number * GOP_US // 2
            assert growing.size_bytes == written + len(node.start(run).init.data) + uuid_bytes(node)
            assert (growing.end_us, growing.segments) == (closed.end_us, 1)
    assert (await node.recordings.download("rec-1")).etag == etag
    writer.close(SegmentEnd(at + 2 * GOP_US, RunEnd.STOPPED_BY_USER))
    assert await node.store.flush(5)
    ended = await node.recordings.get("rec-1")
    assert (ended.duration_us, ended.size_bytes) == (growing.duration_us, growing.size_bytes)


async def test_a_segment_indexed_in_between_counts_once(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = await node.record(run, gops=2)
    (row,) = await rows(node, recordings)
    seen_before = [Growing(START_US, GOP_US, 1000), Growing(at, GOP_US, 500)]
    recording = recording_rows.to_recording(row, seen_before)
    assert recording.duration_us == row.duration_us + GOP_US
    assert recording.size_bytes == row.size_bytes + 500


def uuid_bytes(node: Node) -> int:
    """The size of the identity box of the newest file."""
    data = max(node.media_dir.rglob("*.mp4")).read_bytes()
    at = data.index(b"uuid") - 4
    return int.from_bytes(data[at : at + 4], "big")


async def test_footage_bytes_and_counts(node: Node) -> None:
    assert await node.recordings.footage_bytes() == await node.recordings.count() == 0
    await record(node, START_US, "a")
    await record(node, START_US + 100 * GOP_US, "b")
    await record(node, START_US, "c", OTHER)
    sub = node.store.begin_run(CAMERA, StreamKind.SUB, START_US)
    await node.record(sub, stream=StreamKind.SUB, recording_id=None)
    await node.recordings.hide("b")
    sizes = {path: path.stat().st_size for path in node.media_dir.rglob("*.mp4")}
    mine = sum(size for path, size in sizes.items() if CAMERA in path.parts)
    assert await node.recordings.footage_bytes() == sum(sizes.values())
    assert await node.recordings.footage_bytes(CAMERA) == mine
    assert await node.recordings.footage_bytes("nobody") == 0
    assert (await node.recordings.count(), await node.recordings.count(CAMERA)) == (2, 1)


async def test_a_new_recording_completes_the_one_before(node: Node) -> None:
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = await node.record(run, recording_id="a")
    await node.record(run, at, offset_90k=2 * GOP_90K, recording_id="b")
    assert (await node.recordings.get("a")).status is RecordingStatus.COMPLETED
    assert (await node.recordings.get("b")).status is RecordingStatus.RECORDING


async def test_hide_leaves_the_footage(node: Node) -> None:
    await record(node, START_US, "a")
    await node.recordings.hide("a")
    assert (await node.recordings.list())[1] == 0
    for call in (node.recordings.get, node.recordings.hide, node.recordings.download):
        with pytest.raises(NotFound):
            await call("a")
    assert len(await rows(node, segments)) == 1


async def test_delete_takes_the_footage_and_the_substream(node: Node) -> None:
    await record(node, START_US, "a")
    await record(node, START_US + 100 * GOP_US, "b")
    sub = node.store.begin_run(CAMERA, StreamKind.SUB, START_US)
    await node.record(sub, stream=StreamKind.SUB, recording_id=None)
    await node.recordings.delete("a", who="ann")
    found, total = await node.recordings.list()
    assert ([recording.id for recording in found], total) == (["b"], 1)
    assert len(list(node.media_dir.rglob("*.mp4"))) == 1
    assert (CAMERA, "a", "deleted") in node.events
    report = await check(node.database, node.volumes)
    assert report.problems == []
    assert report.files == 1
    assert sum(row.segments for row in await rows(node, usage)) == 1


async def test_protected_footage_stays(node: Node) -> None:
    await record(node, START_US, "a")
    await node.recordings.update("a", {"protected": True})
    with pytest.raises(Conflict):
        await node.recordings.delete("a", who="ann")
    assert await node.recordings.delete_camera_footage(CAMERA, who="ann") == 0
    assert (await node.recordings.get("a")).segments == 1


async def test_what_is_protected_while_it_is_deleted_stays(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(node, START_US, "a")
    delete_named = node.deleter.delete_named

    async def protected_meanwhile(wanted: Named) -> int:
        await node.recordings.update("a", {"protected": True})
        return await delete_named(wanted)

    monkeypatch.setattr(node.deleter, "delete_named", protected_meanwhile)
    with pytest.raises(Conflict, match="it is protected"):
        await node.recordings.delete("a", who="ann")
    kept = await node.recordings.get("a")
    assert (kept.protected, kept.segments) == (True, 1)


async def test_the_footage_of_a_camera(node: Node) -> None:
    await record(node, START_US, "a")
    await record(node, START_US + 100 * GOP_US, "b", OTHER)
    await node.recordings.mark_camera_deleted(CAMERA)
    assert (await node.recordings.get("a")).camera_deleted
    assert not (await node.recordings.get("b")).camera_deleted
    assert await node.recordings.delete_camera_footage(CAMERA, who="ann") == 1
    found, _ = await node.recordings.list()
    assert [recording.id for recording in found] == ["b"]
    assert not (node.media_dir / CAMERA).exists()


async def test_update(node: Node) -> None:
    await record(node, START_US, "a")
    changed = await node.recordings.update("a", {"camera_name": "Gate", "status": "failed"})
    assert (changed.camera_name, changed.status) == ("Gate", RecordingStatus.FAILED)
    assert changed.file_name.startswith("Gate_")
    for changes in ({"external_path": "x"}, {"status": "recording"}, {"status": "?"}, {"id": "x"}):
        with pytest.raises(InvalidInput):
            await node.recordings.update("a", changes)


async def test_two_recordings_that_claim_one_time_are_kept_apart(node: Node) -> None:
    """The clock was set back by one second in the middle of a recording of 2 s."""
    await record(node, START_US, "a")
    await record(node, START_US + GOP_US, "b")
    first, second = await node.recordings.get("a"), await node.recordings.get("b")
    assert first.end_us is not None
    assert second.start_us < first.end_us
    a, b = await node.recordings.download("a"), await node.recordings.download("b")
    assert a.length == b.length
    await node.recordings.delete("a", who="ann")
    assert (await node.recordings.get("b")).segments == 1


async def test_imports(node: Node, tmp_path: Path) -> None:
    root = tmp_path / "imports"
    file = root / "door" / "clip.mp4"

    def prepare() -> None:
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(range(256)) * 2000)
        (root / "out").symlink_to("/etc/hostname")
        (root / "in").symlink_to(file)

    await asyncio.to_thread(prepare)
    for path in ("../data", "/etc/hostname", "out", "door", "none", "a\0b", ""):
        with pytest.raises(InvalidInput):
            await node.recordings.register(NewImport(CAMERA, "Door", path, START_US))
    new = NewImport(CAMERA, "Door", "in", START_US, START_US + 5 * GOP_US)
    made = await node.recordings.register(new)
    again = await node.recordings.register(new)
    assert (made.id, again.id) == (f"{CAMERA}_20260921141320", f"{CAMERA}_20260921141320-2")
    assert (made.size_bytes, made.duration_us) == (512_000, 5 * GOP_US)
    plan = await node.recordings.download(made.id)
    content = await asyncio.to_thread(file.read_bytes)
    assert await read(plan) == content
    assert await read(plan, 1000, 300_000) == content[1000:300_000]
    await node.recordings.delete(made.id, who="ann")
    assert not file.exists()
    with pytest.raises(Unavailable):
        await node.recordings.download(again.id)
    await node.recordings.delete(again.id, who="ann")
    assert (await node.recordings.list())[1] == 0


async def test_an_import_that_cannot_be_deleted_stays_listed(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "imports" / "clip.mp4"
    await asyncio.to_thread(file.parent.mkdir)
    await asyncio.to_thread(file.write_bytes, b"a clip")
    made = await node.recordings.register(NewImport(CAMERA, "Door", "clip.mp4", START_US))

    def refuse(_path: Path, **_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(Unavailable, match="cannot be deleted: Read-only file system"):
            await node.recordings.delete(made.id, who="ann")
    assert (await node.recordings.get(made.id)).id == made.id
