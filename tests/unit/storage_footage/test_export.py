"""An export begins at the instant, has all packets, and says what it is."""

import asyncio
import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from falconeye.base.errors import NotFound, Unavailable
from falconeye.hub.stream import StreamHub
from falconeye.media.boxes import top_level_boxes
from falconeye.media.samples import StreamKind
from falconeye.storage.export.export_room import NoRoom
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from falconeye.storage.tables.footage import inits, segments
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.id_file import make_volume_id
from falconeye.storage.volumes.volume import Volume
from tests.clock import START_US, FakeClock
from tests.unit.storage_footage.cameras import Camera, pictures, sound
from tests.unit.storage_footage.exporting import (
    JOB,
    barcodes,
    between,
    decodes,
    footage,
    ignore,
    open_exports,
    order,
    path_of,
    probe,
    record_with,
    run,
    sidecar_of,
)
from tests.unit.storage_footage.footage import (
    CAMERA,
    GOP_US,
    Node,
    init_segment,
    open_node,
    read,
    rows,
    segment_fragments,
)


async def test_a_span_is_one_file_from_the_instant_on(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(1.37, 5.62), ignore)
    exports.stop()
    path = path_of(node, made)
    assert made.file_name == "Front-door_2026-09-21_16-13-21+0200.mp4"
    said = await probe(path)
    assert float(said["format"]["start_time"]) == 0
    # It begins with the picture that was shown at 1.37 s: at 1.3 s.
    assert made.from_us == START_US + 1_300_000
    assert float(said["format"]["duration"]) == pytest.approx(5.62 - 1.3, abs=0.002)
    for stream in said["streams"]:
        assert float(stream["start_time"]) == pytest.approx(0, abs=0.064), stream["codec_type"]
        assert float(stream["duration"]) == pytest.approx(4.32, abs=0.064), stream["codec_type"]
    await decodes(path)
    shown = await asyncio.to_thread(barcodes, path)
    assert shown[0] == (0.0, 3)  # each GOP counts from 0, ten a second
    assert [number for _, number in shown] == [(13 + index) % 10 for index in range(len(shown))]
    assert [second for second, _ in shown] == pytest.approx(
        [index / 10 for index in range(44)], abs=1e-3
    )


async def test_of_exports_that_follow_one_another_no_picture_is_missing(node: Node) -> None:
    """A week is handed over as several; the picture at the instant between is in both."""
    await footage(node)
    exports = open_exports(node)
    shown: list[int] = []
    for from_s, to_s in ((0, 1.37), (1.37, 4), (4, 7)):
        made = await exports.make(JOB, order(from_s, to_s), ignore)
        pictures_of = await asyncio.to_thread(barcodes, path_of(node, made))
        numbers = [number for _, number in pictures_of if number is not None]
        assert len(numbers) == len(pictures_of)
        again = 1 if shown and shown[-1] == numbers[0] else 0
        shown += numbers[again:]
        await exports.remove(JOB, made.volume)
    exports.stop()
    assert shown == [index % 10 for index in range(70)]


async def test_a_long_name_in_long_letters_is_a_name_that_a_disk_takes(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    name = "玄関の前にある駐車場のカメラ" * 18  # 252 letters, 756 bytes: a name of a file has 255
    made = await exports.make(JOB, order(0, 7, (CAMERA, name)), ignore)
    exports.stop()
    assert made.file_name.startswith(name[:40])
    assert path_of(node, made).stat().st_size == made.size_bytes


async def test_the_head_comes_first_and_the_hash_is_right(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    reported: list[float] = []
    made = await exports.make(JOB, order(0, 7), reported.append)
    exports.stop()
    data = path_of(node, made).read_bytes()
    boxes = list(top_level_boxes(lambda at, size: data[at : at + size], len(data)))
    assert [box.kind for box in boxes] == [b"ftyp", b"moov", b"mdat"]
    assert made.size_bytes == len(data)
    assert made.sha256 == hashlib.sha256(data).hexdigest()
    assert reported == sorted(reported)
    assert reported[-1] == pytest.approx(1)
    told = sidecar_of(node, made)
    assert (told["sha256"], told["size_bytes"], told["file"]) == (
        made.sha256,
        made.size_bytes,
        made.file_name,
    )
    assert (told["camera_id"], told["camera_name"], told["node"]) == (CAMERA, "Front door", "pi-1")
    assert (told["from"], told["to"]) == ("2026-09-21T14:13:20.000Z", "2026-09-21T14:13:27.000Z")
    assert told["gaps"] == []
    plan = exports.download(JOB, made)
    assert await read(plan, 3, min(plan.length, 100_003)) == data[3:100_003]
    assert json.loads(await read(exports.sidecar(JOB, made))) == told


async def packets(path: Path) -> dict[str, list[str]]:
    """The hashes of all packets, by stream."""
    text = await run(
        "ffmpeg", "-v", "error", "-ignore_editlist", "1", "-i", str(path), "-map", "0",
        "-c", "copy", "-f", "framehash", "-hash", "md5", "-",
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            fields = [field.strip() for field in line.split(",")]
            found.setdefault(fields[0], []).append(fields[-1])
    return found


@pytest.mark.parametrize(("seconds", "files"), [(5, 2), (7, 3)])
async def test_ffmpeg_copies_the_same_packets(
    node: Node, tmp_path: Path, seconds: int, files: int
) -> None:
    await footage(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, seconds), ignore)
    exports.stop()
    found = sorted(node.media_dir.rglob(f"{CAMERA}/**/*.mp4"))[:files]
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"file '{file}'\n" for file in found))
    copy = tmp_path / "copy.mp4"
    await run(
        "ffmpeg", "-v", "error", "-f", "concat", "-safe", "0", "-i", str(listing),
        "-map", "0", "-c", "copy", "-movflags", "+faststart", str(copy),
    )  # fmt: skip
    ours, theirs = await packets(path_of(node, made)), await packets(copy)
    assert ours["0"] == theirs["0"]
    assert len(ours["0"]) == seconds * 10
    if files == 2:
        assert ours["1"] == theirs["1"]
    else:  # the sound of two runs overlaps by half a frame: one is left out, to stay in step
        left = iter(theirs["1"])
        assert all(one in left for one in ours["1"])
        assert len(theirs["1"]) - len(ours["1"]) == 1


async def test_a_hole_is_closed_up_and_listed(node: Node) -> None:
    await footage(node, hole_s=30)
    exports = open_exports(node)
    made = await exports.make(JOB, order(1, 37), ignore)
    exports.stop()
    path = path_of(node, made)
    said = await probe(path)
    assert float(said["format"]["duration"]) == pytest.approx(6, abs=0.002)
    await decodes(path)
    shown = await asyncio.to_thread(barcodes, path)
    assert len(shown) == 60
    steps = [b[0] - a[0] for a, b in pairwise(shown)]
    assert max(steps) < 0.11
    (gap,) = sidecar_of(node, made)["gaps"]
    assert (gap["from"], gap["to"]) == ("2026-09-21T14:13:25.000Z", "2026-09-21T14:13:55.000Z")
    assert gap["reason"] == "camera_offline"
    assert made.gaps == 1


async def test_what_was_not_recorded_around_it_is_listed(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(-20, 30), ignore)
    exports.stop()
    gaps = sidecar_of(node, made)["gaps"]
    assert [(gap["from"], gap["to"]) for gap in gaps] == [
        ("2026-09-21T14:13:00.000Z", "2026-09-21T14:13:20.000Z"),
        ("2026-09-21T14:13:27.000Z", "2026-09-21T14:13:50.000Z"),
    ]


async def test_another_format_begins_another_part(node: Node, tmp_path: Path) -> None:
    await footage(node)
    silent = init_segment(audio=False)
    at = await record_with(node, START_US + 7 * GOP_US, silent)
    node.clock.advance((at - node.clock.utc_us()) / 1e6 + 60)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0.5, 8.5), ignore)
    exports.stop()
    assert (made.parts, made.file_name[-4:]) == (2, ".zip")
    path = path_of(node, made)
    assert made.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    told = sidecar_of(node, made)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[:2] == [part["name"] for part in told["parts"]]
        assert json.loads(archive.read(names[2]))["parts"] == told["parts"]
        archive.extractall(tmp_path)
    lengths = []
    for part in told["parts"]:
        file = tmp_path / part["name"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == part["sha256"]
        await decodes(file)
        lengths.append(float((await probe(file))["format"]["duration"]))
    assert lengths == pytest.approx([6.5, 1.5], abs=0.002)
    assert [part["name"][-28:] for part in told["parts"]] == [
        "2026-09-21_16-13-20+0200.mp4",
        "2026-09-21_16-13-27+0200.mp4",
    ]


async def test_footage_of_an_unreadable_format_is_left_out_and_nothing_comes_twice(
    node: Node,
) -> None:
    await footage(node)
    at = START_US + 7 * GOP_US
    for _ in range(2):
        at = await record_with(node, at, init_segment(audio=False))
    node.clock.advance(60)

    async def damage(connection: AsyncConnection) -> None:
        (last,) = (await connection.execute(select(func.max(inits.c.id)))).one()
        await connection.execute(update(inits).where(inits.c.id == last).values(data=b"damaged"))

    await node.database.write(damage)
    exports = open_exports(node)
    made = await exports.make(JOB, between(START_US, at), ignore)
    exports.stop()
    assert (made.parts, made.file_name[-4:]) == (1, ".mp4")
    assert made.files[0].duration_us == pytest.approx(7 * GOP_US, abs=1000)
    assert [gap["reason"] for gap in sidecar_of(node, made)["gaps"]] == ["file_lost"]


async def test_the_file_being_written_is_included(node: Node) -> None:
    run_id = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = await node.record(run_id, START_US, gops=2)
    start = node.start(run_id, at, offset_90k=180_000)
    writer = node.store.create(start)
    for fragment in segment_fragments(3, offset_90k=180_000):
        assert writer.append(fragment) is Accepted.YES
    (segment,) = node.store.open_segments(CAMERA)
    written = node.volumes.all[0].writer
    await written.run(lambda: None)  # what was queued before this is on the disk
    while len(segment.written.fragments) < 6:
        await written.run(lambda: None)
    node.clock.advance(5)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 60), ignore)
    exports.stop()
    await decodes(path_of(node, made))
    said = await probe(path_of(node, made))
    assert float(said["format"]["duration"]) == pytest.approx(5, abs=0.2)
    writer.close(SegmentEnd(at + 3 * GOP_US))


@pytest.mark.parametrize("harm", ["missing", "short", "zeros"])
async def test_a_damaged_file_is_left_out_and_listed(node: Node, harm: str) -> None:
    await footage(node)
    second = node.media_dir / next(
        str(file.relative_to(node.media_dir))
        for file in sorted(node.media_dir.rglob(f"{CAMERA}/**/*.mp4"))
        if file.stem == str(START_US + 3 * GOP_US)
    )
    if harm == "missing":
        second.unlink()
    elif harm == "short":
        os.truncate(second, second.stat().st_size // 2)
    else:
        second.write_bytes(bytes(second.stat().st_size))
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), ignore)
    exports.stop()
    path = path_of(node, made)
    await decodes(path)
    assert float((await probe(path))["format"]["duration"]) == pytest.approx(5, abs=0.002)
    (gap,) = sidecar_of(node, made)["gaps"]
    assert gap["reason"] == "file_lost"
    assert (gap["from"], gap["to"]) == ("2026-09-21T14:13:23.000Z", "2026-09-21T14:13:25.000Z")


async def test_a_file_that_goes_while_it_is_copied_is_left_out(node: Node) -> None:
    await footage(node)
    first = min(node.media_dir.rglob(f"{CAMERA}/**/*.mp4"))

    def report(share: float) -> None:
        if 0 < share <= 0.05:  # its head was read, the media come later; on the thread
            first.unlink(missing_ok=True)

    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), report)
    exports.stop()
    path = path_of(node, made)
    await decodes(path)
    assert float((await probe(path))["format"]["duration"]) == pytest.approx(4, abs=0.002)
    (gap,) = sidecar_of(node, made)["gaps"]
    assert (gap["from"], gap["reason"]) == ("2026-09-21T14:13:20.000Z", "file_lost")
    assert sorted(entry.name for entry in path.parent.iterdir()) == sorted(
        [made.file_name, made.sidecar_name, made.sheet_name]
    )


async def test_nothing_recorded_then_is_said(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    with pytest.raises(NotFound, match="nothing was recorded"):
        await exports.expected_bytes(order(100, 200))
    expected = await exports.expected_bytes(order(0, 7))
    made = await exports.make(JOB, order(0, 7), ignore)
    exports.stop()
    assert made.size_bytes <= expected


class FullDisk(DiskCalls):
    """Tells so much free space, and refuses to write beyond a size."""

    free_bytes = 1 << 40
    left_bytes = 1 << 40

    @override
    def statvfs(self, fd: int) -> os.statvfs_result:
        true = list(super().statvfs(fd))
        true[1] = true[0] = 4096  # f_frsize, f_bsize
        true[4] = true[3] = self.free_bytes // 4096
        return os.statvfs_result(true)

    @override
    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        size = sum(len(buffer) for buffer in buffers)
        if size > self.left_bytes:
            raise OSError(28, "No space left on device")
        self.left_bytes -= size
        return super().writev(fd, buffers)


async def test_without_room_nothing_is_written(tmp_path: Path, clock: FakeClock) -> None:
    calls = FullDisk()
    node = await open_node(tmp_path, clock, calls=calls, floor_bytes=1 << 30)
    await footage(node)
    calls.free_bytes = (1 << 30) + 10_000
    exports = open_exports(node)
    with pytest.raises(NoRoom, match="always kept free") as refusal:
        await exports.make(JOB, order(0, 7), ignore)
    assert refusal.value.status == 507
    assert not (node.media_dir / "exports" / JOB).exists()
    exports.stop()


async def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, clock: FakeClock) -> None:
    calls = FullDisk()
    node = await open_node(tmp_path, clock, calls=calls)
    await footage(node)
    calls.left_bytes = 8_000
    exports = open_exports(node)
    with pytest.raises(Unavailable, match="no room left"):
        await exports.make(JOB, order(0, 7), ignore)
    assert not (node.media_dir / "exports" / JOB).exists()
    exports.stop()


async def test_cancelled_midway_it_leaves_nothing(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    task: list[asyncio.Task[object]] = []
    loop = asyncio.get_running_loop()
    cancelled = asyncio.Event()

    async def cancel() -> None:
        task[0].cancel()
        cancelled.set()

    def report(share: float) -> None:
        if share > 0.05:  # on the thread, in the middle of the copy
            asyncio.run_coroutine_threadsafe(cancel(), loop).result(5)

    task.append(asyncio.create_task(exports.make(JOB, order(0, 7), report)))
    with pytest.raises(asyncio.CancelledError):
        await task[0]
    assert cancelled.is_set()
    assert not (node.media_dir / "exports" / JOB).exists()
    exports.stop()


async def test_sound_stays_in_step_over_many_holes(node: Node) -> None:
    at = START_US
    for _ in range(6):
        number = node.store.begin_run(CAMERA, StreamKind.MAIN, at)
        at = await node.record(number, at, gops=1) + 2 * GOP_US
    node.clock.advance(60)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 20), ignore)
    exports.stop()
    path = path_of(node, made)
    await decodes(path)
    text = await run(
        "ffprobe", "-v", "error", "-of", "json", "-select_streams", "a", "-show_packets", str(path)
    )
    times = [float(packet["pts_time"]) for packet in json.loads(text)["packets"]]
    for second in range(6):  # each run's sound begins with its pictures
        assert min(abs(time - second) for time in times) <= 0.064
    assert all(b - a >= 0.0639 for a, b in pairwise(times))


@pytest.mark.parametrize(
    ("codec", "b_frames", "options"),
    [("h264", 2, "open-gop=0"), ("h264", 4, "open-gop=1"), ("hevc", 4, "open-gop=1")],
)
async def test_reordered_pictures(node: Node, codec: str, b_frames: int, options: str) -> None:
    video = pictures(codec, gops=4, b_frames=b_frames, options=options)
    loop = asyncio.get_running_loop()
    hub = StreamHub(CAMERA, StreamKind.MAIN, loop, node.clock, node.budget)
    camera = Camera(node, hub, segment_s=2)
    camera.run(8, video, sound("aac"))
    assert await node.store.flush(5)
    node.clock.advance(60)
    exports = open_exports(node)
    begin = min(row.start_us for row in await rows(node, segments)) + 3_210_000
    made = await exports.make(JOB, between(begin, begin + 3_500_000), ignore)
    exports.stop()
    path = path_of(node, made)
    if (codec, options) == ("h264", "open-gop=1"):
        # Its parameters name pictures of the GOP before: ffmpeg says so of the recorded files, too.
        said_by = await run("ffmpeg", "-v", "warning", "-i", str(path), "-f", "null", "-")
        assert all("unref short failure" in line for line in said_by.splitlines())
    else:
        await decodes(path)
    said = await probe(path)
    assert float(said["format"]["start_time"]) == pytest.approx(0, abs=0.001)
    assert float(said["format"]["duration"]) == pytest.approx(3.5, abs=0.05)
    assert 0 <= begin - made.from_us < 45_000
    shown = await asyncio.to_thread(barcodes, path)
    assert [second for second, _ in shown] == pytest.approx(
        [index / 25 for index in range(len(shown))], abs=1e-3
    )


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_it_begins_at_a_keyframe_whose_pictures_before_it_are_lost(
    node: Node, codec: str
) -> None:
    """They refer to the GOP before, which is not there: nobody could decode them."""
    loop = asyncio.get_running_loop()
    hub = StreamHub(CAMERA, StreamKind.MAIN, loop, node.clock, node.budget)
    camera = Camera(node, hub, segment_s=2)
    camera.run(6, pictures(codec, gops=6, b_frames=4, options="open-gop=1"))
    assert await node.store.flush(5)
    node.clock.advance(60)
    first, *_ = sorted(node.media_dir.rglob("*.mp4"))
    first.unlink()
    exports = open_exports(node)
    begin = int(first.stem)
    made = await exports.make(JOB, between(begin, begin + 3_900_000), ignore)
    exports.stop()
    path = path_of(node, made)
    text = await run(
        "ffprobe", "-v", "error", "-of", "json", "-select_streams", "v", "-show_packets", str(path)
    )
    times = [float(packet["pts_time"]) for packet in json.loads(text)["packets"]]
    assert times[0] == min(times) == 0
    shown = await asyncio.to_thread(barcodes, path)
    assert shown[0][1] in {2000, 3000}  # the bar code is the time: a keyframe, each second
    assert [second for second, _ in shown] == pytest.approx(
        [index / 25 for index in range(len(shown))], abs=1e-3
    )


async def test_what_a_crash_left_goes_before_it_begins_again(node: Node) -> None:
    await footage(node)
    left = node.media_dir / "exports" / JOB
    left.mkdir(parents=True)
    (left / "Front-door_2026-09-21_16-13-20+0200.mp4.part").write_bytes(b"half of it")
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), ignore)
    assert {entry.name for entry in left.iterdir()} == {
        made.file_name,
        made.sidecar_name,
        made.sheet_name,
    }
    await exports.remove(JOB)
    await exports.remove(JOB)  # a second time changes nothing
    assert not left.exists()
    exports.stop()


async def test_another_one_is_deleted_while_one_is_made(node: Node) -> None:
    """That takes long, and the thread that copies has nothing else to do meanwhile."""
    await footage(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), ignore)
    begun, goes_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def report(share: float) -> None:
        if share > 0.05:  # on the thread, in the middle of the copy
            loop.call_soon_threadsafe(begun.set)
            goes_on.wait()

    other = JOB[:-1] + "2"
    making = asyncio.create_task(exports.make(other, order(0, 7), report))
    await begun.wait()
    try:
        await exports.remove(JOB)
        assert not path_of(node, made).exists()
    finally:
        goes_on.set()
        await making
        exports.stop()


async def test_it_is_deleted_from_the_disk_on_which_it_lies(node: Node, tmp_path: Path) -> None:
    await footage(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), ignore)
    (own,) = node.volumes.all
    volume_id = await asyncio.to_thread(make_volume_id, tmp_path / "new")
    new = Volume(tmp_path / "new", number=2, volume_id=volume_id, sync_interval_s=30)
    await new.open()
    try:
        node.volumes.all = [new]  # the other one is not configured: nothing can be done
        await exports.remove(JOB)
        assert path_of(node, made).exists()
        node.volumes.all = [new, own]
        await exports.remove(JOB)
        assert not path_of(node, made).exists()
    finally:
        node.volumes.all = [own]
        exports.stop()
        assert await asyncio.to_thread(new.stop)


async def test_it_stays_on_the_list_while_its_disk_is_away(node: Node, tmp_path: Path) -> None:
    """Else it would still be on the disk when that comes back, and nobody would know."""
    await footage(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), ignore)
    (own,) = node.volumes.all
    volume_id = await asyncio.to_thread(make_volume_id, tmp_path / "new")
    new = Volume(tmp_path / "new", number=2, volume_id=volume_id, sync_interval_s=30)
    await new.open()
    try:
        node.volumes.all = [new, own]
        own.missing = "the disk is not mounted"
        with pytest.raises(Unavailable, match="not mounted"):
            await exports.remove(JOB, made.volume)
        assert path_of(node, made).exists()
        own.missing = None
        await exports.remove(JOB, made.volume)
        assert not path_of(node, made).exists()
        await exports.remove(JOB, 17)  # a disk that was removed for good holds up nobody
    finally:
        node.volumes.all = [own]
        exports.stop()
        assert await asyncio.to_thread(new.stop)
