"""Which addresses a scan may ask."""

from ipaddress import IPv4Address, IPv4Interface

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.discovery.interfaces import Interface
from falconeye.discovery.scan_targets import targets


def interface(text: str) -> Interface:
    parsed = IPv4Interface(text)
    return Interface("lan0", 2, parsed.ip, parsed.network, default_route=False)


LAN = interface("192.168.1.7/24")


def test_local_networks_without_us_network_and_broadcast() -> None:
    found = targets([LAN, interface("10.0.0.1/30")], None)
    assert len(found.addresses) == 253 + 1
    left_out = {IPv4Address(a) for a in ("192.168.1.0", "192.168.1.7", "192.168.1.255", "10.0.0.1")}
    assert left_out.isdisjoint(found.addresses)
    assert not found.narrowed


def test_of_a_large_network_the_part_around_us_is_asked_and_that_is_told() -> None:
    found = targets([interface("10.20.30.40/8")], None)
    assert [str(one) for one in found.networks] == ["10.20.28.0/22"]
    assert len(found.addresses) == 1024 - 1
    assert [str(one) for one in found.narrowed] == ["10.0.0.0/8"]


def test_a_public_network_is_not_ours_though_the_default_route_goes_there() -> None:
    with pytest.raises(InvalidInput, match="no local network"):
        targets([interface("203.0.113.5/24")], None)


def test_parts_of_our_networks_are_asked_whole_and_overlaps_once() -> None:
    found = targets([LAN], ["192.168.1.0/28", "192.168.1.8/29", " 192.168.1.16/31 "])
    assert len(found.addresses) == 18 - 2  # 192.168.1.0 is the network's, .7 is ours
    assert IPv4Address("192.168.1.15") in found.addresses


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("192.168.2.0/24", "not one of this node's networks"),
        ("8.8.8.0/24", "not a private network"),
        ("192.168.0.0/16", "too large"),
        ("192.168.1.0/x", "looks like"),
        ("fe80::/64", "looks like"),
        ("", "looks like"),
        ("127.0.0.0/24", "not one of"),
    ],
)
def test_other_networks_are_refused_with_the_reason(network: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        targets([LAN], [network])


def test_an_admin_may_insist_but_not_on_what_no_camera_can_have() -> None:
    assert len(targets([LAN], ["8.8.8.0/24"], insist=True).addresses) == 254
    for network in ("127.0.0.0/24", "224.0.0.0/24", "0.0.0.0/24"):
        with pytest.raises(InvalidInput, match="no address"):
            targets([LAN], [network], insist=True)
    with pytest.raises(InvalidInput, match="too large"):
        targets([LAN], ["10.0.0.0/8"], insist=True)


def test_a_scan_of_nothing_is_not_begun() -> None:
    with pytest.raises(InvalidInput, match="no address"):
        targets([interface("169.254.3.4/16")], None)  # a cable without DHCP
    with pytest.raises(InvalidInput, match="no address"):
        targets([LAN], ["192.168.1.7/32"])


def test_the_whole_is_bounded() -> None:
    networks = [f"10.0.{n}.0/22" for n in range(0, 20, 4)]
    with pytest.raises(InvalidInput, match="at most 4096"):
        targets([interface("10.0.0.1/8")], networks)
