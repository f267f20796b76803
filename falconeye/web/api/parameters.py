"""Query parameters that many routes take, with their bounds, and how lists are cut."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated, TypeVar

from litestar.params import FromPath, QueryParameter

from falconeye.base.errors import InvalidInput
from falconeye.base.times import SECOND_US, parse_rfc3339

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_OFFSET = 10_000_000

_LAST_US = 253_402_300_799 * SECOND_US  # 9999-12-31T23:59:59Z
# a "+" in a query that was not percent-encoded arrives as a space
_LOST_PLUS = re.compile(r"(T\S*) (\d\d:?\d\d)$")

T = TypeVar("T")

CameraId = FromPath[str]
RecordingId = FromPath[str]
Limit = Annotated[
    int, QueryParameter(ge=1, le=MAX_LIMIT, description="at most so many entries (1-1000)")
]
Offset = Annotated[
    int, QueryParameter(ge=0, le=MAX_OFFSET, description="so many entries are passed over")
]
From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        max_length=64,
        description="RFC 3339; without an offset it is read in the site's time zone",
    ),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", max_length=64, description="as `from`; this moment is not included"),
]


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From `from_us` up to, not including, `to_us` (UTC); None = open."""

    from_us: int | None
    to_us: int | None


def read_time(text: str | None, zone: tzinfo, *, field: str) -> int | None:
    """RFC 3339 text as epoch microseconds; a naive one is read in `zone`; else InvalidInput."""
    if text is None:
        return None
    try:
        moment = parse_rfc3339(_LOST_PLUS.sub(r"\1+\2", text.strip()), zone)
    except (ValueError, OverflowError):
        msg = f"{field}: not a time such as 2026-11-20T14:30:00Z"
        raise InvalidInput(msg, field=field) from None
    return min(max(moment, 0), _LAST_US)


def read_span(start: str | None, end: str | None, zone: tzinfo) -> TimeSpan:
    """`from` and `to` as a span; InvalidInput when it ends before it begins."""
    span = TimeSpan(read_time(start, zone, field="from"), read_time(end, zone, field="to"))
    if span.from_us is not None and span.to_us is not None and span.to_us < span.from_us:
        msg = "to: lies before from"
        raise InvalidInput(msg, field="to")
    return span


def page(entries: Sequence[T], limit: int, offset: int) -> Sequence[T]:
    """The part of a list that was asked for."""
    return entries[offset : offset + limit]
