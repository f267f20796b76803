"""A camera that shows its own clock: `python -m tests.benchmarks.live_camera`.

Draws the wall time as a bar code into each picture, encodes it with libx264 (zerolatency, GOP 2 s)
and sends it by RTSP at once: what a page shows later tells how old it is. The time is taken before
drawing, so a figure includes drawing and encoding, about 2 ms at 640×360. One mount, `/live`.
Prints its port; ends with its input.
"""

import asyncio
import struct
import sys
import time
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from falconeye.sources.demo import to_frame
from falconeye.sources.demo_picture import DemoPicture
from tests.benchmarks.rtsp_service import RtspService, Session
from tests.peers.media_samples import VideoClip, nal_type, split_nal_units
from tests.peers.rtp import VIDEO_TYPE, RtpTrack, sdp, video_payloads

WIDTH, HEIGHT, FPS, GOP_S = 640, 360, 25, 2
_REPORT_S = 5.0


class LiveCamera:
    """The encoder and those who watch."""

    def __init__(self) -> None:
        self._picture = DemoPicture(WIDTH, HEIGHT)
        self._encoder = _encoder()
        self._number = 0
        self._sessions: dict[Session, RtpTrack] = {}
        keyframe = self._encode(time.time_ns() // 1000)
        units = [unit for unit in split_nal_units(keyframe) if nal_type(unit, "h264") in {7, 8}]
        sets = b"".join(b"\0\0\0\1" + unit for unit in units)
        self._description = sdp(VideoClip("h264", WIDTH, HEIGHT, FPS, sets, ()), None)

    def describe(self, path: str) -> str | None:
        return self._description if path == "live" else None

    def play(self, session: Session) -> None:
        self._sessions[session] = RtpTrack(VIDEO_TYPE, 90_000, 0)

    def leave(self, session: Session) -> None:
        self._sessions.pop(session, None)

    async def run(self) -> None:
        """A picture each 1/25 s, for ever."""
        started, first = time.monotonic(), self._number
        while True:
            due = started + (self._number - first) / FPS
            await asyncio.sleep(max(due - time.monotonic(), 0))
            ticks = self._number * 90_000 // FPS
            self._send(self._encode(time.time_ns() // 1000), ticks)

    def _encode(self, utc_us: int) -> bytes:
        self._picture.draw(utc_us)
        frame = to_frame(self._picture)
        frame.pts, frame.time_base = self._number, Fraction(1, FPS)
        self._number += 1
        return b"".join(bytes(packet) for packet in self._encoder.encode(frame))

    def _send(self, access_unit: bytes, ticks: int) -> None:
        payloads = video_payloads(access_unit, "h264")
        last = len(payloads) - 1
        for session, track in list(self._sessions.items()):
            packets = [
                track.packet(payload, ticks, marker=index == last)
                for index, payload in enumerate(payloads)
            ]
            if self._number % int(_REPORT_S * FPS) == 1:
                report = track.sender_report(ticks / 90_000, time.time())
                session.send(_interleaved(1, report))
            session.send(b"".join(_interleaved(0, packet) for packet in packets))


def _encoder() -> VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.gop_size, encoder.bit_rate, encoder.thread_count = FPS * GOP_S, 400_000, 1
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": "repeat-headers=1:annexb=1:scenecut=0",
    }
    return encoder


def _interleaved(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


async def _serve() -> None:
    camera = LiveCamera()
    server = await asyncio.start_server(RtspService(camera).accept, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    running = asyncio.create_task(camera.run(), name="camera")
    await asyncio.to_thread(sys.stdin.read)
    running.cancel()
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
