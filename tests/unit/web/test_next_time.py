"""Privacy until a time of the day: which moment that is, also in the nights of the clocks."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.times import to_us
from falconeye.web.pages.camera import next_time

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "wanted", "until"),
    [
        ("2026-11-22T10:00+01:00", "18:00", "2026-11-22T18:00+01:00"),
        ("2026-11-22T18:00+01:00", "18:00", "2026-11-23T18:00+01:00"),
        ("2026-11-22T23:00+01:00", "06:30", "2026-11-23T06:30+01:00"),
        # The night in which clocks are set back: whichever of the two comes next.
        ("2026-10-25T01:00+02:00", "02:30", "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:45+02:00", "02:30", "2026-10-25T02:30+01:00"),
        ("2026-10-25T02:45+01:00", "02:30", "2026-10-26T02:30+01:00"),
        # And set on: never before its time.
        ("2026-03-29T01:00+01:00", "02:30", "2026-03-29T03:30+02:00"),
        ("2026-03-28T23:00+01:00", "03:15", "2026-03-29T03:15+02:00"),
    ],
)
def test_until_a_time_is_the_next_time_that_the_clocks_show_it(
    now: str, wanted: str, until: str
) -> None:
    now_us, until_us = (to_us(datetime.fromisoformat(text)) for text in (now, until))
    assert next_time(wanted, now_us, BERLIN) == until_us


@pytest.mark.parametrize("wanted", ["", "24:00", "6 pm", "2026-11-22T18:00"])
def test_what_is_no_time_of_day_is_refused(wanted: str) -> None:
    with pytest.raises(InvalidInput):
        next_time(wanted, 0, BERLIN)
