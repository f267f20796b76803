"""What is wrong with the certificate for browsers now, in the form in which `Faults` takes it.

That half a minute must pass before it is a notice suits it: who renews a certificate replaces two
files, one after the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from falconeye.base.clock import Clock
from falconeye.storage.stores.notice_store import CERTIFICATE_SUBJECT, CertificateCause
from falconeye.tls.condition import Condition, State

_CAUSES: Final[Mapping[State, CertificateCause | None]] = {
    State.GOOD: None,
    State.ENDS_SOON: CertificateCause.ENDS_SOON,
    State.UNUSABLE: CertificateCause.UNUSABLE,
    State.NOT_BEGUN: CertificateCause.NOT_BEGUN,
    State.ENDED: CertificateCause.ENDED,
}


@dataclass(frozen=True, slots=True)
class CertificateStep:
    """From `since_us` on this is wrong with it; `reason` None: nothing is."""

    since_us: int
    reason: CertificateCause | None
    detail: str = ""


class CertificateWatch:
    """Asks whoever serves the certificate; reads no file."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._step: CertificateStep | None = None
        self.ask: Callable[[], Condition] | None = None  # None: no certificate is served

    def condition(self) -> Condition | None:
        """As it is now."""
        return None if self.ask is None else self.ask()

    def look(self) -> Mapping[str, CertificateStep]:
        """The present step; `since_us` is when it was first seen so. Empty without HTTPS."""
        condition = self.condition()
        if condition is None:
            return {}
        reason = _CAUSES[condition.state]
        if self._step is None or self._step.reason is not reason:
            self._step = CertificateStep(self._clock.utc_us(), reason, condition.words)
        return {CERTIFICATE_SUBJECT: self._step}
