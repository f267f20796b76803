"""A new template with whole nodes in the pods: one after the other, and cameras are recorded on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from falconeye.base.clock import SystemClock
from falconeye.base.times import SECOND_US, parse_rfc3339, rfc3339
from falconeye.cluster.api import Access
from tests.end_to_end.keyed_nodes import free_ports, keyed_node, secret
from tests.kube.cluster import Cluster
from tests.kube.conftest import add_nodes
from tests.kube.hands import Hands
from tests.kube.machines import Machines
from tests.kube.test_rolling import set_image
from tests.kube.test_whole_nodes import NAMES, as_pod, generation
from tests.nodes import RunningNode
from tests.peers.media_samples import video_clip
from tests.peers.own_address import own_address
from tests.peers.replay_rtsp import ReplayServer

pytestmark = pytest.mark.timeout(400)
# A node that is drained lets go of a camera when another has footage of it: there is no hole, but
# for the beginning and the end of what was asked for.
HOLE_US = 3 * SECOND_US


@pytest.fixture
async def machines(
    tmp_path: Path, kube: Cluster, access: Access, at_work: Hands
) -> AsyncIterator[Machines]:
    """Two, whose containers Kubernetes has started; an admin's token holds on both."""
    ports, secrets = free_ports(2), secret(tmp_path / "secret")
    nodes = {
        name: keyed_node(tmp_path / name, port, ports, secrets)
        for name, port in zip(NAMES, ports, strict=True)
    }
    for node in nodes.values():
        as_pod(node, kube, access)
    made = Machines(nodes)
    at_work.machines = made
    add_nodes(kube, *NAMES)
    try:
        async with asyncio.timeout(90):
            await at_work.until(lambda: at_work.ready == set(NAMES))
        code, token, err = await nodes["pi-1"].command("token", "add", "test", "--role", "admin")
        assert code == 0, err
        for name, node in nodes.items():
            await made.use(name, token.strip())
            async with asyncio.timeout(30):
                while (await node.client.get("/api/nodes/")).status_code == 401:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        yield made
    finally:
        at_work.machines = None
        await made.stop()


async def recorded_by_its_owner(node: RunningNode, camera_id: str, owner: str) -> None:
    await node.until(
        f"/api/cameras/{camera_id}",
        lambda c: c["recording"] and c["node_name"] == owner and c["standby_node"] is None,
        90,
    )


def longest_hole_us(answer: Any, span: tuple[int, int]) -> int:
    """What of the time is neither node's footage, before, between and behind it."""
    at, longest_us = span[0], 0
    for one in sorted(answer["spans"], key=lambda one: str(one["from"])):
        begin, end = (parse_rfc3339(one[key], UTC) for key in ("from", "to"))
        longest_us = max(longest_us, begin - at)
        at = max(at, end)
    return max(longest_us, span[1] - at)


async def test_each_node_is_replaced_once_and_its_camera_is_recorded_meanwhile(
    machines: Machines, kube: Cluster, at_work: Hands
) -> None:
    one, two = (machines.nodes[name] for name in NAMES)
    with ReplayServer(address=own_address()) as server:
        cameras = {}
        for owner in NAMES:
            server.add(owner, video=video_clip(gop=25))
            wish = {"default_recorder_node": owner}
            answer = await one.client.patch("/api/settings/", json=wish)
            assert answer.status_code == 200, answer.text
            cameras[owner] = await one.add(f"At {owner}", server.url(owner))
        for owner, camera_id in cameras.items():
            await recorded_by_its_owner(one, camera_id, owner)
        pods, began_us, before = at_work.uids(), SystemClock().utc_us(), generation(kube)
        at_work.count_away_from_now()
        set_image(kube, "falconeye:2")
        async with asyncio.timeout(240):
            await at_work.until(
                lambda: (
                    set(at_work.images().values()) == {"falconeye:2"}
                    and at_work.ready == set(NAMES)
                )
            )
        for owner, camera_id in cameras.items():
            await recorded_by_its_owner(two, camera_id, owner)
        span = (began_us, SystemClock().utc_us())
        query = f"from={rfc3339(span[0])}&to={rfc3339(span[1])}".replace("+", "%2B")
        for camera_id in cameras.values():
            for node in (one, two):  # what both have is known to each within ten seconds
                path = f"/api/cameras/{camera_id}/timeline?{query}"
                told = await node.until(path, lambda r: longest_hole_us(r, span) < HOLE_US, 60)
                assert {name for piece in told["spans"] for name in piece["nodes"]} == {
                    each["id"] for each in told["nodes"]
                }
    assert machines.starts == {"pi-1": 2, "pi-2": 2}
    assert not set(pods.values()) & set(at_work.uids().values())
    assert at_work.most_away == 1
    assert generation(kube) == before + 1  # nobody but the test changed the DaemonSet
