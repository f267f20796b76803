"""After a crash: the tail is cut, everything before it is indexed and plays."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.segments import salvage, segment_index
from falconeye.storage.segments.layout import segment_path
from falconeye.storage.segments.recording_rows import RecordingStatus
from falconeye.storage.segments.recovery import RecoveryReport, recover
from falconeye.storage.segments.segment_index import FileKey
from falconeye.storage.segments.segments import SegmentEnd
from falconeye.storage.tables.footage import open_files, runs, segments
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


async def crash(node: Node, tail: bytes, *, cut_to: int | None = None) -> Path:
    """Leave a file as a killed process leaves it: open in the index, with that tail."""
    run_id = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = node.store.create(node.start(run_id))
    for fragment in segment_fragments(2):
        writer.append(fragment)
    writer.close(SegmentEnd(START_US + 2 * GOP_US))
    assert await node.store.flush(5)
    key = FileKey(1, node.store.stream_id(CAMERA, StreamKind.MAIN), START_US)

    async def reopen(connection: AsyncConnection) -> None:
        for table in ("segments", "fragments", "usage"):
            await connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - three names
        await connection.exec_driver_sql(
            "UPDATE recordings SET status='recording', segments=0, size_bytes=0, duration_us=0"
        )
        await segment_index.add_open_file(connection, key, run_id, START_US, writer.recording)

    await node.database.write(reopen)
    path = node.media_dir / writer.path

    def change() -> None:
        with path.open("r+b") as file:
            if cut_to is not None:
                file.truncate(cut_to)
            file.seek(0, os.SEEK_END)
            file.write(tail)

    await asyncio.to_thread(change)
    return path


async def restart(node: Node, tmp_path: Path, clock: FakeClock) -> tuple[Node, RecoveryReport]:
    await node.stop()
    clock.advance(60)
    node = await open_node(tmp_path, clock)
    report = await recover(node.database, node.volumes, node.store, node_name="pi-1")
    return node, report


async def test_a_torn_tail_is_cut_and_the_rest_is_kept(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    torn = b"".join(next(segment_fragments(1)).buffers)[:-1]
    path = await crash(node, torn)
    whole = path.stat().st_size - len(torn)
    node, report = await restart(node, tmp_path, clock)
    assert (report.recovered, report.cut_bytes) == (1, len(torn))
    assert path.stat().st_size == whole
    recording = await node.recordings.get("rec-1")
    assert recording.status is RecordingStatus.COMPLETED
    assert recording.duration_us == 2 * GOP_US
    assert (await check(node.database, node.volumes)).problems == []
    plan = await node.recordings.download("rec-1")
    assert sum([len(piece) async for piece in plan.read(0, plan.length)]) == plan.length

    assert [row.end_reason for row in await rows(node, runs)] == [RunEnd.NODE_CRASHED]
    await node.stop()


async def test_zeros_after_a_power_cut_are_cut(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    fragment = b"".join(next(segment_fragments(1)).buffers)
    head = fragment.index(b"mdat") + 4
    lost = fragment[: head + 50] + bytes(len(fragment) - head - 50)
    await crash(node, lost)
    node, report = await restart(node, tmp_path, clock)
    assert report.cut_bytes == len(lost)
    assert (await node.recordings.get("rec-1")).duration_us == 2 * GOP_US
    await node.stop()


@pytest.mark.parametrize("tail", [bytes(5000), b"garbage" * 100], ids=["zeros", "garbage"])
async def test_what_is_no_box_is_cut(tmp_path: Path, clock: FakeClock, tail: bytes) -> None:
    node = await open_node(tmp_path, clock)
    await crash(node, tail)
    node, report = await restart(node, tmp_path, clock)
    assert (report.recovered, report.cut_bytes) == (1, len(tail))
    await node.stop()


@pytest.mark.parametrize("size", [0, 100, 900])
async def test_a_file_without_one_fragment_becomes_garbage(
    tmp_path: Path, clock: FakeClock, size: int
) -> None:
    node = await open_node(tmp_path, clock)
    path = await crash(node, b"", cut_to=size)
    node, report = await restart(node, tmp_path, clock)
    assert (report.empty, report.recovered) == (1, 0)
    assert await rows(node, segments) == []
    listed, total = await node.recordings.list()
    assert (list(listed), total) == ([], 0)
    await node.deleter.empty_garbage()
    assert not path.exists()
    await node.stop()


async def test_files_on_a_disk_that_is_not_there_wait_for_it(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    await crash(node, b"torn")
    await asyncio.to_thread(node.media_dir.rename, tmp_path / "away")
    node, report = await restart(node, tmp_path, clock)
    assert (report.recovered, report.unreadable, len(node.store.leftovers)) == (0, 1, 1)
    await asyncio.to_thread((tmp_path / "away").rename, node.media_dir)
    await node.volumes.all[0].open()
    report = await recover(node.database, node.volumes, node.store, node_name="pi-1")
    assert (report.recovered, node.store.leftovers) == (1, [])
    recording = await node.recordings.get("rec-1")
    assert (recording.status, recording.duration_us) == (RecordingStatus.COMPLETED, 2 * GOP_US)
    assert (await check(node.database, node.volumes)).problems == []
    await node.stop()


async def test_data_that_was_lost_far_before_the_end_is_found(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(salvage, "TAIL_BYTES", 4096)  # what a rebuild looks at
    node = await open_node(tmp_path, clock)
    path = await crash(node, b"".join(b"".join(f.buffers) for f in segment_fragments(1)) * 40)
    (media_at, size) = (path.read_bytes().index(b"mdat") + 100, path.stat().st_size)
    assert size - media_at > 100_000
    # A sector of the second fragment never reached the disk.
    second = path.read_bytes().index(b"mdat", media_at) + 100

    def lose() -> None:
        with path.open("r+b") as file:
            file.seek(second)
            file.write(bytes(512))

    await asyncio.to_thread(lose)
    node, report = await restart(node, tmp_path, clock)
    assert report.recovered == 1
    (segment,) = await rows(node, segments)
    assert segment.media_duration_90k < GOP_90K
    assert b"\0" * 512 not in path.read_bytes()
    await node.stop()


async def test_a_file_that_recovery_stumbles_over_keeps_no_other_from_it(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = await open_node(tmp_path, clock)
    path = await crash(node, b"torn")
    await node.stop()
    clock.advance(60)
    node = await open_node(tmp_path, clock)
    (good,) = node.store.leftovers
    bad = replace(good, key=replace(good.key, named_start_us=START_US - 1))
    node.store.leftovers = [bad, good]
    index = segment_index.remove_open_file

    async def stumble(connection: AsyncConnection, key: FileKey) -> None:
        if key == bad.key:
            raise OverflowError("a number that is none")
        await index(connection, key)

    monkeypatch.setattr(segment_index, "remove_open_file", stumble)
    report = await recover(node.database, node.volumes, node.store, node_name="pi-1")
    assert (report.recovered, report.unreadable, node.store.leftovers) == (1, 1, [bad])
    assert path.stat().st_size == (await rows(node, segments))[0].size_bytes
    await node.stop()


async def test_runs_of_the_past_without_footage_go(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    await crash(node, b"torn")
    for _ in range(3):
        node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    node, report = await restart(node, tmp_path, clock)
    assert report.recovered == 1
    (run,) = await rows(node, runs)
    assert (run.end_reason, run.ended_us) == (RunEnd.NODE_CRASHED, START_US + 2 * GOP_US)
    await node.stop()


async def test_recovery_leaves_alone_what_is_being_recorded(
    tmp_path: Path, clock: FakeClock
) -> None:
    node = await open_node(tmp_path, clock)
    await crash(node, b"torn")
    await node.stop()
    node = await open_node(tmp_path, clock)
    at = START_US + 100 * GOP_US
    run_id = node.store.begin_run(CAMERA, StreamKind.MAIN, at)
    writer = node.store.create(node.start(run_id, at, recording_id="rec-2"))
    fragments = list(segment_fragments(2))
    writer.append(fragments[0])
    report = await recover(node.database, node.volumes, node.store, node_name="pi-1")
    assert report.recovered == 1
    assert (await node.recordings.get("rec-2")).status is RecordingStatus.RECORDING
    for fragment in fragments[1:]:
        writer.append(fragment)
    writer.close(SegmentEnd(at + 2 * GOP_US, RunEnd.STOPPED_BY_USER))
    assert await node.store.flush(5)
    assert (await node.recordings.get("rec-2")).duration_us == 2 * GOP_US
    assert len(await rows(node, segments)) == 2
    await node.stop()


_CHILD = """
import asyncio, sys
from pathlib import Path
from falconeye.media.samples import StreamKind
from tests.clock import FakeClock, START_US
from tests.unit.storage_footage.footage import CAMERA, open_node, segment_fragments

async def main():
    node = await open_node(Path(sys.argv[1]), FakeClock())
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    writer = node.store.create(node.start(run))
    for fragment in segment_fragments(3):
        writer.append(fragment)
    while node.store.bytes_written(CAMERA, StreamKind.MAIN) == 0 or node.budget.used_bytes:
        await asyncio.sleep(0.01)
    print("written", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.fault
async def test_kill_9_loses_nothing_that_was_written(tmp_path: Path, clock: FakeClock) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"written\n"
    child.send_signal(signal.SIGKILL)
    await child.wait()
    node = await open_node(tmp_path, clock)
    (left,) = node.store.leftovers
    assert (node.media_dir / segment_path(left.name)).stat().st_size > 0
    report = await recover(node.database, node.volumes, node.store, node_name="pi-1")
    assert (report.recovered, report.cut_bytes) == (1, 0)
    (segment,) = await rows(node, segments)
    assert segment.media_duration_90k == 3 * GOP_90K
    assert (await check(node.database, node.volumes)).problems == []

    assert await rows(node, open_files) == []
    await node.stop()
