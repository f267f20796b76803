"""Init segments: libavformat writes `ftyp` + `moov`, we only replace the AAC configuration.

Track 1 is video (timescale 90 000), track 2 audio (timescale = sample rate).
"""

import io
from fractions import Fraction
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from falconeye.media.audio_frames import aac_object_type
from falconeye.media.fragments import InitSegment
from falconeye.media.samples import VIDEO_TIMESCALE, AudioParameters, Codec, VideoParameters

VIDEO_TRACK = 1
AUDIO_TRACK = 2
_OPTIONS = {"movflags": "empty_moov+default_base_moof"}
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def make_init_segment(video: VideoParameters, audio: AudioParameters | None) -> InitSegment:
    """Build the init segment of these tracks; ValueError where libavformat refuses them."""
    if not video.parameter_sets:
        msg = "the camera sends no parameter sets"
        raise ValueError(msg)
    target = io.BytesIO()
    try:
        source = av.open(io.BytesIO(video.parameter_sets), "r", format=video.codec.value)
    except av.FFmpegError as error:
        msg = "the camera's parameter sets cannot be read"
        raise ValueError(msg) from error
    with source, av.open(target, "w", format="mp4", options=_OPTIONS) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.time_base = Fraction(1, VIDEO_TIMESCALE)
        stream.width, stream.height = video.width, video.height
        if video.codec is Codec.HEVC:
            stream.codec_context.codec_tag = "hvc1"  # Safari wants it; hev1 is lavf's default
        if audio:
            _add_audio(output, audio)
        output.start_encoding()
        data = target.getvalue()
    if audio and audio.codec is Codec.AAC and audio.config:
        data = _replace(data, b"esds", _esds(audio.config))
    codecs = ",".join(
        [_video_codec_string(data, video), *([_audio_codec_string(audio)] if audio else [])]
    )
    return InitSegment(data, video, audio, codecs)


def _add_audio(output: OutputContainer, audio: AudioParameters) -> None:
    """Add the track by an encoder of the same shape; its sample entry is all that is used."""
    name = "aac" if audio.codec is Codec.AAC else "libopus"
    stream = cast("AudioStream", output.add_stream(name, rate=audio.sample_rate))
    stream.layout = "mono" if audio.channels == 1 else "stereo"
    stream.time_base = Fraction(1, audio.sample_rate)


def _esds(config: bytes) -> bytes:
    """An `esds` box with this AudioSpecificConfig (ISO 14496-1 7.2.6.5, 14496-14 6.7)."""
    specific = b"\x05" + bytes([len(config)]) + config
    decoder = b"\x40\x15" + bytes(3) + bytes(8) + specific  # AAC, audio stream, no rates told
    decoder = b"\x04" + bytes([len(decoder)]) + decoder
    body = AUDIO_TRACK.to_bytes(2, "big") + b"\0" + decoder + b"\x06\x01\x02"
    descriptor = b"\x03" + bytes([len(body)]) + body
    return _box(b"esds", bytes(4) + descriptor)


def _box(kind: bytes, payload: bytes) -> bytes:
    return (len(payload) + 8).to_bytes(4, "big") + kind + payload


def _replace(data: bytes, kind: bytes, box: bytes) -> bytes:
    """`data` with each box of `kind` replaced, sizes of the boxes around it mended."""
    result = b""
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        name, body = data[position + 4 : position + 8], data[position + 8 : position + size]
        if name == kind:
            result += box
        elif name in _CONTAINERS:
            result += _box(name, _replace(body, kind, box))
        elif name == b"stsd":  # version, flags and count come before the entries
            result += _box(name, body[:8] + _replace(body[8:], kind, box))
        elif name == b"mp4a":  # 28 bytes of AudioSampleEntry come before the boxes inside
            result += _box(name, body[:28] + _replace(body[28:], kind, box))
        else:
            result += data[position : position + size]
        position += size
    return result


def _video_codec_string(data: bytes, video: VideoParameters) -> str:
    """RFC 6381 from the decoder configuration that libavformat wrote."""
    if video.codec is Codec.H264:
        config = data[data.index(b"avcC") + 4 :]
        return f"avc1.{config[1:4].hex()}"
    config = data[data.index(b"hvcC") + 4 :]
    return "hvc1." + _hevc_profile(config)


def _hevc_profile(config: bytes) -> str:
    """ISO 14496-15 E.3: profile space + idc, compatibility flags reversed, tier + level, flags."""
    space = ["", "A", "B", "C"][config[1] >> 6]
    tier = "H" if config[1] & 0x20 else "L"
    compatibility = int(f"{int.from_bytes(config[2:6], 'big'):032b}"[::-1], 2)
    flags = config[6:12].rstrip(b"\0")
    parts = [f"{space}{config[1] & 0x1F}", f"{compatibility:X}", f"{tier}{config[12]}"]
    return ".".join(parts + [f"{flag:X}" for flag in flags])


def _audio_codec_string(audio: AudioParameters) -> str:
    if audio.codec is Codec.OPUS:
        return "opus"
    return f"mp4a.40.{aac_object_type(audio.config)}"
