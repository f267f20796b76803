"""The demo camera: its picture is drawn and encoded in the source's thread; no network at all."""

import av

from falconeye.media.encoder import VideoEncoder
from falconeye.media.samples import StreamKind
from falconeye.sources.connection import Carried, Connection
from falconeye.sources.demo_picture import DemoPicture

DEFAULT_FPS = 12
MAX_FPS = 30
_SIZES = {StreamKind.MAIN: (640, 360), StreamKind.SUB: (320, 176)}


class DemoReader:
    """Draws until it is stopped."""

    def run_once(self, connection: Connection) -> None:
        """One picture per interval, on schedule; pictures that are late are left out."""
        width, height = _SIZES[connection.target.kind]
        fps = min(connection.target.framerate or DEFAULT_FPS, MAX_FPS)
        clock = connection.clock
        picture = DemoPicture(width, height)
        encoder = VideoEncoder(width, height, fps)
        words = f"H.264, {width}×{height}"
        connection.open(encoder.parameters, None, Carried(words))
        started_us = clock.monotonic_us()
        number = 0
        while True:
            due_us = started_us + number * 1_000_000 // fps
            if connection.interrupt.wait(max(due_us - clock.monotonic_us(), 0) / 1e6):
                return
            picture.draw(clock.utc_us())
            frame = to_frame(picture)
            frame.pts = number * 90_000 // fps
            for packet in encoder.encode(frame, clock.monotonic_us()):
                connection.video(packet)
            late = (clock.monotonic_us() - started_us) * fps // 1_000_000
            number = max(number + 1, late)


def to_frame(picture: DemoPicture) -> av.VideoFrame:
    """The picture as a yuv420p frame."""
    frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
    planes = (picture.luma, picture.chroma_u, picture.chroma_v)
    for plane, data in zip(frame.planes, planes, strict=True):
        plane.update(_padded(bytes(data), plane.width, plane.line_size))
    return frame


def _padded(data: bytes, width: int, line_bytes: int) -> bytes:
    """Rows at the distance that libavutil chose."""
    if width == line_bytes:
        return data
    padding = bytes(line_bytes - width)
    return b"".join(data[at : at + width] + padding for at in range(0, len(data), width))
