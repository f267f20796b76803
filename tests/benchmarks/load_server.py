"""Many paced cameras in one process: `python -m tests.benchmarks.load_server`.

Mounts `main0…`: 1080p25, 4 Mb/s, AAC; `sub0…`: 640×360 at 15 pictures, without sound. Every camera
is at its own place in the clip, and a client joins wherever that is, as with a real camera. A
picture leaves in 8 pieces, 2 ms apart, as over a camera's 100 Mb/s link; a burst per picture would
be easier to read. Packets are made once and shared by all cameras, so that this server costs less
than what it measures. Camera N has a loopback address of its own, as cameras have: a recorder may
treat cameras of one address differently. Prints its port; answers each line of its input with
counters as JSON.
"""

import asyncio
import functools
import heapq
import json
import struct
import sys
import time
from dataclasses import asdict, dataclass
from itertools import accumulate

from tests.benchmarks.clips import main_clip, sound, sub_clip
from tests.benchmarks.rtsp_service import RtspService, Session
from tests.peers.media_samples import AudioClip, VideoClip
from tests.peers.rtp import AUDIO_TYPE, VIDEO_TYPE, audio_payload, sdp, video_payloads

MAX_CAMERAS = 64
PIECES = 8
PIECE_S = 0.002
_REPORT_S = 5.0
_GOLDEN = 0.618_033_988_749_895  # spreads any number of cameras evenly over a GOP
_NTP_EPOCH = 2_208_988_800
_SENDER_REPORT = struct.Struct(">BBHIIIIII")
_LATE_S = 0.02
_UTC_OFFSET_S = time.time() - time.monotonic()  # one clock for times and reports: no jitter


@dataclass(slots=True)
class Counters:
    """Since the last line of input."""

    sessions: int = 0
    pictures: int = 0
    media_bytes: int = 0
    stalls: int = 0  # writes that a client's TCP did not take at once
    worst_unsent_bytes: int = 0
    late_ticks: int = 0  # this server was behind its own schedule: the measurement is void
    worst_late_s: float = 0.0


class Footage:
    """The packets of one kind of camera on an endless time line."""

    def __init__(self, video: VideoClip, audio: AudioClip | None) -> None:
        self.video, self.audio = video, audio
        self.description = sdp(video, audio)
        self._payloads = [video_payloads(frame.data, video.codec) for frame in video.frames]
        self._before = [0, *accumulate(len(payloads) for payloads in self._payloads)]
        self.pieces = functools.lru_cache(maxsize=256)(self._pieces)
        self.sounds = functools.lru_cache(maxsize=512)(self._sound)

    @property
    def gop_s(self) -> float:
        frames = [index for index, frame in enumerate(self.video.frames) if frame.is_keyframe]
        return (frames[1] - frames[0]) / self.video.fps

    def _pieces(self, picture: int) -> list[bytes]:
        """The interleaved RTP of a picture in up to `PIECES` parts."""
        loops, index = divmod(picture, len(self._payloads))
        payloads = self._payloads[index]
        first = loops * self._before[-1] + self._before[index]
        ticks = picture * 90_000 // self.video.fps
        last = len(payloads) - 1
        packets = [
            _interleaved(0, _rtp(VIDEO_TYPE | (at == last) << 7, first + at, ticks, payload))
            for at, payload in enumerate(payloads)
        ]
        step = -(-len(packets) // PIECES)
        return [b"".join(packets[at : at + step]) for at in range(0, len(packets), step)]

    def _sound(self, number: int) -> bytes:
        """The interleaved RTP of an audio frame."""
        assert self.audio
        frame = self.audio.frames[number % len(self.audio.frames)]
        payload = audio_payload(frame, self.audio.codec)
        packet = _rtp(AUDIO_TYPE | 0x80, number, number * self.audio.frame_ticks, payload)
        return _interleaved(2, packet)

    def reports(self, media_s: float, utc_s: float) -> bytes:
        """RTCP sender reports of both tracks: media time `media_s` is `utc_s`."""
        made = _interleaved(1, _report(VIDEO_TYPE, media_s * 90_000, utc_s))
        if self.audio:
            made += _interleaved(3, _report(AUDIO_TYPE, media_s * self.audio.sample_rate, utc_s))
        return made


class _Playing:
    """One session on its camera's time line."""

    def __init__(self, session: Session, footage: Footage, now: float, phase_s: float) -> None:
        self.session, self.footage = session, footage
        self.origin = -phase_s
        self.picture = int((now - self.origin) * footage.video.fps) + 1
        self.piece = 0
        rate = footage.audio.sample_rate / footage.audio.frame_ticks if footage.audio else 0
        self.audio_rate = rate
        self.audio_frame = int((now - self.origin) * rate) + 1
        self.next_report = 0.0

    @property
    def due(self) -> float:
        return self.origin + self.picture / self.footage.video.fps + self.piece * PIECE_S


class LoadServer:
    """All cameras, and the one task that paces them."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._kinds = {"main": Footage(main_clip(), sound()), "sub": Footage(sub_clip(), None)}
        self._playing: dict[Session, _Playing] = {}
        self._queue: list[tuple[float, int, _Playing]] = []
        self._turn = 0

    def describe(self, path: str) -> str | None:
        footage = self._kinds.get(path.rstrip("0123456789"))
        return footage.description if footage else None

    def play(self, session: Session) -> None:
        kind = session.path.rstrip("0123456789")
        footage = self._kinds[kind]
        camera = int(session.path[len(kind) :])
        phase_s = camera * _GOLDEN % 1 * footage.gop_s
        playing = _Playing(session, footage, time.monotonic(), phase_s)
        self._playing[session] = playing
        self._put(playing)

    def leave(self, session: Session) -> None:
        self._playing.pop(session, None)

    def take_counters(self) -> Counters:
        counters, self.counters = self.counters, Counters()
        counters.sessions = len(self._playing)
        return counters

    async def pace(self) -> None:
        """Send what is due, for ever."""
        while True:
            now = time.monotonic()
            while self._queue and self._queue[0][0] <= now:
                due, _, playing = heapq.heappop(self._queue)
                self._note_lateness(now - due)
                if playing.session in self._playing:
                    self._send(playing, now)
                    self._put(playing)
            await asyncio.sleep(0.001)

    def _put(self, playing: _Playing) -> None:
        self._turn += 1
        heapq.heappush(self._queue, (playing.due, self._turn, playing))

    def _note_lateness(self, late_s: float) -> None:
        counters = self.counters
        counters.worst_late_s = max(counters.worst_late_s, late_s)
        counters.late_ticks += late_s > _LATE_S

    def _send(self, playing: _Playing, now: float) -> None:
        pieces = playing.footage.pieces(playing.picture)
        data = pieces[playing.piece]
        counters = self.counters
        playing.piece += 1
        if playing.piece == len(pieces):
            playing.piece = 0
            playing.picture += 1
            counters.pictures += 1
            data += self._beside(playing, now)
        unsent = playing.session.send(data)
        counters.media_bytes += len(data)
        counters.stalls += unsent > 0
        counters.worst_unsent_bytes = max(counters.worst_unsent_bytes, unsent)

    @staticmethod
    def _beside(playing: _Playing, now: float) -> bytes:
        """Sound and sender reports that are due with the end of a picture."""
        media_s = now - playing.origin
        parts: list[bytes] = []
        if now >= playing.next_report:
            playing.next_report = now + _REPORT_S
            parts.append(playing.footage.reports(media_s, now + _UTC_OFFSET_S))
        while playing.audio_rate and playing.audio_frame < media_s * playing.audio_rate:
            parts.append(playing.footage.sounds(playing.audio_frame))
            playing.audio_frame += 1
        return b"".join(parts)


def address(camera: int) -> str:
    """The loopback address of a camera."""
    return f"127.0.1.{camera + 1}"


def _rtp(kind: int, number: int, ticks: int, payload: bytes) -> bytes:
    head = struct.pack(
        ">BBHII", 0x80, kind, number & 0xFFFF, ticks & 0xFFFFFFFF, 0x1000 | kind & 0x7F
    )
    return head + payload


def _report(kind: int, ticks: float, utc_s: float) -> bytes:
    """RTCP SR (RFC 3550 6.4.1); counts stay 0, no client looks at them."""
    seconds, fraction = divmod(utc_s + _NTP_EPOCH, 1)
    source, stamp = 0x1000 | kind, int(ticks) & 0xFFFFFFFF
    return _SENDER_REPORT.pack(
        0x80, 200, 6, source, int(seconds) & 0xFFFFFFFF, int(fraction * 2**32), stamp, 0, 0
    )


def _interleaved(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


async def _serve() -> None:
    load = LoadServer()
    service = RtspService(load)
    first = await asyncio.start_server(service.accept, address(0), 0)
    port = first.sockets[0].getsockname()[1]
    others = [address(camera) for camera in range(1, MAX_CAMERAS)]
    second = await asyncio.start_server(service.accept, others, port)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    pacing = asyncio.create_task(load.pace(), name="pacing")
    while await asyncio.to_thread(sys.stdin.readline):
        if pacing.done():
            pacing.result()
        sys.stdout.write(json.dumps(asdict(load.take_counters())) + "\n")
        sys.stdout.flush()
    pacing.cancel()
    first.close()
    second.close()


if __name__ == "__main__":
    asyncio.run(_serve())
