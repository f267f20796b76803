"""Keyframes out of a segment's file: found in their fragment, decoded to JPEG."""

from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from falconeye.media.boxes import BadBox, box_at
from falconeye.media.movie import movie_of, parse_moof
from falconeye.media.pictures import frame_to_jpeg
from falconeye.media.samples import VIDEO_TIMESCALE

# By the box that holds the decoder's configuration (ISO 14496-15 5.4.2, 8.4.1).
_DECODERS = {b"avcC": "h264", b"hvcC": "hevc"}


def keyframe_of(init: bytes, fragment: bytes) -> bytes:
    """The first picture of a whole `moof` + `mdat`; BadBox when there is none in it."""
    root = box_at(fragment)
    video, _ = parse_moof(fragment[: root.end], movie_of(init))
    begin = video.data_offset
    end = begin + video.sample_bytes[0]
    if not video.starts_with_keyframe or not root.end <= begin < end <= len(fragment):
        msg = "no keyframe at the start of the fragment"
        raise BadBox(msg)
    return fragment[begin:end]


def stored_keyframe_to_jpeg(init: bytes, keyframe: bytes, height: int | None) -> bytes:
    """A keyframe as it lies in the file as JPEG; ValueError when it cannot be decoded."""
    name, configuration = _configuration(init)
    decoder = av.CodecContext.create(name, "r")
    if not isinstance(decoder, VideoCodecContext):
        msg = f"{name} is no video codec"
        raise TypeError(msg)
    decoder.thread_count = 1
    decoder.extradata = configuration  # lengths before NAL units, and the parameter sets
    packet = av.Packet(keyframe)
    packet.pts = packet.dts = 0
    packet.time_base = Fraction(1, VIDEO_TIMESCALE)
    try:
        frames = decoder.decode(packet) or decoder.decode(None)
    except FFmpegError as error:
        msg = "the keyframe cannot be decoded"
        raise ValueError(msg) from error
    if not frames:
        msg = "there is no picture in the keyframe"
        raise ValueError(msg)
    return frame_to_jpeg(frames[0], height)


def video_codec_of(init: bytes) -> str:
    """`h264` or `hevc`; ValueError for another one."""
    return _configuration(init)[0]


def _configuration(init: bytes) -> tuple[str, bytes]:
    """The decoder, and the payload of its configuration box."""
    for kind, name in _DECODERS.items():
        at = init.find(kind)
        if at >= 4:
            return name, init[at + 4 : at - 4 + int.from_bytes(init[at - 4 : at], "big")]
    msg = "no known codec in the init segment"
    raise ValueError(msg)
