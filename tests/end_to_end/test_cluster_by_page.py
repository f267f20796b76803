"""What an admin does to a cluster from the pages, with whole nodes and cameras by RTSP."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from falconeye.web.security.credentials import SESSION_COOKIE
from falconeye.web.security.csrf import make_csrf_token
from tests.end_to_end.test_standbys import back, ids
from tests.nodes import NO_TLS, PASSWORD, RunningNode, running_node
from tests.peers.media_samples import video_clip
from tests.peers.own_address import own_address
from tests.peers.replay_rtsp import ReplayServer

pytestmark = [pytest.mark.timeout(300), pytest.mark.fault]


class Person:
    """An admin in a browser without scripts; a context manager."""

    def __init__(self, node: RunningNode, name: str) -> None:
        self.node, self.name = node, name
        self.client = httpx.AsyncClient(
            base_url=node.url, timeout=20, trust_env=False, verify=NO_TLS,
            headers={"accept": "text/html", "origin": node.url},
        )  # fmt: skip

    async def __aenter__(self) -> "Person":
        who = {"name": self.name, "password": PASSWORD}
        answer = await self.client.post("/login", data=who)
        for _ in range(2):  # the node looks once a second for what the command line changed
            if answer.status_code == 401:
                await asyncio.sleep(1.5)
                answer = await self.client.post("/login", data=who)
        assert answer.status_code == 303, answer.text
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def page(self, path: str, **query: str) -> str:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def post(self, path: str, status: int, **fields: str) -> str:
        token = make_csrf_token(self.client.cookies[SESSION_COOKIE])
        answer = await self.client.post(path, data={"_csrf": token, **fields})
        assert answer.status_code == status, answer.text
        return answer.text


async def add_user(node: RunningNode, name: str) -> None:
    words = ("user", "add", name, "--role", "admin", "--password-stdin")
    code, _, err = await node.command(*words, stdin=PASSWORD + "\n")
    assert code == 0, err


async def test_nodes_join_move_even_out_and_replace_by_page(tmp_path: Path) -> None:
    with ReplayServer(address=own_address()) as server:
        for name in ("door", "yard", "shed"):
            server.add(name, video=video_clip(gop=25))
        async with (
            running_node(tmp_path / "pi-1", "--node-name", "pi-1") as one,
            running_node(tmp_path / "pi-2", "--node-name", "pi-2") as two,
        ):
            await add_user(one, "ann")
            await add_user(two, "bob")
            door = await one.add("Door", server.url("door"))
            gate = await two.add("Gate", server.url("door"))
            async with Person(one, "ann") as ann:
                await join_by_page(ann, two)
                two.client.headers["authorization"] = one.client.headers["authorization"]
                for node in (one, two):
                    await node.until("/api/nodes/", lambda r: [n["ready"] for n in r] == [True] * 2)
                    listed = await node.until("/api/cameras/", lambda r: r["total"] == 2)
                    assert {c["id"]: c["same_address"] for c in listed["cameras"]} == {
                        door: [gate], gate: [door],
                    }  # fmt: skip
                await ann.post(f"/cameras/{gate}/delete", 303, footage="keep")
                await two.until("/api/cameras/", lambda r: r["total"] == 1)
                assert "has the same address" not in await ann.page(f"/cameras/{door}")
                await move_and_even_out(ann, one, server, door)
                await rename(ann, one, two, door)
                await replace_dead(ann, one, two)


async def join_by_page(ann: Person, two: RunningNode) -> None:
    assert "not your password" in await ann.post("/nodes/code", 422, password="wrong")
    made = await ann.post("/nodes/code", 200, password=PASSWORD)
    found = re.search(r"FE1-[\w-]+", made)
    assert found
    async with Person(two, "bob") as bob:
        said = await bob.post("/nodes/join", 200, code=found.group())
        assert "“Gate” here and “Door” there have one address" in said
        assert len(await two.json("/api/nodes/")) == 1  # nothing has happened yet
        await bob.post("/nodes/join", 303, code=found.group(), confirmed="yes", password=PASSWORD)
    async with Person(two, "ann"):  # the cluster's users are that node's from now on
        pass


async def move_and_even_out(ann: Person, one: RunningNode, server: ReplayServer, door: str) -> None:
    known = await ids(one)
    said = await ann.page("/nodes/move", camera=door, node=known["pi-2"])
    assert "pi-1 goes on until the other one records" in said
    await ann.post("/nodes/move", 303, camera=door, node=known["pi-2"])
    path = f"/api/cameras/{door}"
    there = {"node_name": "pi-2", "standby_node": None, "recording": True}
    await one.until(path, lambda c: {key: c[key] for key in there} == there, 40)
    again = await ann.client.get("/nodes/move", params={"camera": door, "node": known["pi-2"]})
    assert again.status_code == 409
    # New cameras go where the settings say; one that was moved by hand stays there.
    for node_name, name in (("pi-1", "yard"), ("pi-2", "shed")):
        wish = {"default_camera_node": "pi-1", "default_recorder_node": node_name}
        answer = await one.client.patch("/api/settings/", json=wish)
        assert answer.status_code == 200, answer.text
        made = await one.add(name, server.url(name))
        assert (await one.json(f"/api/cameras/{made}"))["node_name"] == node_name
    plan = await ann.page("/nodes/rebalance")
    assert "Door" not in plan
    await ann.post("/nodes/rebalance", 303)
    assert (await one.json(path))["node_name"] == "pi-2"


async def rename(ann: Person, one: RunningNode, two: RunningNode, door: str) -> None:
    known = await ids(one)
    assert "nother node is called" in await ann.post(
        f"/nodes/{known['pi-2']}/rename", 409, name="PI-1"
    )
    await ann.post(f"/nodes/{known['pi-2']}/rename", 303, name="attic")
    assert (await one.json(f"/api/cameras/{door}"))["node_name"] == "attic"
    # It calls itself so, and what it makes from now on says so.
    await two.until("/api/nodes/", lambda r: r[0]["name"] == "attic")
    assert "Admin · attic" in (await two.client.get("/nodes", headers={"accept": "text/html"})).text
    _ = await two.terminate()
    await back(two)
    assert "Admin · attic" in (await two.client.get("/nodes", headers={"accept": "text/html"})).text
    await ann.post(f"/nodes/{known['pi-2']}/rename", 303, name="pi-2")
    await two.until("/api/nodes/", lambda r: r[0]["name"] == "pi-2")


async def replace_dead(ann: Person, one: RunningNode, two: RunningNode) -> None:
    known = await ids(one)
    await two.kill()
    await one.until("/api/nodes/", lambda r: [n["reachable"] for n in r] == [True, False], 30)
    path = f"/nodes/{known['pi-2']}/replace"
    assert "pi-1 records these from then on: " in await ann.page(path, by=known["pi-1"])
    await ann.post(path, 303, by=known["pi-1"], password=PASSWORD)
    await one.until(
        "/api/cameras/",
        lambda r: (
            {(c["node_name"], c["standby_node"], c["recording"]) for c in r["cameras"]}
            == {("pi-1", None, True)}
        ),
        40,
    )
    assert [n["name"] for n in await one.json("/api/nodes/")] == ["pi-1"]
    # A word of it, once it runs again, is refused and shown.
    await two.start()
    async with asyncio.timeout(30):
        while True:
            if "which was removed" in await ann.page("/nodes"):
                return
            await asyncio.sleep(0.2)
