"""A camera of the replay server: what it plays, what it does wrong, what its clients did."""

from collections import deque
from dataclasses import dataclass, field

from tests.peers.logins import Gate
from tests.peers.media_samples import AudioClip, VideoClip


@dataclass(slots=True)
class Faults:
    """What a camera does wrong; all may be switched while clients are connected."""

    mute_on_connect: bool = False  # accepts and never says anything
    mute_methods: frozenset[str] = frozenset()  # requests that get no answer
    trickle_methods: frozenset[str] = frozenset()  # a byte now and then, an answer that never ends
    statuses: dict[str, tuple[int, str]] = field(default_factory=dict)  # method -> answer
    redirect: str | None = None  # Location of a 302 to DESCRIBE
    describes_before_redirect: int = 0  # so many are answered truthfully first
    start_picture: int = 0  # sessions join the clip here: not at a keyframe
    greeting: bytes | None = None  # sent instead of any RTSP, then closed
    udp_only: bool = False  # 461 to interleaved
    max_sessions: int | None = None  # 453 to the SETUP of one more
    max_connections: int | None = None  # one more is closed at its first request
    silent: bool = False  # connected, but sends nothing; goes on later where it was
    skipping: bool = False  # the pictures of this time are never sent; its clock goes on
    audio_silent: bool = False
    cut: bool = False  # close the connection in the middle of the next picture
    short: bool = False  # pictures lack their second half
    garbage: bool = False  # payloads are noise
    clock_step_s: float = 0.0  # added to the wall time in sender reports
    start_timestamp: int = 12_345
    sender_report_s: float = 1.0
    sdp: str | None = None  # instead of the true description


@dataclass(slots=True)
class ReplayCamera:
    """One mount of the server, its faults, and what its clients did."""

    name: str
    video: VideoClip | None
    audio: AudioClip | None
    gate: Gate
    faults: Faults = field(default_factory=Faults)
    next_video: VideoClip | None = None  # set it: played from the next keyframe on
    connections: int = 0
    open_connections: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    sessions: int = 0  # playing now
    played: int = 0  # sessions that ever played
    transports: list[str] = field(default_factory=list)  # of each session: tcp | udp
    pictures_sent: int = 0
    sent_at: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=1000))
    max_unsent_bytes: int = 0  # the furthest a client's TCP backed up

    def count(self, method: str) -> None:
        self.requests[method] = self.requests.get(method, 0) + 1
