"""What one ONVIF camera tells, as events: each kind from its first sign to its last.

Cameras tell one motion by several topics, some never tell its end, and some tell more than anybody
wants to know: of a kind there is one event in two seconds at the most.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from falconeye.base.clock import Clock
from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.storage.stores.event_store import CameraEvent

if TYPE_CHECKING:
    from falconeye.onvif.notifications import OnvifEvent

KINDS: Final = frozenset({"motion", "tamper", "digital_input", "relay"})
OUTPUTS: Final = frozenset({"relay"})  # switched by the camera or by people: noted, not recorded
PIECE_US: Final = MINUTE_US  # what lasts longer is noted in pieces, so that a crash costs one only
STUCK_US: Final = 10 * MINUTE_US  # without another word of it, it is over
MOMENT_US: Final = 5 * SECOND_US  # of what only happens
LEAST_US: Final = 2 * SECOND_US  # between two ends; what flickers goes on meanwhile
SET_US: Final = SECOND_US // 2  # a smaller step of the clock is none worth an event's times
MAX_SIGNS: Final = 64  # of one kind; overflow policy: the newest are not remembered


@dataclass(slots=True)
class _Lasting:
    since_us: int
    told_us: int
    signs: set[tuple[str, str]] = field(default_factory=set)  # topic and source
    quiet_us: int | None = None  # since when there is no sign of it


class Happenings:
    """Pure: the times are UTC in µs, by our clock."""

    def __init__(self, camera_id: str) -> None:
        self._camera_id = camera_id
        self._lasting: dict[str, _Lasting] = {}
        self._ended_us: dict[str, int] = {}  # when the last one of a kind was noted
        self._moment_us: dict[str, int] = {}  # when the last moment of a kind began

    @property
    def lasts(self) -> bool:
        """Something goes on now that is to be recorded."""
        return bool(self._lasting.keys() - OUTPUTS)

    def take(self, event: "OnvifEvent", now_us: int) -> list[CameraEvent]:
        """What is to be noted because of it.

        A state that was there before we asked is nothing new, apart from motion: an input may be
        closed for years.
        """
        kind = event.kind.value
        if kind not in KINDS or (event.initial and not (event.active and kind == "motion")):
            return []
        if event.active is None:
            return self._moment(kind, now_us)
        sign = event.topic, event.source
        if event.active:
            lasting = self._lasting.setdefault(kind, _Lasting(now_us, now_us))
            if len(lasting.signs) < MAX_SIGNS:
                lasting.signs.add(sign)
            lasting.told_us, lasting.quiet_us = now_us, None
            return []
        return self._ended(kind, sign, now_us)

    def clock_set(self, by_us: int) -> None:
        """The clock was set: what lasts stays as old as it was, whatever years it jumped."""
        for lasting in self._lasting.values():
            lasting.since_us += by_us
            lasting.told_us += by_us
            if lasting.quiet_us is not None:
                lasting.quiet_us += by_us
        for noted_us in (self._ended_us, self._moment_us):
            noted_us |= {kind: at_us + by_us for kind, at_us in noted_us.items()}

    def tick(self, now_us: int) -> list[CameraEvent]:
        """What is to be noted because of the time that went by."""
        found = []
        for kind, lasting in list(self._lasting.items()):
            if lasting.quiet_us is not None:
                found.append(self._over(kind, lasting.quiet_us))
            elif now_us - lasting.told_us >= STUCK_US:
                found.append(self._over(kind, now_us))
            elif now_us - lasting.since_us >= PIECE_US:
                found.append(self._noted(kind, lasting.since_us, now_us))
                lasting.since_us = now_us
        return found

    def end(self, now_us: int) -> list[CameraEvent]:
        """The camera is not heard any more."""
        return [self._over(kind, now_us) for kind in list(self._lasting)]

    def _ended(self, kind: str, sign: tuple[str, str], now_us: int) -> list[CameraEvent]:
        lasting = self._lasting.get(kind)
        if lasting is None:
            return []
        lasting.signs.discard(sign)
        if lasting.signs:
            return []
        lasting.quiet_us = now_us
        ended_us = self._ended_us.get(kind)
        if ended_us is not None and 0 <= now_us - ended_us < LEAST_US:
            return []  # `tick` ends it
        return [self._over(kind, now_us)]

    def _moment(self, kind: str, now_us: int) -> list[CameraEvent]:
        began_us = self._moment_us.get(kind)
        if began_us is not None and 0 <= now_us - began_us < MOMENT_US:
            return []  # within what was noted
        self._moment_us[kind] = now_us
        return [self._noted(kind, now_us, now_us + MOMENT_US)]

    def _over(self, kind: str, now_us: int) -> CameraEvent:
        self._ended_us[kind] = now_us
        return self._noted(kind, self._lasting.pop(kind).since_us, now_us)

    def _noted(self, kind: str, from_us: int, until_us: int) -> CameraEvent:
        return CameraEvent(self._camera_id, from_us, max(from_us, until_us), kind)


class Present:
    """UTC for the happenings of one camera, which are moved along where the clock is set."""

    def __init__(self, happenings: Happenings, clock: Clock) -> None:
        self._happenings = happenings
        self._clock = clock
        self._offset_us = clock.utc_us() - clock.monotonic_us()

    def utc_us(self) -> int:
        utc_us = self._clock.utc_us()
        before_us, self._offset_us = self._offset_us, utc_us - self._clock.monotonic_us()
        if abs(self._offset_us - before_us) >= SET_US:
            self._happenings.clock_set(self._offset_us - before_us)
        return utc_us
