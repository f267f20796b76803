"""When the substream may be connected: after main delivers, and not where that harms main."""

from falconeye.base.clock import Clock
from falconeye.events.camera_state import ReasonCode

GIVE_UP_US = 600_000_000  # 10 min
_BLAME_US = 8_000_000  # main failing so soon after sub connected is sub's fault


class SubstreamPolicy:
    """Decides; the pipeline acts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._not_before_us = 0
        self._connected_us: int | None = None

    def may_connect(self) -> bool:
        return self._clock.monotonic_us() >= self._not_before_us

    def connected(self) -> None:
        self._connected_us = self._clock.monotonic_us()

    def sub_failed(self, code: ReasonCode) -> bool:
        """Whether to give up for 10 minutes: the camera refuses a second session."""
        self._connected_us = None
        if code is ReasonCode.TOO_MANY_SESSIONS:
            return self._give_up()
        return False

    def main_failed(self) -> bool:
        """Whether the substream is to blame and must go for 10 minutes."""
        connected, self._connected_us = self._connected_us, None
        if connected is None or self._clock.monotonic_us() - connected > _BLAME_US:
            return False
        return self._give_up()

    def _give_up(self) -> bool:
        self._not_before_us = self._clock.monotonic_us() + GIVE_UP_US
        return True
