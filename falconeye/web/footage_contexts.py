"""What the template of footage of some cameras gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from falconeye.base.times import HOUR_US, rfc3339
from falconeye.web.contexts import DayRange, FootagePage


@dataclass(frozen=True, slots=True)
class FootageChoice:
    """A camera that may be chosen."""

    id: str
    name: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ManyFootagePage:
    """A day of up to four cameras; No `days`: no camera may be seen."""

    day: str  # 2026-11-20
    start_us: int
    end_us: int
    earlier: str | None
    later: str | None
    days: tuple[FootagePage, ...]
    choices: tuple[FootageChoice, ...]
    words: Mapping[str, str] = field(default_factory=dict)  # as FootagePage
    wanted: tuple[str, ...] = ()
    range: DayRange = field(default_factory=DayRange)

    @property
    def ids(self) -> str:
        """As the address names the cameras."""
        return ",".join(day.camera_id for day in self.days)


@dataclass(frozen=True, slots=True)
class FootageDay:
    """A day of some cameras, for the list of days."""

    day: str  # 2026-11-20
    start_us: int
    end_us: int  # 23 to 25 hours later
    lanes: tuple[tuple[tuple[int, int], ...], ...]  # of each camera: stretches of footage, in order
    away: tuple[tuple[tuple[int, int], ...], ...] = ()  # of each, what only silent nodes have

    @property
    def recorded_us(self) -> int:
        """By whichever camera has the most."""
        lanes = zip(self.lanes, self.away or ((),) * len(self.lanes), strict=True)
        return max((sum(b - a for a, b in (*here, *away)) for here, away in lanes), default=0)

    @property
    def hours(self) -> list[tuple[int, str]]:
        """(where it begins, its first footage in RFC 3339) of each hour that has some."""
        found: dict[int, int] = {}
        for begin, end in (stretch for lane in self.lanes for stretch in lane):
            for hour in range(
                (begin - self.start_us) // HOUR_US, -(-(end - self.start_us) // HOUR_US)
            ):
                first_us = max(begin, self.start_us + hour * HOUR_US)
                found[hour] = min(found.get(hour, first_us), first_us)
        # To the next ms: just before it there may be nothing.
        return [
            (self.start_us + hour * HOUR_US, rfc3339(found[hour] + 999)) for hour in sorted(found)
        ]

    def share(self, time_us: int) -> float:
        """How far into the day, in per cent."""
        return round(100 * (time_us - self.start_us) / (self.end_us - self.start_us), 2)


@dataclass(frozen=True, slots=True)
class FootageDaysPage:
    """A month's days of up to four cameras. No `cameras`: none may be seen."""

    cameras: tuple[tuple[str, str], ...]  # id, name
    month: str  # 2026-11
    months: tuple[str, ...]  # that may be asked for, the newest first
    days: tuple[FootageDay, ...] = ()  # the newest first
    silent: tuple[tuple[str, int], ...] = ()  # names of nodes that nobody hears, and since when

    @property
    def ids(self) -> str:
        """As the address names the cameras."""
        return ",".join(camera_id for camera_id, _name in self.cameras)
