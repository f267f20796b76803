"""What one ONVIF camera tells, as events: each kind from its first sign to its last.

Cameras tell one motion by several topics, and some never tell its end.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.storage.stores.event_store import CameraEvent

if TYPE_CHECKING:
    from falconeye.onvif.notifications import OnvifEvent

KINDS: Final = frozenset({"motion", "tamper", "digital_input"})
PIECE_US: Final = MINUTE_US  # what lasts longer is noted in pieces, so that a crash costs one only
STUCK_US: Final = 10 * MINUTE_US  # without another word of it, it is over
MOMENT_US: Final = 5 * SECOND_US  # of what only happens


@dataclass(slots=True)
class _Lasting:
    since_us: int
    told_us: int
    signs: set[tuple[str, str]] = field(default_factory=set)  # topic and source


class Happenings:
    """Pure: the times are UTC in µs, by our clock."""

    def __init__(self, camera_id: str) -> None:
        self._camera_id = camera_id
        self._lasting: dict[str, _Lasting] = {}

    @property
    def lasts(self) -> bool:
        """Something goes on now."""
        return bool(self._lasting)

    def take(self, event: "OnvifEvent", now_us: int) -> list[CameraEvent]:
        """What is to be noted because of it.

        A state that was there before we asked is nothing new, apart from motion: an input may be
        closed for years.
        """
        kind = event.kind.value
        if kind not in KINDS or (event.initial and not (event.active and kind == "motion")):
            return []
        if event.active is None:
            return [self._noted(kind, now_us, now_us + MOMENT_US)]
        sign, lasting = (event.topic, event.source), self._lasting.get(kind)
        if event.active:
            if lasting is None:
                lasting = self._lasting[kind] = _Lasting(now_us, now_us)
            lasting.signs.add(sign)
            lasting.told_us = now_us
            return []
        if lasting is None:
            return []
        lasting.signs.discard(sign)
        return [] if lasting.signs else [self._over(kind, now_us)]

    def tick(self, now_us: int) -> list[CameraEvent]:
        """What is to be noted because of the time that went by."""
        found = []
        for kind, lasting in list(self._lasting.items()):
            if now_us - lasting.told_us >= STUCK_US:
                found.append(self._over(kind, now_us))
            elif now_us - lasting.since_us >= PIECE_US:
                found.append(self._noted(kind, lasting.since_us, now_us))
                lasting.since_us = now_us
        return found

    def end(self, now_us: int) -> list[CameraEvent]:
        """The camera is not heard any more."""
        return [self._over(kind, now_us) for kind in list(self._lasting)]

    def _over(self, kind: str, now_us: int) -> CameraEvent:
        return self._noted(kind, self._lasting.pop(kind).since_us, now_us)

    def _noted(self, kind: str, from_us: int, until_us: int) -> CameraEvent:
        return CameraEvent(self._camera_id, from_us, max(from_us, until_us), kind)
