"""Nodes in words: what is wrong with one, since when, how old what is told is."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from falconeye.federation.cluster_view import NodeView, Refusal, RefusalKind
from falconeye.federation.report import (
    CameraCounts,
    ClockReport,
    DiskReport,
    KubernetesFacts,
    NodeReport,
)
from falconeye.web.node_contexts import NodeCard, NodeState
from falconeye.web.node_views import node_card, refusal_row, summary_words

NOW_US = 1_795_000_000_000_000  # 2026-11-18 12:06:40 in Berlin
SECOND_US = 1_000_000
BERLIN = ZoneInfo("Europe/Berlin")
GOOD = NodeReport(started_at_us=1, is_ready=True, clock=ClockReport(is_synchronised=True))
PEER = NodeView("n1", "pi-2", False, True, NOW_US, GOOD, "0.1.0", "192.168.1.21:8901")


def card(view: NodeView, **more: Any) -> NodeCard:
    values = {"own_version": "0.1.0", "now_us": NOW_US, "zone": BERLIN, "counts_cameras": True}
    return node_card(view, **{**values, **more})


def troubles(**told: Any) -> list[tuple[str, bool]]:
    found = card(replace(PEER, report=GOOD.model_copy(update=told))).troubles
    return [(one.words, one.is_bad) for one in found]


def test_a_good_node_has_no_troubles() -> None:
    found = card(PEER)
    assert (found.state, found.troubles, found.clock) == (NodeState.READY, (), "kept by NTP")
    assert (found.taints, found.labels, found.told) == ((), (), "")


def test_what_the_others_say_of_this_node() -> None:
    own = replace(PEER, is_self=True)
    (removed,) = card(replace(own, is_removed=True)).troubles
    assert removed.is_bad
    assert "falconeye node new-id" in removed.words
    (newer,) = card(replace(own, newer=("pi-2", "pi-3"))).troubles
    assert newer.words.startswith("pi-2, pi-3: there are settings that this release does not know")
    assert newer.words.endswith("update this node.")
    (refuses,) = card(replace(PEER, reachable=False, refuses="removed")).troubles
    assert refuses.words == "It says that this node was removed from the cluster."
    assert card(replace(PEER, reachable=False, refuses="busy")).troubles == ()


def test_states() -> None:
    assert card(replace(PEER, report=None)).state is NodeState.NOT_READY
    draining = GOOD.model_copy(update={"is_draining": True})
    assert card(replace(PEER, report=draining)).state is NodeState.DRAINING
    away = card(replace(PEER, report=draining, reachable=False))
    assert (away.state, away.troubles) == (NodeState.UNREACHABLE, ())
    never = card(replace(PEER, report=None, reachable=False, heard_at_us=None))
    assert (never.state, never.has_report, never.cameras) == (NodeState.UNREACHABLE, False, "")


def test_each_address_is_shown_once() -> None:
    told = GOOD.model_copy(update={"addresses": ("192.168.1.21", "192.168.1.2", "10.0.0.21")})
    found = card(replace(PEER, report=told))
    assert (found.address, found.more_addresses) == (
        "192.168.1.21:8901",
        ["192.168.1.2", "10.0.0.21"],
    )
    assert replace(PEER, address="[fd00::1]:8901").host == "fd00::1"
    assert (replace(PEER, address="[::").host, replace(PEER, address="").host) == ("", "")


def test_a_time_of_today_needs_no_date() -> None:
    midnight_us = NOW_US - (13 * 3600 + 6 * 60 + 40) * SECOND_US + 3600 * SECOND_US
    assert card(replace(PEER, heard_at_us=midnight_us)).heard_today
    assert not card(replace(PEER, heard_at_us=midnight_us - SECOND_US)).heard_today


@pytest.mark.parametrize(
    ("degrees", "found"), [(74.9, []), (75.0, [False]), (84.9, [False]), (85.0, [True])]
)
def test_heat(degrees: float, found: list[bool]) -> None:
    assert [is_bad for _, is_bad in troubles(temperature_c=degrees)] == found


@pytest.mark.parametrize(
    ("offset_us", "words"),
    [
        (SECOND_US, ""),
        (-SECOND_US, ""),
        (1_500_000, "Its clock is 1.5 s ahead of this node's: see that NTP keeps both."),
        (-90 * SECOND_US, "Its clock is 90 s behind this node's: see that NTP keeps both."),
        (3600 * SECOND_US, "Its clock is 60 min ahead of this node's: see that NTP keeps both."),
        (
            -56 * 365 * 86_400 * SECOND_US,
            "Its clock is years behind this node's: see that NTP keeps both.",
        ),
    ],
)
def test_a_clock_more_than_a_second_off(offset_us: int, words: str) -> None:
    found = card(replace(PEER, clock_offset_us=offset_us))
    assert [one.words for one in found.troubles] == ([words] if words else [])
    assert found.is_clock_off is bool(words)


def test_a_clock_that_nothing_keeps() -> None:
    assert troubles(clock=ClockReport(is_synchronised=False)) == [
        ("Nothing keeps its clock: switch NTP on.", False)
    ]
    assert troubles(clock=ClockReport()) == []  # it does not tell


def test_disks() -> None:
    disk = DiskReport(id="a", path="/srv", role="record", is_present=True, total_bytes=100,
                      free_bytes=25, floor_bytes=50, days_left=0.0)  # fmt: skip
    assert troubles(disks=(disk,)) == []  # it is full, as it should be after some weeks
    low = disk.model_copy(update={"free_bytes": 24})
    away = DiskReport(id="b", path="/mnt", role="hologram", total_bytes=100, days_left=3.0)
    assert [is_bad for _, is_bad in troubles(disks=(low, away))] == [False, True]
    shown = card(replace(PEER, report=GOOD.model_copy(update={"disks": (disk, away)}))).disks
    assert [(one.role, one.full, one.used_percent) for one in shown] == [
        ("For recording", "full: the oldest makes room", 75.0),
        ("hologram", "", 100.0),
    ]
    later = disk.model_copy(update={"days_left": 2.6})
    (one,) = card(replace(PEER, report=GOOD.model_copy(update={"disks": (later,)}))).disks
    assert one.full == "full in 3 days"


def test_reasons_of_a_newer_release_are_told_as_they_are() -> None:
    words = [words for words, _ in troubles(is_ready=False, not_ready=("database", "tired"))]
    assert words == ["Not ready: its database does not answer.", "Not ready: tired."]


def test_another_version_is_told() -> None:
    found = card(replace(PEER, version="0.2.0"))
    assert found.is_other_version
    assert [one.words for one in found.troubles] == [
        "It runs another version than this node (0.1.0)."
    ]
    assert not card(replace(PEER, version="")).is_other_version  # never heard


@pytest.mark.parametrize(
    ("age_us", "words"),
    [
        (-5 * SECOND_US, "just now"),
        (9_400_000, "just now"),
        (40_400_000, "40 s ago"),
        (600 * SECOND_US, "10 min ago"),
        (7_300 * SECOND_US, "2 h ago"),
        (5 * 86_400 * SECOND_US, "5 days ago"),
    ],
)
def test_how_old_labels_and_taints_are(age_us: int, words: str) -> None:
    facts = KubernetesFacts(node_name="n", taints=("a=b:NoSchedule",))
    found = card(replace(PEER, kubernetes=facts, kubernetes_told_at_us=NOW_US - age_us))
    assert (found.told, found.taints) == (words, ("a=b:NoSchedule",))


def test_the_sum_of_all_counts_those_that_are_there() -> None:
    told = GOOD.model_copy(update={"cameras": CameraCounts(configured=3, recording=2)})
    there, away = replace(PEER, report=told), replace(PEER, report=told, reachable=False)
    assert summary_words((there,), counts_cameras=True) == "1 node · 3 cameras, 2 recording"
    assert summary_words((there, away), counts_cameras=False) == "2 nodes · 1 unreachable"


def test_every_refusal_has_its_words() -> None:
    said = {
        kind: refusal_row(Refusal(kind, "n", "pi-2", "10.0.0.9", NOW_US)).words
        for kind in RefusalKind
    }
    assert len(set(said.values())) == len(RefusalKind)
    assert all("pi-2" in words for kind, words in said.items() if kind is not RefusalKind.STRANGER)
