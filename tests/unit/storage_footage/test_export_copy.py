"""Copies in H.264 of exports in HEVC: what they show, what they say, and how they end."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import threading
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from falconeye.base.errors import Conflict, NotFound, Unavailable
from falconeye.base.times import rfc3339
from falconeye.hub.stream import StreamHub
from falconeye.media import reencode_process
from falconeye.media.samples import StreamKind
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_copy import ExportCopies, most_bytes
from falconeye.storage.export.export_result import Export, ExportRequest
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
    sidecar_of,
)
from tests.unit.storage_footage.footage import CAMERA, Node, init_segment

COPY = "0d9f6f53-0a38-4b36-8f0d-0d5c2f9f7a02"
OTHER = "camera-2"


@dataclass
class Original:
    """An export in HEVC, from 1.3 s on, and who copies it."""

    node: Node
    exports: Exports
    copies: ExportCopies
    made: Export
    request: ExportRequest

    async def copy(self, report: object = None) -> Export:
        told = report if callable(report) else ignore
        return await self.copies.make(COPY, (JOB, self.made), self.request, told)

    def path(self, made: Export) -> Path:
        return self.node.media_dir / "exports" / COPY / made.file_name


def children() -> list[int]:
    """The processes that the copies' thread has started."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def record(node: Node, camera_id: str) -> None:
    loop = asyncio.get_running_loop()
    hub = StreamHub(camera_id, StreamKind.MAIN, loop, node.clock, node.budget)
    camera = Camera(node, hub, segment_s=2, camera_id=camera_id)
    camera.run(4, pictures("hevc", gops=4, b_frames=4, options="open-gop=1"), sound("aac"))


@pytest.fixture
async def original(node: Node) -> AsyncIterator[Original]:
    begun_us = node.clock.utc_us()
    record(node, CAMERA)
    assert await node.store.flush(5)
    node.clock.advance(60)
    exports = open_exports(node)
    copies = ExportCopies(exports, node.volumes)
    request = between(begun_us + 1_300_000, begun_us + 20_000_000)
    made = await exports.make(JOB, request, ignore)
    assert made.has_hevc
    yield Original(node, exports, copies, made, request)
    exports.stop()
    copies.stop()


async def test_it_shows_the_same_pictures_at_the_same_times(original: Original) -> None:
    reported: list[float] = []
    priorities: set[int] = set()
    victims: set[str] = set()

    def report(share: float) -> None:
        reported.append(share)
        for child in children():
            priorities.add(os.getpriority(os.PRIO_PROCESS, child))
            victims.add(Path(f"/proc/{child}/oom_score_adj").read_text().strip())

    made = await original.copy(report)
    path = original.path(made)
    assert made.file_name == original.made.file_name.replace(".mp4", "_h264.mp4")
    said = await probe(path)
    kinds = {stream["codec_type"]: stream["codec_name"] for stream in said["streams"]}
    assert kinds == {"video": "h264", "audio": "aac"}
    await decodes(path)
    before = await asyncio.to_thread(barcodes, path_of(original.node, original.made))
    after = await asyncio.to_thread(barcodes, path)
    assert after == before
    assert len(after) > 50
    assert float(said["format"]["duration"]) == pytest.approx(before[-1][0] + 0.04, abs=0.13)
    assert reported == sorted(reported)
    assert 0.9 < reported[-1] <= 1
    assert priorities == {19}  # recording goes before it
    assert victims == {"1000"}  # where memory ends, it ends, not the node
    assert children() == []
    data = path.read_bytes()
    assert (made.size_bytes, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert len(data) <= most_bytes(original.made.files)
    assert data.index(b"moov") < data.index(b"mdat")


async def test_it_says_that_it_is_a_copy_and_of_what(original: Original) -> None:
    made = await original.copy()
    folder = original.path(made).parent
    text = (folder / made.sheet_name).read_text()
    assert "encoded anew" in text
    assert f"SHA-256 of the original: {original.made.sha256}" in text
    told = json.loads((folder / made.sidecar_name).read_bytes())
    (part,) = told["parts"]
    assert (part["codec"], part["reencoded_from_sha256"]) == ("h264", original.made.sha256)
    assert told["gaps"] == sidecar_of(original.node, original.made)["gaps"] != []
    assert {entry.name for entry in folder.iterdir()} == {
        made.file_name,
        made.sidecar_name,
        made.sheet_name,
    }


async def test_it_says_what_the_original_says_of_the_clock(original: Original) -> None:
    told = sidecar_of(original.node, original.made)
    span = {"from": told["from"], "to": told["to"]}
    told |= {"clock_not_set": [span], "clock_corrected": [span | {"clock_offset_seconds": -61.5}]}
    begin, end = (datetime.fromisoformat(told[name]) for name in ("from", "to"))
    step_s = (begin - end).total_seconds()
    seam = {"at": told["to"], "to": told["from"], "step_seconds": step_s}
    told |= {"clock_set": [seam], "recorded_twice": [span]}
    told |= {"nodes": [{"id": "2", "name": "pi-2"} | span], "unreachable_nodes": ["attic"]}
    folder = path_of(original.node, original.made).parent
    (folder / original.made.sidecar_name).write_text(json.dumps(told))
    made = await original.copy()
    folder = original.path(made).parent
    copied = json.loads((folder / made.sidecar_name).read_bytes())
    names = ("clock_not_set", "clock_corrected", "clock_set", "recorded_twice", "nodes")
    for name in (*names, "unreachable_nodes"):
        assert copied[name] == told[name]
    assert "it was 61.500 s behind" in (folder / made.sheet_name).read_text()


async def test_what_was_h264_already_is_no_part_of_it_and_that_is_said(original: Original) -> None:
    node = original.node
    _ = await record_with(node, node.clock.utc_us(), init_segment())
    node.clock.advance(60)
    until_us = node.clock.utc_us()
    orders = tuple(replace(one, to_us=until_us) for one in original.request.orders)
    original.request = replace(original.request, orders=orders)
    original.made = await original.exports.make(JOB, original.request, ignore)
    hevc, h264 = original.made.files
    assert (hevc.codec, h264.codec) == ("hevc", "h264")
    made = await original.copy()
    assert [file.copy_of for file in made.files] == [hevc.sha256]
    folder = original.path(made).parent
    (left,) = json.loads((folder / made.sidecar_name).read_bytes())["left_out"]
    assert left == {
        "name": h264.name,
        "from": rfc3339(h264.from_us),
        "to": rfc3339(h264.to_us),
        "sha256": h264.sha256,
    }
    text = (folder / made.sheet_name).read_text()
    assert "Not in this copy, because the original has it in H.264 already:" in text
    assert f"SHA-256   {h264.sha256}" in text
    assert "No gap in it." not in text
    assert sidecar_of(node, original.made)["left_out"] == []


async def test_of_a_zip_every_hevc_file_is_copied(original: Original, tmp_path: Path) -> None:
    record(original.node, OTHER)
    assert await original.node.store.flush(5)
    original.node.clock.advance(60)
    first = original.request.orders[0]
    until_us = original.node.clock.utc_us()
    orders = tuple(replace(first, camera_id=one, to_us=until_us) for one in (CAMERA, OTHER))
    original.request = replace(original.request, orders=orders)
    original.made = await original.exports.make(JOB, original.request, ignore)
    made = await original.copy()
    assert made.file_name.startswith("2-cameras_")
    assert made.file_name.endswith("_h264.zip")
    with zipfile.ZipFile(original.path(made)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    assert [file.copy_of for file in made.files] == [file.sha256 for file in original.made.files]
    for file in made.files:
        assert (await probe(tmp_path / file.name))["streams"][0]["codec_name"] == "h264"
        await decodes(tmp_path / file.name)


async def test_of_a_zip_that_was_cut_short_none_is_made(original: Original) -> None:
    first = original.request.orders[0]
    orders = (first, replace(first, camera_id=OTHER))
    original.request = replace(original.request, orders=orders)
    original.made = await original.exports.make(JOB, original.request, ignore)
    os.truncate(path_of(original.node, original.made), original.made.size_bytes // 2)
    with pytest.raises(Unavailable, match="the original is damaged"):
        await original.copy()


async def test_cancelled_it_leaves_nothing(original: Original) -> None:
    loop = asyncio.get_running_loop()
    task: list[asyncio.Task[Export]] = []

    async def cancel() -> None:
        task[0].cancel()

    def report(share: float) -> None:
        if share > 0.3:
            asyncio.run_coroutine_threadsafe(cancel(), loop).result(5)

    task.append(asyncio.create_task(original.copy(report)))
    with pytest.raises(asyncio.CancelledError):
        await task[0]
    assert not (original.node.media_dir / "exports" / COPY).exists()
    assert children() == []


async def test_an_encoder_that_is_killed_is_told(original: Original) -> None:
    def report(_share: float) -> None:
        for child in children():
            os.kill(child, signal.SIGKILL)

    with pytest.raises(Unavailable, match="ended with status -9"):
        await original.copy(report)
    assert not (original.node.media_dir / "exports" / COPY).exists()


async def test_an_encoder_that_hangs_is_ended_with_the_job(original: Original) -> None:
    loop, hangs = asyncio.get_running_loop(), asyncio.Event()

    def report(_share: float) -> None:
        for child in children():
            os.kill(child, signal.SIGSTOP)
        loop.call_soon_threadsafe(hangs.set)

    task = asyncio.create_task(original.copy(report))
    await hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == []
    assert not (original.node.media_dir / "exports" / COPY).exists()


async def test_an_encoder_that_makes_no_progress_is_given_up(
    original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reencode_process, "STALL_S", 0.6)

    def report(_share: float) -> None:
        for child in children():
            os.kill(child, signal.SIGSTOP)

    async with asyncio.timeout(20):
        with pytest.raises(Unavailable, match=r"no progress for 0\.01 minutes"):
            await original.copy(report)
    assert children() == []
    assert not (original.node.media_dir / "exports" / COPY).exists()


async def test_a_copy_that_its_disk_holds_does_not_hold_up_who_ends_it(original: Original) -> None:
    loop, hangs, goes_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def report(_share: float) -> None:
        loop.call_soon_threadsafe(hangs.set)
        assert goes_on.wait(30)

    task = asyncio.create_task(original.copy(report))
    await hangs.wait()
    task.cancel()
    try:
        async with asyncio.timeout(4):  # the node has 3 s for its end
            with pytest.raises(asyncio.CancelledError):
                await task
    finally:
        goes_on.set()
    await original.copies._thread.run(lambda: None, threading.Event())  # behind what was held
    assert children() == []
    assert not (original.node.media_dir / "exports" / COPY).exists()


@pytest.mark.parametrize("harm", ["cut short", "one bit"])
async def test_no_copy_is_made_of_what_is_not_the_original_any_more(
    original: Original, harm: str
) -> None:
    """FFmpeg decodes what is left; the papers would call it a copy of what has that SHA-256."""
    path = path_of(original.node, original.made)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data[: len(data) * 2 // 3] if harm == "cut short" else data)
    with pytest.raises(Unavailable, match="the original is damaged"):
        await original.copy()
    assert not (original.node.media_dir / "exports" / COPY).exists()


async def test_an_original_that_went_or_is_damaged(original: Original) -> None:
    path = path_of(original.node, original.made)
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(Unavailable, match="cannot be decoded"):
        await original.copy()
    await original.exports.remove(JOB)
    with pytest.raises(NotFound, match="deleted meanwhile"):
        await original.copy()
    assert not (original.node.media_dir / "exports" / COPY).exists()


async def test_of_h264_no_copy_is_made(node: Node) -> None:
    await footage(node)
    exports = open_exports(node)
    made = await exports.make(JOB, order(0, 7), ignore)
    copies = ExportCopies(exports, node.volumes)
    with pytest.raises(Conflict):
        await copies.make(COPY, (JOB, made), order(0, 7), ignore)
    exports.stop()
    copies.stop()
