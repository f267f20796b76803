"""Stills: keyframes and decoded pictures to JPEG. Decodes on demand, never in the record path."""

import io
from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from falconeye.media.nal import join_annex_b, split_length_prefixed
from falconeye.media.samples import VideoParameters, VideoSample

_QUALITY = "5"  # FFmpeg's qscale, 2 (best) to 31


class PictureDecoder:
    """Decodes one stream's samples to pictures; one thread at a time. Frames in decode order in."""

    def __init__(self, parameters: VideoParameters) -> None:
        decoder = av.CodecContext.create(parameters.codec.value, "r")
        if not isinstance(decoder, VideoCodecContext):
            msg = f"{parameters.codec} is no video codec"
            raise TypeError(msg)
        decoder.thread_count = 1
        self._decoder = decoder
        self._sets = parameters.parameter_sets

    def decode(self, sample: VideoSample) -> list[VideoFrame]:
        """Pictures that `sample` completes; none for one that cannot be decoded."""
        units = join_annex_b(split_length_prefixed(sample.data))
        data = self._sets + units if sample.is_keyframe else units
        packet = av.Packet(data)
        packet.pts, packet.dts = sample.dts_90k + sample.cts_90k, sample.dts_90k
        packet.time_base = Fraction(1, 90_000)
        try:
            return self._decoder.decode(packet)
        except FFmpegError:
            return []

    def flush(self) -> list[VideoFrame]:
        """Pictures still held for reordering; the decoder takes nothing afterwards."""
        try:
            return self._decoder.decode(None)
        except FFmpegError:
            return []


def keyframe_to_jpeg(
    parameters: VideoParameters, keyframe: VideoSample, height: int | None = None
) -> bytes:
    """A keyframe as JPEG, scaled to `height` if given; ValueError when it cannot be decoded."""
    decoder = PictureDecoder(parameters)
    frames = decoder.decode(keyframe) or decoder.flush()
    if not frames:
        msg = "the keyframe cannot be decoded"
        raise ValueError(msg)
    return frame_to_jpeg(frames[0], height)


def frame_to_jpeg(frame: VideoFrame, height: int | None = None) -> bytes:
    """A decoded picture as JPEG, scaled down to `height` rows (never up)."""
    target = min(height or frame.height, frame.height) // 2 * 2
    width = max(2, round(frame.width * target / frame.height / 2) * 2)
    picture = frame.reformat(width=width, height=target, format="yuvj420p")
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = width, target
    encoder.pix_fmt = "yuvj420p"
    encoder.color_range = 2  # full, as JPEG has it
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {"qscale": _QUALITY, "flags": "+qscale"}
    # A reformatted picture keeps its source's time base: without this the encoder sees duplicates.
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])


def jpeg_to_frame(data: bytes) -> VideoFrame:
    """Decode one JPEG; ValueError when it is none."""
    try:
        with av.open(io.BytesIO(data), "r", format="mjpeg") as container:
            return next(container.decode(video=0))
    except (FFmpegError, StopIteration, IndexError) as error:
        msg = "this is no JPEG picture"
        raise ValueError(msg) from error


def scale_jpeg(data: bytes, height: int) -> bytes:
    """A JPEG scaled down to `height` rows; ValueError when it is none."""
    return frame_to_jpeg(jpeg_to_frame(data), height)
