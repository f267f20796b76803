"""What is told, and when: together, not over and over, and the end as well."""

from dataclasses import replace

import pytest

from falconeye.alerts.faults import Change, Turn
from falconeye.alerts.telling import Telling
from falconeye.base.times import DAY_US, MINUTE_US
from falconeye.storage.ledger.coverage import GapReason
from falconeye.storage.stores.notice_store import Notice
from tests.clock import FakeClock

COOLDOWN_US = 15 * MINUTE_US


class Told:
    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.telling = Telling(clock)
        self._number = 0

    def begin(self, camera: str = "yard", reason: GapReason = GapReason.CAMERA_OFFLINE) -> Notice:
        self._number += 1
        notice = Notice(f"n{self._number}", camera, camera, self.clock.utc_us(), reason)
        self.telling.note([Change(Turn.BEGAN, notice)])
        return notice

    def end(self, notice: Notice) -> None:
        ended = replace(notice, until_us=self.clock.utc_us())
        self.telling.note([Change(Turn.RECORDS, ended)])

    def run(self, seconds: int) -> list[list[tuple[Turn, str]]]:
        """The messages of so many seconds."""
        found = []
        for _ in range(seconds):
            self.clock.advance(1)
            if due := self.telling.due(COOLDOWN_US):
                found.append([(change.turn, change.notice.id) for change in due])
        return found


@pytest.fixture
def told(clock: FakeClock) -> Told:
    return Told(clock)


def test_cameras_of_some_seconds_are_one_message(told: Told) -> None:
    for name in ("a", "b", "c"):
        told.begin(name)
        assert told.run(1) == []
    assert told.run(10) == [[(Turn.BEGAN, "n1"), (Turn.BEGAN, "n2"), (Turn.BEGAN, "n3")]]


def test_the_end_is_told_of_what_was_told(told: Told) -> None:
    first = told.begin()
    assert len(told.run(10)) == 1
    told.end(first)
    assert told.run(10) == [[(Turn.RECORDS, "n1")]]


def test_what_ends_before_it_is_told_is_not(told: Told) -> None:
    told.end(told.begin())
    assert told.run(3600) == []


def test_the_same_is_told_once_within_the_cool_down(told: Told) -> None:
    first = told.begin()
    assert len(told.run(10)) == 1
    told.end(first)
    assert len(told.run(10)) == 1
    second = told.begin()
    assert told.run(300) == []
    told.end(second)  # its beginning was not told, so neither is its end
    assert told.run(300) == []


def test_what_still_lasts_after_the_cool_down_is_told_then(told: Told) -> None:
    first = told.begin()
    assert len(told.run(10)) == 1
    told.end(first)
    assert len(told.run(10)) == 1
    told.begin()
    assert told.run(14 * 60 + 40) == []
    assert told.run(30) == [[(Turn.BEGAN, "n2")]]


def test_another_camera_or_cause_is_not_cooled_down(told: Told) -> None:
    told.begin()
    assert len(told.run(10)) == 1
    told.begin("gate")
    told.begin("yard", GapReason.DISK_FULL)
    assert told.run(10) == [[(Turn.BEGAN, "n2"), (Turn.BEGAN, "n3")]]


def test_a_restart_of_the_node_tells_nothing_twice(told: Told) -> None:
    lasting = replace(told.begin(), sent_us=told.clock.utc_us())
    missed = told.begin("gate")
    after = Told(told.clock)
    after.telling.resume(
        [lasting, missed],
        {("yard", GapReason.CAMERA_OFFLINE): told.clock.utc_us()},
    )
    assert after.run(20) == [[(Turn.BEGAN, missed.id)]]
    after.end(lasting)
    assert after.run(10) == [[(Turn.RECORDS, lasting.id)]]
    again = Notice("n9", "yard", "yard", after.clock.utc_us(), GapReason.CAMERA_OFFLINE)
    after.telling.note([Change(Turn.BEGAN, again)])
    assert after.run(60) == []


def test_ends_that_nobody_hears_are_not_kept(told: Told) -> None:
    first = told.begin()
    _ = told.run(10)
    told.end(first)
    told.telling.forget_ends()
    assert told.run(20) == []


def test_what_a_clock_told_from_the_future_is_not_waited_for(clock: FakeClock) -> None:
    """The clock was a day ahead when it was told, and has been corrected since."""
    told = Told(clock)
    tomorrow_us = clock.utc_us() + DAY_US
    told.telling.resume([], {("yard", GapReason.CAMERA_OFFLINE): tomorrow_us})
    told.begin()
    assert len(told.run(2 * COOLDOWN_US // 1_000_000)) == 1
