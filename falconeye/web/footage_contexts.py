"""What the template of footage of some cameras gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
