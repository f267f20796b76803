"""When a notice begins and ends: on a clock that the test owns."""

from collections.abc import Iterator

import pytest

from falconeye.alerts.faults import Faults, Turn
from falconeye.base.times import SECOND_US
from falconeye.storage.ledger.coverage import GapReason, Step
from falconeye.storage.stores.notice_store import Notice
from tests.clock import FakeClock

OFFLINE = GapReason.CAMERA_OFFLINE


class Site:
    """Cameras whose steps the test sets; looked at each second, as the node does."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.faults = Faults(clock, lambda camera_id: camera_id.title())
        self.steps: dict[str, Step] = {}
        self.elsewhere: set[str] = set()  # another node records these

    def set(self, reason: GapReason | None, detail: str = "", camera: str = "yard") -> None:
        self.steps[camera] = Step(self.clock.utc_us(), reason, detail)

    def run(self, seconds: int) -> list[tuple[Turn, Notice]]:
        return list(self._run(seconds))

    def _run(self, seconds: int) -> Iterator[tuple[Turn, Notice]]:
        for _ in range(seconds):
            self.clock.advance(1)
            for change in self.faults.look(self.steps, self.elsewhere.__contains__):
                yield change.turn, change.notice


@pytest.fixture
def site(clock: FakeClock) -> Site:
    """A node whose cameras have recorded for long."""
    made = Site(clock)
    made.set(None)
    assert made.run(100) == []
    return made


def test_a_fault_of_half_a_minute_is_a_notice_and_ends_when_it_records(site: Site) -> None:
    began_us = site.clock.utc_us()
    site.set(OFFLINE, "no answer")
    assert site.run(30) == []
    ((turn, notice),) = site.run(1)
    assert turn is Turn.BEGAN
    assert (notice.camera_name, notice.reason, notice.detail) == ("Yard", OFFLINE, "no answer")
    assert (notice.since_us, notice.until_us) == (began_us, None)
    assert site.faults.active == [notice]
    assert site.run(1000) == []
    site.set(None)
    back_us = site.clock.utc_us() + SECOND_US
    ((turn, ended),) = site.run(12)
    assert (turn, ended.id, ended.until_us) == (Turn.RECORDS, notice.id, back_us)
    assert site.faults.active == []


def test_a_short_fault_is_none(site: Site) -> None:
    for _ in range(5):
        site.set(OFFLINE)
        assert site.run(29) == []
        site.set(None)
        assert site.run(60) == []


def test_a_camera_that_records_now_and_then_is_not_well(site: Site) -> None:
    found = []
    for _ in range(6):
        site.set(OFFLINE)
        found += site.run(8)
        site.set(None)
        found += site.run(4)
    assert [turn for turn, _ in found] == [Turn.BEGAN]


@pytest.mark.parametrize("duty", [None, GapReason.OUTSIDE_EVENTS])
def test_one_that_is_back_on_duty_now_and_then_is_not_well(
    site: Site, duty: GapReason | None
) -> None:
    """A camera that waits for events is no more well for that than one that records."""
    found = []
    site.set(duty)
    assert site.run(20) == []
    for _ in range(6):
        site.set(OFFLINE)
        found += site.run(8)
        site.set(duty)
        found += site.run(4)
    assert [turn for turn, _ in found] == [Turn.BEGAN]
    ((turn, ended),) = site.run(20)  # not "need not be recorded any more"
    assert (turn, ended.id) == (Turn.RECORDS, found[0][1].id)
    assert site.faults.active == []


@pytest.mark.parametrize(
    "will", [GapReason.RECORDING_OFF, GapReason.CAMERA_STOPPED, GapReason.RECORDING_STOPPED]
)
def test_what_people_want_is_no_fault_and_ends_one(site: Site, will: GapReason) -> None:
    site.set(will)
    assert site.run(200) == []
    site.set(OFFLINE)
    assert [turn for turn, _ in site.run(40)] == [Turn.BEGAN]
    site.set(will)
    assert [turn for turn, _ in site.run(2)] == [Turn.NOT_WANTED]


def test_a_start_of_the_node_gives_each_camera_a_minute(clock: FakeClock) -> None:
    site = Site(clock)
    site.set(OFFLINE, "connecting")
    assert site.run(59) == []
    assert [turn for turn, _ in site.run(1)] == [Turn.BEGAN]


def test_another_cause_that_lasts_is_another_notice(site: Site) -> None:
    site.set(OFFLINE)
    ((_, first),) = site.run(40)
    site.set(GapReason.DISK_FULL)
    other_us = site.clock.utc_us()
    assert site.run(20) == []
    site.set(OFFLINE)
    assert site.run(60) == []  # it came and went
    site.set(GapReason.DISK_FULL)
    other_us = site.clock.utc_us()
    (gone, came) = site.run(40)
    assert (gone[0], gone[1].id, gone[1].until_us) == (Turn.OTHER_CAUSE, first.id, other_us)
    assert (came[0], came[1].reason, came[1].since_us) == (
        Turn.BEGAN, GapReason.DISK_FULL, other_us,
    )  # fmt: skip


def test_words_that_change_are_the_same_fault(site: Site) -> None:
    site.set(OFFLINE, "no answer")
    _ = site.run(15)
    site.set(OFFLINE, "connection refused")
    assert [turn for turn, _ in site.run(16)] == [Turn.BEGAN]


def test_each_camera_has_its_own(site: Site) -> None:
    site.set(OFFLINE, camera="gate")
    _ = site.run(10)
    site.set(OFFLINE)
    found = [notice.camera_id for _, notice in site.run(60)]
    assert found == ["gate", "yard"]
    assert [notice.camera_id for notice in site.faults.active] == ["gate", "yard"]


def test_the_notice_of_a_deleted_camera_ends(site: Site) -> None:
    site.set(OFFLINE)
    _ = site.run(40)
    site.steps.clear()
    assert [turn for turn, _ in site.run(1)] == [Turn.NOT_WANTED]
    assert site.faults.not_recorded_s("yard") == {}


def test_a_notice_outlives_the_node(clock: FakeClock) -> None:
    before = Site(clock)
    before.set(OFFLINE)
    ((_, notice),) = before.run(70)
    clock.advance(500)
    after = Site(clock)
    assert after.faults.resume([notice]) == []
    assert after.faults.active == [notice]
    after.set(OFFLINE, "connecting")
    assert after.run(200) == []  # it is the same one
    after.set(None)
    assert [(turn, n.id) for turn, n in after.run(15)] == [(Turn.RECORDS, notice.id)]


def test_it_is_counted_for_how_long_which_reason_held(site: Site) -> None:
    site.set(OFFLINE)
    _ = site.run(12)
    site.set(GapReason.RECORDING_OFF)
    _ = site.run(5)
    site.set(None)
    _ = site.run(9)
    assert site.faults.not_recorded_s("yard") == {OFFLINE: 12, GapReason.RECORDING_OFF: 5}


def test_a_clock_that_is_set_back_makes_no_notice_that_ends_before_it_begins(site: Site) -> None:
    site.set(OFFLINE)
    _ = site.run(40)
    site.clock.step_utc(-3600)
    site.set(None)
    ((_, ended),) = site.run(15)
    assert ended.until_us == ended.since_us


def test_what_another_node_records_is_no_notice(site: Site) -> None:
    site.elsewhere = {"yard"}
    site.set(OFFLINE, "no answer")
    assert site.run(1000) == []
    assert site.faults.not_recorded_s("yard")[OFFLINE] == 1000  # here it was not recorded
    site.elsewhere.clear()
    ((turn, notice),) = site.run(31)
    assert (turn, notice.reason) == (Turn.BEGAN, OFFLINE)
    site.elsewhere = {"yard"}
    ((turn, ended),) = site.run(12)
    assert (turn, ended.id) == (Turn.RECORDS, notice.id)


def test_what_no_node_is_to_record_stays_no_notice_when_another_one_tries(site: Site) -> None:
    site.elsewhere = {"yard"}
    site.set(GapReason.CAMERA_STOPPED, "anna")
    assert site.run(100) == []
    site.elsewhere.clear()
    site.set(GapReason.ELSEWHERE)
    assert site.run(100) == []
