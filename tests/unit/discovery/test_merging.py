"""Which findings are one camera: the same in any order, and nothing joined by guess."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.base.times import SECOND_US
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.merging import Kind, Noted, Row, identities_of, merge

A, B = "192.168.1.20", "192.168.1.21"
M, N = "ac:cc:8e:00:00:01", "ac:cc:8e:00:00:02"
R, S = "urn:uuid:1", "urn:uuid:2"


def found(
    way: Way,
    key: str,
    *,
    at: str | None = None,
    mac: str | None = None,
    reference: str | None = None,
    noted_s: float = 0,
    usb: str | None = None,
    path: str | None = None,
) -> Noted:
    evidence = Evidence(
        way,
        key,
        seen_us=1,
        address=at,
        mac=mac,
        endpoint_reference=reference,
        device_identity=usb,
        device_path=path,
    )
    return Noted(evidence, int(noted_s * SECOND_US))


def keys(rows: list[Row]) -> set[frozenset[str]]:
    return {frozenset(item.evidence.key for item in row.items) for row in rows}


def shared(rows: list[Row]) -> set[Kind]:
    return {identity.kind for row in rows for identity in row.shared}


def test_one_camera_found_three_ways_is_one_row_with_all_of_them() -> None:
    rows = merge(
        [
            found(Way.SCAN, "scan", at=A, mac=M),
            found(Way.MDNS, "mdns", at=A),
            found(Way.ONVIF, "onvif", at=A, reference=R),
        ]
    )
    assert [[item.evidence.key for item in row.items] for row in rows] == [
        ["onvif", "mdns", "scan"]
    ]
    assert not rows[0].shared


def test_a_hardware_address_joins_what_has_no_address_in_common() -> None:
    rows = merge([found(Way.ONVIF, "o", at=A, mac=M, reference=R), found(Way.MDNS, "m", mac=M)])
    assert keys(rows) == {frozenset({"o", "m"})}


def test_the_channels_of_a_recorder_stay_apart_and_say_so() -> None:
    rows = merge(
        [
            found(Way.ONVIF, "1", at=A, mac=M, reference=R),
            found(Way.ONVIF, "2", at=A, mac=M, reference=S),
            found(Way.SCAN, "554", at=A, mac=M),
            found(Way.SCAN, "8554", at=A, mac=M),
        ]
    )
    assert keys(rows) == {frozenset({"1"}), frozenset({"2"}), frozenset({"554", "8554"})}
    assert shared(rows) == {Kind.MAC, Kind.ADDRESS}


def test_two_devices_behind_one_address_stay_apart() -> None:
    rows = merge([found(Way.MDNS, "1", at=A, mac=M), found(Way.MDNS, "2", at=A, mac=N)])
    assert keys(rows) == {frozenset({"1"}), frozenset({"2"})}
    assert shared(rows) == {Kind.ADDRESS}


def test_cameras_that_left_the_factory_with_one_identity_are_two_rows_that_say_so() -> None:
    rows = merge(
        [
            found(Way.ONVIF, "1", at=A, mac=M, reference=R),
            found(Way.SCAN, "1s", at=A, mac=M),
            found(Way.ONVIF, "2", at=B, mac=N, reference=R),
            found(Way.SCAN, "2s", at=B),
        ]
    )
    assert keys(rows) == {frozenset({"1", "1s"}), frozenset({"2", "2s"})}
    assert shared(rows) == {Kind.ENDPOINT}


def test_one_identity_at_two_addresses_is_not_joined_where_nothing_proves_it_one_device() -> None:
    rows = merge(
        [
            found(Way.ONVIF, "1", at=A, reference=R),
            found(Way.ONVIF, "2", at=B, reference=R, noted_s=60),
        ]
    )
    assert keys(rows) == {frozenset({"1"}), frozenset({"2"})}
    assert shared(rows) == {Kind.ENDPOINT}


def test_a_device_whose_hardware_address_is_seen_at_both_addresses_is_one() -> None:
    rows = merge(
        [
            found(Way.ONVIF, "1", at=A, mac=M, reference=R),
            found(Way.ONVIF, "2", at=B, mac=M, reference=R, noted_s=60),
        ]
    )
    assert keys(rows) == {frozenset({"1", "2"})}


def test_a_device_that_answers_elsewhere_for_long_is_no_longer_where_it_was() -> None:
    rows = merge(
        [
            found(Way.ONVIF, "old", at=A, reference=R),
            found(Way.ONVIF, "new", at=B, reference=R, noted_s=150),
        ]
    )
    assert keys(rows) == {frozenset({"new"})}
    assert not shared(rows)


def test_a_chain_that_ends_at_another_device_is_cut() -> None:
    rows = merge(
        [
            found(Way.ONVIF, "1", at=A, reference=R),
            found(Way.SCAN, "s", at=A, mac=M),
            found(Way.ONVIF, "2", at=B, mac=M, reference=S),
        ]
    )
    assert keys(rows) == {frozenset({"1"}), frozenset({"s", "2"})}


def test_twins_at_usb_ports_stay_apart() -> None:
    rows = merge(
        [
            found(Way.USB, "1", usb="046d:0825", path="/dev/v4l/by-path/1"),
            found(Way.USB, "2", usb="046d:0825", path="/dev/v4l/by-path/2"),
        ]
    )
    assert keys(rows) == {frozenset({"1"}), frozenset({"2"})}
    assert shared(rows) == {Kind.USB}


def test_the_cameras_of_a_file_stay_apart_though_one_recorder_has_them_all() -> None:
    several = [found(Way.IMPORT, str(channel), at=A) for channel in range(3)]
    assert len(merge([*several, found(Way.ONVIF, "o", at=A, reference=R)])) == 4
    assert len(merge([several[0], found(Way.ONVIF, "o", at=A, reference=R)])) == 1


some = st.sampled_from
findings = st.builds(
    found,
    some(Way),
    some("abcdefgh"),
    at=some([None, A, B, "10.0.0.1"]),
    mac=some([None, None, M, N]),
    reference=some([None, None, R, S]),
    noted_s=some([0, 60, 200]),
    usb=some([None, None, "u", "v"]),
    path=some([None, None, "p", "q"]),
)
sets = st.lists(
    findings, max_size=10, unique_by=lambda item: (item.evidence.way, item.evidence.key)
)


@settings(deadline=None)
@given(sets.flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_any_order_gives_the_same_rows(orders: tuple[list[Noted], list[Noted]]) -> None:
    one, other = (merge(order) for order in orders)
    assert one == other


@settings(deadline=None)
@given(sets)
def test_no_row_contradicts_itself_and_no_finding_is_lost_or_doubled(items: list[Noted]) -> None:
    rows = merge(items)
    placed = [item for row in rows for item in row.items]
    assert len(placed) == len(set(map(id, placed)))
    superseded = [item for item in items if item not in placed]
    assert all(item.evidence.way is Way.ONVIF for item in superseded)
    for row in rows:
        for name in ("endpoint_reference", "mac", "device_path"):
            assert len({getattr(item.evidence, name) for item in row.items} - {None}) <= 1
    for left, right in pairwise(rows):
        both = left.identities & right.identities
        assert both <= left.shared
        assert both <= right.shared


@settings(deadline=None)
@given(sets)
def test_what_has_nothing_in_common_is_never_joined(items: list[Noted]) -> None:
    for row in merge(items):
        reached = {row.items[0]}
        for _ in row.items:
            claimed = {i for item in reached for i in identities_of(item.evidence)}
            reached |= {i for i in row.items if claimed & set(identities_of(i.evidence))}
        assert reached == set(row.items)


@pytest.mark.parametrize("count", [1000])
def test_a_full_list_is_merged(count: int) -> None:
    items = [
        found(Way.MDNS, str(i), at=f"10.0.{i % 250}.{i % 7}", mac=f"00:00:00:00:00:{i % 90:02x}")
        for i in range(count)
    ]
    assert sum(len(row.items) for row in merge(items)) == count
