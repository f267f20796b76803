"""Stream parameters from PyAV's streams and from keyframes."""

import io
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.video.stream import VideoStream

from falconeye.media.audio_frames import aac_frame_ticks
from falconeye.media.nal import NalRules, join_annex_b, split_annex_b
from falconeye.media.samples import VIDEO_TIMESCALE, AudioParameters, Codec, VideoParameters

_NAMES = {
    "h264": "H.264",
    "hevc": "HEVC",
    "aac": "AAC",
    "opus": "Opus",
    "pcm_mulaw": "G.711",
    "pcm_alaw": "G.711",
    "mjpeg": "MJPEG",
    "mpeg4": "MPEG-4 Part 2",
}
_DEFAULT_INTERVAL_90K = 3600
_OPUS_FRAME = 960


class UnsupportedCodec(Exception):
    """The stream's codec cannot be recorded; the message names it."""


def codec_name(name: str) -> str:
    """A codec's name for people: "H.264", "HEVC", "G.711"."""
    return _NAMES.get(name, name.upper())


def video_parameters(stream: VideoStream) -> VideoParameters:
    """Parameters of an opened RTSP stream; UnsupportedCodec for other than H.264 and HEVC.

    `parameter_sets` may be empty and the size 0 where the camera tells them only in its keyframes.
    """
    context = stream.codec_context
    try:
        codec = {"h264": Codec.H264, "hevc": Codec.HEVC}[context.name]
    except KeyError:
        msg = f"the camera sends {codec_name(context.name)}, which cannot be recorded"
        raise UnsupportedCodec(msg) from None
    return VideoParameters(
        codec=codec,
        parameter_sets=_parameter_sets(codec, context.extradata or b""),
        width=context.width,
        height=context.height,
        frame_interval_90k=_interval(stream.average_rate or stream.guessed_rate),
    )


def audio_parameters(stream: AudioStream) -> AudioParameters:
    """Parameters of an AAC or Opus stream; UnsupportedCodec for others (see `AacTranscoder`)."""
    context = stream.codec_context
    if context.name not in {"aac", "opus", "libopus"}:
        msg = f"{codec_name(context.name)} audio has to be transcoded"
        raise UnsupportedCodec(msg)
    is_aac = context.name == "aac"
    rate = stream.time_base.denominator if stream.time_base else context.sample_rate
    config = bytes(context.extradata or b"")
    return AudioParameters(
        codec=Codec.AAC if is_aac else Codec.OPUS,
        sample_rate=rate if is_aac else 48_000,
        channels=context.channels or 1,
        config=config,
        frame_ticks=aac_frame_ticks(config, rate) if is_aac else _OPUS_FRAME,
    )


def parameters_from_keyframe(
    codec: Codec, parameter_sets: bytes, keyframe: bytes, frame_interval_90k: int
) -> VideoParameters:
    """Read the size out of a keyframe by opening it as an elementary stream (about 6 ms).

    `keyframe` is Annex B; ValueError when libavcodec finds no picture size in it.
    """
    source = io.BytesIO(parameter_sets + keyframe)
    try:
        with av.open(source, "r", format=codec.value) as container:
            context = container.streams.video[0].codec_context
            width, height = context.width, context.height
    except (FFmpegError, IndexError) as error:
        msg = "the camera's keyframe cannot be read"
        raise ValueError(msg) from error
    if not width or not height:
        msg = "the camera's keyframe tells no picture size"
        raise ValueError(msg)
    return VideoParameters(codec, parameter_sets, width, height, frame_interval_90k)


def _interval(rate: Fraction | None) -> int:
    """Ticks of 90 kHz between frames; 25 fps where the stream tells nothing credible."""
    if not rate or not 0.1 <= rate <= 240:
        return _DEFAULT_INTERVAL_90K
    return round(VIDEO_TIMESCALE / rate)


def _parameter_sets(codec: Codec, extradata: bytes) -> bytes:
    rules = NalRules(codec)
    units = [unit for unit in split_annex_b(extradata) if rules.is_parameter_set(unit)]
    return join_annex_b(units)
