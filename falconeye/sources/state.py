"""What a source says about itself."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from falconeye.config.camera import Transport
from falconeye.events.camera_state import ReasonCode


class SourceStatus(StrEnum):
    """Connecting or waiting for a keyframe, delivering pictures, or not (and trying again)."""

    CONNECTING = "connecting"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SourceState:
    """The state of one source from now on; reported when it changes."""

    status: SourceStatus
    reason_code: ReasonCode
    reason: str  # words, no credential; empty while running
    video: str | None = None  # while running: "H.264, 1920×1080"
    audio: str | None = None  # while running: "AAC", "G.711 (recorded as AAC)"
    transport: Transport | None = None  # while running, of RTSP
    retry_s: float | None = None  # after a failure: the wait before the next try


OnState = Callable[[SourceState], None]
