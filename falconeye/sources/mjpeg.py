"""Reads HTTP cameras that send JPEG after JPEG: the pictures go on untouched, and once as H.264."""

from collections.abc import Iterator
from contextlib import contextmanager

from falconeye.events.camera_state import ReasonCode
from falconeye.sources.connection import Connection
from falconeye.sources.failures import answer_failure
from falconeye.sources.http_stream import open_stream
from falconeye.sources.jpeg_recoder import JpegRecoder
from falconeye.sources.multipart import MultipartParser
from falconeye.sources.recoder import Recoder

DEFAULT_FPS = 15


class MjpegReader:
    """Reads one target, connection after connection."""

    def run_once(self, connection: Connection) -> None:
        """Read until the camera or an interrupt ends it; SourceFailure where it never began."""
        target, interrupt = connection.target, connection.interrupt
        with open_stream(target, interrupt, _turn(connection)) as response, connection.asking():
            kind = response.headers.get("content-type", "")
            _check_content_type(kind)
            parser = MultipartParser(kind)
            with Recoder(connection, target.framerate or DEFAULT_FPS, "MJPEG") as recoder:
                jpegs = JpegRecoder(connection, recoder)
                try:
                    for data in response.iter_raw():
                        for picture in parser.feed(data):
                            jpegs.picture(picture, connection.clock.monotonic_us())
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
