"""A camera's clock against ours."""

import datetime as dt
from types import SimpleNamespace as Answer

import pytest

from falconeye.onvif.camera_clock import CameraClock

HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


def told(moment: dt.datetime) -> Answer:
    return Answer(
        Date=Answer(Year=moment.year, Month=moment.month, Day=moment.day),
        Time=Answer(Hour=moment.hour, Minute=moment.minute, Second=moment.second),
    )


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def test_local_time_alone_tells_minutes_and_seconds() -> None:
    clock = CameraClock()
    clock.take(Answer(UTCDateTime=None, LocalDateTime=told(now() + 5 * HOUR + 40 * SECOND)), now())
    assert abs(clock.offset - 40 * SECOND) < 2 * SECOND


@pytest.mark.parametrize("offset", [20 * SECOND, 7 * 60 * SECOND, HOUR + 300 * SECOND])
def test_only_what_looks_like_a_zone_is_taken_for_one(offset: dt.timedelta) -> None:
    clock = CameraClock()
    clock.take(Answer(UTCDateTime=told(now() + offset)), now())
    assert not clock.another_zone()


def test_a_zone_is_tried_once_and_kept() -> None:
    clock = CameraClock()
    clock.take(Answer(UTCDateTime=told(now() - 2 * HOUR)), now())
    assert clock.another_zone()
    assert abs(clock.offset) < 2 * SECOND
    assert not clock.another_zone()
    clock.take(Answer(UTCDateTime=told(now() - 2 * HOUR)), now())
    assert abs(clock.offset) < 2 * SECOND


@pytest.mark.parametrize("answer", [
    None, Answer(), Answer(UTCDateTime=Answer(Date=None, Time=None)),
    Answer(UTCDateTime=Answer(Date=Answer(Year=2026, Month=13, Day=1),
                              Time=Answer(Hour=0, Minute=0, Second=0))),
    Answer(UTCDateTime=told(dt.datetime(9999, 1, 1, tzinfo=dt.UTC))),
    Answer(UTCDateTime=told(dt.datetime(1, 1, 1, tzinfo=dt.UTC))),
])  # fmt: skip
def test_what_makes_no_sense_is_not_told(answer: object) -> None:
    clock = CameraClock()
    clock.take(answer, now())
    assert (clock.is_known, clock.offset) == (False, dt.timedelta(0))


def test_a_leap_second_is_a_time() -> None:
    clock = CameraClock()
    last = Answer(Hour=23, Minute=59, Second=60)
    clock.take(
        Answer(UTCDateTime=Answer(Date=Answer(Year=2016, Month=12, Day=31), Time=last)), now()
    )
    assert clock.is_known


def test_times_at_the_edge_stay() -> None:
    clock = CameraClock()
    clock.offset = dt.timedelta(days=400)
    first = dt.datetime.min.replace(tzinfo=dt.UTC)
    assert clock.to_ours(first) == first
