"""What pages, API and command line see of cameras: values, made on request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falconeye.base.secret import Secret
from falconeye.cameras.privacy import Pause
from falconeye.config.camera import DEFAULT_ROLL_S, CameraConfig, Protocol, RecordMode, Transport
from falconeye.config.device import Overlay
from falconeye.config.schedule import WeekSchedule
from falconeye.events.camera_state import CameraState, ReasonCode
from falconeye.media.samples import StreamKind


@dataclass(frozen=True, slots=True)
class NewCamera:
    """What a person gives to add (or test) a camera; logins in URLs are split off."""

    name: str
    protocol: Protocol
    source_url: str | None
    sub_url: str | None = None
    username: str | None = None
    password: Secret | None = None
    location: str = ""
    resolution: str | None = None
    framerate: int | None = None
    transport: Transport = Transport.AUTO
    audio: bool = False  # recorded only where it is asked for
    record: RecordMode = RecordMode.CONTINUOUS
    schedule: WeekSchedule | None = None
    privacy_schedule: WeekSchedule | None = None
    pre_roll_s: int = DEFAULT_ROLL_S
    post_roll_s: int = DEFAULT_ROLL_S
    start: bool = True
    allow_local: bool = False  # granted by an admin: loopback and link-local addresses
    keep_days: int | None = None  # None: the node's setting
    keep_bytes: int | None = None
    metadata: Mapping[str, Any] | None = None
    device_identity: str | None = None  # USB
    device_path: str | None = None
    pixel_format: str | None = None
    overlay: Overlay = Overlay.NONE
    endpoint_reference: str | None = None  # ONVIF
    mac_address: str | None = None
    onvif_url: str | None = None


@dataclass(frozen=True, slots=True)
class StreamStats:
    """What one stream carries now. Zero or None while it is not connected."""

    kind: StreamKind
    connected: bool
    video: str | None  # in words: "H.264 1920×1080"
    audio: str | None
    codecs: str | None  # RFC 6381
    width: int | None
    height: int | None
    fps: float
    bits_per_second: float
    drops: int  # fragments that did not reach a recording or a viewer
    reconnects: int
    viewers: int
    bytes_written: int


@dataclass(frozen=True, slots=True)
class PreRollState:
    """What is held of the time before an event: `is_short` where no more can be."""

    held_s: float
    on_disk_s: float  # of that; there is no memory for it
    is_short: bool


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as pages and API see it, at one moment."""

    config: CameraConfig
    state: CameraState
    streams: tuple[StreamStats, ...]
    recording_id: str | None  # being written now
    recording_since_us: int | None
    pause: Pause | None = None  # privacy, now
    pre_roll: PreRollState | None = None  # while it waits for events, or records one
    is_here: bool = True  # this node runs it; else what another told of it
    runs_on: str | None = None  # the name of that other node
    owner_name: str | None = None  # of the node that is to record it; None: there is this one only
    stands_in: str | None = None  # the name of the node that records it in the owner's place
    # Of one that this node is to record and gets no pictures of: as who has them tells of it.
    elsewhere: "Camera | None" = None

    @property
    def anywhere(self) -> "Camera":
        """For people and programs, who ask whether it is seen, not whether this node sees it."""
        return self.elsewhere or self


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a trial connection found: a picture and the codecs, or the reason why not."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    ok: bool
    reason_code: ReasonCode
    reason: str
    picture: bytes | None = None  # JPEG
    video: str | None = None
    audio: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bits_per_second: float | None = None  # measured over the trial
    bytes_per_day: int | None = None
    browser_plays: bool = True  # H.264; False for HEVC
