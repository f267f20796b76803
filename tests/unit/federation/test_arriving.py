"""Before the first admin: who may know better is waited for, who is not there only a while."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from falconeye.federation.arriving import ALONE_S, Arrival
from falconeye.federation.federation import Federation
from falconeye.federation.peer_finding import PeerFinding
from falconeye.federation.unknown_addresses import Standing, Told, UnknownAddresses
from tests.clock import FakeClock

HERE = "192.0.2.7:8901"


class Surroundings:
    """What an arrival looks at, as the test wants it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.finding = SimpleNamespace(unresolved="")
        self.addresses: dict[str, Told] = {}
        self.peers: list[Any] = []
        self.looked_again = 0
        exchange = SimpleNamespace(is_behind=lambda peer: peer.is_behind)
        federation = SimpleNamespace(
            clock=self.clock, peers=self.peers, exchange=exchange,
            is_heard=lambda peer: peer.is_heard,
        )  # fmt: skip
        unknown = SimpleNamespace(
            told=lambda: iter(self.addresses.items()), look_again=self._look_again
        )
        self.arrival = Arrival(
            cast("Federation", federation),
            cast("PeerFinding", self.finding),
            cast("UnknownAddresses", unknown),
        )

    def _look_again(self) -> None:
        self.looked_again += 1

    def told(self, standing: Standing, why: str = "") -> Told:
        now_us = self.clock.monotonic_us()
        self.addresses[HERE] = Told(now_us, now_us, standing, why)
        return self.addresses[HERE]

    def peer(self, *, is_heard: bool, is_behind: bool) -> Any:
        found = SimpleNamespace(
            name="pi-2", is_heard=is_heard, is_behind=is_behind, since_us=self.clock.monotonic_us()
        )
        self.peers.append(found)
        return found


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


def test_a_node_of_which_nobody_tells_another_is_the_first(around: Surroundings) -> None:
    assert around.arrival.waits_for() == ""
    around.arrival.begin()
    assert around.looked_again == 1
    assert around.arrival.waits_for() == ""


@pytest.mark.parametrize(
    ("standing", "words"), [(Standing.UNASKED, "being asked"), (Standing.STRANGE, "another key")]
)
def test_who_may_be_there_or_does_not_take_it_in_is_waited_for_however_long(
    around: Surroundings, standing: Standing, words: str
) -> None:
    around.arrival.begin()
    told = around.told(standing, "another key" if standing is Standing.STRANGE else "")
    around.clock.advance(100 * ALONE_S)
    assert words in around.arrival.waits_for()
    assert HERE in around.arrival.waits_for()
    told.standing = Standing.KNOWN
    assert around.arrival.waits_for() == ""


def test_a_name_that_leads_nowhere_is_waited_for_however_long(around: Surroundings) -> None:
    around.finding.unresolved = "falconeye-peers"
    around.arrival.begin()
    around.clock.advance(100 * ALONE_S)
    assert "falconeye-peers" in around.arrival.waits_for()
    around.finding.unresolved = ""
    assert around.arrival.waits_for() == ""


def test_who_does_not_answer_is_waited_for_a_minute(around: Surroundings) -> None:
    around.arrival.begin()
    around.clock.advance(ALONE_S / 2)
    told = around.told(Standing.SILENT)
    around.clock.advance(ALONE_S - 1)
    assert "do not answer" in around.arrival.waits_for()
    around.clock.advance(1)
    assert around.arrival.waits_for() == ""
    # With another key it begins anew: others are asked again.
    around.arrival.begin()
    assert "do not answer" in around.arrival.waits_for()
    around.clock.advance(ALONE_S)
    assert around.arrival.waits_for() == ""
    assert told.standing is Standing.SILENT


def test_what_a_member_knows_is_read_first(around: Surroundings) -> None:
    around.arrival.begin()
    around.clock.advance(100 * ALONE_S)
    peer = around.peer(is_heard=True, is_behind=True)
    around.clock.advance(100 * ALONE_S)
    assert "pi-2" in around.arrival.waits_for()
    peer.is_behind = False
    assert around.arrival.waits_for() == ""
    # One that was met just now and not heard yet is as one that does not answer.
    peer.is_heard, peer.since_us = False, around.clock.monotonic_us()
    assert "do not answer" in around.arrival.waits_for()
    around.clock.advance(ALONE_S)
    assert around.arrival.waits_for() == ""
