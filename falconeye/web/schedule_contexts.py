"""What the page of schedules gets: see `contexts`."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SchedulesPage:
    """The hours of a camera's week, as text by day: mon … sun."""

    camera_id: str
    camera_name: str
    days: tuple[tuple[str, str], ...]  # (mon, what it is called), in order
    record: Mapping[str, str]
    privacy: Mapping[str, str]
    uses_record: bool  # its mode follows a schedule
    errors: Mapping[str, str] = field(default_factory=dict)  # "record-mon" → what is wrong
