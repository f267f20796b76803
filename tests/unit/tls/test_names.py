"""How a node is addressed, and what an authority of a house may name."""

from ipaddress import ip_address

import pytest

from falconeye.config.tls_settings import is_dns_name, tls_names
from falconeye.tls.names import Constraints, Names, own_names

LAN = ip_address("192.168.1.5")


def test_a_node_is_called_by_its_name_in_mdns_and_its_addresses() -> None:
    names = own_names(("Pi-1", "garage"), [LAN], ())
    assert names.dns == ("pi-1", "pi-1.local", "garage", "garage.local", "localhost")
    assert set(map(str, names.addresses)) == {"192.168.1.5", "127.0.0.1", "::1"}


def test_what_no_certificate_can_name_is_left_out() -> None:
    names = own_names(("my pi", "pi_2", "pi-3.fritz.box"), [LAN, LAN], ())
    assert names.dns == ("pi-3.fritz.box", "pi-3.local", "localhost")
    assert len(names.addresses) == 3


def test_the_setting_adds_names_and_addresses() -> None:
    names = own_names(("pi-1",), [], ("cams.example.org", "100.101.1.2"))
    assert names.dns[0] == "cams.example.org"
    assert ip_address("100.101.1.2") in names.addresses


def test_an_authority_may_name_what_no_public_site_has() -> None:
    constraints = Constraints.of(own_names(("pi-1",), [LAN], ()))
    asked = Names(
        (
            "pi-1",
            "a.pi-1",
            "pi-2.local",
            "nas.lan",
            "bank.example",
            "local.bank.example",
            "notlocal",
        ),
        tuple(map(ip_address, ("10.9.8.7", "fd00::1", "100.64.0.9", "9.9.9.9", "2001:db8::1"))),
    )
    permitted = constraints.permitted(asked)
    assert permitted.dns == ("pi-1", "a.pi-1", "pi-2.local", "nas.lan")
    assert list(map(str, permitted.addresses)) == ["10.9.8.7", "fd00::1", "100.64.0.9"]
    assert permitted.lacks(asked).words() == (
        "bank.example, local.bank.example, notlocal, 9.9.9.9, 2001:db8::1"
    )


def test_a_public_address_of_its_own_is_one_address() -> None:
    constraints = Constraints.of(
        own_names(("pi-1",), [ip_address("9.9.9.9")], ("cam.example.org",))
    )
    asked = Names(
        ("cam.example.org", "example.org"), tuple(map(ip_address, ("9.9.9.9", "9.9.9.8")))
    )
    assert constraints.permitted(asked) == Names(("cam.example.org",), (ip_address("9.9.9.9"),))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", ()),
        ("Cams.Example.org, 10.0.0.1,, cams.example.org", ("cams.example.org", "10.0.0.1")),
        (["fd00::1"], ("fd00::1",)),
    ],
)
def test_the_setting_is_a_text_or_a_list(given: object, found: tuple[str, ...]) -> None:
    assert tls_names(given) == found


@pytest.mark.parametrize(
    "given", ["*.lan", "a b", "https://x", "-x", [1], 7, ",".join(map(str, range(99)))]
)
def test_what_is_no_name_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"is neither|needed|more than"):
        tls_names(given)


def test_addresses_are_no_names() -> None:
    assert is_dns_name("a-1.b")
    assert not is_dns_name("10.0.0.1")
    assert not is_dns_name("a" * 64)
