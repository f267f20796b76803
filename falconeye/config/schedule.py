"""A week of quarter hours in the site's time zone: when a camera records, or is not to see."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

from falconeye.base.errors import InvalidInput
from falconeye.base.times import DAY_US, MINUTE_US, to_datetime

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
QUARTERS: Final = 96
QUARTER_US: Final = 15 * MINUTE_US
MAX_RANGES: Final = 48  # a day cannot hold more
_ALWAYS: Final = (0, (1 << QUARTERS) - 1)
_RANGE: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*[-–]\s*([0-9]{1,2}):([0-9]{2})")


@dataclass(frozen=True, slots=True)
class WeekSchedule:
    """Seven bit sets, Monday first; bit n is the nth quarter hour of the local day.

    It follows what clocks on the wall show: where summer time begins the hour that is left out is
    in nobody's schedule, where it ends the hour that comes twice is twice in it.
    """

    days: tuple[int, ...]

    @classmethod
    def parse(cls, ranges: Mapping[str, Sequence[str]], *, field: str) -> "WeekSchedule | None":
        """From {"mon": ["08:00-12:00", …], …}; None where no time is named at all.

        A range that ends before it begins goes on into the next day. InvalidInput names `field`.
        """
        unknown = set(ranges) - set(DAYS)
        if unknown:
            words = f"there is no day {min(unknown)!r}; days are {', '.join(DAYS)}"
            raise InvalidInput(words, field=field)
        days = [0] * len(DAYS)
        for number, name in enumerate(DAYS):
            if len(ranges.get(name, ())) > MAX_RANGES:
                raise InvalidInput(f"{name}: too many times for one day", field=field)
            for text in ranges.get(name, ()):
                begin, end = _quarters(text, f"{name}: ", field)
                if end > begin:
                    days[number] |= _bits(begin, end)
                else:
                    days[number] |= _bits(begin, QUARTERS)
                    days[(number + 1) % len(DAYS)] |= _bits(0, end)
        return cls(tuple(days)) if any(days) else None

    def ranges(self) -> dict[str, list[str]]:
        """As `parse` takes it, each day once, in order."""
        return {name: list(_ranges(bits)) for name, bits in zip(DAYS, self.days, strict=True)}

    def is_open(self, utc_us: int, zone: tzinfo) -> bool:
        """Whether the moment lies within."""
        local = to_datetime(utc_us).astimezone(zone)
        return bool(self.days[local.weekday()] >> _quarter(local) & 1)

    def next_change_us(self, utc_us: int, zone: tzinfo) -> int | None:
        """When it next opens or closes (UTC); None where it never does.

        All zones of today differ from UTC by whole quarter hours, so that is where it can.
        """
        return _next_change(self, utc_us - utc_us % QUARTER_US, zone)


@lru_cache(maxsize=256)  # asked for every second, found in a millisecond
def _next_change(schedule: WeekSchedule, quarter_us: int, zone: tzinfo) -> int | None:
    if all(bits == schedule.days[0] for bits in schedule.days) and schedule.days[0] in _ALWAYS:
        return None
    now_open = schedule.is_open(quarter_us, zone)
    first = quarter_us + QUARTER_US
    for at_us in range(first, first + 9 * DAY_US, QUARTER_US):
        if schedule.is_open(at_us, zone) is not now_open:
            return at_us
    return None


def _quarter(local: datetime) -> int:
    return local.hour * 4 + local.minute // 15


def _bits(begin: int, end: int) -> int:
    return (1 << end) - (1 << begin)


def _quarters(text: str, where: str, field: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(text.strip())
    numbers = [int(part) for part in found.groups()] if found else []
    if not numbers:
        msg = f"{where}{text!r} is no time such as 08:00-17:30"
        raise InvalidInput(msg, field=field)
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if max(numbers[1], numbers[3]) > 59 or begin >= 24 * 60 or end > 24 * 60 or begin == end:
        msg = f"{where}{text!r} is no time of a day; it looks like 08:00-17:30, at most to 24:00"
        raise InvalidInput(msg, field=field)
    if begin % 15 or end % 15:
        msg = f"{where}{text!r}: a schedule is made of quarter hours, such as 08:15"
        raise InvalidInput(msg, field=field)
    return begin // 15, end // 15


def _ranges(bits: int) -> Iterator[str]:
    begin: int | None = None
    for quarter in range(QUARTERS + 1):
        is_in = quarter < QUARTERS and bool(bits >> quarter & 1)
        if is_in and begin is None:
            begin = quarter
        elif not is_in and begin is not None:
            yield f"{_clock(begin)}-{_clock(quarter)}"
            begin = None


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"
