"""A camera's samples through the real hub and recorder into real storage, on the test's clock."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from falconeye.hub.stream import StreamHub
from falconeye.media.normaliser import Normaliser
from falconeye.media.packets import RawPacket
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    StreamKind,
    VideoParameters,
    VideoSample,
)
from falconeye.recording.plan import RecordingPlan
from falconeye.recording.recorder import Recorder
from falconeye.sources.demo import to_frame
from falconeye.sources.demo_picture import DemoPicture
from tests.peers.media_samples import audio_clip
from tests.unit.storage_footage.footage import CAMERA, Node

FPS, GOP = 25, 25
FRAME_90K = 90_000 // FPS
GOP_S = GOP / FPS
LATE_US = 50_000  # audio comes so much later than the pictures of its time
Sample = VideoSample | AudioSample


@dataclass(frozen=True)
class Sound:
    """A tone of one codec; `frames` are repeated for ever."""

    parameters: AudioParameters
    frames: tuple[bytes, ...]


@dataclass(frozen=True)
class Pictures:
    """Whole GOPs of one codec, normalised."""

    parameters: VideoParameters
    samples: tuple[VideoSample, ...]

    @property
    def delay_90k(self) -> int:
        """When the first picture is shown."""
        return min(sample.dts_90k + sample.cts_90k for sample in self.samples)


@functools.cache
def pictures(
    codec: str = "h264", *, gops: int = 1, b_frames: int = 0, options: str = "open-gop=0"
) -> Pictures:
    """GOPs of 1 s, 160x96 at 25/s."""
    packets = _encode(codec, gops, b_frames, options)
    data = [bytes(packet) for packet in packets]
    nothing = VideoParameters(Codec(codec), b"", 0, 0, FRAME_90K)
    normaliser = Normaliser(nothing, None)
    first = packets[0].dts or 0
    found: list[VideoSample] = []
    for index, packet in enumerate(packets):
        raw = RawPacket(
            data[index],
            (packet.pts or 0) - first,
            (packet.dts or 0) - first,
            is_keyframe=packet.is_keyframe,
            arrived_us=((packet.dts or 0) - first) * 100 // 9,
        )
        found += [out for out in normaliser.video(raw) if isinstance(out, VideoSample)]
    found += [out for out in normaliser.end() if isinstance(out, VideoSample)]
    sets = _parameter_sets(data[0], codec)
    return Pictures(VideoParameters(Codec(codec), sets, 160, 96, FRAME_90K), tuple(found))


def _encode(codec: str, gops: int, b_frames: int, options: str) -> "list[av.Packet[VideoStream]]":
    library = "libx264" if codec == "h264" else "libx265"
    context = cast("VideoCodecContext", av.CodecContext.create(library, "w"))
    context.width, context.height, context.pix_fmt = 160, 96, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 90_000), Fraction(FPS)
    context.gop_size = GOP
    shared = (
        f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes={b_frames}:b-adapt=0:"
        f"repeat-headers=1:{options}:"
    )
    more = "annexb=1:threads=1" if codec == "h264" else "log-level=none:pools=1:frame-threads=1"
    context.options = {"preset": "ultrafast", f"{library[3:]}-params": shared + more}
    picture = DemoPicture(160, 96)
    packets: list[av.Packet[VideoStream]] = []
    for index in range(GOP * gops):
        picture.draw(index * 1_000_000 // FPS)
        frame = to_frame(picture)
        frame.pts, frame.time_base = index * FRAME_90K, Fraction(1, 90_000)
        packets += context.encode(frame)
    return packets + context.encode(None)


def _parameter_sets(keyframe: bytes, codec: str) -> bytes:
    parts = [part for part in keyframe.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if part]
    kinds = [part[0] & 0x1F if codec == "h264" else part[0] >> 1 & 0x3F for part in parts]
    wanted = {7, 8} if codec == "h264" else {32, 33, 34}
    chosen = [part for part, kind in zip(parts, kinds, strict=True) if kind in wanted]
    return b"".join(b"\0\0\0\1" + part for part in chosen)


@functools.cache
def sound(codec: str = "aac") -> Sound:
    """AAC 16 kHz mono, or Opus 48 kHz mono in frames of 20 ms."""
    if codec == "aac":
        clip = audio_clip("aac")
        parameters = AudioParameters(Codec.AAC, 16_000, 1, clip.config, clip.frame_ticks)
        return Sound(parameters, clip.frames)
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, "mono", "s16"
    context.time_base = Fraction(1, 48_000)
    context.open()
    frames: list[bytes] = []
    for index in range(50):
        frame = av.AudioFrame("s16", "mono", 960)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48_000, index * 960, Fraction(1, 48_000)
        frames += [bytes(packet) for packet in context.encode(frame)]
    head = bytes(context.extradata or b"")
    return Sound(AudioParameters(Codec.OPUS, 48_000, 1, head, 960), tuple(frames))


def in_time(video: Pictures, audio: Sound | None, seconds: int, start_us: int) -> list[Sample]:
    """Samples of one run in the order of their arrival; the first picture comes at `start_us`."""
    length_90k = len(video.samples) * FRAME_90K
    samples: list[Sample] = []
    for turn in range(-(-seconds * 90_000 // length_90k)):
        for sample in video.samples:
            at = sample.dts_90k + turn * length_90k
            samples.append(replace(sample, dts_90k=at, arrived_us=start_us + at * 100 // 9))
    samples = [
        sample for sample in samples if cast("VideoSample", sample).dts_90k < seconds * 90_000
    ]
    samples += _tone(audio, seconds, start_us) if audio else ()
    return sorted(samples, key=lambda sample: sample.arrived_us)


def _tone(audio: Sound, seconds: int, start_us: int) -> Iterator[AudioSample]:
    """An audio frame comes when it has been heard to its end, and a little later."""
    rate, ticks = audio.parameters.sample_rate, audio.parameters.frame_ticks
    for index in range(seconds * rate // ticks):
        end_us = (index + 1) * ticks * 1_000_000 // rate
        data = audio.frames[index % len(audio.frames)]
        yield AudioSample(index * ticks, ticks, data, start_us + end_us + LATE_US)


class Camera:
    """One stream: a real hub, a real recorder, the test's clock."""

    def __init__(
        self, node: Node, hub: StreamHub, *, segment_s: int = 2, camera_id: str = CAMERA
    ) -> None:
        self.node = node
        self.hub = hub
        plan = RecordingPlan(camera_id, lambda: "Front door", "continuous", lists_recordings=True)
        plan = replace(plan, segment_s=segment_s)
        self.recorder = Recorder(plan, StreamKind.MAIN, node.store, node.clock)
        hub.sinks.add(self.recorder)

    def begin(self, video: Pictures, audio: Sound | None = None) -> None:
        self.hub.begin_run(video.parameters, audio.parameters if audio else None)

    def play(self, samples: list[Sample]) -> None:
        """Hand samples over while the clock keeps to their arrival."""
        clock = self.node.clock
        for sample in samples:
            clock.advance(max(0, sample.arrived_us - clock.monotonic_us()) / 1_000_000)
            if isinstance(sample, VideoSample):
                self.hub.video(sample)
            else:
                self.hub.audio(sample)

    def run(
        self,
        seconds: int,
        video: Pictures,
        audio: Sound | None = None,
        *,
        reason: RunEnd = RunEnd.CAMERA_OFFLINE,
    ) -> None:
        """A whole run from now on."""
        self.begin(video, audio)
        self.play(in_time(video, audio, seconds, self.node.clock.monotonic_us()))
        self.hub.end_run(reason, "")
