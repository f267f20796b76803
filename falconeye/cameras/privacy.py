"""Privacy: by whom a camera is paused now, and until when. Without I/O; times are UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US, to_datetime
from falconeye.config.camera import CameraConfig


@dataclass(frozen=True, slots=True)
class Pause:
    """The camera is not connected to. `by` is empty where its schedule wants it."""

    by: str
    until_us: int | None  # None: until somebody switches it on

    @property
    def by_schedule(self) -> bool:
        return not self.by

    def words(self, now_us: int, zone: tzinfo) -> str:
        """E.g. "paused by Anna until 18:00", in English: for programs and the log."""
        who = self.by or "its schedule"
        return f"paused by {who} until {self.until_text(now_us, zone) or 'switched on'}"

    def until_text(self, now_us: int, zone: tzinfo) -> str:
        """E.g. "18:00"; the date as well where it is another day, "" without an end."""
        if self.until_us is None:
            return ""
        until, now = (to_datetime(at_us).astimezone(zone) for at_us in (self.until_us, now_us))
        form = "%H:%M" if until.date() == now.date() else "%Y-%m-%d %H:%M"
        return until.strftime(form)


class UnstoredPauses:
    """Pauses that count already though the database has not taken them yet, by camera.

    What was read or computed before one of them must not show the camera again.
    """

    def __init__(self) -> None:
        self._values: dict[str, Mapping[str, Any]] = {}

    def noted(self, config: CameraConfig, values: Mapping[str, Any]) -> CameraConfig:
        """`config` with `values` (of `paused`), which count from here on."""
        self._values[config.id] = values
        return self.on(config)

    def stored(self, camera_id: str, values: Mapping[str, Any]) -> None:
        """The database has these; a later pause of the same camera waits still."""
        if self._values.get(camera_id) is values:
            del self._values[camera_id]

    def lift(self, camera_id: str) -> None:
        """Somebody switches it on, or it is gone."""
        self._values.pop(camera_id, None)

    def on(self, config: CameraConfig) -> CameraConfig:
        """`config`, paused as far as people want it."""
        return replace(config, **self._values.get(config.id, {}))


def pause_of(config: CameraConfig, now_us: int, zone: tzinfo) -> Pause | None:
    """What keeps people from seeing it now: a person first, else its schedule."""
    if config.paused_by is not None and (
        config.paused_until_us is None or now_us < config.paused_until_us
    ):
        return Pause(config.paused_by, config.paused_until_us)
    schedule, lifted_us = config.privacy_schedule, config.privacy_lifted_until_us
    if schedule is None or not schedule.is_open(now_us, zone):
        return None
    if lifted_us is not None and now_us < lifted_us:
        return None
    return Pause("", schedule.next_change_us(now_us, zone))


def paused(by: str, until_us: int | None, now_us: int) -> dict[str, Any]:
    """The fields of a `CameraConfig` that a person paused; InvalidInput for a time that is over."""
    if until_us is not None and until_us <= now_us:
        raise InvalidInput("until: this time has passed already", field="until")
    return {"paused_by": by, "paused_until_us": until_us, "privacy_lifted_until_us": None}


def switched_on(config: CameraConfig, now_us: int, zone: tzinfo) -> dict[str, Any]:
    """The fields of one that a person switched on: its schedule waits for its next hours."""
    schedule = config.privacy_schedule
    lifted_us: int | None = None
    if schedule is not None and schedule.is_open(now_us, zone):
        lifted_us = schedule.next_change_us(now_us, zone) or LATEST_US
    return {"paused_by": None, "paused_until_us": None, "privacy_lifted_until_us": lifted_us}
