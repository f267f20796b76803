"""Conversions between epoch microseconds, aware datetimes and RFC 3339 text."""

from datetime import UTC, datetime, timedelta, tzinfo

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
LATEST_US = (
    7_258_118_400 * SECOND_US
)  # 2200-01-01: later is a typing error, and a date ends at 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_datetime(utc_us: int) -> datetime:
    """Epoch microseconds as an aware UTC datetime, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=utc_us)


def to_us(moment: datetime) -> int:
    """An aware datetime as epoch microseconds; ValueError for a naive one."""
    if moment.tzinfo is None:
        msg = "a naive datetime has no place on the time line"
        raise ValueError(msg)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def rfc3339(utc_us: int) -> str:
    """Epoch microseconds as RFC 3339 text in UTC, with milliseconds and a Z."""
    return to_datetime(utc_us).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str, zone: tzinfo) -> int:
    """RFC 3339 (or ISO 8601) text as epoch microseconds; a naive one is read in `zone`."""
    moment = datetime.fromisoformat(text)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=zone))
