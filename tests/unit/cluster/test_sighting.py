"""When a lease is over, by the follower's own clock."""

from falconeye.cluster.lease import Sighting
from tests.clock import FakeClock

SPEC = {"holderIdentity": "pi-1", "renewTime": "2026-11-22T10:00:00.000000Z",
        "leaseDurationSeconds": 15}  # fmt: skip


def test_it_counts_from_the_last_change_that_was_seen(clock: FakeClock) -> None:
    sighting = Sighting(clock)
    sighting.look(SPEC)
    clock.advance(14)
    sighting.look(SPEC)
    before = sighting.is_over
    clock.advance(1)
    assert (before, sighting.is_over) == (False, True)
    sighting.look(SPEC | {"renewTime": "2026-11-22T10:00:05.000000Z"})
    assert not sighting.is_over


def test_a_wall_clock_that_is_set_changes_nothing(clock: FakeClock) -> None:
    sighting = Sighting(clock)
    sighting.look(SPEC)
    clock.step_utc(86400)
    assert not sighting.is_over


def test_what_makes_no_sense_counts_as_the_usual_time(clock: FakeClock) -> None:
    for strange in (None, 0, -1, 10**9, "15"):
        sighting = Sighting(clock)
        sighting.look(SPEC | {"leaseDurationSeconds": strange})
        clock.advance(14)
        before = sighting.is_over
        clock.advance(1)
        assert (before, sighting.is_over) == (False, True), strange
