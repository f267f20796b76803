"""Samples of generated clips, as sources hand them to a hub."""

from collections.abc import Iterator
from dataclasses import replace

from falconeye.media.normaliser import Normaliser
from falconeye.media.packets import RawPacket
from falconeye.media.samples import Codec, VideoParameters, VideoSample
from tests.peers.media_samples import VideoClip, video_clip


def clip_parameters(clip: VideoClip) -> VideoParameters:
    return VideoParameters(
        Codec(clip.codec), clip.parameter_sets, clip.width, clip.height, 90_000 // clip.fps
    )


def clip_samples(
    clip: VideoClip | None = None, *, repeats: int = 1, arrived_us: int = 1_000_000_000
) -> list[VideoSample]:
    """The clip's pictures, repeated; the first arrives at `arrived_us`, the others in real time."""
    clip = clip or video_clip()
    normaliser = Normaliser(clip_parameters(clip), None)
    found: list[VideoSample] = []
    for turn in range(repeats):
        for frame in clip.frames:
            shift = turn * clip.duration_90k
            at = shift + frame.dts_90k
            packet = RawPacket(
                data=frame.data,
                pts=shift + frame.pts_90k,
                dts=at,
                is_keyframe=frame.is_keyframe,
                arrived_us=arrived_us + at * 100 // 9,
            )
            found += [s for s in normaliser.video(packet) if isinstance(s, VideoSample)]
    found += [s for s in normaliser.end() if isinstance(s, VideoSample)]
    return found


def later(samples: list[VideoSample], seconds: float) -> Iterator[VideoSample]:
    """The same samples, arriving later."""
    for sample in samples:
        yield replace(sample, arrived_us=sample.arrived_us + int(seconds * 1_000_000))
