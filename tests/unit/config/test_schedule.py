"""A week of quarter hours: what is typed, what it means, and the days on which clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falconeye.base.errors import InvalidInput
from falconeye.base.times import HOUR_US, MINUTE_US, to_us
from falconeye.config.schedule import DAYS, QUARTER_US, WeekSchedule

VIENNA = ZoneInfo("Europe/Vienna")


def week(**ranges: str) -> WeekSchedule:
    lists = {day: text.split(",") for day, text in ranges.items()}
    schedule = WeekSchedule.parse(lists, field="schedule")
    assert schedule
    return schedule


def local(text: str, zone: ZoneInfo = VIENNA, *, fold: int = 0) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold))


def test_times_are_quarter_hours_of_a_day() -> None:
    office = week(mon="08:00-12:00, 13:15-17:30", sun="00:00-24:00")
    assert office.ranges() == {
        "mon": ["08:00-12:00", "13:15-17:30"], "tue": [], "wed": [], "thu": [], "fri": [],
        "sat": [], "sun": ["00:00-24:00"],
    }  # fmt: skip
    monday = "2026-11-23T"
    inside = ("08:00", "11:59", "13:15", "17:29")
    outside = ("07:59", "12:00", "13:14", "17:30")
    assert all(office.is_open(local(monday + at), VIENNA) for at in inside)
    assert not any(office.is_open(local(monday + at), VIENNA) for at in outside)


def test_a_night_goes_on_into_the_next_day_also_from_sunday_to_monday() -> None:
    night = week(sun="22:00-06:00")
    assert night.ranges()["sun"] == ["22:00-24:00"]
    assert night.ranges()["mon"] == ["00:00-06:00"]


def test_times_that_touch_are_one() -> None:
    assert week(tue="8:00-9:00,09:00-10:00,08:30-09:30").ranges()["tue"] == ["08:00-10:00"]


def test_no_time_at_all_is_no_schedule() -> None:
    assert WeekSchedule.parse({}, field="schedule") is None
    assert WeekSchedule.parse({"mon": []}, field="schedule") is None


@pytest.mark.parametrize(
    "text",
    ["", "8", "08:00", "08:00-08:00", "24:00-25:00", "08:60-09:00", "08:07-09:00", "08:00-24:15",
     "\u0660\u0668:\u0660\u0660-\u0660\u0669:00", "08:00-09:00-10:00", "x" * 5000],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_its_day(text: str) -> None:
    with pytest.raises(InvalidInput, match="fri") as refused:
        WeekSchedule.parse({"fri": [text]}, field="schedule")
    assert refused.value.field == "schedule"


def test_an_unknown_day_and_too_many_times_are_refused() -> None:
    with pytest.raises(InvalidInput, match="friday"):
        WeekSchedule.parse({"friday": ["08:00-09:00"]}, field="schedule")
    with pytest.raises(InvalidInput, match="too many"):
        WeekSchedule.parse({"fri": ["08:00-09:00"] * 49}, field="schedule")


def test_where_summer_time_begins_the_hour_that_is_left_out_is_in_no_schedule() -> None:
    hour = week(sun="02:00-03:00")
    begin = local("2026-03-29T00:00")
    assert not any(hour.is_open(begin + n * QUARTER_US, VIENNA) for n in range(23 * 4))
    assert hour.next_change_us(begin, VIENNA) == local("2026-04-05T02:00")


def test_where_it_ends_the_hour_that_comes_twice_is_twice_in_it() -> None:
    hour = week(sun="02:00-03:00")
    first, second = local("2026-10-25T02:00"), local("2026-10-25T02:00", fold=1)
    assert second - first == HOUR_US
    assert hour.is_open(first, VIENNA)
    assert hour.is_open(second + 59 * MINUTE_US, VIENNA)
    assert hour.next_change_us(first, VIENNA) == second + HOUR_US


def test_office_hours_stay_those_of_the_clock_on_the_wall() -> None:
    office = week(fri="08:00-17:00", mon="08:00-17:00")
    friday = local("2026-03-27T17:00")  # the clocks change on Sunday
    assert office.next_change_us(friday, VIENNA) == local("2026-03-30T08:00")
    assert local("2026-03-30T08:00") - friday == 62 * HOUR_US  # not 63


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
def test_zones_that_are_no_whole_hours_away(zone: str) -> None:
    there = ZoneInfo(zone)
    schedule = week(wed="06:15-06:30")
    at = local("2026-11-25T06:15", there)
    assert schedule.next_change_us(at - 3 * HOUR_US, there) == at
    assert schedule.next_change_us(at, there) == at + QUARTER_US


def test_one_that_never_changes_has_no_next_change() -> None:
    always = week(**dict.fromkeys(DAYS, "00:00-24:00"))
    assert always.next_change_us(local("2026-11-25T06:15"), VIENNA) is None


@given(st.lists(st.integers(0, 2**96 - 1), min_size=7, max_size=7))
def test_every_week_is_what_it_says_it_is(bits: list[int]) -> None:
    schedule = WeekSchedule(tuple(bits))
    assert WeekSchedule.parse(schedule.ranges(), field="x") == (schedule if any(bits) else None)
