"""Times and pages of lists."""

from zoneinfo import ZoneInfo

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.base.times import rfc3339
from falconeye.web.api.parameters import page, read_span, read_time

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T14:30:00Z", "2026-11-20T14:30:00.000Z"),
        ("2026-11-20T14:30:00+01:00", "2026-11-20T13:30:00.000Z"),
        ("2026-11-20T14:30:00 01:00", "2026-11-20T13:30:00.000Z"),
        ("2026-11-20 14:30", "2026-11-20T13:30:00.000Z"),
        ("0001-01-01T00:00:00", "1970-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.000Z"),
        ("2026-07-01T12:00:00", "2026-07-01T10:00:00.000Z"),
    ],
)
def test_naive_times_are_read_in_the_sites_zone(text: str, expected: str) -> None:
    moment = read_time(text, VIENNA, field="from")
    assert moment is not None
    assert rfc3339(moment) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00", "1e9"]
)
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(InvalidInput, match="from"):
        read_time(text, VIENNA, field="from")


def test_a_span_does_not_end_before_it_begins() -> None:
    with pytest.raises(InvalidInput, match="before"):
        read_span("2026-11-20T14:30:00Z", "2026-11-20T14:29:59Z", VIENNA)
    assert read_span(None, None, VIENNA).from_us is None


def test_a_page_is_cut_from_the_list() -> None:
    assert page([1, 2, 3, 4], limit=2, offset=1) == [2, 3]
    assert page([1, 2], limit=2, offset=9) == []
