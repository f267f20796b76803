"""Cameras as the API answers them. No field can hold a credential."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from falconeye.base.redact import redact_text
from falconeye.base.times import rfc3339
from falconeye.cameras.privacy import Pause
from falconeye.cameras.registry import Camera, StreamStats
from falconeye.cameras.usb import current_path
from falconeye.config.camera import CameraConfig, RecordMode
from falconeye.config.schedule import WeekSchedule
from falconeye.web.base_path import OwnAddress


class StreamAnswer(BaseModel):
    """What one of a camera's streams carries now."""

    stream: str
    connected: bool
    video: str | None
    audio: str | None
    codecs: str | None
    width: int | None
    height: int | None
    fps: float
    bits_per_second: float
    drops: int
    reconnects: int
    viewers: int

    @classmethod
    def of(cls, stats: StreamStats) -> "StreamAnswer":
        return cls(
            stream=stats.kind.value,
            connected=stats.connected,
            video=stats.video,
            audio=stats.audio,
            codecs=stats.codecs,
            width=stats.width,
            height=stats.height,
            fps=round(stats.fps, 2),
            bits_per_second=round(stats.bits_per_second),
            drops=stats.drops,
            reconnects=stats.reconnects,
            viewers=stats.viewers,
        )


class PauseAnswer(BaseModel):
    """Privacy: no pictures and no footage."""

    by: str | None  # null: its schedule
    until: str | None  # null: until somebody switches it on


class CameraAnswer(BaseModel):
    """One camera (api.md). `stream_url` is relative to the server's address.

    `control_port`, `deployment_name`, `service_name` and `k8s_status` named objects that do not
    exist here any more; they are kept for programs that read them, and null.
    """

    id: str
    name: str
    protocol: str
    location: str
    source_url: str | None
    sub_url: str | None
    has_password: bool
    device_path: str | None  # USB: where it is now, or was last
    device_identity: str | None  # USB: what it stays itself by
    pixel_format: str | None  # USB; null: the best there is
    overlay: str
    endpoint_reference: str | None  # ONVIF
    mac_address: str | None
    node_name: str  # the node that is to record it
    standby_node: str | None  # the node that stands in for that one now; null: none does
    same_address: list[str]  # ids of other cameras that have it: remove the one you do not want
    status: str
    online: bool
    reason_code: str
    reason: str
    recording: bool
    recording_id: str | None
    record: str  # "schedule": continuous, in the hours of `schedule`
    schedule: dict[str, list[str]] | None
    pre_roll_s: int
    post_roll_s: int
    pre_roll_held_s: float | None  # what there is of it now; null: it waits for no event
    pre_roll_on_disk_s: float | None  # of that: memory has no room for it
    pre_roll_short: bool  # neither memory nor disk takes all of it
    paused: PauseAnswer | None
    privacy_schedule: dict[str, list[str]] | None
    recording_stopped_by: str | None  # who stopped a continuous recording; null: nobody
    keep_days: int | None  # null: the node's setting
    keep_bytes: int | None
    transport: str
    audio: bool
    resolution: str | None
    framerate: int | None
    metadata: dict[str, Any]
    streams: list[StreamAnswer]
    created_at: str
    updated_at: str
    stream_url: OwnAddress
    control_url: None = None
    stream_port: int
    control_port: None = None
    deployment_name: None = None
    service_name: None = None
    k8s_status: None = None

    @classmethod
    def of(
        cls, camera: Camera, *, node_name: str, port: int, same_address: Sequence[str]
    ) -> "CameraAnswer":
        config, state = camera.config, camera.state
        return cls(
            id=config.id,
            name=config.name,
            protocol=config.protocol.value,
            location=config.location,
            source_url=_public_url(config.source_url),
            sub_url=_public_url(config.sub_url),
            has_password=config.password is not None,
            device_path=current_path(config),
            device_identity=config.device_identity,
            pixel_format=config.pixel_format,
            overlay=config.overlay.value,
            endpoint_reference=config.endpoint_reference,
            mac_address=config.mac_address,
            node_name=node_name_of(camera, node_name),
            standby_node=camera.stands_in,
            same_address=list(same_address),
            status=state.status.value,
            online=state.online,
            reason_code=state.reason_code.value,
            reason=state.reason,
            recording=state.recording,
            recording_id=camera.recording_id,
            record=_record(config),
            schedule=_ranges(config.schedule),
            pre_roll_s=config.pre_roll_s,
            post_roll_s=config.post_roll_s,
            pre_roll_held_s=round(camera.pre_roll.held_s, 1) if camera.pre_roll else None,
            pre_roll_on_disk_s=round(camera.pre_roll.on_disk_s, 1) if camera.pre_roll else None,
            pre_roll_short=camera.pre_roll is not None and camera.pre_roll.is_short,
            paused=_pause(camera.pause),
            privacy_schedule=_ranges(config.privacy_schedule),
            recording_stopped_by=config.recording_stopped_by,
            keep_days=config.keep_days,
            keep_bytes=config.keep_bytes,
            transport=config.transport.value,
            audio=config.audio,
            resolution=config.resolution,
            framerate=config.framerate,
            metadata=dict(config.metadata),
            streams=[StreamAnswer.of(stats) for stats in camera.streams],
            created_at=rfc3339(config.created_at_us),
            updated_at=rfc3339(config.updated_at_us),
            stream_url=stream_url(config.id),
            stream_port=port,
        )


class CameraList(BaseModel):
    """Cameras that match and that the caller may see."""

    cameras: list[CameraAnswer]
    total: int


class StreamInfo(BaseModel):
    """Where a camera can be watched."""

    id: str
    name: str
    stream_url: OwnAddress
    control_url: None = None
    protocol: str
    status: str


class CameraDeleted(BaseModel):
    """What was deleted."""

    message: str
    id: str


class RecordingStatus(BaseModel):
    """Whether a camera records now; the first and the last three fields only while it does."""

    recording_id: str | None = None
    camera_id: str
    camera_name: str
    file_path: str | None = None
    file_name: str | None = None
    start_time: str | None = None
    status: str


def stream_url(camera_id: str) -> str:
    """The MJPEG stream, relative to the server's address."""
    return f"/api/cameras/{camera_id}/stream"


def _record(config: CameraConfig) -> str:
    by_schedule = config.record is RecordMode.CONTINUOUS and config.schedule is not None
    return "schedule" if by_schedule else config.record.value


def _ranges(schedule: WeekSchedule | None) -> dict[str, list[str]] | None:
    return None if schedule is None else schedule.ranges()


def _pause(pause: Pause | None) -> PauseAnswer | None:
    if pause is None:
        return None
    until = None if pause.until_us is None else rfc3339(pause.until_us)
    return PauseAnswer(by=pause.by or None, until=until)


def _public_url(url: str | None) -> str | None:
    return None if url is None else redact_text(url)


def node_name_of(camera: Camera, own_name: str) -> str:
    """The node that is to record it; without a cluster the one where it was added."""
    return camera.owner_name or camera.config.node_name or own_name
