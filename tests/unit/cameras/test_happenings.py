"""What cameras tell becomes events: one of a kind at a time, and none for ever."""

import datetime as dt
from itertools import pairwise

import pytest

from falconeye.base.times import MINUTE_US, SECOND_US
from falconeye.cameras.onvif.happenings import (
    MAX_SIGNS,
    MOMENT_US,
    STUCK_US,
    Happenings,
    Present,
)
from falconeye.onvif.notifications import EventKind, OnvifEvent
from falconeye.storage.stores.event_store import CameraEvent
from tests.clock import FakeClock

S = SECOND_US


def event(
    active: bool | None,
    kind: EventKind = EventKind.MOTION,
    *,
    topic: str = "Motion",
    initial: bool = False,
) -> OnvifEvent:
    return OnvifEvent(kind, topic, active, dt.datetime.now(dt.UTC), "lens", initial)


def noted(from_us: int, until_us: int, kind: str = "motion") -> CameraEvent:
    return CameraEvent("c", from_us, until_us, kind)


def test_several_topics_of_one_motion_are_one_event() -> None:
    happenings = Happenings("c")
    assert happenings.take(event(True), 1 * S) == []
    assert happenings.take(event(True, topic="Cell"), 2 * S) == []
    assert bool(happenings.lasts)
    assert happenings.take(event(False), 3 * S) == []
    assert happenings.take(event(False, topic="Cell"), 4 * S) == [noted(1 * S, 4 * S)]
    assert not happenings.lasts
    assert happenings.take(event(False), 5 * S) == []


def test_motion_that_goes_on_already_counts_other_states_do_not() -> None:
    happenings = Happenings("c")
    _ = happenings.take(event(True, EventKind.DIGITAL_INPUT, initial=True), 1)
    _ = happenings.take(event(True, EventKind.TAMPER, initial=True), 1)
    _ = happenings.take(event(False, initial=True), 1)
    assert not happenings.lasts
    _ = happenings.take(event(True, initial=True), 1)
    assert bool(happenings.lasts)


def test_what_is_none_of_ours_is_left_out() -> None:
    happenings = Happenings("c")
    assert happenings.take(event(True, EventKind.OTHER), 1) == []
    assert not happenings.lasts


def test_what_only_happens_is_a_moment() -> None:
    found = Happenings("c").take(event(None, EventKind.DIGITAL_INPUT), 7)
    assert found == [noted(7, 7 + MOMENT_US, "digital_input")]


def test_what_lasts_is_noted_in_pieces_and_ends_without_a_word_of_it() -> None:
    happenings = Happenings("c")
    _ = happenings.take(event(True), 0)
    assert happenings.tick(59 * S) == []
    assert happenings.tick(60 * S) == [noted(0, MINUTE_US)]
    assert happenings.tick(61 * S) == []
    _ = happenings.take(event(True), 100 * S)  # said again
    assert happenings.tick(STUCK_US) == [noted(MINUTE_US, STUCK_US)]
    assert bool(happenings.lasts)
    assert happenings.tick(STUCK_US + 100 * S) == [noted(STUCK_US, STUCK_US + 100 * S)]
    assert not happenings.lasts


def test_a_camera_that_is_not_heard_any_more_has_no_motion() -> None:
    happenings = Happenings("c")
    _ = happenings.take(event(True), 5)
    assert happenings.end(9) == [noted(5, 9)]
    assert not happenings.lasts


def test_a_clock_that_is_set_back_makes_no_event_that_ends_before_it_began() -> None:
    happenings = Happenings("c")
    _ = happenings.take(event(True), 50)
    assert happenings.take(event(False), 20) == [noted(50, 50)]


def test_moments_one_after_the_other_are_noted_without_a_gap_and_without_a_flood() -> None:
    happenings = Happenings("c")
    found = [
        one for at_us in range(0, 12 * S, S // 10) for one in happenings.take(event(None), at_us)
    ]
    assert found == [noted(n * MOMENT_US, (n + 1) * MOMENT_US) for n in range(3)]
    assert happenings.take(event(None), 1 * S) == [noted(1 * S, 1 * S + MOMENT_US)]  # set back


def test_what_flickers_is_one_event_that_goes_on() -> None:
    happenings, found = Happenings("c"), list[CameraEvent]()
    for at_us in range(0, 10 * S, S // 5):
        found += happenings.take(event(True), at_us)
        found += happenings.take(event(False), at_us + S // 10)
        if not at_us % (2 * S):
            found += happenings.tick(at_us + S // 10)
    assert len(found) <= 6
    found += happenings.tick(20 * S)
    assert not happenings.lasts
    assert (found[0].at_us, found[-1].until_us) == (0, 9_900_000)
    assert all(one.until_us <= then.at_us for one, then in pairwise(found))


def test_signs_without_number_are_not_all_remembered() -> None:
    happenings = Happenings("c")
    for number in range(MAX_SIGNS + 50):
        _ = happenings.take(event(True, topic=str(number)), 1)
    assert len(happenings._lasting["motion"].signs) == MAX_SIGNS
    for number in range(MAX_SIGNS):
        found = happenings.take(event(False, topic=str(number)), 9 * S)
    assert found == [noted(1, 9 * S)]


def test_what_a_camera_switches_is_an_event_and_nothing_to_be_recorded() -> None:
    happenings = Happenings("c")
    assert happenings.take(event(True, EventKind.RELAY), 1 * S) == []
    assert not happenings.lasts
    assert happenings.take(event(True), 2 * S) == []
    assert bool(happenings.lasts)
    assert happenings.take(event(False, EventKind.RELAY), 3 * S) == [noted(1 * S, 3 * S, "relay")]


@pytest.mark.parametrize("days", [10, -10])
def test_what_lasts_while_the_clock_is_set_becomes_no_event_of_days(days: int) -> None:
    """A board without a battery begins days or years ago; set back, nothing would end for days."""
    clock, happenings = FakeClock(), Happenings("c")
    present = Present(happenings, clock)
    _ = happenings.take(event(True), present.utc_us())
    clock.advance(20)
    clock.step_utc(days * 86_400)
    assert happenings.tick(present.utc_us()) == []
    clock.advance(10)
    now_us = present.utc_us()
    assert happenings.take(event(False), now_us) == [noted(now_us - 30 * S, now_us)]
    _ = happenings.take(event(True), now_us)
    clock.step_utc(days * 86_400)
    clock.advance(STUCK_US // S)
    now_us = present.utc_us()
    assert happenings.tick(now_us) == [noted(now_us - STUCK_US, now_us)]
    assert not happenings.lasts
