"""What is kept of refused requests: the newest, bounded, whoever knocks."""

import pytest

from falconeye.federation.refusals import MAX_KEPT, MAX_OF_ADDRESS, Refusals, Refused
from tests.clock import FakeClock


def test_equal_ones_are_counted_and_become_the_newest(clock: FakeClock) -> None:
    refusals = Refusals(clock)
    refusals.add("10.0.0.1", "node-a", Refused.STRANGER)
    refusals.add("10.0.0.2", "node-b", Refused.REPLAY)
    clock.advance(5)
    refusals.add("10.0.0.1", "node-a", Refused.STRANGER)
    first, second = refusals.newest()
    assert (first.claimed_id, first.count, first.at_us) == ("node-a", 2, clock.utc_us())
    assert (second.claimed_id, second.why, second.count) == ("node-b", Refused.REPLAY, 1)
    assert refusals.total.value == 3


def test_one_address_does_not_push_the_others_out(clock: FakeClock) -> None:
    refusals = Refusals(clock)
    refusals.add("10.0.0.1", "quiet", Refused.STRANGER)
    for number in range(1000):
        refusals.add("10.0.0.2", f"loud-{number}", Refused.STRANGER)
    kept = refusals.newest()
    assert len(kept) == MAX_OF_ADDRESS + 1
    assert kept[0].claimed_id == "loud-999"
    assert kept[-1].claimed_id == "quiet"


def test_all_together_are_bounded(clock: FakeClock) -> None:
    refusals = Refusals(clock)
    for number in range(500):
        refusals.add(f"10.0.{number}.1", "", Refused.STRANGER)
    kept = refusals.newest()
    assert len(kept) == MAX_KEPT
    assert (kept[0].address, kept[-1].address) == ("10.0.499.1", "10.0.400.1")


def test_what_cannot_be_an_id_is_not_kept(clock: FakeClock) -> None:
    refusals = Refusals(clock)
    for wrong in ("<script>", "a" * 65, "a\nb", "ä", "a b"):
        refusals.add("10.0.0.1", wrong, Refused.STRANGER)
    [kept] = refusals.newest()
    assert (kept.claimed_id, kept.count) == ("", 5)


def test_nobody_fills_the_journal(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals(clock)
    for number in range(300):
        for why in Refused:
            refusals.add(f"10.0.0.{number}", f"node-{number}", why)
    assert len(caplog.records) == len(Refused) - 1
    assert "node-" not in caplog.text
