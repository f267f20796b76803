"""Downloads made by the real recorder, judged by other programs: codecs, B-frames, audio, holes."""

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from falconeye.hub.stream import StreamHub
from falconeye.media.boxes import top_level_boxes
from falconeye.media.random_access import RandomAccess
from falconeye.media.samples import StreamKind
from falconeye.media.segment_file import SegmentFile, read_segment_file
from falconeye.storage.checks.check import check
from falconeye.storage.segments import fragment_table
from falconeye.storage.tables.footage import fragments, segments
from tests.peers.programs import program
from tests.unit.storage_footage.cameras import Camera, Pictures, Sound, pictures, sound
from tests.unit.storage_footage.footage import CAMERA, Node, read, rows

pytestmark = pytest.mark.timeout(40)
FRAME_S = 0.04


@pytest.fixture
async def camera(node: Node) -> Camera:
    loop = asyncio.get_running_loop()
    return Camera(node, StreamHub(CAMERA, StreamKind.MAIN, loop, node.clock, node.budget))


async def said_by(*command: str) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode(), errors.decode()


@dataclass(frozen=True)
class Judged:
    """A download as ffprobe sees it; ffmpeg and GStreamer decoded all of it."""

    start_s: float
    duration_s: float
    video_s: list[float]  # presentation times, in their order
    audio_s: list[float]
    sidx: bytes


async def judged(node: Node, folder: Path) -> Judged:
    assert await node.store.flush(5)
    (recording,) = (await node.recordings.list())[0]
    plan = await node.recordings.download(recording.id)
    data = await read(plan)
    assert len(data) == plan.length
    file = folder / "download.mp4"
    await asyncio.to_thread(file.write_bytes, data)
    probe = (
        program("ffprobe"),
        "-v",
        "error",
        "-of",
        "json",
        "-show_format",
        "-show_packets",
        str(file),
    )
    output, errors = await said_by(*probe)
    assert errors == ""
    said: dict[str, Any] = json.loads(output)
    _, errors = await said_by(
        program("ffmpeg"), "-v", "error", "-xerror", "-i", str(file), "-f", "null", "-"
    )
    assert errors == ""
    if shutil.which("gst-launch-1.0"):
        sinks = "d. ! queue ! fakesink sync=false " * len(
            {p["codec_type"] for p in said["packets"]}
        )
        command = f"filesrc location={file} ! decodebin name=d {sinks}"
        await said_by("gst-launch-1.0", "-q", *command.split())

    def times(kind: str) -> list[float]:
        packets = [packet for packet in said["packets"] if packet["codec_type"] == kind]
        return sorted(float(packet["pts_time"]) for packet in packets)

    sidx = next(
        box
        for box in top_level_boxes(lambda at, n: data[at : at + n], len(data))
        if box.kind == b"sidx"
    )
    return Judged(
        float(said["format"]["start_time"]),
        float(said["format"]["duration"]),
        times("video"),
        times("audio"),
        data[sidx.body : sidx.end],
    )


def parsed(data: bytes) -> SegmentFile:
    return read_segment_file(lambda at, size: data[at : at + size], len(data), check_from=0)


async def tables_agree(node: Node) -> list[RandomAccess]:
    """What the writer noted is what the files say; the access points of all keyframes."""
    found: list[RandomAccess] = []
    noted = {row.start_us: fragment_table.decode(row.places) for row in await rows(node, fragments)}
    paths = sorted(node.media_dir.rglob("*.mp4"))
    assert len(paths) == len(noted)
    for row, path in zip(await rows(node, segments), paths, strict=True):
        data = await asyncio.to_thread(path.read_bytes)
        file = parsed(data)
        assert file.fragments == noted[row.start_us].fragments
        found += [place.access for place in file.fragments if place.access is not None]
    assert (await check(node.database, node.volumes)).problems == []
    return found


VIDEO: dict[str, dict[str, Any]] = {
    "h264": {"codec": "h264"},
    "h264-b": {"codec": "h264", "b_frames": 2},
    "hevc": {"codec": "hevc"},
    "hevc-b": {"codec": "hevc", "b_frames": 2},
}


@pytest.mark.parametrize("audio", [None, "aac", "opus"])
@pytest.mark.parametrize("video", VIDEO)
async def test_two_runs_with_a_hole_are_one_film(
    camera: Camera, tmp_path: Path, video: str, audio: str | None
) -> None:
    seen: Pictures = await asyncio.to_thread(pictures, **VIDEO[video])
    heard: Sound | None = await asyncio.to_thread(sound, audio) if audio else None
    camera.run(5, seen, heard)
    camera.node.clock.advance(30)
    camera.run(3, seen, heard)
    film = await judged(camera.node, tmp_path)
    delay_s = seen.delay_90k / 90_000
    assert film.video_s == pytest.approx([delay_s + n * FRAME_S for n in range(200)], abs=1e-3)
    assert film.start_s == pytest.approx(0 if heard else delay_s, abs=1e-3)
    # FFmpeg takes the end that the `sidx` tells for a length: the delay may count twice.
    assert 8 - 1e-3 <= film.duration_s <= 8 + 2 * delay_s + 1e-3
    if heard:
        in_step(film, heard)
    assert int.from_bytes(film.sidx[12:16], "big") == seen.delay_90k
    access = await tables_agree(camera.node)
    assert access == [RandomAccess(1, seen.delay_90k)] * 8


def in_step(film: Judged, heard: Sound) -> None:
    """Every frame is there, at the time it has in its run; a run's audio begins with its video."""
    frame_s = heard.parameters.frame_ticks / heard.parameters.sample_rate
    first = [n * frame_s for n in range(int(5 / frame_s))]
    second = [5 + n * frame_s for n in range(int(3 / frame_s))]
    assert len(film.audio_s) == len(first) + len(second)
    assert film.audio_s == pytest.approx(first + second, abs=frame_s)
    assert film.audio_s[: len(first)] == pytest.approx(first, abs=1e-3)


@pytest.mark.parametrize(
    ("codec", "options", "sap_type"),
    [("hevc", "open-gop=1", 3), ("hevc", "open-gop=0:radl=4", 2), ("h264", "open-gop=1", 3)],
    ids=["hevc-cra", "hevc-radl", "h264-recovery-point"],
)
async def test_leading_pictures(
    camera: Camera, tmp_path: Path, codec: str, options: str, sap_type: int
) -> None:
    seen = await asyncio.to_thread(pictures, codec, gops=6, b_frames=4, options=options)
    camera.run(6, seen)
    film = await judged(camera.node, tmp_path)
    assert len(film.video_s) == 150
    access = await tables_agree(camera.node)
    assert [found.sap_type for found in access] == [1] + [sap_type] * 5
    assert all(found.delta_90k > 0 for found in access[1:])
    count = int.from_bytes(film.sidx[22:24], "big")
    entries = [film.sidx[24 + 12 * n : 36 + 12 * n] for n in range(count)]
    assert [entry[8] >> 4 for entry in entries] == [0x9] + [0x8 | sap_type] * 5
    earliest = int.from_bytes(film.sidx[12:16], "big") / 90_000
    for entry, found in zip(entries, access, strict=True):
        assert int.from_bytes(entry[8:12], "big") & 0xFFFFFFF == found.delta_90k
        assert any(abs(earliest - time) < 1e-3 for time in film.video_s)
        earliest += int.from_bytes(entry[4:8], "big") / 90_000
