"""Which of two processes with one node id counts."""

import pytest

from falconeye.federation.beat import Beat
from falconeye.federation.peers import Peers
from falconeye.federation.twins import MAX_BOOTS, TwinRefused, Twins
from tests.clock import FakeClock

A, B = ["10.0.0.1:8901"], ["10.0.0.2:8901"]


def test_a_node_that_starts_again_is_no_twin() -> None:
    clock = FakeClock()
    twins = Twins(clock)
    for boot in range(3 * MAX_BOOTS):
        twins.check("n", f"boot-{boot}", A)
        clock.advance(1)
        twins.check("n", f"boot-{boot}", A)
    assert twins.seen() == {}


def test_the_first_one_counts_and_the_other_is_refused_until_the_first_is_gone() -> None:
    clock, told = FakeClock(), []
    twins = Twins(clock)
    twins.on_seen = lambda: told.append(twins.seen())
    twins.check("n", "first", A)
    clock.advance(5)
    twins.check("n", "copy", B)  # it may be the same node, started again
    assert not told
    clock.advance(1)
    twins.check("n", "first", A)
    assert told == [{"n": (*A, *B)}]
    for _ in range(100):
        clock.advance(5)
        with pytest.raises(TwinRefused, match="falconeye node new-id"):
            twins.check("n", "copy", B)
        twins.check("n", "first", A)
    assert twins.addresses("n") == (*A, *B)
    clock.advance(61)
    twins.check("n", "copy", B)  # the first one is gone
    twins.check("n", "copy", B)
    assert twins.seen() == {}


def test_what_a_refused_one_tells_is_not_taken_over() -> None:
    clock = FakeClock()
    peers = Peers("a", clock)
    peers.follow({"a": "pi-1", "b": "pi-2"})
    first = Beat(node_id="b", boot_id="1", addresses=A)
    copy = Beat(node_id="b", boot_id="2", addresses=B)
    for beat in (first, copy, first):
        assert peers.hear(beat) is not None
    with pytest.raises(TwinRefused):
        peers.hear(copy)
    peer = peers.get("b")
    assert peer is not None
    assert peer.beat is first
    assert peers.twins.seen() == {"b": (*A, *B)}
    peers.follow({"a": "pi-1"})
    assert peers.twins.seen() == {}


def test_a_node_hears_that_its_own_id_is_anothers_too() -> None:
    clock = FakeClock()
    twins = Twins(clock)
    twins.told_so()
    clock.advance(50)
    assert twins.own_is_copied
    clock.advance(50)
    assert not twins.own_is_copied
