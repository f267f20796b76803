"""An export against `ffmpeg -c copy` of the same files, side by side."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

from falconeye.base.clock import SystemClock
from falconeye.base.memory import MemoryBudget
from falconeye.base.times import SECOND_US
from falconeye.config.settings import NodeSettings
from falconeye.media.fragmenter import Fragmenter
from falconeye.media.fragments import InitSegment
from falconeye.media.init_segment import make_init_segment
from falconeye.media.nal import join_length_prefixed, split_annex_b
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    StreamKind,
    VideoParameters,
    VideoSample,
)
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_result import ExportRequest
from falconeye.storage.footage import Footage
from falconeye.storage.index.database import Database
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segments import ClockState, SegmentEnd, SegmentStart
from tests.benchmarks import clips
from tests.benchmarks.figures import Plan, Result
from tests.peers.media_samples import VideoClip

NAME = "export"
CAMERA = "camera-1"
START_US = 1_790_000_000 * SECOND_US
SEGMENT_S = 56  # whole repetitions of the clip
_JOB = "job-1"


def measure(plan: Plan) -> Result:
    """Half an hour of 1080p25 at 4 Mb/s with sound."""
    result = Result(NAME, "Export of one camera beside `ffmpeg -c copy` of the same files")
    segments = int(plan.seconds(32, 4))
    folder = Path(tempfile.mkdtemp(prefix="falconeye-benchmark-"))
    try:
        asyncio.run(_measure(result, folder, segments, plan.runs(5)))
    finally:
        shutil.rmtree(folder)
    return result


async def _measure(result: Result, folder: Path, segments: int, runs: int) -> None:
    settings = NodeSettings(
        data_dir=folder / "data", media_dir=folder / "media", free_floor_bytes=0
    )
    async with AsyncExitStack() as stack:
        footage, exports = await _open(stack, settings)
        await _record(footage, segments)
        files = sorted((folder / "media" / CAMERA).rglob("*.mp4"))
        ours: list[float] = []
        theirs: list[float] = []
        size = 0
        until_us = START_US + segments * SEGMENT_S * SECOND_US
        order = ExportOrder(CAMERA, "Camera", START_US, until_us)
        request = ExportRequest((order,), "the benchmark", START_US)
        for _ in range(runs):
            begun = time.perf_counter()
            size = (await exports.make(_JOB, request, _ignore)).size_bytes
            ours.append(time.perf_counter() - begun)
            theirs.append(await asyncio.to_thread(_ffmpeg, folder, files))
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    result.add("export, beside ffmpeg", "×", ratios)
    result.add("export, with SHA-256 and sync", "s", ours)
    result.add("`ffmpeg -c copy -movflags +faststart`, with sync", "s", theirs)
    minutes = segments * SEGMENT_S / 60
    result.note(
        f"{minutes:.0f} minutes of 1080p25 with AAC, {size / 1e6:.0f} MB in {segments} files, all "
        "in the page cache. ffmpeg writes the media twice to put the index first and makes no hash."
    )


def _ignore(_share: float) -> None:
    """Nobody looks at the progress."""


async def _open(stack: AsyncExitStack, settings: NodeSettings) -> tuple[Footage, Exports]:
    clock = SystemClock()
    database = Database(settings.data_dir, clock)
    await database.open(exclusive=True)
    stack.push_async_callback(database.close)
    footage = await Footage.open(
        database,
        settings,
        MemoryBudget(512 << 20),
        clock,
        node_name="bench",
        keep=Keep,
        on_recording=lambda _camera, _recording, _kind: None,
    )
    stack.push_async_callback(footage.stop)
    exports = Exports(
        database,
        footage.volumes,
        footage.store,
        footage.timelines,
        footage.deleter,
        clock,
        node_name="bench",
        zone=lambda: ZoneInfo("UTC"),
    )
    stack.callback(exports.stop)
    return footage, exports


async def _record(footage: Footage, segments: int) -> None:
    """Segments of one run, as a recorder would have written them."""
    clip, tone = clips.main_clip(), clips.sound()
    step = 90_000 // clip.fps
    video = VideoParameters(Codec.H264, clip.parameter_sets, clip.width, clip.height, step)
    audio = AudioParameters(
        Codec.AAC, tone.sample_rate, tone.channels, tone.config, tone.frame_ticks
    )
    init = make_init_segment(video, audio)
    run_id = footage.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    for number in range(segments):
        _write(footage, init, run_id, number, clip)
        if not await footage.store.flush(60):
            msg = "the disk is too slow for this benchmark"
            raise RuntimeError(msg)


def _write(footage: Footage, init: InitSegment, run_id: int, number: int, clip: VideoClip) -> None:
    tone = clips.sound()
    step, count = 90_000 // clip.fps, SEGMENT_S * clip.fps
    offset = number * count * step
    zero = -(-offset * tone.sample_rate // 90_000)
    start_us = START_US + number * SEGMENT_S * SECOND_US
    writer = footage.store.create(
        SegmentStart(
            CAMERA, StreamKind.MAIN, run_id, start_us, offset, zero, ClockState.SYNCHRONISED,
            init, "recording-1",
        )
    )  # fmt: skip
    cutter = Fragmenter(offset, zero)
    ticks = -(-zero // tone.frame_ticks) * tone.frame_ticks
    for index in range(count):
        frame = clip.frames[index % len(clip.frames)]
        dts = offset + index * step
        data = join_length_prefixed(split_annex_b(frame.data))
        if done := cutter.video(VideoSample(dts, 0, frame.is_keyframe, data, 0)):
            writer.append(done)
        while ticks * 90_000 < (dts + step) * tone.sample_rate:
            sound = tone.frames[ticks // tone.frame_ticks % len(tone.frames)]
            cutter.audio(AudioSample(ticks, tone.frame_ticks, sound, 0))
            ticks += tone.frame_ticks
    if done := cutter.end(offset + count * step):
        writer.append(done)
    writer.close(SegmentEnd(start_us + SEGMENT_S * SECOND_US))


def _ffmpeg(folder: Path, files: list[Path]) -> float:
    """Seconds until the file is on the disk."""
    listing, target = folder / "list.txt", folder / "ffmpeg.mp4"
    listing.write_text("".join(f"file '{file}'\n" for file in files))
    begun = time.perf_counter()
    subprocess.run(
        [
            "ffmpeg", "-y", "-nostdin", "-v", "error", "-f", "concat", "-safe", "0",
            "-i", str(listing), "-map", "0", "-c", "copy", "-movflags", "+faststart", str(target),
        ],
        check=True,
    )  # fmt: skip
    fd = os.open(target, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    took = time.perf_counter() - begun
    target.unlink()
    return took
