"""Footage on a disk with its index, as a recorder would have written it."""

from contextlib import AsyncExitStack
from typing import TypeVar

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
from falconeye.storage.footage import Footage
from falconeye.storage.index.database import Database
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segments import ClockState, SegmentEnd, SegmentStart
from tests.benchmarks import clips
from tests.peers.media_samples import VideoClip

DatabaseT = TypeVar("DatabaseT", bound=Database)

CAMERA = "camera-1"
START_US = 1_790_000_000 * SECOND_US
SEGMENT_S = 56  # whole repetitions of the clip


async def open_footage(
    stack: AsyncExitStack, settings: NodeSettings, kind: type[DatabaseT]
) -> tuple[DatabaseT, Footage]:
    """The storage of a node, closed with `stack`."""
    clock = SystemClock()
    database = kind(settings.data_dir, clock)
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
    return database, footage


async def record(footage: Footage, segments: int, clip: VideoClip) -> None:
    """Segments of one run, as a recorder would have written them."""
    tone = clips.sound()
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
