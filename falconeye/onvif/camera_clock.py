"""How far a camera's clock is from ours. Cameras check `Created` of a login against theirs.

Clocks of cameras begin in 1970 or 2000 after a power cut, and some tell their local time as UTC or
the other way round, while they check by the right one (ONVIF Core 5.11.2.1, 8.3.1).
"""

import datetime as dt
from typing import Any, Final

_ZONE: Final = dt.timedelta(minutes=15)  # time zones differ by multiples of it
_NEAR: Final = dt.timedelta(minutes=1)  # of a multiple: it may be a zone


class CameraClock:
    """Camera's UTC minus ours, as `offset`; 0 until it is known."""

    def __init__(self) -> None:
        self.offset = dt.timedelta(0)
        self.is_known = False
        self._shift = dt.timedelta(0)  # what its tellings are wrong by

    def take(self, answer: Any, now: dt.datetime) -> None:
        """What GetSystemDateAndTime answered at `now`; what makes no sense in it was not said."""
        offset = _offset(getattr(answer, "UTCDateTime", None), now)
        if offset is None:
            local = _offset(getattr(answer, "LocalDateTime", None), now)
            offset = None if local is None else local - _zone_of(local)
        self.is_known = offset is not None
        if offset is not None:
            self.offset = offset - self._shift

    def another_zone(self) -> bool:
        """Take the told time for one of another zone; False where that changes nothing."""
        zone = _zone_of(self.offset)
        if self._shift or not zone or abs(self.offset - zone) > _NEAR:
            return False
        self._shift = zone
        self.offset -= zone
        return True

    def to_ours(self, moment: dt.datetime) -> dt.datetime:
        """A time by the camera's clock, by ours."""
        try:
            return moment - self.offset
        except OverflowError:
            return moment


def _offset(told: Any, now: dt.datetime) -> dt.timedelta | None:
    try:
        date, time = told.Date, told.Time
        moment = dt.datetime(
            date.Year, date.Month, date.Day, time.Hour, time.Minute, min(time.Second, 59),
            tzinfo=dt.UTC,
        )  # fmt: skip
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None  # not told, or "month 0"
    offset = moment - now + dt.timedelta(seconds=0.5)  # told in whole seconds
    # `Created` must stay a date.
    return offset if 1970 <= moment.year <= 2199 else None


def _zone_of(offset: dt.timedelta) -> dt.timedelta:
    """The nearest multiple of a quarter of an hour."""
    return round(offset / _ZONE) * _ZONE
