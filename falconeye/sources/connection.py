"""One try of one source: what its reader is given, and what the watchdog looks at."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.config.camera import Transport
from falconeye.media.normaliser import Normaliser
from falconeye.media.packets import RawPacket
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioParameters, VideoParameters
from falconeye.sources.feed import Feed, StreamSink
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import RefusedLogins
from falconeye.sources.target import SourceTarget

log = logging.getLogger(__name__)

STALL_US = 5_000_000
FIRST_KEYFRAME_US = 60_000_000  # cameras with long GOPs join in the middle of one
_INTERVALS = 3
_TRUST = 25  # so many pictures make up for as many packets of noise, among which some look right


@dataclass(frozen=True, slots=True)
class Carried:
    """What a connection carries, in words for people."""

    video: str
    audio: str | None = None
    transport: Transport | None = None


class Connection:
    """Takes packets from a reader in the source's thread; `is_stalled` is for any thread."""

    def __init__(
        self,
        target: SourceTarget,
        sink: StreamSink,
        clock: Clock,
        interrupt: Interrupt,
        logins: RefusedLogins,
        on_running: Callable[[Carried], None],
    ) -> None:
        self.target = target
        self.clock = clock
        self.interrupt = interrupt
        self.logins = logins
        self.stalled = False  # the watchdog ended it
        self.delivered = False  # a picture reached the hub
        self._sink = sink
        self._on_running = on_running
        self._carried: Carried | None = None
        self._normaliser: Normaliser | None = None
        self._feed: Feed | None = None
        self._opened_us: int | None = None
        self._alive_us = 0
        self._trust = 0

    def open(self, video: VideoParameters, audio: AudioParameters | None, carried: Carried) -> None:
        """The camera delivers streams of these parameters; ends the run of earlier ones."""
        self._finish(RunEnd.CAMERA_HOLE, "the camera changed its stream")
        self._normaliser = Normaliser(video, audio)
        self._feed = Feed(self._sink, video, audio)
        self._carried = carried
        self._opened_us = self._alive_us = self.clock.monotonic_us()

    def video(self, packet: RawPacket) -> None:
        """One packet of the video stream; ValueError when a keyframe cannot be read."""
        if self._normaliser is None or self._feed is None:
            return
        dropped = self._normaliser.dropped
        pictures = self._feed.put(self._normaliser.video(packet))
        trust = self._trust + pictures - (self._normaliser.dropped - dropped)
        self._trust = min(max(trust, -_TRUST), _TRUST)
        good = pictures and self._trust > 0
        if good or not self.delivered:
            self._alive_us = packet.arrived_us
        if good and not self.delivered:
            self.delivered = True
            if self._carried:
                self._on_running(self._carried)

    def audio(self, packet: RawPacket) -> None:
        """One frame of the audio stream."""
        if self._normaliser and self._feed:
            self._feed.put(self._normaliser.audio(packet))

    def jpeg(self, data: bytes, arrived_us: int) -> None:
        """The camera's own picture."""
        self._sink.jpeg(data, arrived_us)

    def close(self, reason: RunEnd, detail: str) -> None:
        """Hand on what was held back and end the run."""
        self._finish(reason, detail)

    def is_stalled(self) -> bool:
        """Whether pictures stopped: none for max(5 s, 3 intervals), or no keyframe in 60 s."""
        normaliser, opened_us = self._normaliser, self._opened_us
        if normaliser is None or opened_us is None:
            return False
        now_us = self.clock.monotonic_us()
        interval_us = normaliser.frame_interval_90k * 100 // 9
        if now_us - self._alive_us > max(STALL_US, _INTERVALS * interval_us):
            return True
        return not self.delivered and now_us - opened_us > FIRST_KEYFRAME_US

    def _finish(self, reason: RunEnd, detail: str) -> None:
        if self._normaliser and self._feed:
            try:
                self._feed.put(self._normaliser.end())
            except ValueError as error:  # noise that looked like a keyframe goes with its stream
                log.debug(
                    "camera %s: the last picture is dropped: %s", self.target.camera_id, error
                )
            self._feed.end(reason, detail)
        self._normaliser = self._feed = None
        self._opened_us = None
