"""Without the API server nothing of a node ends; when it is back, the leader goes on."""

import asyncio
import logging

import pytest

from falconeye.base.clock import SystemClock
from falconeye.cluster.api import Access, ApiRefused, ApiServer, ApiUnreachable
from falconeye.cluster.leader import LEASE
from falconeye.cluster.placement import Selection
from tests.kube.cluster import Cluster
from tests.kube.hands import Hands
from tests.kube.placing import leading
from tests.kube.test_placement import with_agents


async def test_a_leader_outlives_the_api_server_and_says_so_once(
    kube: Cluster, access: Access, at_work: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    before = await with_agents(kube, at_work)
    caplog.set_level(logging.WARNING, "falconeye.cluster")
    async with leading(access, "pi-1") as led:
        await led.until(lambda: led.state.is_leader and led.leader.shared is not None)
        kube.stop_api_server()
        await led.until(
            lambda: "cannot be reached" in led.state.problem and not led.state.is_leader
        )
        led.selection = Selection(exclude=frozenset({"pi-2"}))
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == len({line.split(":")[0] for line in said}) <= 2
        await asyncio.to_thread(kube.start_api_server)
        await asyncio.to_thread(kube.restart_controllers)  # they would wait for half a minute
        await at_work.until(lambda: at_work.on == {"pi-1", "pi-3"})
        await led.until(lambda: not led.state.problem)
    assert at_work.uids() == {name: before[name] for name in ("pi-1", "pi-3")}


async def test_a_stop_does_not_wait_for_an_api_server_that_is_away(
    kube: Cluster, access: Access
) -> None:
    async with leading(access, "pi-1") as led:
        await led.until(lambda: led.state.is_leader)
        kube.stop_api_server()
        async with asyncio.timeout(3):
            await led.leader.stop()
    await asyncio.to_thread(kube.start_api_server)
    await asyncio.to_thread(kube.restart_controllers)


async def test_who_stops_hands_over_at_once_and_who_dies_after_its_lease(
    kube: Cluster, access: Access
) -> None:
    async with leading(access, "pi-1") as first:
        await first.until(lambda: first.state.is_leader)
        async with leading(access, "pi-2") as second, leading(access, "pi-3") as third:
            await second.until(lambda: second.state.holder == "pi-1+boot")
            assert not second.state.is_leader
            await first.leader.stop()
            assert (
                kube.get("lease", LEASE, "-n", "falconeye")["spec"]["holderIdentity"] != "pi-1+boot"
            )
            both = (second, third)
            await second.until(lambda: any(led.state.is_leader for led in both))
            leader, other = sorted(both, key=lambda led: not led.state.is_leader)
            await leader.leader._tasks.stop()  # it dies: nothing is released
            await other.until(lambda: other.state.is_leader)
            assert not leader.state.is_leader


async def test_a_stranger_and_a_wrong_authority_are_told(kube: Cluster, access: Access) -> None:
    wrong = access.token_file.with_name("wrong.token")
    wrong.write_text("not-a-token")
    stranger = ApiServer(Access(access.url, access.ca_file, wrong), SystemClock())
    with pytest.raises(ApiRefused) as refused:
        _ = await stranger.get("/api/v1/nodes")
    assert refused.value.code == 401
    await stranger.close()
    other_ca = kube.authority.file.with_name("other")
    other_ca.mkdir(exist_ok=True)
    elsewhere = type(kube.authority)(other_ca).file
    distrustful = ApiServer(Access(access.url, elsewhere, access.token_file), SystemClock())
    with pytest.raises(ApiUnreachable, match="certificate"):
        _ = await distrustful.get("/api/v1/nodes")
    await distrustful.close()
    missing = ApiServer(Access(access.url, wrong.with_name("no"), wrong), SystemClock())
    with pytest.raises(ApiUnreachable, match="authority"):
        _ = await missing.get("/api/v1/nodes")


async def test_a_token_that_was_renewed_is_read_again(access: Access) -> None:
    good = access.token_file.read_text()
    access.token_file.write_text("not-a-token")
    server = ApiServer(access, SystemClock())
    with pytest.raises(ApiRefused):
        _ = await server.get("/api/v1/nodes")
    access.token_file.write_text(good)
    assert (await server.get("/api/v1/nodes"))["kind"] == "NodeList"
    await server.close()
