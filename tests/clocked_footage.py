"""Recorded footage whose pictures tell the time: each carries its UTC milliseconds as bar code.

Audio comes a little later than the pictures of its time, as it does from cameras.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av

from falconeye.media.fragmenter import Fragmenter
from falconeye.media.fragments import InitSegment, RecordingFragment
from falconeye.media.init_segment import make_init_segment
from falconeye.media.nal import join_length_prefixed, split_annex_b
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    StreamKind,
    VideoParameters,
    VideoSample,
)
from falconeye.sources.demo import to_frame
from falconeye.sources.demo_picture import DemoPicture
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.segment_writer import OpenSegment
from falconeye.storage.segments.segments import Accepted, ClockState, SegmentEnd, SegmentStart
from tests.peers.media_samples import audio_clip

FPS = 10
FRAME_90K = 90_000 // FPS
FRAME_US = 1_000_000 // FPS
GOP_S = 2
SECOND_90K = 90_000
LATE_90K = 13_500  # 150 ms
SMALL, LARGE = (320, 192), (400, 240)


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment to be recorded: `seconds` from `start_us`, `offset_s` into its run."""

    start_us: int
    seconds: int
    offset_s: int
    size: tuple[int, int] = SMALL
    codec: Codec = Codec.H264


@cache
def _encoded(piece: Piece) -> tuple[InitSegment, tuple[tuple[bytes, bool], ...]]:
    """The init segment, and (Annex B, is it a keyframe) of each picture."""
    width, height = piece.size
    is_hevc = piece.codec is Codec.HEVC
    context = av.CodecContext.create("libx265" if is_hevc else "libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 90_000), Fraction(FPS)
    gop = FPS * GOP_S
    common = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:annexb=1:repeat-headers=1"
    context.options = {"preset": "ultrafast"}
    if is_hevc:
        context.options["x265-params"] = f"{common}:pools=1:frame-threads=1:log-level=none"
    else:
        context.options["x264-params"] = f"{common}:threads=1:sync-lookahead=0:rc-lookahead=0"
    picture = DemoPicture(width, height)
    packets = []
    for index in range(piece.seconds * FPS):
        picture.draw(piece.start_us + index * FRAME_US)
        frame = to_frame(picture)
        frame.pts, frame.time_base = index * FRAME_90K, Fraction(1, 90_000)
        packets += context.encode(frame)
    packets += context.encode(None)
    units = split_annex_b(bytes(packets[0]))
    sets = b"".join(b"\0\0\0\1" + unit for unit in units if _is_parameter_set(unit, piece.codec))
    sound = audio_clip("aac")
    audio = AudioParameters(Codec.AAC, 16_000, 1, sound.config, sound.frame_ticks)
    video = VideoParameters(piece.codec, sets, width, height, FRAME_90K)
    return make_init_segment(video, audio), tuple((bytes(p), p.is_keyframe) for p in packets)


def _is_parameter_set(unit: bytes, codec: Codec) -> bool:
    if codec is Codec.HEVC:
        return unit[0] >> 1 & 0x3F in {32, 33, 34}
    return unit[0] & 0x1F in {7, 8}


def init_of(piece: Piece) -> InitSegment:
    return _encoded(piece)[0]


def fragments_of(piece: Piece) -> Iterator[RecordingFragment]:
    """What a recorder would hand over for it."""
    offset = piece.offset_s * SECOND_90K
    sound = audio_clip("aac")
    ticks = -(-offset * 16_000 // 90_000)
    cutter = Fragmenter(offset, ticks)
    end = offset + piece.seconds * SECOND_90K
    number = 0

    def hear(until_90k: int) -> None:
        nonlocal ticks, number
        while (ticks + sound.frame_ticks) * 90_000 <= until_90k * 16_000:
            tone = sound.frames[number % len(sound.frames)]
            cutter.audio(AudioSample(ticks, sound.frame_ticks, tone, 0))
            ticks += sound.frame_ticks
            number += 1

    for index, (data, is_keyframe) in enumerate(_encoded(piece)[1]):
        dts = offset + index * FRAME_90K
        hear(dts - LATE_90K)
        sample = VideoSample(dts, 0, is_keyframe, join_length_prefixed(split_annex_b(data)), 0)
        if done := cutter.video(sample):
            yield done
    hear(end)
    if done := cutter.end(end):
        yield done


def begin(
    store: FootageStore,
    camera_id: str,
    run_id: int,
    piece: Piece,
    kind: StreamKind = StreamKind.MAIN,
    recording: str | None = None,
) -> OpenSegment:
    """A new file, without anything in it; of a recording with that id, where one is given."""
    offset = piece.offset_s * SECOND_90K
    return store.create(
        SegmentStart(
            camera_id=camera_id,
            stream=kind,
            run_id=run_id,
            start_us=piece.start_us,
            media_offset_90k=offset,
            audio_offset_ticks=-(-offset * 16_000 // 90_000),
            clock=ClockState.SYNCHRONISED,
            init=init_of(piece),
            recording_id=recording,
        )
    )


async def record(
    store: FootageStore,
    camera_id: str,
    run_id: int,
    piece: Piece,
    *,
    kind: StreamKind = StreamKind.MAIN,
    run_end: RunEnd | None = None,
    recording: str | None = None,
) -> int:
    """Write it whole and wait until it is indexed; when it ends."""
    writer = begin(store, camera_id, run_id, piece, kind, recording)
    for fragment in fragments_of(piece):
        assert writer.append(fragment) is Accepted.YES
    end_us = piece.start_us + piece.seconds * 1_000_000
    writer.close(SegmentEnd(end_us, run_end, recording_ended=recording is not None))
    assert await store.flush(5)
    return end_us


HOLE_S = 20
SEGMENT_S = 6
OLD_RUN_S = 100_000  # a run that lasts for days


async def record_hole_and_change(store: FootageStore, camera_id: str, start_us: int) -> list[Piece]:
    """Two segments of an old run, a hole, then a new run whose format changes after one segment."""
    second = 1_000_000
    first = Piece(start_us, SEGMENT_S, OLD_RUN_S)
    next_us = start_us + SEGMENT_S * second
    pieces = [first, Piece(next_us, SEGMENT_S, OLD_RUN_S + SEGMENT_S)]
    again_us = next_us + (SEGMENT_S + HOLE_S) * second
    pieces.append(Piece(again_us, SEGMENT_S, 0))
    pieces.append(Piece(again_us + SEGMENT_S * second, SEGMENT_S, SEGMENT_S, LARGE))
    old = store.begin_run(camera_id, StreamKind.MAIN, start_us - OLD_RUN_S * second)
    await record(store, camera_id, old, pieces[0])
    await record(store, camera_id, old, pieces[1], run_end=RunEnd.CAMERA_OFFLINE)
    new = store.begin_run(camera_id, StreamKind.MAIN, again_us)
    await record(store, camera_id, new, pieces[2])
    await record(store, camera_id, new, pieces[3], run_end=RunEnd.STOPPED_BY_USER)
    return pieces
