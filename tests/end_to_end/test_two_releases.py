"""A cluster while it is updated, node by node; and a node of before there were clusters."""

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from tests.end_to_end.releases import BEFORE_CLUSTERS, FIRST_CLUSTERS, built, older_node
from tests.nodes import NO_TLS, RunningNode, running_node
from tests.peers.media_samples import video_clip
from tests.peers.own_address import own_address
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(240), pytest.mark.fault]


@pytest.fixture(scope="module")
def first_clusters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return built(FIRST_CLUSTERS, tmp_path_factory.mktemp("first-clusters"))


@pytest.fixture(scope="module")
def before_clusters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return built(BEFORE_CLUSTERS, tmp_path_factory.mktemp("before-clusters"))


async def joined(member: RunningNode, other: RunningNode) -> None:
    code, out, err = await member.command("node", "code")
    assert code == 0, err
    code, out, err = await other.command("join", out.split()[-1], "--yes")
    assert code == 0, out + err
    other.client.headers["authorization"] = member.client.headers["authorization"]


def is_called(name: str, camera: Any) -> bool:
    return bool(camera["name"] == name)


@pytest.fixture(params=["the newer one joins", "the older one joins"])
async def pair(
    request: pytest.FixtureRequest, tmp_path: Path, first_clusters: dict[str, str]
) -> AsyncIterator[list[RunningNode]]:
    """The member first, then the node that joined it."""
    async with AsyncExitStack() as stack:
        older = older_node(first_clusters, tmp_path / "older", "--node-name", "older")
        newer = running_node(tmp_path / "newer", "--node-name", "newer")
        nodes = [await stack.enter_async_context(each) for each in (older, newer)]
        if request.param == "the older one joins":
            nodes.reverse()
        await joined(*nodes)
        yield nodes


async def test_two_releases_are_one_recorder(pair: list[RunningNode]) -> None:
    member, other = pair
    with ReplayServer(address=own_address()) as server:
        server.add("door", video=video_clip(gop=25))
        for node in pair:
            await node.until("/api/nodes/", lambda r: len(r) == 2 and all(n["ready"] for n in r))
        owner = (await other.json("/api/nodes/"))[0]["name"]
        answer = await member.client.patch("/api/settings/", json={"default_recorder_node": owner})
        assert answer.status_code == 200, answer.text
        await other.until("/api/settings/", lambda r: r["default_recorder_node"] == owner)
        door = await member.add("Door", server.url("door"))
        path = f"/api/cameras/{door}"
        for node in pair:
            await node.until(path, lambda c: c["online"] and c["recording"], 30)
        # What is changed at one is so at the other, in both directions.
        for node, there, name in ((member, other, "Front"), (other, member, "Back")):
            answer = await node.client.patch(path, json={"name": name})
            assert answer.status_code == 200, answer.text
            await there.until(path, partial(is_called, name))
        # What the owner has is had through each.
        for node in pair:
            picture = await node.client.get(f"{path}/snapshot.jpg")
            assert picture.status_code == 200, picture.text
            assert picture.content.startswith(b"\xff\xd8")
        answer = await member.client.post(f"{path}/stop")
        assert answer.status_code == 200, answer.text
        for node in pair:
            listed = await node.until(
                "/api/recordings/",
                lambda r: [each["status"] for each in r["recordings"]] == ["completed"],
            )
            [recording] = listed["recordings"]
            assert (recording["node_name"], listed["unreachable_nodes"]) == (owner, [])
            got = await node.client.get(
                f"/api/recordings/{recording['id']}/download", headers={"range": "bytes=0-99"}
            )
            assert got.status_code == 206, got.text
            assert got.content[4:8] == b"ftyp"
        answer = await other.client.post(f"{path}/start")
        assert answer.status_code == 200, answer.text
        for node in pair:
            await node.until(path, lambda c: c["online"] and c["recording"], 30)
        # The owner dies; the other, of another release, stands in and says so.
        await other.kill()
        await member.until(path, lambda c: not c["online"], 25)
        await member.until(path, lambda c: c["online"] and c["recording"], 25)
        log = "".join(member.lines)
        assert "Traceback" not in log, log


async def test_each_shows_what_the_other_sees_live(pair: list[RunningNode]) -> None:
    """As its page asks for it, over the proxied WebSocket, and as other programs do."""
    with ReplayServer() as server:
        server.add("door", video=video_clip(gop=25))
        # Each at its own loopback address: it stays where it was added, in both releases.
        for node in pair:
            await node.until("/api/nodes/", lambda r: len(r) == 2 and all(n["ready"] for n in r))
        for node, other in (pair, pair[::-1]):
            name = next(n["name"] for n in await node.json("/api/nodes/") if n["this_node"])
            answer = await node.client.patch("/api/settings/", json={"default_recorder_node": name})
            assert answer.status_code == 200, answer.text
            camera = await node.add(f"Door of {name}", server.url("door") + f"?of={name}")
            path = f"/api/cameras/{camera}"
            await other.until("/api/cameras/", partial(_has_online, camera), 30)
            assert (await other.json(path))["node_name"] == name
            page = await other.client.get(f"/cameras/{camera}")
            assert page.status_code == 200, page.text
            found = re.search(r'data-live="([^"]+)"', page.text)
            assert found, page.text
            await _plays(other, html.unescape(found[1]))
            for which, mark in (("stream", b"\xff\xd8\xff"), ("live.mp4", b"moof")):
                await _sends(other, f"{path}/{which}", mark)
        for node in pair:
            log = "".join(node.lines)
            assert "Traceback" not in log, log


def _has_online(camera_id: str, listed: Any) -> bool:
    return any(one["id"] == camera_id and one["online"] for one in listed["cameras"])


async def _plays(node: RunningNode, path: str) -> None:
    """What `static/player.js` does up to the first pictures."""
    url = urljoin(node.url.replace("http:", "ws:"), path)
    headers = {"authorization": node.client.headers["authorization"]}
    async with (
        connect(url, additional_headers=headers, origin=Origin(node.url), proxy=None) as socket,
        asyncio.timeout(20),
    ):
        offer = json.loads(await socket.recv())
        assert offer["type"] == "offer", offer
        stream = next(one for one in offer["streams"] if one["stream"] == "main")
        choice = {"type": "choose", "stream": "main", "audio": False, "focused": True}
        await socket.send(json.dumps(choice))
        hello = json.loads(await socket.recv())
        assert hello["type"] == "hello", hello
        assert stream["codecs"] in hello["mime"]
        kinds = [(await socket.recv())[4:8] for _ in range(6)]
        assert kinds == [b"ftyp", *[b"moof"] * 5]


async def _sends(node: RunningNode, path: str, mark: bytes) -> None:
    """Several pictures of it come, and go on coming."""
    read = b""
    async with node.client.stream("GET", path) as answer, asyncio.timeout(20):
        assert answer.status_code == 200, path
        async for chunk in answer.aiter_raw():
            read += chunk
            if read.count(mark) > 5:
                return
    raise AssertionError(f"{path} ended after {len(read)} bytes")


async def test_a_node_of_before_clusters_is_updated_and_joins(
    tmp_path: Path, before_clusters: dict[str, str]
) -> None:
    with ReplayServer() as server:
        server.add("door", video=video_clip(gop=25))
        async with older_node(before_clusters, tmp_path / "old", "--node-name", "old") as node:
            door = await node.add("Door", server.url("door"))
            await node.until(f"/api/cameras/{door}", lambda c: c["recording"])
            [before] = (await node.until("/api/recordings/", lambda r: r["count"] == 1))[
                "recordings"
            ]
            answer = await node.client.patch("/api/settings/", json={"keep_days": 9})
            assert answer.status_code == 200, answer.text
            headers = dict(node.client.headers)
        node = RunningNode(tmp_path / "old", "--node-name", "old")
        async with running_node(tmp_path / "new", "--node-name", "new") as member:
            await node.start()
            try:
                node.client = httpx.AsyncClient(
                    base_url=node.url, headers=headers, timeout=20, trust_env=False, verify=NO_TLS
                )
                camera = await node.until(f"/api/cameras/{door}", lambda c: c["recording"])
                assert camera["name"] == "Door"
                assert (await node.json("/api/settings/"))["keep_days"] == 9
                listed = await node.json("/api/recordings/")
                assert before["id"] in {each["id"] for each in listed["recordings"]}
                await joined(member, node)
                await member.until(
                    "/api/cameras/", lambda r: [c["recording"] for c in r["cameras"]] == [True], 30
                )
                listed = await member.until("/api/recordings/", lambda r: r["count"] >= 2)
                assert before["id"] in {each["id"] for each in listed["recordings"]}
                got = await member.client.get(
                    f"/api/recordings/{before['id']}/download", headers={"range": "bytes=0-99"}
                )
                assert got.status_code == 206, got.text
                assert (await node.json("/api/settings/"))["keep_days"] is None  # the cluster's
            finally:
                await node.stop()
