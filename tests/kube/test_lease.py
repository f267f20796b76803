"""Who leads, on a real API server; each process has a clock of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from falconeye.cluster.api import Access, ApiServer
from falconeye.cluster.leader import LEASE
from falconeye.cluster.lease import Lease, LeaseTimes
from tests.clock import FakeClock
from tests.kube.cluster import Cluster

Making = Callable[[str], Lease]
TIMES = LeaseTimes()


@pytest.fixture
async def lease_of(access: Access) -> AsyncIterator[Making]:
    """A process that takes part; its clock is `lease.clock`, which only the test moves."""
    servers: list[ApiServer] = []

    def make(identity: str) -> Lease:
        clock = FakeClock()
        servers.append(ApiServer(access, clock))
        return Lease(servers[-1], "falconeye", LEASE, identity, clock, lambda: None)

    yield make
    for server in servers:
        await server.close()


def clock_of(lease: Lease) -> FakeClock:
    assert isinstance(lease.clock, FakeClock)
    return lease.clock


def told(kube: Cluster) -> dict[str, object]:
    spec: dict[str, object] = kube.get("lease", LEASE, "-n", "falconeye")["spec"]
    return spec


async def test_of_two_that_begin_together_one_leads(kube: Cluster, lease_of: Making) -> None:
    both = [lease_of("pi-1"), lease_of("pi-2")]
    await asyncio.gather(*(lease.turn() for lease in both))
    (leader,) = [lease for lease in both if lease.is_held]
    assert told(kube)["holderIdentity"] == leader.identity
    assert told(kube)["leaseDurationSeconds"] == TIMES.duration_s
    for lease in both:  # and so it stays
        await lease.turn()
    assert [lease.is_held for lease in both] == [lease is leader for lease in both]
    assert {lease.holder for lease in both} == {leader.identity}


async def test_a_dead_leader_is_followed_when_its_lease_is_over(
    kube: Cluster, lease_of: Making
) -> None:
    dead, other = lease_of("pi-1"), lease_of("pi-2")
    clock_of(other).step_utc(-40 * 365 * 86400)  # nobody's wall clock counts
    await dead.turn()
    clock_of(other).advance(1000)  # nor does how long it was not looked at
    await other.turn()
    held = [other.is_held]
    for seconds in (TIMES.duration_s - 0.1, 0.1):
        clock_of(other).advance(seconds)
        await other.turn()
        held.append(other.is_held)
    assert held == [False, False, True]
    assert told(kube)["leaseTransitions"] == 2


async def test_a_living_leader_is_never_followed(lease_of: Making) -> None:
    leader, other = lease_of("pi-1"), lease_of("pi-2")
    for _ in range(5):
        await leader.turn()
        await other.turn()
        clock_of(leader).advance(TIMES.look_s)
        clock_of(other).advance(TIMES.duration_s - 1)
    assert [lease.is_held for lease in (leader, other)] == [True, False]


async def test_who_stops_is_followed_at_once(kube: Cluster, lease_of: Making) -> None:
    leader, other = lease_of("pi-1"), lease_of("pi-2")
    await leader.turn()
    await other.turn()
    await leader.release()
    assert not leader.is_held
    assert told(kube)["holderIdentity"] == ""
    await other.turn()
    assert other.is_held


async def test_who_was_cut_off_leads_no_more_and_takes_nothing_back(lease_of: Making) -> None:
    old, new = lease_of("pi-1"), lease_of("pi-2")
    await old.turn()
    await new.turn()
    clock_of(old).advance(TIMES.deadline_s)
    assert not old.is_held  # before anybody else may
    clock_of(new).advance(TIMES.duration_s)
    await new.turn()
    assert new.is_held
    await old.turn()  # its renewal, which it had begun before: the lease is another one by now
    assert not old.is_held
    await old.turn()
    assert (old.is_held, old.holder, new.is_held) == (False, "pi-2", True)
    await new.turn()
    assert new.is_held


async def test_who_was_cut_off_releases_nothing_that_is_another_s(
    kube: Cluster, lease_of: Making
) -> None:
    old, new = lease_of("pi-1"), lease_of("pi-2")
    await old.turn()
    await new.turn()
    clock_of(new).advance(TIMES.duration_s)
    await new.turn()
    await old.release()
    assert told(kube)["holderIdentity"] == "pi-2"


async def test_a_process_that_begins_anew_leads_on(lease_of: Making) -> None:
    first, again = lease_of("pi-1"), lease_of("pi-1")
    await first.turn()
    await again.turn()
    assert again.is_held


async def test_what_others_wrote_into_the_lease_is_kept(kube: Cluster, lease_of: Making) -> None:
    leader = lease_of("pi-1")
    await leader.turn()
    kube.kubectl("annotate", "lease", LEASE, "-n", "falconeye", "who=me")
    await leader.turn()
    await leader.turn()
    assert leader.is_held
    assert kube.get("lease", LEASE, "-n", "falconeye")["metadata"]["annotations"] == {"who": "me"}


async def test_a_strange_duration_does_not_last_for_ever(kube: Cluster, lease_of: Making) -> None:
    leader, other = lease_of("pi-1"), lease_of("pi-2")
    await leader.turn()
    kube.kubectl("patch", "lease", LEASE, "-n", "falconeye", "--type=merge", "-p",
                 '{"spec":{"leaseDurationSeconds":2000000}}')  # fmt: skip
    await other.turn()
    clock_of(other).advance(TIMES.duration_s)
    await other.turn()
    assert other.is_held
