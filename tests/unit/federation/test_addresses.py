"""Which address of a node is tried when, and what time it is there."""

import ssl
from pathlib import Path

import httpx
import pytest

from falconeye.federation.node_keys import load_node_keys
from falconeye.federation.peer_address import KnownPeers, PeerAddress
from falconeye.federation.peer_clock import PeerClock
from falconeye.federation.peer_connecting import Addresses, NotConnected
from falconeye.federation.peer_errors import PeerRefused, PeerUnreachable
from falconeye.federation.refusals import Refused
from tests.clock import FakeClock


class Network:
    """Which addresses lead to the node, and which were tried."""

    def __init__(self, *good: str) -> None:
        self.good = set(good)
        self.tried: list[str] = []

    async def ask(self, address: str) -> str:
        self.tried.append(address)
        if address not in self.good:
            raise httpx.ConnectError("refused") from NotConnected()
        return address


async def test_the_last_good_address_is_tried_first() -> None:
    addresses, network = Addresses("n", ("a:1", "b:1", "c:1")), Network("b:1", "c:1")
    assert await addresses.first(network.ask) == "b:1"
    assert await addresses.first(network.ask) == "b:1"
    assert network.tried == ["a:1", "b:1", "b:1"]
    network.good = {"c:1"}
    network.tried.clear()
    assert await addresses.first(network.ask) == "c:1"
    assert network.tried == ["b:1", "a:1", "c:1"]
    addresses.all = ("a:1",)
    with pytest.raises(PeerUnreachable, match=r"was not reached \(a:1\)"):
        await addresses.first(network.ask)


async def test_another_node_at_the_address_is_told() -> None:
    async def other(_: str) -> None:
        try:
            raise ssl.SSLCertVerificationError("self-signed certificate")
        except ssl.SSLError as error:
            raise httpx.ConnectError("certificate") from error

    with pytest.raises(PeerUnreachable, match="is another node") as caught:
        await Addresses("n", ("a:1",)).first(other)
    assert caught.value.is_another


async def test_what_fails_after_it_was_reached_is_not_tried_elsewhere() -> None:
    network = Network()

    async def breaks(address: str) -> None:
        network.tried.append(address)
        raise httpx.ReadError("broke off")

    with pytest.raises(httpx.ReadError):
        await Addresses("n", ("a:1", "b:1")).first(breaks)
    assert network.tried == ["a:1"]


def test_its_time_goes_on_with_the_monotonic_clock(clock: FakeClock) -> None:
    peer = PeerClock(clock)
    assert peer.now_s() == clock.utc_us() // 1_000_000
    assert peer.learn("5000000")
    clock.advance(3)
    clock.step_utc(10**6)
    assert peer.now_s() == 8


@pytest.mark.parametrize("told", ["", "x", "-5", "1.5", "9" * 19, "253402300800000000", "٣"])
def test_what_is_no_time_is_not_taken_over(clock: FakeClock, told: str) -> None:
    peer = PeerClock(clock)
    assert not peer.learn(told)
    assert peer.now_s() == clock.utc_us() // 1_000_000


def test_a_refusal_of_a_newer_release_is_a_refusal() -> None:
    assert PeerRefused.of("n", {}) is None
    refused = PeerRefused.of("n", {"falconeye-refused": "moon", "falconeye-time": "5"})
    assert refused is not None
    assert (refused.reason, refused.told_us) == (Refused.SIGNATURE, "5")


def test_one_bad_certificate_keeps_no_removal_from_counting(tmp_path: Path) -> None:
    keys = load_node_keys(tmp_path, "good")
    good = PeerAddress("good", keys.certificate, ())
    known = KnownPeers()
    known.update([good])
    assert known.public_key("good") == keys.private_key.public_key()
    known.update([PeerAddress("bad", "no certificate", ()), good], removed=["gone"])
    assert known.public_key("bad") is None
    assert known.public_key("good")
    assert known.was_removed("gone")
    known.update([good], removed=["good"])  # both: the removal counts
    assert known.public_key("good") is None
