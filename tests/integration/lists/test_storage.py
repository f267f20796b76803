"""The disks of two nodes: told together, changed at the node that has them."""

import re
from pathlib import Path

import pytest

from falconeye.accounts.model import Role
from tests.integration.api.test_recordings import CAMERA, footage
from tests.integration.lists.conftest import Two, until

pytestmark = pytest.mark.timeout(40)


async def test_the_disks_of_all_nodes_are_told_together(nodes: Two) -> None:
    await footage(nodes.one)
    await footage(nodes.two, gops=3)
    found = (await nodes.one.viewer.get("/api/storage/")).json()
    assert [each["node_name"] for each in found["volumes"]] == ["pi-1", "pi-2"]
    assert [each["node_name"] for each in found["nodes"]] == ["pi-1", "pi-2"]
    sizes = {each["node_id"]: each["bytes"] for each in found["cameras"]}
    assert set(sizes) == {nodes.node_id(nodes.one), nodes.node_id(nodes.two)}
    assert all(sizes.values())
    assert {each["camera_id"] for each in found["cameras"]} == {CAMERA}
    assert found["unreachable_nodes"] == []
    volumes = (await nodes.one.viewer.get("/api/storage/volumes")).json()
    assert [one["id"] for one in volumes["volumes"]] == [one["id"] for one in found["volumes"]]
    page = (await nodes.one.viewer.get("/storage")).text
    for node in (nodes.one, nodes.two):
        assert f"/storage?node={nodes.node_id(node)}" in page
    async with await nodes.one.client(Role.VIEWER, cameras=("yard",)) as limited:
        assert (await limited.get("/api/storage/")).json()["cameras"] == []


async def test_a_camera_is_told_of_by_the_nodes_that_have_something_of_it(nodes: Two) -> None:
    body = {"name": "Gate", "protocol": "demo", "start": False}
    gate = (await nodes.one.admin.post("/api/cameras/", json=body)).json()["id"]

    await until(lambda: gate in {one.config.id for one in nodes.two.services.cameras.list()})
    owner_id = nodes.two.services.cameras.get(gate).config.owner_id
    async with nodes.at(nodes.two, nodes.one.viewer) as there:
        found = (await there.get("/api/storage/")).json()["cameras"]
    assert [(each["camera_id"], each["node_id"]) for each in found] == [(gate, owner_id)]
    await footage(nodes.two)  # of a camera that is gone by now
    found = (await nodes.one.viewer.get("/api/storage/")).json()["cameras"]
    told = {(each["camera_id"], each["node_id"]) for each in found}
    assert told == {(gate, owner_id), (CAMERA, nodes.node_id(nodes.two))}


async def test_a_silent_node_is_named(nodes: Two) -> None:
    nodes.silence(nodes.two)
    found = (await nodes.one.viewer.get("/api/storage/")).json()
    assert [each["node_name"] for each in found["nodes"]] == ["pi-1"]
    assert found["unreachable_nodes"] == ["pi-2"]
    page = (await nodes.one.viewer.get("/storage")).text
    assert "What lies on nodes that do not answer is not known: pi-2." in page
    away = await nodes.one.viewer.get("/storage", params={"node": nodes.node_id(nodes.two)})
    assert away.status_code == 503
    assert "pi-2" in away.text


async def test_a_disk_is_changed_at_its_node(nodes: Two, tmp_path: Path) -> None:
    """Asked of the other one: by id and by name, page and API; never of this one instead."""
    theirs = nodes.node_id(nodes.two)
    page = (await nodes.one.admin.get("/storage", params={"node": theirs})).text
    assert "Storage of pi-2" in page
    assert f'action="/storage/volumes?node={theirs}"' in page
    assert str(tmp_path / "two" / "media") in page
    assert str(tmp_path / "one" / "media") not in page
    body = {"path": str(tmp_path), "role": "archive"}
    for node in (theirs, "pi-2"):
        answer = await nodes.one.admin.post(
            "/api/storage/volumes", params={"node": node}, json=body
        )
        assert answer.status_code == 422, answer.text  # no disk: the other one looked at it
    unknown = await nodes.one.admin.get("/api/storage/mounts", params={"node": "attic"})
    assert unknown.status_code == 404
    assert (await nodes.one.nobody.get("/api/storage/mounts?node=attic")).status_code == 401
    assert (await nodes.one.viewer.get("/api/storage/mounts?node=pi-2")).status_code == 403
    mine = (await nodes.one.admin.get("/api/storage/volumes")).json()["volumes"]
    of_two = next(each["id"] for each in mine if each["node_id"] == theirs)
    answer = await nodes.one.admin.patch(
        f"/api/storage/volumes/{of_two}", params={"node": theirs}, json={"role": "archive"}
    )
    assert answer.status_code == 409, answer.text  # its media directory
    answer = await nodes.one.admin.patch(f"/api/storage/volumes/{of_two}", json={"role": "archive"})
    assert answer.status_code == 404
    answer = await nodes.one.admin.post(
        "/storage/volumes", params={"node": theirs}, data={"path": "/nowhere", "role": "archive"}
    )
    assert answer.status_code == 422
    assert re.search("Storage of pi-2", answer.text)
