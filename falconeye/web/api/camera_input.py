"""What a client may send about a camera, checked, and what it means for the registry."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from falconeye.base.errors import InvalidInput
from falconeye.base.redact import redact_text, split_credentials
from falconeye.base.secret import Secret
from falconeye.cameras.changes import replaced
from falconeye.cameras.registry import NewCamera
from falconeye.config.addresses import origin
from falconeye.config.camera import (
    DEFAULT_ROLL_S,
    MAX_KEEP_BYTES,
    MAX_KEEP_DAYS,
    MAX_POST_ROLL_S,
    MAX_PRE_ROLL_S,
    MIN_KEEP_BYTES,
    MIN_POST_ROLL_S,
    CameraConfig,
    Protocol,
    RecordMode,
    Transport,
)
from falconeye.config.device import PIXEL_FORMAT, Overlay
from falconeye.config.schedule import WeekSchedule

MAX_METADATA_KEYS = 100
SCHEDULE = "schedule"  # as a mode: continuous, in the hours of a schedule

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"\S")]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
Login = Annotated[str, Field(max_length=255)]
Resolution = Annotated[str, Field(pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$")]
Framerate = Annotated[int, Field(ge=1, le=60)]
KeepDays = Annotated[int, Field(ge=1, le=MAX_KEEP_DAYS)]
KeepBytes = Annotated[int, Field(ge=MIN_KEEP_BYTES, le=MAX_KEEP_BYTES)]
PixelFormat = Annotated[str, Field(pattern=f"^{PIXEL_FORMAT}$")]
OverlayChoice = Literal["none", "name", "time", "name_time"]
Location = Annotated[str, Field(max_length=255)]
RecordChoice = Literal["continuous", "schedule", "event", "manual", "off"]
WeekInput = Annotated[
    dict[str, list[Annotated[str, Field(max_length=20)]]],
    Field(
        max_length=7,
        description='quarter hours of the site\'s week: {"mon": ["08:00-12:00", "22:00-06:00"]}; '
        "a day that is not named has none",
    ),
]
PreRoll = Annotated[int, Field(ge=0, le=MAX_PRE_ROLL_S, description="seconds before an event")]
PostRoll = Annotated[
    int, Field(ge=MIN_POST_ROLL_S, le=MAX_POST_ROLL_S, description="seconds after an event")
]
Metadata = Annotated[dict[str, JsonValue], Field(max_length=MAX_METADATA_KEYS)]


class CameraInput(BaseModel):
    """A new camera (api.md). `password` is never answered."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    protocol: Literal["usb", "rtsp", "onvif", "http", "demo"]
    source_url: Url | None = None  # of ONVIF cameras onvif://[user:password@]host[:port]
    device_path: Annotated[str, Field(max_length=255)] | None = None
    node_name: Annotated[str, Field(max_length=255)] | None = None
    pixel_format: PixelFormat | None = None  # USB: a four-character code; null: the best there is
    overlay: OverlayChoice = "none"  # USB and HTTP: written into pictures that are encoded
    location: Location | None = None
    resolution: Resolution | None = None
    framerate: Framerate = 15  # of USB, HTTP and demo cameras
    metadata: Metadata | None = None
    username: Login | None = None
    password: Login | None = None
    sub_url: Url | None = None
    transport: Literal["auto", "tcp", "udp"] = "auto"
    audio: bool = False  # sound is recorded too; only where it is asked for
    record: RecordChoice = "continuous"  # "schedule": continuous, in the hours of `schedule`
    schedule: WeekInput | None = None  # of continuous and event; null: at all times
    privacy_schedule: WeekInput | None = None  # in these hours it is paused
    pre_roll_s: PreRoll = DEFAULT_ROLL_S
    post_roll_s: PostRoll = DEFAULT_ROLL_S
    keep_days: KeepDays | None = None  # null: the node's setting
    keep_bytes: KeepBytes | None = None
    start: bool | None = None

    def to_new_camera(self, *, node_name: str) -> NewCamera:
        """For the registry; InvalidInput for what this node cannot do."""
        if self.node_name not in {None, "", node_name}:
            msg = f"there is no node {self.node_name!r} here; this node is {node_name!r}"
            raise InvalidInput(msg, field="node_name")
        protocol = Protocol(self.protocol)
        if self.source_url is None and protocol not in (Protocol.DEMO, Protocol.USB):
            msg = "source_url: a network camera needs its address"
            raise InvalidInput(msg, field="source_url")
        for field in ("source_url", "sub_url"):
            if (url := getattr(self, field)) is not None:
                _split(url, field)
        schedule = _week(self.schedule, "schedule")
        _refuse_without_schedule(self.record, schedule)
        return NewCamera(
            name=self.name.strip(),
            protocol=protocol,
            source_url=None if protocol is Protocol.USB else self.source_url,
            sub_url=None if protocol is Protocol.USB else self.sub_url,
            device_path=self.device_path,
            pixel_format=self.pixel_format,
            overlay=Overlay(self.overlay),
            username=self.username,
            password=None if self.password is None else Secret(self.password),
            location=self.location or "",
            resolution=self.resolution,
            framerate=self.framerate,
            transport=Transport(self.transport),
            audio=self.audio,
            record=record_mode(self.record),
            schedule=schedule,
            privacy_schedule=_week(self.privacy_schedule, "privacy_schedule"),
            pre_roll_s=self.pre_roll_s,
            post_roll_s=self.post_roll_s,
            # A USB camera starts at once unless it is told not to (api.md).
            start=self.start is not False if protocol is Protocol.USB else bool(self.start),
            allow_local=True,  # this route is for admins only
            keep_days=self.keep_days,
            keep_bytes=self.keep_bytes,
            metadata=self.metadata,
        )


class CameraPatch(BaseModel):
    """Changes of a camera; what is absent stays as it is."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    name: Name | None = None
    source_url: Url | None = None
    sub_url: Url | None = None
    username: Login | None = None
    password: Login | None = None
    location: Location | None = None
    resolution: Resolution | None = None
    framerate: Framerate | None = None
    metadata: Metadata | None = None
    transport: Literal["auto", "tcp", "udp"] | None = None
    audio: bool | None = None
    record: RecordChoice | None = None
    schedule: WeekInput | None = None
    privacy_schedule: WeekInput | None = None
    pre_roll_s: PreRoll | None = None
    post_roll_s: PostRoll | None = None
    keep_days: KeepDays | None = None
    keep_bytes: KeepBytes | None = None
    device_path: Annotated[str, Field(max_length=255)] | None = None
    pixel_format: PixelFormat | None = None
    overlay: OverlayChoice | None = None
    mac_address: None = Field(
        None, description="null: the device was replaced; whatever is at its address is the camera"
    )

    def to_changes(self, stored: CameraConfig) -> dict[str, Any]:
        """Changed fields of `CameraConfig`; a null clears what may be empty, else it is refused."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        for name in (
            "name", "source_url", "transport", "audio", "record", "pre_roll_s", "post_roll_s",
            "overlay", "device_path",
        ):  # fmt: skip
            if name in given and given[name] is None:
                msg = f"{name}: may not be null"
                raise InvalidInput(msg, field=name)
        if "name" in given:
            given["name"] = given["name"].strip()
        if "overlay" in given:
            given["overlay"] = Overlay(given["overlay"])
        if "transport" in given:
            given["transport"] = Transport(given["transport"])
        given.update(_mode_changes(given, stored))
        for name, empty in (("location", ""), ("metadata", {})):
            if name in given and given[name] is None:
                given[name] = empty
        given.update(_address_changes(given, stored))
        if "mac_address" in given:
            given = replaced(stored) | given
        # The same password given for another address is one that may go there.
        return {
            name: value
            for name, value in given.items()
            if value != getattr(stored, name) or (name == "password" and value is not None)
        }


def _mode_changes(given: Mapping[str, Any], stored: CameraConfig) -> dict[str, Any]:
    """When it records, and is to be seen."""
    weeks = [name for name in ("schedule", "privacy_schedule") if name in given]
    changes: dict[str, Any] = {name: _week(given[name], name) for name in weeks}
    if "record" in given:
        if given["record"] == "continuous":  # at all times, as it is answered
            changes.setdefault("schedule", None)
        _refuse_without_schedule(given["record"], changes.get("schedule", stored.schedule))
        changes["record"] = record_mode(given["record"])
    return changes


def record_mode(choice: str) -> RecordMode:
    """The mode; a schedule is one of the continuous mode."""
    return RecordMode.CONTINUOUS if choice == SCHEDULE else RecordMode(choice)


def _refuse_without_schedule(choice: str, schedule: WeekSchedule | None) -> None:
    if choice == SCHEDULE and schedule is None:
        raise InvalidInput("schedule: say in which hours it records", field="schedule")


def _week(ranges: Mapping[str, Sequence[str]] | None, field: str) -> WeekSchedule | None:
    return None if ranges is None else WeekSchedule.parse(ranges, field=field)


def _address_changes(given: Mapping[str, Any], stored: CameraConfig) -> dict[str, Any]:
    """URLs without credentials, and the login that goes with them.

    A stored password must not be sent to another address: whoever changes scheme, host or port
    enters it again (or the URL holds it).
    """
    changes: dict[str, Any] = {}
    known = _known_origins(stored)
    stays_there = True
    for field in ("source_url", "sub_url"):
        if (text := given.get(field)) is None:
            continue
        url, username, password = _split(text, field)
        if url == redact_text(getattr(stored, field) or ""):
            url = getattr(stored, field)  # as it was answered, with secret query values hidden
        changes[field] = url
        changes["allow_local"] = True  # this route is for admins only
        if field == "sub_url" and username is not None:
            changes[field] = text  # the registry compares its login with that of the camera
        elif username is not None:
            changes["username"] = username
        if field == "source_url" and password is not None:
            changes["password"] = Secret(password)
        stays_there = stays_there and origin(url) in known
    if "username" in given:
        changes["username"] = given["username"] or None
    if "password" in given:
        changes["password"] = Secret(given["password"]) if given["password"] else None
    if not stays_there and stored.password is not None and "password" not in changes:
        msg = "the address changed: enter the password again"
        raise InvalidInput(msg, field="password")
    return changes


def _known_origins(stored: CameraConfig) -> set[tuple[str, str, int | None] | None]:
    """Where the stored password may go."""
    known = {origin(url) for url in (stored.source_url, stored.sub_url) if url}
    if stored.onvif_url and (service := origin(stored.onvif_url)):
        known |= {service, ("onvif", *service[1:])}  # the same service, as a person writes it
    return known


def _split(text: str, field: str) -> tuple[str, str | None, str | None]:
    """`split_credentials`, with InvalidInput for what is no URL at all."""
    try:
        split = split_credentials(text)
        urlsplit(split[0]).port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        msg = f"{field}: not an address such as rtsp://192.168.1.20/stream1"
        raise InvalidInput(msg, field=field) from None
    return split
