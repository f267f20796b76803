"""Samples and stream parameters: the values that flow from sources to recorder and viewers.

Video times are in 90 kHz units (`_90k`), audio times in the track's timescale, which is the sample
rate (`_ticks`); both count from the start of the run. `arrived_us` is the node's monotonic clock.
"""

from dataclasses import dataclass
from enum import StrEnum

VIDEO_TIMESCALE = 90_000


class Codec(StrEnum):
    """Codecs that a recording can hold, by their FFmpeg names."""

    H264 = "h264"
    HEVC = "hevc"
    AAC = "aac"
    OPUS = "opus"


class StreamKind(StrEnum):
    """Which of a camera's streams: full quality, or the small one for walls and motion."""

    MAIN = "main"
    SUB = "sub"


@dataclass(frozen=True, slots=True)
class VideoParameters:
    """What an init segment needs to know of the video track."""

    codec: Codec
    parameter_sets: bytes  # Annex B: SPS, PPS (H.264, ITU-T H.264 7.3.2) or VPS, SPS, PPS (HEVC)
    width: int
    height: int
    frame_interval_90k: int  # nominal; the measured one replaces it


@dataclass(frozen=True, slots=True)
class AudioParameters:
    """What an init segment needs to know of the audio track."""

    codec: Codec
    sample_rate: int  # Hz, also the track's timescale
    channels: int
    config: bytes  # AudioSpecificConfig (ISO 14496-3) or OpusHead (RFC 7845)
    frame_ticks: int  # of one frame: 1024 for most AAC; of Opus the usual 20 ms, each may differ


# Not frozen, though nobody changes one: 70 are made a second per camera; frozen costs twice.
@dataclass(slots=True)
class VideoSample:
    """One encoded picture; NAL units are length-prefixed (4 bytes), as ISO 14496-15 stores them."""

    dts_90k: int
    cts_90k: int  # presentation - decode time, ≥ 0
    is_keyframe: bool
    data: bytes
    arrived_us: int


@dataclass(slots=True)
class AudioSample:
    """One encoded audio frame."""

    dts_ticks: int
    duration_ticks: int
    data: bytes
    arrived_us: int
