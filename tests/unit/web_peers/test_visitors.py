"""Whose connection is ended where too many come that no member has signed by."""

import pytest

from falconeye.web.peers import visitors as visitors_module
from falconeye.web.peers.visitors import Visitor, Visitors, network_of


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(visitors_module, "MAX_VISITORS", 3)
    return []


def come(visitors: Visitors, cut: list[str], *names: str) -> list[Visitor]:
    """Each is named by its address and a letter."""
    return [
        visitors.come(name.rpartition("/")[0], lambda name=name: cut.append(name))  # type: ignore[misc]
        for name in names
    ]


def test_the_oldest_of_where_most_come_from_goes(cut: list[str]) -> None:
    visitors = Visitors()
    come(visitors, cut, "10.0.0.1/a", "10.0.0.2/b", "10.0.0.2/c")
    assert cut == []
    come(visitors, cut, "10.0.0.2/d")
    assert cut == ["10.0.0.2/b"]
    come(visitors, cut, "10.0.0.3/e", "10.0.0.3/f")  # then all are even: the oldest
    assert cut[1:] == ["10.0.0.2/c", "10.0.0.1/a"]


def test_all_addresses_of_one_ipv6_network_are_one_place(cut: list[str]) -> None:
    visitors = Visitors()
    come(visitors, cut, "2001:db8::1/a", "2001:db8:0:1::1/b", "2001:db8:0:1:ffff::2/c")
    come(visitors, cut, "10.0.0.3/d")
    assert cut == ["2001:db8:0:1::1/b"]


def test_members_and_those_who_went_are_none_of_them(cut: list[str]) -> None:
    visitors = Visitors()
    known, gone, left, *_ = come(visitors, cut, "10.0.0.2/a", "10.0.0.2/b", "10.0.0.2/c")
    known.is_known = True
    gone.is_over = lambda: True
    visitors.leave(left)
    come(visitors, cut, "10.0.0.2/d", "10.0.0.2/e", "10.0.0.2/f")
    assert cut == []
    come(visitors, cut, "10.0.0.2/g")
    assert cut == ["10.0.0.2/d"]


def test_where_all_are_members_nobody_goes(cut: list[str]) -> None:
    visitors = Visitors()
    for one in come(visitors, cut, "10.0.0.2/a", "10.0.0.2/b"):
        one.is_known = True
    assert not visitors.cut_one()
    assert cut == []


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.2", "10.0.0.2"),
        ("::ffff:10.0.0.2", "10.0.0.2"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address", ""),
    ],
)
def test_what_counts_as_one_place(address: str, network: str) -> None:
    assert network_of(address) == network
