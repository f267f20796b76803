"""Packets as a demuxer gives them, the pictures in them, and what normalising makes of those."""

from dataclasses import dataclass

from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioSample, VideoParameters, VideoSample


# Not frozen for the same reason as the samples.
@dataclass(slots=True)
class RawPacket:
    """One packet of a demuxer or encoder; times may be missing, repeated or wrong.

    Video: Annex B data, times in 90 kHz units. Audio: one frame, times in the track's timescale.
    """

    data: bytes
    pts: int | None
    dts: int | None
    is_keyframe: bool
    arrived_us: int  # node's monotonic clock


@dataclass(slots=True)
class Picture:
    """One whole picture out of packets, on the camera's clock; its time may still be counted."""

    units: list[bytes]  # NAL units: its slices and what belongs to them
    pts: int | None
    dts: int | None
    is_keyframe: bool
    arrived_us: int


@dataclass(frozen=True, slots=True)
class ParametersChanged:
    """The next sample is a keyframe of other parameters (size, profile): a new init segment."""

    video: VideoParameters


@dataclass(frozen=True, slots=True)
class RunBreak:
    """The time line broke: the next sample is a keyframe at 0 of a new run."""

    reason: RunEnd
    detail: str


Output = VideoSample | AudioSample | ParametersChanged | RunBreak
