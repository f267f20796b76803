"""Whether a node can record a camera, as it says itself; with hysteresis, so that all agree.

A link that flickers must not move a camera to and fro. Who is concerned judges that, once, and
tells the others the verdict: were each to judge what it hears, they would come to it at different
times.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from falconeye.base.times import MINUTE_US, SECOND_US

UNABLE_US: Final = 15 * SECOND_US  # so long a node that records may be without pictures
STEADY_US: Final = 30 * SECOND_US  # so long it has them again until it counts as before
REACHED_US: Final = 10 * SECOND_US  # of a camera that another misses: so long it must be reached
PROBE_KEPT_US: Final = 3 * MINUTE_US  # an older probe tells nothing
# Who tried and had to give up is not counted on by its probes alone: for so long, where it had
# pictures before; and where it never had any, because a port that answers is no picture.
REGAIN_US: Final = MINUTE_US
IN_VAIN_US: Final = 10 * MINUTE_US


class Ability(StrEnum):
    """Whether the camera's pictures come to a node, or would, and its disks take them."""

    ABLE = "able"
    RECOVERING = "recovering"  # again, and for less than `STEADY_US`
    REACHES = "reaches"  # it does not record; the camera's port answers it
    UNKNOWN = "unknown"  # nobody tried
    REFUSED = "refused"  # the camera answers, and gives no pictures: so it would another node
    UNABLE = "unable"


_WITHOUT: Final = frozenset({Ability.REFUSED, Ability.UNABLE})


@dataclass(frozen=True, slots=True)
class Probe:
    """The last tries to reach a camera's port, which were alike. Times are monotonic (µs)."""

    is_reached: bool
    since_us: int  # of the first of them
    at_us: int  # of the last


class AbilityWatch:
    """Of one camera at one node. Times are monotonic (µs)."""

    def __init__(self) -> None:
        self._ability = Ability.UNKNOWN
        self._is_able: bool | None = None
        self._since_us = 0
        self._held = Ability.UNKNOWN  # what it was when it changed
        self._records = False
        self._had_pictures = False  # since it records
        self._distrust_until_us: int | None = None

    def note(
        self, now_us: int, *, is_able: bool | None, records: bool, is_refused: bool = False
    ) -> Ability:
        """What is seen now; None: nothing tells. To be called each second.

        A node that records and is cut off tries for `UNABLE_US` before it says so: cameras restart.
        One that only stands by is believed at once, because nothing is lost by that.
        """
        if records and not self._records:
            self._had_pictures = False
        self._records = records
        self._had_pictures |= is_able is True
        if is_able is not None and is_able is not self._is_able:
            self._is_able, self._since_us, self._held = is_able, now_us, self._ability
        lasted_us = now_us - self._since_us
        if self._is_able is True:
            was_unable = self._held in {*_WITHOUT, Ability.RECOVERING}
            recovers = was_unable and lasted_us < STEADY_US
            self._ability = Ability.RECOVERING if recovers else Ability.ABLE
        elif self._is_able is False and (not records or lasted_us >= UNABLE_US):
            self._ability = Ability.REFUSED if is_refused else Ability.UNABLE
        return self._ability

    def note_probe(
        self, now_us: int, probe: Probe | None, lacking_since_us: int | None = None
    ) -> Ability:
        """Of a node that does not record the camera; to be called each second.

        `lacking_since_us`: since when somebody else records it without pictures. Then a camera that
        has just started again must not be taken from who will have it in a moment.
        """
        if self._records:
            if self._ability in _WITHOUT:
                pause_us = REGAIN_US if self._had_pictures else IN_VAIN_US
                self._distrust_until_us = now_us + pause_us
            self._records, self._is_able = False, None
        if self._distrust_until_us is not None and now_us >= self._distrust_until_us:
            self._distrust_until_us = None
        self._ability = self._by_probe(now_us, probe, lacking_since_us)
        return self._ability

    def _by_probe(self, now_us: int, probe: Probe | None, lacking_since_us: int | None) -> Ability:
        if self._distrust_until_us is not None:
            return Ability.UNABLE
        if probe is None or now_us - probe.at_us > PROBE_KEPT_US:
            return Ability.UNKNOWN
        if not probe.is_reached:
            return Ability.UNABLE
        if lacking_since_us is not None:
            tested_us = probe.at_us - max(probe.since_us, lacking_since_us)
            if tested_us < REACHED_US:
                return Ability.UNKNOWN
        return Ability.REACHES
