"""A clock that stands still until a test moves it."""


class ManualClock:
    """Implements `falconeye.base.clock.Clock`."""

    def __init__(self, monotonic_us: int = 1_000_000, utc_us: int = 1_700_000_000_000_000) -> None:
        self._monotonic_us = monotonic_us
        self._utc_us = utc_us

    def monotonic_us(self) -> int:
        return self._monotonic_us

    def utc_us(self) -> int:
        return self._utc_us

    def advance_s(self, seconds: float) -> None:
        self._monotonic_us += int(seconds * 1e6)
        self._utc_us += int(seconds * 1e6)

    def step_utc_s(self, seconds: float) -> None:
        """As when somebody sets the node's clock."""
        self._utc_us += int(seconds * 1e6)
