"""A camera's JPEGs: handed on as they are, and decoded for those who want them as H.264."""

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from falconeye.events.camera_state import ReasonCode
from falconeye.sources.connection import Connection
from falconeye.sources.failures import SourceFailure
from falconeye.sources.recoder import Recoder

MAX_PIXELS = 8192 * 4320
REST_US = 10_000_000  # a page that is reloaded must not wait for a new beginning
_MAX_BAD_PICTURES = 10


class JpegRecoder:
    """Used by a reader's thread alone."""

    def __init__(self, connection: Connection, recoder: Recoder) -> None:
        self._connection = connection
        self._recoder = recoder
        self._decoder = _jpeg_decoder()
        self._bad = 0
        self._wanted_us = 0

    def picture(self, data: bytes, arrived_us: int) -> None:
        """One JPEG; SourceFailure when ten in a row are none.

        What nobody records or watches otherwise is not encoded: that is most of the work.
        """
        if self._is_unwanted(arrived_us):
            if not self._recoder.rests:
                self._recoder.rest()
        elif self._recoder.is_due(arrived_us):
            frame = self._decoded(data)
            if frame is None:
                return
            self._recoder.frame(frame, arrived_us)
        self._connection.jpeg(data, arrived_us)

    def _is_unwanted(self, now_us: int) -> bool:
        if self._connection.is_wanted or not self._connection.delivered:
            self._wanted_us = now_us
        return now_us - self._wanted_us > REST_US

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


def _jpeg_decoder() -> VideoCodecContext:
    decoder = VideoCodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    return decoder
