"""The state of a camera, true at every moment, in words that a user can act on (api.md)."""

from dataclasses import dataclass
from enum import StrEnum


class CameraStatus(StrEnum):
    """api.md's states. `creating`: connecting for the first time or again, no picture yet."""

    PENDING = "pending"
    CREATING = "creating"
    RUNNING = "running"
    ERROR = "error"
    STOPPED = "stopped"
    DELETING = "deleting"


class ReasonCode(StrEnum):
    """Why a camera is not running; stable, for programs. The words are in `reason`."""

    NONE = "none"
    STOPPED_BY_USER = "stopped_by_user"
    PAUSED = "paused"  # privacy: by whom and until when is in the words
    CONNECTING = "connecting"
    RECONNECTING = "reconnecting"  # the stream ended or stalled; trying again
    CREATING_TOO_LONG = "creating_too_long"  # no picture for 3 minutes
    PASSWORD_REFUSED = "password_refused"  # noqa: S105 - a reason, not a password
    PASSWORD_NEEDED = "password_needed"  # noqa: S105 - a reason, not a password
    NAME_NOT_FOUND = "name_not_found"  # DNS
    NO_ROUTE = "no_route"
    CONNECTION_REFUSED = "connection_refused"
    NO_ANSWER = "no_answer"  # connects or not, but says nothing in time
    NOT_FOUND = "not_found"  # the camera answers, but not at this path
    NOT_A_CAMERA = "not_a_camera"  # a web page, garbage, another protocol
    ADDRESS_FORBIDDEN = "address_forbidden"  # loopback, link-local, a redirect there
    NO_VIDEO = "no_video"  # audio only, or no stream at all
    UNSUPPORTED_CODEC = "unsupported_codec"
    TRANSPORT_REFUSED = "transport_refused"  # neither TCP nor UDP
    STALLED = "stalled"  # connected, but pictures stopped
    DISCONNECTED = "disconnected"  # the camera ended the stream
    TOO_MANY_SESSIONS = "too_many_sessions"
    DEVICE_MISSING = "device_missing"  # not plugged in
    DEVICE_BUSY = "device_busy"  # another program reads it
    DEVICE_FORBIDDEN = "device_forbidden"  # the service's user may not open it
    DEVICE_CONFLICT = "device_conflict"  # another device is in its place, or several claim to be it
    NODE_UNREACHABLE = "node_unreachable"  # the node that runs it does not answer
    CAMERA_ERROR = "camera_error"  # anything else the camera answers
    INTERNAL = "internal"  # our fault; see the log


@dataclass(frozen=True, slots=True)
class CameraState:
    """The state of one camera as the API and the pages show it."""

    camera_id: str
    status: CameraStatus
    online: bool  # frames are coming
    reason_code: ReasonCode
    reason: str  # words for a person, no credential
    since_us: int  # UTC
    recording: bool = False
