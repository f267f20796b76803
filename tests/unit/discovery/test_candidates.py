"""The list of found cameras: ids that last, ignoring, bounds, expiry, known cameras."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falconeye.base.errors import NotFound
from falconeye.discovery.candidates import (
    MAX_EVIDENCE,
    MAX_PER_ADDRESS,
    Candidate,
    Candidates,
)
from falconeye.discovery.evidence import Evidence, Way
from falconeye.discovery.recognition import Known, Moved
from tests.clock import FakeClock
from tests.peers.ignored_ids import RememberedIds

A, B = "192.168.1.20", "192.168.1.21"
M, N = "ac:cc:8e:00:00:01", "ac:cc:8e:00:00:02"
R, S = "urn:uuid:1", "urn:uuid:2"


class Listed:
    """A list of found cameras with what a test needs around it."""

    def __init__(self, *known: Known) -> None:
        self.clock = FakeClock()
        self.store = RememberedIds()
        self.known = known
        self.changes = 0
        self.candidates = self.anew()

    def anew(self) -> Candidates:
        """As after a restart."""

        def changed() -> None:
            self.changes += 1

        return Candidates(self.clock, self.store, known=lambda: self.known, on_change=changed)

    def note(self, way: Way, key: str, **facts: object) -> bool:
        evidence = Evidence(way, key, self.clock.utc_us(), **facts)  # type: ignore[arg-type]
        return self.candidates.note(evidence)

    @property
    def rows(self) -> list[Candidate]:
        return self.candidates.list()

    @property
    def ignored(self) -> list[bool]:
        return [row.ignored for row in self.rows]

    @property
    def row(self) -> Candidate:
        (row,) = self.rows
        return row


def test_facts_are_those_of_the_way_that_knows_most() -> None:
    listed = Listed()
    listed.note(Way.SCAN, "554", address=A, port=554, make="Dahua", name="scan")
    listed.note(Way.MDNS, "m", address=A, name="Front door", model="M1065")
    listed.note(
        Way.ONVIF, "o", address=A, port=80, name="AXIS", endpoint_reference=R, url=f"http://{A}/o"
    )
    row = listed.row
    assert (row.name, row.make, row.model) == ("AXIS", "Dahua", "M1065")
    assert (row.address, row.port, row.url) == (A, 80, f"http://{A}/o")
    assert [one.way for one in row.evidence] == [Way.ONVIF, Way.MDNS, Way.SCAN]


def test_what_devices_send_is_cut_freed_of_control_characters_and_of_logins() -> None:
    listed = Listed()
    listed.note(
        Way.MDNS,
        "k\x00",
        name="Front\x1b[31m door\u202e\n" + "x" * 10_000,
        address="::ffff:192.168.1.20",
        mac="AC-CC-8E-00-00-01",
        url="rtsp://admin:secret@192.168.1.20/live?password=secret",
        details={f"d{i}\r": "v" * 10_000 for i in range(1000)},
        endpoint_reference="UUID:6B29FC40-CA47-1067-B31D-00DD010662DA",
    )
    row = listed.row
    assert row.name.startswith("Front [31m door x")
    assert len(row.name) == 200
    assert (row.address, row.mac) == (A, M)
    assert row.endpoint_reference == "urn:uuid:6b29fc40-ca47-1067-b31d-00dd010662da"
    details = row.evidence[0].details
    assert len(details) == 32
    assert max(map(len, details.values())) == 200
    assert "secret" not in repr(row)


@pytest.mark.parametrize(
    "mac", ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "x"]
)
def test_a_hardware_address_of_no_device_is_none(mac: str) -> None:
    listed = Listed()
    listed.note(Way.MDNS, "k", address=A, mac=mac)
    assert listed.row.mac is None


def test_a_login_among_what_a_device_tells_is_hidden() -> None:
    told = {"path": "/user=admin_password=Sesame_channel=1", "pwd": "Sesame",
            "url": "rtsp://admin:Sesame@192.0.2.1/", "model": "S-1"}  # fmt: skip
    cleaned = Evidence(Way.MDNS, "k", 0, details=told).cleaned()
    assert "Sesame" not in repr(cleaned)
    assert cleaned.details["model"] == "S-1"


def test_the_id_is_the_same_after_a_restart_and_whatever_else_is_known() -> None:
    listed = Listed()
    listed.note(Way.ONVIF, "o", address=A, mac=M, endpoint_reference=R)
    before = listed.row.id
    listed.candidates = listed.anew()
    listed.note(Way.SCAN, "s", address=B)
    listed.note(Way.ONVIF, "o", address=B, endpoint_reference=R)
    assert listed.row.id == before


async def test_an_ignored_camera_stays_ignored_when_more_or_less_is_known_of_it() -> None:
    listed = Listed()
    listed.note(Way.ONVIF, "o", address=A, mac=M, endpoint_reference=R)
    row = await listed.candidates.set_ignored(listed.row.id, ignored=True)
    assert row.ignored
    listed.candidates = listed.anew()
    await listed.candidates.load()
    listed.note(Way.SCAN, "s", address=B, mac=M)
    assert listed.ignored == [True]
    listed.note(Way.ONVIF, "o", address=B, mac=M, endpoint_reference=R)
    assert listed.ignored == [True]
    await listed.candidates.set_ignored(listed.row.id, ignored=False)
    assert listed.ignored == [False]
    assert listed.store.ids == frozenset()


async def test_who_comes_to_an_ignored_address_later_is_shown() -> None:
    listed = Listed()
    listed.note(Way.SCAN, "s", address=A)
    await listed.candidates.set_ignored(listed.row.id, ignored=True)
    assert listed.ignored == [True]
    listed.note(Way.SCAN, "s", address=A, mac=N)
    assert listed.ignored == [False]


def test_a_row_answers_to_the_id_it_had_when_less_was_known() -> None:
    listed = Listed()
    listed.note(Way.MDNS, "m", address=A, mac=M)
    before = listed.row.id
    listed.note(Way.ONVIF, "o", address=A, mac=M, endpoint_reference=R)
    assert listed.row.id != before
    assert listed.candidates.get(before) == listed.row
    with pytest.raises(NotFound):
        listed.candidates.get("another")


def test_what_is_not_seen_for_ten_minutes_goes_and_a_scan_stays() -> None:
    listed = Listed()
    listed.note(Way.ONVIF, "o", address=A)
    listed.note(Way.SCAN, "s", address=B)
    listed.clock.advance(599)
    listed.candidates.expire()
    assert len(listed.rows) == 2
    listed.clock.advance(1)
    listed.candidates.expire()
    assert [row.address for row in listed.rows] == [B]


def test_that_a_device_is_no_longer_where_it_was_is_told() -> None:
    listed = Listed()
    listed.note(Way.ONVIF, "1", address=A, endpoint_reference=R)
    listed.note(Way.ONVIF, "2", address=B, endpoint_reference=R)
    for _ in range(2):
        listed.clock.advance(60)
        listed.note(Way.ONVIF, "2", address=B, endpoint_reference=R)
        assert len(listed.rows) == 2
        listed.candidates.expire()
    assert listed.changes == 2
    listed.clock.advance(60)
    listed.note(Way.ONVIF, "2", address=B, endpoint_reference=R)
    listed.candidates.expire()
    assert listed.changes == 3
    assert listed.row.address == B
    listed.candidates.expire()
    assert listed.changes == 3


def test_a_clock_that_is_set_expires_nothing() -> None:
    listed = Listed()
    listed.note(Way.ONVIF, "o", address=A)
    listed.clock.step_utc(3_600)
    listed.candidates.expire()
    assert len(listed.rows) == 1


def test_changes_are_told_and_being_seen_again_is_none() -> None:
    listed = Listed()
    listed.note(Way.ONVIF, "o", address=A)
    assert listed.changes == 1
    listed.clock.advance(60)
    listed.note(Way.ONVIF, "o", address=A)
    assert listed.changes == 1
    assert listed.row.seen_us == listed.clock.utc_us()
    listed.note(Way.ONVIF, "o", address=A, name="door")
    listed.candidates.gone(Way.ONVIF, "o")
    listed.candidates.gone(Way.ONVIF, "o")
    assert listed.changes == 3
    assert listed.rows == []


def test_a_full_list_refuses_the_newest_and_makes_room_for_the_nodes_own() -> None:
    listed = Listed()
    for number in range(MAX_EVIDENCE):
        assert listed.note(Way.MDNS, str(number), address=f"10.0.{number // 250}.{number % 250}")
        listed.clock.advance(0.001)
    assert not listed.note(Way.MDNS, "one more", address=A)
    assert listed.candidates.refused.value == 1
    assert listed.note(Way.MDNS, "0", address="10.0.0.0", name="known ones go on")
    assert listed.note(Way.USB, "port", device_identity="046d:0825")
    keys = {one.key for row in listed.rows for one in row.evidence}
    assert len(keys) == MAX_EVIDENCE
    assert "port" in keys
    assert "1" not in keys  # it was seen longest ago


def test_a_configured_camera_finds_room_by_the_hardware_that_the_kernel_sees() -> None:
    listed = Listed(Known("1", address=B, mac=M))
    for number in range(MAX_EVIDENCE - 2):
        assert listed.note(Way.ONVIF, str(number), address=f"10.0.{number // 250}.{number % 250}")
        listed.clock.advance(0.001)
    for number in range(2):  # who says the most goes first, though it was heard last
        assert listed.note(Way.ONVIF, f"talks {number}", address="10.9.9.9")
    assert not listed.note(Way.ONVIF, "claims it", address=A, mac=M)
    camera = Evidence(Way.ONVIF, "is it", listed.clock.utc_us(), address=A, mac=M)
    assert listed.candidates.note(camera, is_kernels_mac=True)
    (row,) = [row for row in listed.rows if row.camera_ids]
    assert row.moved[0].to_address == A
    keys = {one.key for row in listed.rows for one in row.evidence}
    assert ("talks 0" in keys, "0" in keys, len(keys)) == (False, True, MAX_EVIDENCE)
    stranger = Evidence(Way.ONVIF, "other", 0, address=A, mac=N)
    assert not listed.candidates.note(stranger, is_kernels_mac=True)


def test_one_address_cannot_fill_the_list() -> None:
    listed = Listed()
    taken = [
        listed.note(Way.ONVIF, str(number), address=A, endpoint_reference=f"urn:{number}")
        for number in range(1000)
    ]
    assert taken.count(True) == MAX_PER_ADDRESS
    assert listed.note(Way.ONVIF, "o", address=B, endpoint_reference=R)


def test_a_configured_camera_is_recognised_by_its_endpoint_reference_wherever_it_is() -> None:
    listed = Listed(Known("cam", address=A, port=554, endpoint_reference=R, onvif_port=80))
    listed.note(Way.ONVIF, "o", address=A, port=80, endpoint_reference=R)
    assert (listed.row.camera_id, listed.row.moved) == ("cam", ())
    listed.note(Way.ONVIF, "o", address=B, port=80, endpoint_reference=R)
    assert listed.row.moved == (Moved("cam", A, 80, B, 80, None),)
    listed.note(Way.ONVIF, "o", address=A, port=8000, endpoint_reference=R)
    assert listed.row.moved == (Moved("cam", A, 80, A, 8000, None),)


def test_a_camera_that_is_away_has_moved_where_it_answers_now() -> None:
    known = Known("cam", address=A, port=554, endpoint_reference=R, mac=M, onvif_port=80)
    listed = Listed(known)

    def answers(*addresses: str) -> None:
        for address in addresses:
            listed.note(
                Way.ONVIF, f"o {address}", address=address, port=80, endpoint_reference=R, mac=M
            )

    answers(A)
    listed.clock.advance(11)
    answers(B)
    assert not listed.row.moved  # it delivers: the other one is a second address
    listed.known = (replace(known, is_away=True),)
    assert listed.row.moved == (Moved("cam", A, 80, B, 80, True),)
    answers(A, B)  # it answers at both: what is wrong with its streams is not the address
    assert not listed.row.moved


@pytest.mark.parametrize(("mac", "same"), [(M, True), (N, False), (None, None)])
def test_a_move_says_whether_it_is_the_same_hardware(mac: str | None, same: bool | None) -> None:
    listed = Listed(Known("cam", address=A, endpoint_reference=R, mac=M))
    listed.note(Way.ONVIF, "o", address=B, mac=mac, endpoint_reference=R)
    assert [one.same_mac for one in listed.row.moved] == [same]


def test_who_has_taken_the_address_of_a_camera_is_not_that_camera() -> None:
    listed = Listed(Known("cam", address=A, port=554, endpoint_reference=R, mac=M))
    listed.note(Way.ONVIF, "o", address=A, endpoint_reference=S, mac=N)
    assert listed.row.camera_id is None


def test_a_camera_without_strong_identity_is_recognised_by_its_address() -> None:
    listed = Listed(Known("cam", address=A, port=554))
    listed.note(Way.ONVIF, "o", address=A, port=80, endpoint_reference=R)
    listed.note(Way.ONVIF, "p", address=B, port=80, endpoint_reference=S)
    assert [row.camera_id for row in listed.rows if row.address == A] == ["cam"]
    assert [row.camera_id for row in listed.rows if row.address == B] == [None]


def test_of_two_that_claim_one_identity_only_the_one_at_its_place_is_the_camera() -> None:
    listed = Listed(Known("cam", address=B, endpoint_reference=R))
    listed.note(Way.ONVIF, "1", address=A, mac=M, endpoint_reference=R)
    listed.note(Way.ONVIF, "2", address=B, mac=N, endpoint_reference=R)
    assert {row.address: row.camera_id for row in listed.rows} == {A: None, B: "cam"}
    listed.known = (Known("cam", address="10.9.9.9", endpoint_reference=R),)
    assert [row.camera_id for row in listed.rows] == [None, None]


def test_a_recorder_is_the_camera_of_each_of_its_channels() -> None:
    listed = Listed(Known("2", address=A, port=554), Known("1", address=A, port=554))
    listed.note(Way.ONVIF, "o", address=A, port=80, endpoint_reference=R)
    assert listed.row.camera_ids == ("1", "2")
    assert listed.row.camera_id == "1"


def test_a_camera_with_two_addresses_has_not_moved() -> None:
    listed = Listed(Known("cam", address=A, port=554, mac=M))
    listed.note(Way.ONVIF, "1", address=A, mac=M, endpoint_reference=R)
    listed.clock.advance(1)
    listed.note(Way.ONVIF, "2", address=B, mac=M, endpoint_reference=R)
    assert (listed.row.camera_id, listed.row.moved) == ("cam", ())


def test_usb_twins_are_told_apart_by_their_ports() -> None:
    listed = Listed(Known("cam", device_identity="u", device_path="/dev/v4l/by-path/2"))
    listed.note(Way.USB, "1", device_identity="u", device_path="/dev/v4l/by-path/1")
    listed.note(Way.USB, "2", device_identity="u", device_path="/dev/v4l/by-path/2")
    assert {row.device_path: row.camera_id for row in listed.rows} == {
        "/dev/v4l/by-path/1": None,
        "/dev/v4l/by-path/2": "cam",
    }


some = st.sampled_from
facts = st.fixed_dictionaries(
    {
        "address": some([None, A, B]),
        "mac": some([None, M, N]),
        "endpoint_reference": some([None, R, S]),
        "device_identity": some([None, "u"]),
        "device_path": some([None, "p", "q"]),
    }
)
acts = st.lists(st.tuples(some(Way), some("abcd"), st.none() | facts), max_size=12)


@settings(deadline=None)
@given(acts)
def test_the_list_is_that_of_what_is_there_whatever_came_and_went(
    acts: list[tuple[Way, str, dict[str, str | None] | None]],
) -> None:
    listed = Listed()
    there: dict[tuple[Way, str], dict[str, str | None]] = {}
    for way, key, what in acts:
        if what is None:
            listed.candidates.gone(way, key)
            there.pop((way, key), None)
        else:
            listed.note(way, key, **what)
            there[way, key] = what
    fresh = Listed()
    for (way, key), what in sorted(there.items(), reverse=True):
        fresh.note(way, key, **what)
    assert listed.rows == fresh.rows
    ids = [row.id for row in listed.rows]
    assert len(set(ids)) == len(ids)
    aliases = [alias for row in listed.rows for alias in row.aliases]
    assert len(set(aliases)) == len(aliases)
