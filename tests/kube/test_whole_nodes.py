"""Whole nodes as the pods of the manifests: they find each other, one leads, and it places them.

The processes run on loopback with the account's token; the pods of their names are moved by
`hands.py`. So a pod that goes does not end its process: the test does.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from falconeye.cluster.api import Access
from falconeye.cluster.leader import DAEMON_SET, LEASE
from tests.end_to_end.keyed_nodes import free_ports, keyed_node, secret
from tests.kube.cluster import Cluster
from tests.kube.conftest import add_nodes
from tests.kube.hands import Hands
from tests.nodes import NO_TLS, RunningNode
from tests.peers.media_samples import video_clip
from tests.peers.own_address import own_address
from tests.peers.replay_rtsp import ReplayServer

pytestmark = pytest.mark.timeout(240)
NAMES = ("pi-1", "pi-2")


def as_pod(node: RunningNode, kube: Cluster, access: Access, **settings: str) -> None:
    """It starts with what a pod has from its manifest and from the kubelet."""
    files = node.data_dir.parent / "account"
    files.mkdir(parents=True)
    (files / "token").write_text(access.token_file.read_text())
    (files / "ca.crt").write_text(access.ca_file.read_text())
    node.environment |= settings | {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(kube.port),
        "KUBE_ACCOUNT_DIR": str(files),
        "KUBE_NAMESPACE": "falconeye",
        "KUBE_NODE_NAME": node.data_dir.parent.name,
    }


@pytest.fixture
async def pods(
    tmp_path: Path, kube: Cluster, access: Access, at_work: Hands, request: pytest.FixtureRequest
) -> AsyncIterator[list[RunningNode]]:
    """Two, members of each other, with an admin's token; their pods are ready."""
    add_nodes(kube, *NAMES)
    ports, secrets = free_ports(2), secret(tmp_path / "secret")
    nodes = [
        keyed_node(tmp_path / name, port, ports, secrets)
        for name, port in zip(NAMES, ports, strict=True)
    ]
    settings = getattr(request, "param", {})
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.stop)
            as_pod(node, kube, access, **settings)
            await node.start()
        code, token, err = await nodes[0].command("token", "add", "test", "--role", "admin")
        assert code == 0, err
        for node in nodes:
            await node.client.aclose()
            headers = {"authorization": f"Bearer {token.strip()}"}
            node.client = httpx.AsyncClient(
                base_url=node.url, headers=headers, timeout=20, trust_env=False, verify=NO_TLS
            )
        async with asyncio.timeout(60):
            while (await nodes[1].client.get("/api/nodes/")).status_code == 401:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await at_work.until(lambda: at_work.ready == set(NAMES))
        yield nodes


def is_told(nodes: list[dict[str, Any]]) -> bool:
    return len(nodes) == 2 and all(
        one["reachable"] and one["labels"].get("room") == "attic" and one["kubernetes_told_at"]
        for one in nodes
    )


def generation(kube: Cluster) -> Any:
    return kube.get("daemonset", DAEMON_SET, "-n", "falconeye")["metadata"]["generation"]


async def leader_of(nodes: list[RunningNode]) -> tuple[RunningNode, RunningNode]:
    """Who leads, and the other; both agree."""
    told = await nodes[0].until("/api/nodes/agents", lambda r: bool(r["leader"]), 30)
    _ = await nodes[1].until("/api/nodes/agents", lambda r: r["leader"] == told["leader"], 30)
    return (nodes[0], nodes[1]) if told["leader"] == NAMES[0] else (nodes[1], nodes[0])


async def test_a_node_is_left_out_when_another_records_its_cameras(
    pods: list[RunningNode], kube: Cluster, at_work: Hands
) -> None:
    for node in pods:
        told = await node.until("/api/nodes/", is_told, 60)
        assert {(one["kubernetes_node"], one["kubernetes_ready"]) for one in told} == {
            (name, True) for name in NAMES
        }
    leader, other = await leader_of(pods)
    name = NAMES[pods.index(other)]
    uids = at_work.uids()
    with ReplayServer(address=own_address()) as server:
        server.add("door", video=video_clip(gop=25))
        answer = await leader.client.patch("/api/settings/", json={"default_recorder_node": name})
        assert answer.status_code == 200, answer.text
        door = await leader.add("Door", server.url("door"))
        await other.until("/api/cameras/", lambda r: r["total"] == 1)
        await other.until(f"/api/cameras/{door}", lambda c: c["online"] and c["recording"], 30)
        for wrong, status in ((list(NAMES), 422), ([""], 422), (["Pi 1"], 422)):
            answer = await other.client.put("/api/nodes/agents", json={"exclude": wrong})
            assert answer.status_code == status, answer.text
            answer = await other.client.patch("/api/settings/", json={"agent_nodes_exclude": wrong})
            assert answer.status_code == status, answer.text
        assert generation(kube) == 1
        # From the one that is to go: the choice is configuration, of all.
        answer = await other.client.put("/api/nodes/agents", json={"exclude": [name]})
        assert answer.status_code == 200, answer.text
        async with asyncio.timeout(90):
            await at_work.until(lambda: name not in at_work.on)
        assert any(f"the node {name} is drained" in line for line in leader.lines)
        recordings = (await leader.json("/api/recordings/"))["recordings"]
        assert NAMES[pods.index(leader)] in {one["node_name"] for one in recordings}
        assert (await leader.json(f"/api/cameras/{door}"))["recording"]
        left = NAMES[pods.index(leader)]
        assert at_work.uids() == {left: uids[left]}
        await other.terminate()
        _ = await leader.until(f"/api/cameras/{door}", lambda c: c["online"] and c["recording"])
    assert other.lines


async def test_who_leads_dies_and_the_api_server_too_and_the_nodes_go_on(
    pods: list[RunningNode], kube: Cluster
) -> None:
    leader, other = await leader_of(pods)
    name = NAMES[pods.index(other)]
    await leader.kill()
    _ = await other.until("/api/nodes/agents", lambda r: r["leader"] == name, 40)
    kube.stop_api_server()
    _ = await other.until("/api/nodes/agents", lambda r: "cannot be reached" in r["problem"], 30)
    assert (await other.client.get("/readyz")).status_code == 200
    assert (await other.client.get("/api/cameras/")).status_code == 200
    assert await other.terminate() < 10
    await asyncio.to_thread(kube.start_api_server)
    await asyncio.to_thread(kube.restart_controllers)


@pytest.mark.parametrize("pods", [{"FALCONEYE_PLACEMENT": "manual"}], indirect=True)
async def test_manual_placement_writes_nothing_and_still_tells_what_nodes_are_like(
    pods: list[RunningNode], kube: Cluster
) -> None:
    for node in pods:
        _ = await node.until("/api/nodes/", is_told, 60)
        told = await node.json("/api/nodes/agents")
        assert (told["placement"], told["leader"]) == ("manual", "")
        answer = await node.client.put("/api/nodes/agents", json={"exclude": ["pi-2"]})
        assert answer.status_code == 409, answer.text
    assert kube.get("lease", "-n", "falconeye")["items"] == []
    assert generation(kube) == 1


async def test_who_is_told_to_stop_lets_another_lead_at_once(
    pods: list[RunningNode], kube: Cluster
) -> None:
    leader, _ = await leader_of(pods)
    holder = kube.get("lease", LEASE, "-n", "falconeye")["spec"]["holderIdentity"]
    assert re.fullmatch(r"[0-9a-f-]{36}\+[0-9a-f]{16}", holder)
    await leader.terminate()
    assert kube.get("lease", LEASE, "-n", "falconeye")["spec"]["holderIdentity"] != holder
