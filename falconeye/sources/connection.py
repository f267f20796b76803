"""One try of one source: what its reader is given, and what the watchdog looks at."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from falconeye.base.clock import Clock
from falconeye.config.camera import Transport
from falconeye.events.camera_state import ReasonCode
from falconeye.media.normaliser import Normaliser
from falconeye.media.packets import RawPacket
from falconeye.media.runs import RunEnd
from falconeye.media.samples import AudioParameters, VideoParameters
from falconeye.sources.failures import SourceFailure, answer_failure
from falconeye.sources.feed import Feed, StreamSink
from falconeye.sources.interrupt import Interrupt
from falconeye.sources.login import RefusedLogins
from falconeye.sources.target import SourceTarget

log = logging.getLogger(__name__)

ANSWER_US = 30_000_000  # for our DESCRIBE: names, redirects and login included
STALL_US = 5_000_000
FIRST_KEYFRAME_US = 60_000_000  # cameras with long GOPs join in the middle of one
_INTERVALS = 3


@dataclass(frozen=True, slots=True)
class Carried:
    """What a connection carries, in words for people."""

    video: str
    audio: str | None = None
    transport: Transport | None = None


class Connection:
    """Takes packets from a reader in the source's thread; `stall` is for any thread."""

    def __init__(
        self,
        target: SourceTarget,
        sink: StreamSink,
        clock: Clock,
        interrupt: Interrupt,
        logins: RefusedLogins,
        on_running: Callable[[Carried], None],
        on_waiting: Callable[[], None],
    ) -> None:
        """`on_waiting`: pictures come, but no keyframe yet. Both are called once at most."""
        self.target = target
        self.clock = clock
        self.interrupt = interrupt
        self.logins = logins
        self.stalled: SourceFailure | None = None  # why the watchdog ended it
        self.delivered = False  # a picture reached the hub
        self._sink = sink
        self._on_running = on_running
        self._on_waiting = on_waiting
        self._carried: Carried | None = None
        self._normaliser: Normaliser | None = None
        self._feed: Feed | None = None
        self._asked_us: int | None = None
        self._answer_us = ANSWER_US
        self._opened_us: int | None = None
        self._alive_us = 0
        self._rests = False  # only the camera's own pictures go on
        self._heard = False  # a packet came, whatever is in it
        self._waiting = False  # pictures came, and no keyframe among them

    @contextmanager
    def asking(self, limit_us: int = ANSWER_US) -> Iterator[None]:
        """Surrounds what a camera can draw out byte by byte before its stream is `open`.

        Waits for another's turn stay outside.
        """
        self._answer_us = limit_us
        self._asked_us = self.clock.monotonic_us()
        try:
            yield
        finally:
            self._asked_us = None

    def open(self, video: VideoParameters, audio: AudioParameters | None, carried: Carried) -> None:
        """The camera delivers streams of these parameters; ends the run of earlier ones."""
        self._finish(RunEnd.CAMERA_HOLE, "the camera changed its stream")
        try:
            self._normaliser = Normaliser(video, audio)
        except ValueError as error:
            raise _unreadable() from error
        self._rests = False
        self._feed = Feed(self._sink, video, audio)
        self._carried = carried
        # In this order: the watchdog looks as soon as the second is set.
        self._alive_us = self._opened_us = self.clock.monotonic_us()

    def video(self, packet: RawPacket) -> None:
        """One packet of the video stream; SourceFailure when a keyframe cannot be read."""
        normaliser, feed = self._normaliser, self._feed
        if normaliser is None or feed is None:
            return
        self._heard = True
        early = normaliser.before_keyframe
        try:
            pictures = feed.put(normaliser.video(packet))
        except ValueError as error:
            raise _unreadable() from error
        if not normaliser.is_trusted:
            return
        if pictures:
            self._alive_us = packet.arrived_us
            if not self.delivered:
                self._deliver()
        elif normaliser.before_keyframe > early and not self.delivered:
            self._alive_us = packet.arrived_us
            if not self._waiting:
                self._waiting = True
                self._on_waiting()

    def audio(self, packet: RawPacket) -> None:
        """One frame of the audio stream."""
        if self._normaliser is None or self._feed is None:
            return
        try:
            self._feed.put(self._normaliser.audio(packet))
        except ValueError as error:
            raise _unreadable() from error

    def jpeg(self, data: bytes, arrived_us: int) -> None:
        """The camera's own picture."""
        if self._rests:
            self._alive_us = arrived_us
        self._sink.jpeg(data, arrived_us)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody records or watches what is encoded of the camera's own pictures."""
        return self._sink.is_wanted()

    def rest(self) -> None:
        """End the run: only the camera's own pictures go on, until `open`."""
        self._finish(RunEnd.STOPPED_BY_USER, "nobody watches or records")
        self._rests = True

    def close(self, reason: RunEnd, detail: str) -> None:
        """Hand on what was held back and end the run."""
        self._finish(reason, detail)

    def stall(self) -> SourceFailure | None:
        """Why it is over: no picture for max(5 s, 3 intervals), or no keyframe in 60 s.

        Before there is a stream: none within 30 s of asking.
        """
        normaliser, opened_us = self._normaliser, self._opened_us
        now_us = self.clock.monotonic_us()
        if self._rests:
            silent = now_us - self._alive_us > STALL_US
            return _silent(more=" any more") if silent else None
        if normaliser is None or opened_us is None:
            return self._unanswered(now_us)
        interval_us = normaliser.frame_interval_90k * 100 // 9
        if now_us - self._alive_us > max(STALL_US, _INTERVALS * interval_us):
            if self._heard and not normaliser.is_trusted:
                return SourceFailure(
                    ReasonCode.CAMERA_ERROR, "the camera sends data that is no video"
                )
            return _silent(more=" any more" if self.delivered or self._waiting else "")
        if not self.delivered and now_us - opened_us > FIRST_KEYFRAME_US:
            reason = (
                f"the camera sent no keyframe in {FIRST_KEYFRAME_US // 1_000_000} s; "
                "set a shorter keyframe interval in the camera"
            )
            return SourceFailure(ReasonCode.STALLED, reason)
        return None

    def _unanswered(self, now_us: int) -> SourceFailure | None:
        asked_us = self._asked_us
        if asked_us is None or now_us - asked_us <= self._answer_us:
            return None
        limit_s = self._answer_us // 1_000_000
        reason = f"the camera is connected but began no stream in {limit_s} s"
        return SourceFailure(ReasonCode.NO_ANSWER, reason)

    def _deliver(self) -> None:
        self.delivered = True
        if self._carried:
            self._on_running(self._carried)

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


def _silent(more: str) -> SourceFailure:
    reason = f"the camera is connected but sends no pictures{more}"
    return SourceFailure(ReasonCode.STALLED, reason)


def _unreadable() -> SourceFailure:
    """What the bytes of a camera cannot be read as is the camera's failure, not ours."""
    reason = "the camera sends pictures that cannot be read"
    return answer_failure(ReasonCode.CAMERA_ERROR, reason)
