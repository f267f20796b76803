"""Cameras go from node to node: whole nodes, and cameras that the test controls."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.nodes import NO_TLS, RunningNode, running_node
from tests.peers.media_samples import video_clip
from tests.peers.own_address import own_address
from tests.peers.replay_camera import ReplayCamera
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(180), pytest.mark.fault]


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[RunningNode]]:
    """Two nodes of one cluster; the token of the first holds on both."""
    async with AsyncExitStack() as stack:
        found = [
            await stack.enter_async_context(running_node(tmp_path / name, "--node-name", name))
            for name in ("pi-1", "pi-2")
        ]
        await joined(*found)
        yield found


async def joined(first: RunningNode, other: RunningNode) -> None:
    """`other` joins the cluster of `first`."""
    code, out, err = await first.command("node", "code")
    assert code == 0, err
    code, out, err = await other.command("join", out.split()[-1], "--yes")
    assert code == 0, out + err
    other.client.headers["authorization"] = first.client.headers["authorization"]
    for one in (first, other):
        await one.until("/api/nodes/", lambda r: len(r) == 2 and all(n["ready"] for n in r))


async def back(node: RunningNode) -> None:
    """It starts again, with the token that held before."""
    headers = {"authorization": node.client.headers["authorization"]}
    await node.start()
    node.client = httpx.AsyncClient(
        base_url=node.url, headers=headers, timeout=20, trust_env=False, verify=NO_TLS
    )


async def owned(node: RunningNode, name: str, url: str, owner: str) -> str:
    """A camera that is recorded by the node of that name; its id."""
    answer = await node.client.patch("/api/settings/", json={"default_recorder_node": owner})
    assert answer.status_code == 200, answer.text
    camera_id = await node.add(name, url)
    path = f"/api/cameras/{camera_id}"
    await node.until(path, lambda c: c["recording"] and c["node_name"] == owner, 30)
    return camera_id


async def ids(node: RunningNode) -> dict[str, str]:
    return {one["name"]: one["id"] for one in await node.json("/api/nodes/")}


def longest_pause_s(camera: ReplayCamera) -> float:
    """Between two pictures that it sent to anybody, of the last ones."""
    times = sorted(at_s for _, at_s in tuple(camera.sent_at))
    return max(after - before for before, after in pairwise(times))


async def test_a_camera_of_one_session_is_let_go_before_the_other_takes_it(
    nodes: list[RunningNode],
) -> None:
    one, two = nodes
    with ReplayServer(address=own_address()) as server:
        camera = server.add("door", video=video_clip(gop=25))
        camera.faults.max_sessions = 1
        door = await owned(one, "Door", server.url("door"), "pi-2")
        path = f"/api/cameras/{door}"
        await two.kill()
        await one.until(path, lambda c: c["recording"] and c["standby_node"] == "pi-1", 40)
        assert (await one.json(path))["node_name"] == "pi-2"
        page = (await one.client.get(f"/cameras/{door}", headers={"accept": "text/html"})).text
        assert "pi-2; pi-1 stands in for it" in page
        await back(two)
        # It is refused a second session, learns so, and asks for the one there is.
        await two.until(path, lambda c: c["recording"] and c["standby_node"] is None, 40)
        assert camera.sessions == 1
        # From now on all know, so that a move asks first.
        refused = camera.requests["SETUP"] - camera.played
        camera.sent_at.clear()
        wish = {"camera": door, "node": (await ids(one))["pi-1"]}
        page = (await one.client.get("/nodes/move", params=wish)).text
        assert "The camera takes one connection only" in page
        answer = await one.client.post("/nodes/move", data=wish)
        assert answer.status_code == 303, answer.text
        there = {"node_name": "pi-1", "standby_node": None, "recording": True}
        await one.until(path, lambda c: {key: c[key] for key in there} == there, 40)
        assert camera.sessions == 1
        assert camera.requests["SETUP"] - camera.played == refused
        assert longest_pause_s(camera) < 5  # 3 s; this machine is shared
