"""Walls of a cluster: the same at every node; what they count is of all nodes that are heard."""

import pytest

from falconeye.events.bus import WallsChanged
from tests.integration.lists.conftest import Two, until

pytestmark = pytest.mark.timeout(60)


async def camera(nodes: Two, name: str) -> str:
    """One that both know."""
    body = {"name": name, "protocol": "demo", "start": False}
    camera_id = str((await nodes.one.admin.post("/api/cameras/", json=body)).json()["id"])

    await until(lambda: camera_id in {one.config.id for one in nodes.two.services.cameras.list()})
    return camera_id


async def test_a_wall_that_is_saved_here_is_shown_there(nodes: Two) -> None:
    ids = [await camera(nodes, name) for name in ("Attic", "Door")]
    with nodes.two.services.bus.subscribe() as heard:
        wall = {"name": "House", "shared": True, "camera_ids": ids[::-1]}
        made = (await nodes.one.operator.post("/api/walls/", json=wall)).json()
        async for event in heard:  # open pages follow
            if isinstance(event, WallsChanged):
                break
    path = f"/api/walls/{made['id']}"
    async with nodes.at(nodes.two, nodes.one.admin) as there:
        assert (await there.get(path)).json()["cameras"] == ids[::-1]
        page = (await there.get(f"/?wall={made['id']}&view=grid")).text
        assert page.index(f'id="tile-{ids[1]}"') < page.index(f'id="tile-{ids[0]}"')
        answer = await there.patch(path, json={"hidden": [ids[0]]})
        assert answer.json()["cameras"] == [ids[1]]

    async def is_followed() -> bool:
        return bool((await nodes.one.viewer.get(path)).json()["cameras"] == [ids[1]])

    await until(is_followed)
    async with nodes.at(nodes.two, nodes.one.admin) as there:
        assert (await there.delete(path)).status_code == 200

    async def is_gone() -> bool:
        return (await nodes.one.viewer.get(path)).status_code == 404

    await until(is_gone)


async def test_who_is_silent_is_named_beside_what_is_counted(nodes: Two) -> None:
    await camera(nodes, "Door")
    page = (await nodes.one.viewer.get("/?view=table")).text
    assert "not heard" not in page
    assert "Not counted" not in page
    assert ">Node<" in page
    nodes.silence(nodes.two)
    page = (await nodes.one.viewer.get("/?view=table")).text
    assert "without pi-2, not heard" in page
    assert "Not counted: what pi-2 recorded today." in page
