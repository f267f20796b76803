"""A download is one playable file; any range of it is the same bytes; its rows say all."""

import asyncio
import contextlib
import json
import threading
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falconeye.base.errors import Unavailable
from falconeye.media.boxes import top_level_boxes
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.reading import download
from falconeye.storage.reading.download import DownloadPlan
from falconeye.storage.volumes.volume import READERS
from tests.clock import START_US
from tests.examples import examples
from tests.peers.programs import program
from tests.unit.storage_footage.footage import CAMERA, GOP_90K, GOP_US, Node, read


async def record_with_a_hole(node: Node) -> None:
    """Two segments of one run, 30 s of nothing, then a segment of another run."""
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    offset = 7 * GOP_90K + 12_345  # the recording begins within the run
    at = await node.record(run, START_US, gops=3, offset_90k=offset)
    at = await node.record(
        run, at, gops=2, offset_90k=offset + 3 * GOP_90K, run_end=RunEnd.CAMERA_OFFLINE
    )
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, at + 30 * GOP_US)
    await node.record(run, at + 30 * GOP_US, gops=2)


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_ffprobe_and_ffmpeg_take_a_download(node: Node, tmp_path: Path) -> None:
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    file = tmp_path / "download.mp4"
    data = await read(plan)
    assert len(data) == plan.length
    await asyncio.to_thread(file.write_bytes, data)
    said = json.loads(
        await run(
            program("ffprobe"),
            "-v",
            "error",
            "-of",
            "json",
            "-show_format",
            "-show_streams",
            "-show_packets",
            str(file),
        )
    )
    assert float(said["format"]["duration"]) == pytest.approx(7.0, abs=0.1)
    assert float(said["format"]["start_time"]) == pytest.approx(0, abs=0.01)
    video = [float(p["dts_time"]) for p in said["packets"] if p["codec_type"] == "video"]
    assert video == pytest.approx([index / 10 for index in range(70)], abs=1e-4)
    audio = [float(p["dts_time"]) for p in said["packets"] if p["codec_type"] == "audio"]
    steps = [after - before for before, after in pairwise(audio)]
    assert min(steps) > 0.0639  # 1024 / 16000: none overlaps the one before
    assert max(steps) < 0.2
    assert (
        await run(program("ffmpeg"), "-v", "error", "-xerror", "-i", str(file), "-f", "null", "-")
        == ""
    )


async def test_the_boxes_of_a_download(node: Node) -> None:
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    data = await read(plan)
    boxes = list(top_level_boxes(lambda at, size: data[at : at + size], len(data)))
    assert boxes[-1].end == len(data)
    assert [box.kind for box in boxes[:3]] == [b"ftyp", b"moov", b"sidx"]
    assert {box.kind for box in boxes[3:]} == {b"moof", b"mdat"}
    moofs = [box for box in boxes if box.kind == b"moof"]
    numbers = [int.from_bytes(data[box.offset + 20 : box.offset + 24], "big") for box in moofs]
    assert numbers == list(range(1, len(moofs) + 1))
    sidx = boxes[2]
    count = int.from_bytes(data[sidx.body + 22 : sidx.body + 24], "big")
    assert count == 7  # one entry a GOP
    entries = [data[sidx.body + 24 + 12 * n : sidx.body + 36 + 12 * n] for n in range(count)]
    sizes = [int.from_bytes(entry[:4], "big") for entry in entries]
    assert sum(sizes) == plan.length - sidx.end
    position = sidx.end
    starts = {box.offset for box in moofs}
    for entry, size in zip(entries, sizes, strict=True):
        assert position in starts
        assert int.from_bytes(entry[4:8], "big") == GOP_90K
        assert entry[8] == 0x90  # starts with SAP, type 1
        position += size


async def test_it_is_laid_out_while_a_disk_hangs(node: Node) -> None:
    """Its page asks what it is; it may lie on another disk, and its layout on none."""
    await record_with_a_hole(node)
    (volume,) = node.volumes.all
    goes_on = threading.Event()
    for _ in range(READERS):
        _ = volume.readers.call(goes_on.wait)
    try:
        async with asyncio.timeout(3):
            plan = await node.recordings.download("rec-1")
    finally:
        goes_on.set()
    assert len(await read(plan)) == plan.length


async def test_gaps_name_the_hole(node: Node) -> None:
    await record_with_a_hole(node)
    (gap,) = await node.gaps("rec-1")
    assert (gap.from_us, gap.to_us) == (START_US + 5 * GOP_US, START_US + 35 * GOP_US)
    assert gap.reason is GapReason.CAMERA_OFFLINE
    recording = await node.recordings.get("rec-1")
    assert recording.duration_us == 7 * GOP_US


async def test_any_range_is_a_slice_of_the_whole(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    whole = await read(plan)
    monkeypatch.setattr(download, "PIECE_BYTES", 61)  # cuts through many patches
    assert await read(plan) == whole
    moof = whole.index(b"moof") - 4
    for first in range(moof, moof + 200):
        for end in (first, first + 1, first + 7, first + 300):
            assert await read(plan, first, end) == whole[first:end]


@settings(
    max_examples=examples(200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_ranges(node: Node, data: st.DataObject) -> None:
    if not node.events:
        await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    whole = await read(plan)
    first = data.draw(st.integers(0, plan.length))
    end = data.draw(st.integers(first, plan.length))
    assert await read(plan, first, end) == whole[first:end]


async def test_the_etag_follows_the_rows(node: Node) -> None:
    run_id = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    at = await node.record(run_id, gops=2)
    first = await node.recordings.download("rec-1")
    again = await node.recordings.download("rec-1")
    assert first.etag == again.etag
    await node.record(run_id, at, gops=1, offset_90k=2 * GOP_90K)
    grown = await node.recordings.download("rec-1")
    assert grown.etag != first.etag
    assert grown.length > first.length
    assert len(await read(first)) == first.length  # what was promised is still there


async def test_footage_that_vanishes_ends_the_stream(node: Node) -> None:
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    whole = await read(plan)
    files = sorted(node.media_dir.rglob("*.mp4"))
    await asyncio.to_thread(files[1].unlink)
    got: list[bytes] = []

    with pytest.raises(Unavailable):
        await _collect(plan, got)
    assert b"".join(got) == whole[: sum(map(len, got))]
    assert 0 < sum(map(len, got)) < plan.length


async def _collect(plan: DownloadPlan, got: list[bytes]) -> None:
    async for piece in plan.read(0, plan.length):
        got.append(piece)  # noqa: PERF401 - what came before an error is wanted


async def test_a_file_that_became_shorter_ends_the_stream(node: Node) -> None:
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    file = min(node.media_dir.rglob("*.mp4"))

    def cut() -> None:
        with file.open("r+b") as opened:
            opened.truncate(file.stat().st_size - 1)

    await asyncio.to_thread(cut)
    with pytest.raises(Unavailable):
        await read(plan)


def open_footage() -> int:
    """How many footage files this process has open."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    return sum(link.endswith(".mp4") for link in links)


async def left_open(may_be: int = 0) -> int:
    """How many files stay open, where not `may_be` or fewer: closing them is left to threads."""
    left = may_be + 1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3):
            while (left := await asyncio.to_thread(open_footage)) > may_be:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
    return left


async def test_a_reader_that_leaves_closes_its_file(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    monkeypatch.setattr(download, "PIECE_BYTES", plan.length // 20)
    for count in range(1, 20):  # in each segment, and where one follows another
        async with aclosing(plan.read(0, plan.length)) as pieces:
            for _ in range(count):
                await anext(pieces)
            assert await left_open(1) <= 1, f"within {count} pieces"
        assert await left_open() == 0, f"after {count} pieces"


async def test_a_reader_of_a_removed_disk_closes_its_file(node: Node) -> None:
    """What stays open keeps the disk from being unmounted."""
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    (volume,) = node.volumes.all
    async with aclosing(plan.read(0, plan.length)) as pieces:
        while not await asyncio.to_thread(open_footage):
            await anext(pieces)
        volume.readers.stop()
        assert await asyncio.to_thread(volume.readers.join, 5)
    assert await left_open() == 0


async def test_a_reader_that_is_cancelled_closes_its_file(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record_with_a_hole(node)
    plan = await node.recordings.download("rec-1")
    monkeypatch.setattr(download, "PIECE_BYTES", 1000)

    async def stream(got: asyncio.Event) -> None:
        async with aclosing(plan.read(0, plan.length)) as pieces:
            async for _ in pieces:
                got.set()

    for turns in range(30):  # while it opens, reads, waits
        got = asyncio.Event()
        client = asyncio.create_task(stream(got))
        await got.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        client.cancel()
        await asyncio.gather(client, return_exceptions=True)
        assert await left_open() == 0, f"after {turns} turns"
