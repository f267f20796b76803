"""The configuration of one camera, as stored and as the pipeline takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from falconeye.base.secret import Secret
from falconeye.config.device import Overlay
from falconeye.config.schedule import WeekSchedule


class Protocol(StrEnum):
    """How a camera is reached (api.md)."""

    RTSP = "rtsp"
    HTTP = "http"
    ONVIF = "onvif"
    USB = "usb"
    DEMO = "demo"


class Transport(StrEnum):
    """RTP over the RTSP connection, over UDP, or TCP first and UDP where the camera insists."""

    AUTO = "auto"
    TCP = "tcp"
    UDP = "udp"


class RecordMode(StrEnum):
    """When a camera records. A schedule narrows the first two to its hours."""

    CONTINUOUS = "continuous"
    EVENT = "event"  # around what happens: pre-roll, the event, post-roll
    MANUAL = "manual"
    OFF = "off"


MAX_KEEP_DAYS = 36_500
MAX_PRE_ROLL_S, MIN_POST_ROLL_S, MAX_POST_ROLL_S = 60, 5, 600
DEFAULT_ROLL_S = 10
MIN_KEEP_BYTES, MAX_KEEP_BYTES = 1_000_000_000, 10**18


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One camera. Its URLs hold no user info; that is in `username` and `password`."""

    id: str  # UUID
    name: str
    protocol: Protocol
    source_url: str | None  # network cameras; demo cameras have "demo:"
    created_at_us: int
    updated_at_us: int
    sub_url: str | None = None
    username: str | None = None
    password: Secret | None = None
    device_path: str | None = None
    node_name: str | None = None
    location: str = ""
    resolution: str | None = None  # "640x480"; what is asked of cameras that offer a choice
    framerate: int | None = None
    transport: Transport = Transport.AUTO
    audio: bool = True
    record: RecordMode = RecordMode.CONTINUOUS
    started: bool = True  # desired: False = a person stopped it
    stopped_by: str | None = None  # who; None where it was added so
    recording_stopped_by: str | None = None  # a person stopped the recording of a running camera
    schedule: WeekSchedule | None = None  # continuous and event: None: at all times
    pre_roll_s: int = DEFAULT_ROLL_S  # event: so much before it, at least
    post_roll_s: int = DEFAULT_ROLL_S  # and after it
    paused_by: str | None = None  # privacy: who wants neither pictures nor footage of it
    paused_until_us: int | None = None  # None: until somebody switches it on
    privacy_schedule: WeekSchedule | None = None  # in these hours it is paused by itself
    privacy_lifted_until_us: int | None = None  # somebody switched it on within them
    allow_local: bool = False  # an admin let it point at loopback or link-local addresses
    keep_days: int | None = None  # None: the node's setting
    keep_bytes: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    device_identity: str | None = None  # USB: devices/usb_camera.py; `device_path` is where it was
    pixel_format: str | None = None  # USB: a four-character code; None: the best there is
    overlay: Overlay = Overlay.NONE
    device_controls: Mapping[str, int] = field(default_factory=dict)  # set at each connection
    endpoint_reference: str | None = None  # ONVIF: what it stays itself by
    mac_address: str | None = None  # "00:11:22:aa:bb:cc"
    onvif_url: str | None = None  # its device service; None: not spoken to
    owner_id: str | None = None  # the node that records it; None: this one, before there were more
    pinned: bool = False  # it stays with its owner, whatever would be better for the load
