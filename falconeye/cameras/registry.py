"""The cameras of this node: configured, running, watched; every method runs on the loop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falconeye.base.secret import Secret
from falconeye.config.camera import CameraConfig, Protocol, RecordMode, Transport
from falconeye.events.camera_state import CameraState, ReasonCode
from falconeye.hub.stream import StreamHub
from falconeye.media.samples import StreamKind


@dataclass(frozen=True, slots=True)
class NewCamera:
    """What a person gives to add (or test) a camera; URLs may hold credentials, which are split off."""

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
    audio: bool = True
    record: RecordMode = RecordMode.CONTINUOUS
    start: bool = True
    allow_local: bool = False  # granted by an admin: loopback and link-local addresses
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StreamStats:
    """What one stream carries now. Zero or None while it is not connected."""

    kind: StreamKind
    connected: bool
    video: str | None  # "H.264 High 4.1, 1920×1080" in words
    audio: str | None
    codecs: str | None  # RFC 6381
    width: int | None
    height: int | None
    fps: float
    bits_per_second: float
    drops: int  # samples that did not reach a recording or a viewer
    reconnects: int
    viewers: int
    bytes_written: int


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as pages and API see it, at one moment."""

    config: CameraConfig
    state: CameraState
    streams: tuple[StreamStats, ...]
    recording_id: str | None  # being written now
    recording_since_us: int | None


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a trial connection found: a picture and the codecs, or the reason why not."""

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
    transport: Transport | None = None


class CameraRegistry:
    """All cameras of this node. Unknown ids raise NotFound, clashes Conflict, bad values InvalidInput."""

    def list(self) -> list[Camera]:
        """All cameras, by name."""

    def get(self, camera_id: str) -> Camera:
        """One camera."""

    async def add(self, new: NewCamera) -> Camera:
        """Check, store and (where `start`) start; Conflict when its address is already there."""

    async def update(self, camera_id: str, changes: Mapping[str, Any]) -> Camera:
        """Change fields of `CameraConfig`; another address or login reconnects."""

    async def delete(self, camera_id: str, *, delete_footage: bool) -> None:
        """Stop and remove; recordings stay (marked `camera_deleted`) unless `delete_footage`."""

    async def start(self, camera_id: str) -> Camera: ...

    async def stop(self, camera_id: str) -> Camera: ...

    async def restart(self, camera_id: str) -> Camera: ...

    async def start_recording(self, camera_id: str) -> Camera:
        """BadRequest when the camera is not running, Conflict when it already records."""

    async def stop_recording(self, camera_id: str, *, by: str) -> Camera: ...

    async def test(self, new: NewCamera) -> TestResult:
        """Connect once, take a picture, disconnect; ≤ 15 s. Nothing is stored."""

    def hub(self, camera_id: str, kind: StreamKind) -> StreamHub:
        """The junction of a stream, for viewers; Unavailable while the camera is off."""

    async def snapshot(self, camera_id: str, *, height: int | None = None) -> tuple[bytes, int]:
        """The latest keyframe as JPEG and its UTC time in µs; Unavailable when there is none."""
