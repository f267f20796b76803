"""What nodes tell of found cameras, and the number that pages make of it: each device once."""

from falconeye.discovery.candidates import Candidates
from falconeye.discovery.evidence import Evidence, Way
from falconeye.federation.report import MAX_FOUND, MAX_FOUND_IDS, FoundReport, NodeReport
from falconeye.web.found_told import count_new, told_of
from tests.clock import START_US, FakeClock
from tests.peers.ignored_ids import RememberedIds

BOTH, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"


def list_of() -> Candidates:
    return Candidates(FakeClock(), RememberedIds())


def network(address: str, mac: str, name: str = "Yard", *, usable: bool = True) -> Evidence:
    url = f"rtsp://{address}/"
    return Evidence(
        Way.SCAN, address, START_US, name, address=address, mac=mac, url=url, usable=usable
    )


def webcam() -> Evidence:
    """Two of one make look alike at two nodes."""
    return Evidence(
        Way.USB, "/dev/video0", START_US, "C270", device_identity="046d:0825:A1",
        device_path="/dev/video0",
    )  # fmt: skip


def test_what_several_nodes_see_counts_once_and_what_is_at_a_port_each_time() -> None:
    one, two = list_of(), list_of()
    for candidates in (one, two):
        assert candidates.note(network("192.0.2.1", BOTH))
        assert candidates.note(webcam())
    assert two.note(network("192.0.2.2", OTHER))
    parts = [told_of(candidates.list()) for candidates in (one, two)]
    assert [count_new([part]) for part in parts] == [2, 3]
    assert count_new(parts) == 4  # the one that both see, the other one, and two webcams


async def test_what_nobody_can_add_or_somebody_ignored_does_not_count() -> None:
    one, two = list_of(), list_of()
    for candidates in (one, two):
        assert candidates.note(network("192.0.2.1", BOTH))
        assert candidates.note(network("192.0.2.2", OTHER, usable=False))
    await one.set_ignored(one.list()[0].id, ignored=True)
    parts = [told_of(candidates.list()) for candidates in (one, two)]
    told = {len(part) for part in parts}
    assert told == {2}  # all that is seen is told: who does not hear of it would count it again
    assert [count_new([part]) for part in parts] == [0, 1]
    # Before the other one heard that it is ignored: as the page of each has it, the own row leads.
    assert [count_new(parts), count_new(parts[::-1])] == [0, 1]


def test_new_ones_are_told_first_and_all_of_it_passes_the_bounds_of_a_report() -> None:
    candidates = list_of()
    for number in range(400):
        mac = f"02:00:00:00:{number // 256:02x}:{number % 256:02x}"
        address = f"198.51.{number // 256}.{number % 256}"
        assert candidates.note(network(address, mac, usable=number >= 350))
    told = told_of(candidates.list())
    assert [one.is_new for one in told] == [True] * 50 + [False] * 350
    assert all(0 < len(one.ids) <= MAX_FOUND_IDS for one in told)
    report = NodeReport(found=tuple(told[:MAX_FOUND]))
    assert NodeReport.parse(report.as_json()) == report
    assert count_new([report.found]) == 50


def test_a_report_of_an_older_release_tells_of_nothing() -> None:
    assert NodeReport.parse({"node_id": "b"}).found == ()
    assert NodeReport.parse({"found": [{"ids": ["x"]}]}).found == (FoundReport(ids=("x",)),)
