"""Reads HTTP cameras that send JPEG after JPEG: the pictures go on untouched, and once as H.264."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from falconeye.events.camera_state import ReasonCode
from falconeye.media.encoder import VideoEncoder
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.failures import SourceFailure, answer_failure
from falconeye.sources.http_stream import open_stream
from falconeye.sources.multipart import MultipartParser

DEFAULT_FPS = 15
_BUNCHED_US = 500_000  # pictures that the network held back so long still keep to the rate
GOP_US = 2_000_000
MAX_PIXELS = 8192 * 4320
_MAX_BAD_PICTURES = 10


class MjpegReader:
    """Reads one target, connection after connection."""

    def run_once(self, connection: Connection) -> None:
        """Read until the camera or an interrupt ends it; SourceFailure where it never began."""
        target, interrupt = connection.target, connection.interrupt
        with open_stream(target, interrupt, _turn(connection)) as response, connection.asking():
            kind = response.headers.get("content-type", "")
            _check_content_type(kind)
            parser = MultipartParser(kind)
            recoder = JpegRecoder(connection, target.framerate or DEFAULT_FPS)
            try:
                for data in response.iter_raw():
                    for picture in parser.feed(data):
                        recoder.picture(picture, connection.clock.monotonic_us())
            except ValueError as error:
                raise answer_failure(
                    ReasonCode.NOT_A_CAMERA, f"no MJPEG stream: {error}"
                ) from error


@contextmanager
def _turn(connection: Connection) -> Iterator[None]:
    """The time in which the camera is asked; the login is tried."""
    attempt = connection.logins.attempt(connection.target, connection.clock, connection.interrupt)
    with attempt, connection.asking():
        yield


def _check_content_type(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        return
    if kind == "text/html":
        reason = "this address is a web page, not a picture stream"
    elif kind == "image/jpeg":
        reason = "this address gives one picture, not a stream"
    else:
        reason = f"this address gives {kind[:60] or 'no content type'}, not MJPEG"
    raise answer_failure(ReasonCode.NOT_A_CAMERA, reason)


class JpegRecoder:
    """Hands JPEGs on as they are, and as H.264 at most `framerate` times a second."""

    def __init__(self, connection: Connection, framerate: float) -> None:
        self._connection = connection
        self._framerate = framerate
        self._decoder = _jpeg_decoder()
        self._encoder: VideoEncoder | None = None
        self._size = (0, 0)
        self._started_us = 0
        self._due_us = 0
        self._keyframe_us = 0
        self._bad = 0

    def picture(self, data: bytes, arrived_us: int) -> None:
        """One JPEG; SourceFailure when ten in a row are none."""
        interval_us = int(1e6 / self._framerate)
        if arrived_us < self._due_us:
            self._connection.jpeg(data, arrived_us)
            return
        self._due_us = max(self._due_us or arrived_us, arrived_us - _BUNCHED_US) + interval_us
        frame = self._decoded(data)
        if frame is None:
            return
        width, height = frame.width // 2 * 2, frame.height // 2 * 2
        if self._encoder is None or self._size != (width, height):
            self._begin(width, height, arrived_us)
        self._encode(frame, arrived_us)
        self._connection.jpeg(data, arrived_us)

    def _decoded(self, data: bytes) -> VideoFrame | None:
        try:
            frames = self._decoder.decode(av.Packet(data))
        except FFmpegError:
            frames = []
            self._decoder = _jpeg_decoder()
        self._bad = 0 if frames else self._bad + 1
        if self._bad >= _MAX_BAD_PICTURES:
            reason = "the camera sends pictures that cannot be read"
            raise SourceFailure(ReasonCode.CAMERA_ERROR, reason)
        return frames[0] if frames else None

    def _begin(self, width: int, height: int, arrived_us: int) -> None:
        """Pictures of another size begin another run."""
        try:
            self._encoder = VideoEncoder(width, height, self._framerate, gop_s=10)
        except FFmpegError as error:
            reason = f"the camera's pictures, {width}×{height}, cannot be recorded"
            raise answer_failure(ReasonCode.CAMERA_ERROR, reason) from error
        self._size = width, height
        self._started_us = arrived_us
        self._keyframe_us = 0
        words = f"MJPEG, {width}×{height} (recorded as H.264)"
        self._connection.open(self._encoder.parameters, None, Carried(words))

    def _encode(self, frame: VideoFrame, arrived_us: int) -> None:
        if self._encoder is None:
            return
        width, height = self._size
        picture = frame.reformat(width=width, height=height, format="yuv420p")
        picture.pts = (arrived_us - self._started_us) * 9 // 100
        picture.time_base = Fraction(1, 90_000)
        picture.pict_type = PictureType.NONE
        if arrived_us - self._keyframe_us >= GOP_US:  # the camera's real rate is not known
            self._keyframe_us = arrived_us
            picture.pict_type = PictureType.I
        for packet in self._encoder.encode(picture, arrived_us):
            self._connection.video(packet)


def _jpeg_decoder() -> VideoCodecContext:
    decoder = VideoCodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    return decoder
