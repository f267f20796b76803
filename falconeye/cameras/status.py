"""The state of one camera, derived from what its main source reports; lives on the loop."""

from collections.abc import Callable
from dataclasses import replace

from falconeye.base.clock import Clock
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode

SILENT_US = 5_000_000  # without a picture for so long a running camera is not online


class StatusTracker:
    """Holds the present `CameraState`; `on_change` hears of every other one."""

    def __init__(
        self, camera_id: str, clock: Clock, on_change: Callable[[CameraState], None]
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._creating_since_us: int | None = None
        self.state = CameraState(
            camera_id=camera_id,
            status=CameraStatus.PENDING,
            online=False,
            reason_code=ReasonCode.NONE,
            reason="not started yet",
            since_us=clock.utc_us(),
        )

    def starting(self) -> None:
        """A person or the node starts it: connecting, nothing known yet."""
        self._creating_since_us = self._clock.monotonic_us()
        self._set(CameraStatus.CREATING, ReasonCode.CONNECTING, "connecting")

    def connecting(self, reason: str) -> None:
        """What connecting waits for; an error stays one until pictures come."""
        if self.state.status is CameraStatus.CREATING:
            self._set(CameraStatus.CREATING, ReasonCode.CONNECTING, reason)

    def stopped(self, reason: str) -> None:
        self._creating_since_us = None
        self._set(CameraStatus.STOPPED, ReasonCode.STOPPED_BY_USER, reason)

    def paused(self, reason: str) -> None:
        """Privacy: stopped, in words that tell by whom and until when."""
        self._creating_since_us = None
        self._set(CameraStatus.STOPPED, ReasonCode.PAUSED, reason)

    def deleting(self) -> None:
        self._creating_since_us = None
        self._set(CameraStatus.DELETING, ReasonCode.NONE, "being deleted")

    def running(self) -> None:
        """Pictures come."""
        self._creating_since_us = None
        self._set(CameraStatus.RUNNING, ReasonCode.NONE, "", online=True)

    def failed(self, code: ReasonCode, reason: str) -> None:
        """A try failed; it stays an error, in these words, until pictures come."""
        if self.state.status in (CameraStatus.STOPPED, CameraStatus.DELETING):
            return
        self._creating_since_us = None
        self._set(CameraStatus.ERROR, code, reason)

    def recording(self, *, now_recording: bool) -> None:
        """Whether footage is being written."""
        if now_recording != self.state.recording:
            self._publish(replace(self.state, recording=now_recording))

    def tick(self, last_arrived_us: int, *, recording: bool, creating_timeout_us: int) -> None:
        """Once a second: silence, and connecting that takes too long."""
        now = self._clock.monotonic_us()
        self.recording(now_recording=recording)
        if self._creating_since_us is not None:
            if now - self._creating_since_us > creating_timeout_us:
                minutes = creating_timeout_us // 60_000_000
                within = "1 minute" if minutes == 1 else f"{minutes} minutes"
                words = f"no picture within {within}; check the address and the camera"
                self.failed(ReasonCode.CREATING_TOO_LONG, words)
        elif self.state.status is CameraStatus.RUNNING:
            self._note_silence(now - last_arrived_us)

    def _note_silence(self, silent_us: int) -> None:
        if silent_us > SILENT_US:
            words = "connected, but the camera sends no pictures"
            self._set(CameraStatus.RUNNING, ReasonCode.STALLED, words)
        elif not self.state.online:
            self.running()

    def _set(
        self, status: CameraStatus, code: ReasonCode, reason: str, *, online: bool = False
    ) -> None:
        state = replace(self.state, status=status, online=online, reason_code=code, reason=reason)
        if state != self.state:
            same = status is self.state.status
            since_us = self.state.since_us if same else self._clock.utc_us()
            self._publish(replace(state, since_us=since_us))

    def _publish(self, state: CameraState) -> None:
        self.state = state
        self._on_change(state)
