"""The list of days with footage: what is drawn of a day, and where its hours lead."""

from datetime import date
from zoneinfo import ZoneInfo

from falconeye.base.times import HOUR_US, MINUTE_US, SECOND_US, parse_rfc3339, to_us
from falconeye.media.samples import StreamKind
from falconeye.storage.ledger.coverage import Span
from falconeye.web.footage_contexts import FootageDay
from falconeye.web.pages import footage_days
from falconeye.web.pages.footage import start_of

VIENNA = ZoneInfo("Europe/Vienna")


def day_of(day: date, *stretches: tuple[int, int]) -> FootageDay:
    """`stretches`: (from, to) in µs since its midnight."""
    begin = to_us(start_of(day, VIENNA))
    end = to_us(start_of(date.fromordinal(day.toordinal() + 1), VIENNA))
    lane = tuple((begin + from_, begin + to) for from_, to in stretches)
    return FootageDay(day.isoformat(), begin, end, (lane,))


def test_an_hour_leads_to_its_first_footage() -> None:
    half = 30 * MINUTE_US
    day = day_of(
        date(2026, 11, 20), (HOUR_US + half + 1, 3 * HOUR_US), (4 * HOUR_US, 4 * HOUR_US + 1)
    )
    begin = day.start_us
    hours = [(at - begin, parse_rfc3339(link, VIENNA) - begin) for at, link in day.hours]
    assert hours == [
        # Never before it: to the millisecond after.
        (HOUR_US, HOUR_US + half + 1000),
        (2 * HOUR_US, 2 * HOUR_US),
        (4 * HOUR_US, 4 * HOUR_US),
    ]


def test_of_several_cameras_the_first_footage_counts() -> None:
    one = day_of(date(2026, 11, 20), (HOUR_US + 9_000_000, 2 * HOUR_US))
    begin = one.start_us
    other = ((begin + HOUR_US + 4_000_000, begin + HOUR_US + 5_000_000),)
    both = FootageDay(one.day, begin, one.end_us, (*one.lanes, other))
    assert [parse_rfc3339(link, VIENNA) - begin for _at, link in both.hours] == [
        HOUR_US + 4_000_000
    ]
    assert both.recorded_us == HOUR_US - 9_000_000


def test_nights_in_which_the_clocks_change_have_their_hours() -> None:
    longest = day_of(date(2026, 10, 25), (0, 25 * HOUR_US))
    assert len(longest.hours) == 25
    assert longest.share(longest.end_us) == 100
    shortest = day_of(date(2026, 3, 29), (0, 23 * HOUR_US))
    assert len(shortest.hours) == 23


def test_a_stretch_over_midnight_is_on_both_days_and_short_holes_are_closed() -> None:
    day = day_of(date(2026, 11, 20))
    begin, end = day.start_us, day.end_us
    spans = [
        Span(begin - HOUR_US, begin + HOUR_US, StreamKind.MAIN),
        Span(begin + HOUR_US + MINUTE_US, begin + 2 * HOUR_US, StreamKind.MAIN),
        Span(end - SECOND_US, end + HOUR_US, StreamKind.MAIN),
        Span(end + HOUR_US, end + 2 * HOUR_US, StreamKind.MAIN),
    ]
    assert footage_days._stretches(spans, begin, end) == (
        (begin, begin + 2 * HOUR_US),
        (end - SECOND_US, end),
    )


def test_months_reach_back_to_the_first_day() -> None:
    months = footage_days._months(date(2025, 11, 30), date(2026, 2, 1))
    assert months == ["2026-02", "2026-01", "2025-12", "2025-11"]
    assert footage_days._months(date(2026, 2, 1), date(2026, 2, 1)) == ["2026-02"]
    days = footage_days._days_of(date(2028, 2, 1))
    assert (days[0], days[-1], len(days)) == (date(2028, 2, 1), date(2028, 2, 29), 29)
