"""What announcements make of the list of nodes: hostile ones, many, and none for long."""

import ipaddress
import json

import pytest

from falconeye.discovery.interfaces import Interface
from falconeye.discovery.mdns import Service
from falconeye.federation.found_nodes import MAX_ADDRESSES, MAX_INSTANCES, MAX_NODES, FoundNodes
from falconeye.federation.peer_finding import TYPE, own_addresses
from falconeye.storage.index.database import Database
from falconeye.storage.stores.node_store import load_identity
from tests.clock import FakeClock

OWN, B, C = (letter * 32 for letter in "abc")


def nodes(clock: FakeClock, *members: str) -> FoundNodes:
    return FoundNodes(
        OWN,
        clock,
        is_member=lambda node_id: node_id in members,
        is_near=lambda host: host.startswith("192.168."),
    )


def service(
    node_id: str, *hosts: str, name: str = "pi", port: int = 8901, **txt: str
) -> Service:  # fmt: skip
    told = {"id": node_id, "name": name.capitalize(), "v": "1.2", "web": "8900", **txt}
    return Service(f"{name}.{TYPE}", TYPE, name, hosts, port, told)


async def test_the_id_that_the_store_makes_is_one(database: Database, clock: FakeClock) -> None:
    identity = await load_identity(database, clock)
    assert nodes(clock).note(service(identity.node_id, "192.168.1.5")) is not None


def test_a_node_is_told_of_once_and_its_nearest_address_first(clock: FakeClock) -> None:
    found = nodes(clock, B)
    at = ("10.0.0.5:8901", "192.168.1.5:8901")
    assert found.note(service(B, "10.0.0.5", "192.168.1.5")) == (B, at[::-1])
    assert found.note(service(B, "10.0.0.5", "192.168.1.5")) is None
    assert found.note(service(B, "192.168.1.5", "192.168.1.6")) == (B, ("192.168.1.6:8901",))
    (node,) = found.found()
    assert (node.name, node.version, node.is_member) == ("Pi", "1.2", True)
    assert node.web_url == "http://192.168.1.5:8900/"
    assert json.loads(json.dumps(node.as_json()))["addresses"] == list(node.addresses)


@pytest.mark.parametrize(
    "strange",
    [
        service("b" * 31, "192.168.1.5"),
        service("g" * 32, "192.168.1.5"),
        service("", "192.168.1.5"),
        service("b" * 8 + "-" + "b" * 23, "192.168.1.5"),
        service(B),
        service(B, "192.168.1.5", port=0),
        service(B, "127.0.0.1", "224.0.0.1", "0.0.0.0", "0.1.2.3", "255.255.255.255"),  # noqa: S104
    ],
)
def test_what_nobody_could_ask_is_no_node(clock: FakeClock, strange: Service) -> None:
    found = nodes(clock, B)
    assert found.note(service(B, "192.168.1.5")) is not None
    assert found.note(strange) is None
    assert found.found() == []  # and what it replaces is there no more


@pytest.mark.parametrize("web", ["", "x", "²", "65536", "-1", "8900/../", "0"])
def test_texts_are_cleaned(clock: FakeClock, web: str) -> None:
    found = nodes(clock)
    found.note(service(B.upper(), "192.168.1.5", web=web, name="e\x1b[31m" + "x" * 200, v="9" * 99))
    (node,) = found.found()
    assert node.node_id == B
    assert node.web_url is None
    assert node.name.isprintable()
    assert (len(node.name), len(node.version)) == (64, 32)


def test_a_stranger_with_a_members_id_is_one_more_address_to_try(clock: FakeClock) -> None:
    found = nodes(clock, B)
    found.note(service(B, "192.168.1.5", "10.0.0.5"))
    many = [f"192.168.9.{number}" for number in range(1, 20)]
    told = found.note(service(B, *many, name="stranger"))
    assert told is not None
    assert len(told[1]) == MAX_ADDRESSES
    addresses = found.addresses_of(B)
    assert addresses[:4] == (
        "192.168.9.1:8901", "192.168.1.5:8901", "192.168.9.2:8901", "10.0.0.5:8901",
    )  # fmt: skip
    assert len(addresses) == MAX_ADDRESSES
    (suspect,) = found.suspects()
    assert suspect.announced_as == ("pi", "stranger")
    assert json.loads(json.dumps(suspect.as_json()))["node_id"] == B
    found.gone(f"stranger.{TYPE}")
    assert found.suspects() == []
    assert found.addresses_of(B) == ("192.168.1.5:8901", "10.0.0.5:8901")


def test_who_comes_again_is_told_of_again_after_a_flood_of_its_id(clock: FakeClock) -> None:
    found = nodes(clock, B)
    found.note(service(B, "192.168.1.5"))
    for number in range(MAX_INSTANCES):
        found.note(service(B, f"192.168.9.{number}", name=f"x{number}"))
    assert "192.168.1.5:8901" not in found.addresses_of(B)
    assert found.note(service(B, "192.168.1.5")) == (B, ("192.168.1.5:8901",))
    assert found.addresses_of(B)[0] == "192.168.1.5:8901"
    assert found.displaced.value == 2


def test_strangers_are_bounded_and_displace_no_member(clock: FakeClock) -> None:
    found = nodes(clock, B)
    found.note(service(B, "192.168.1.5", name="member"))
    for number in range(3 * MAX_NODES):
        found.note(service(f"{number:032x}", "192.168.9.9", name=f"x{number}"))
        assert len(found.found()) == min(number + 1, MAX_NODES) + 1
    ids = {node.node_id for node in found.found()}
    assert B in ids
    assert f"{3 * MAX_NODES - 1:032x}" in ids
    assert found.displaced.value == 2 * MAX_NODES


def test_who_falls_silent_is_forgotten_and_who_is_heard_is_not(clock: FakeClock) -> None:
    found = nodes(clock)
    found.note(service(B, "192.168.1.5", name="b"))
    clock.advance(300)
    found.note(service(C, "192.168.1.6", name="c"))
    clock.advance(301)
    assert [node.node_id for node in found.found()] == [C]
    assert found.addresses_of(B) == ()
    assert found.note(service(B, "192.168.1.5", name="b")) == (B, ("192.168.1.5:8901",))


def test_this_node_is_not_found_and_its_id_elsewhere_is_suspect(clock: FakeClock) -> None:
    found = nodes(clock)
    assert found.note(service(OWN, "192.168.1.7", name="copy")) is None
    assert found.found() == []
    (suspect,) = found.suspects()
    assert (suspect.node_id, suspect.announced_as) == (OWN, ("copy",))
    assert suspect.addresses == ("192.168.1.7:8901",)


def test_a_name_that_tells_of_another_id_is_one_node(clock: FakeClock) -> None:
    found = nodes(clock)
    found.note(service(B, "192.168.1.5"))
    found.note(service(C, "192.168.1.5"))
    assert [node.node_id for node in found.found()] == [C]


def interface(text: str, *, default: bool = False) -> Interface:
    at = ipaddress.IPv4Interface(text)
    return Interface("eth", 1, at.ip, at.network, default)


def test_own_addresses_are_those_of_the_lan_the_default_routes_first() -> None:
    lan = interface("10.0.0.2/24"), interface("192.168.1.2/24", default=True)
    everywhere = "0.0.0.0"  # noqa: S104
    assert own_addresses(everywhere, lan, 8901) == ["192.168.1.2:8901", "10.0.0.2:8901"]
    assert own_addresses("::", lan, 1) == ["192.168.1.2:1", "10.0.0.2:1"]
    assert own_addresses(everywhere, (), 8901) == ["127.0.0.1:8901"]
    many = [interface(f"10.0.{number}.1/24") for number in range(20)]
    assert len(own_addresses(everywhere, many, 8901)) == 8


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1:1"), ("10.0.0.2", "10.0.0.2:1"), ("fd00::1", "[fd00::1]:1")],
)
def test_who_listens_at_one_address_is_there_alone(host: str, address: str) -> None:
    assert own_addresses(host, [interface("10.0.0.2/24"), interface("10.1.0.2/24")], 1) == [address]
