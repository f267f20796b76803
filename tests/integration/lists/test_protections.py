"""A protected time is kept by all nodes, told once, and let go of by all."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from falconeye.storage.segments.protections import Protection
from falconeye.web.peers import gathering, noted
from tests.integration.api.conftest import Served
from tests.integration.lists.conftest import Two, until

pytestmark = pytest.mark.timeout(40)
SPAN = {"from": "2026-09-01T00:00:00Z", "to": "2026-09-01T01:00:00Z"}


async def kept(node: Served, camera: str) -> list[Protection]:
    return await node.services.storage.protections.of_camera(camera)


async def door(nodes: Two) -> str:
    answer = await nodes.one.admin.post("/api/cameras/", json={"name": "Door", "protocol": "demo"})
    await until(lambda: len(nodes.two.services.cameras.list()) == 1)
    camera: str = answer.json()["id"]
    return camera


async def test_a_time_is_protected_and_let_go_of_on_all_nodes(nodes: Two) -> None:
    camera = await door(nodes)
    url = f"/api/cameras/{camera}/protections"
    made = await nodes.one.operator.post(f"{url}/", json={**SPAN, "reason": "theft"})
    assert (made.status_code, made.json()["unreachable_nodes"]) == (201, [])
    assert [one.reason for one in await kept(nodes.two, camera)] == ["theft"]
    listed = (await nodes.one.viewer.get(f"{url}/")).json()
    assert [each["id"] for each in listed["protections"]] == [made.json()["id"]]  # once
    refused = await nodes.one.viewer.delete(f"{url}/{made.json()['id']}")
    assert refused.status_code == 403
    gone = await nodes.one.operator.delete(f"{url}/{made.json()['id']}")
    assert gone.status_code == 200, gone.text
    assert [await kept(node, camera) for node in (nodes.one, nodes.two)] == [[], []]


async def test_what_another_node_alone_keeps_is_let_go_of_there(nodes: Two) -> None:
    camera = await door(nodes)
    url = f"/api/cameras/{camera}/protections"
    async with nodes.at(nodes.two, nodes.one.operator) as at_two:
        theirs = (await at_two.post(f"{url}/", json={**SPAN, "reason": "theft"})).json()
    for one in await kept(nodes.one, camera):
        await nodes.one.services.storage.protections.remove(camera, one.id)
    listed = (await nodes.one.viewer.get(f"{url}/")).json()["protections"]
    at = nodes.node_id(nodes.two)
    assert [(each["id"], each["node_id"]) for each in listed] == [(theirs["id"], at)]
    assert (await nodes.one.operator.delete(f"{url}/{theirs['id']}")).status_code == 404
    gone = await nodes.one.operator.delete(f"{url}/{theirs['id']}", params={"node": at})
    assert gone.status_code == 200, gone.text
    assert await kept(nodes.two, camera) == []


async def test_a_silent_node_is_named(nodes: Two) -> None:
    camera = await door(nodes)
    nodes.silence(nodes.two)
    url = f"/api/cameras/{camera}/protections"
    made = await nodes.one.operator.post(f"{url}/", json={**SPAN, "reason": "theft"})
    assert made.json()["unreachable_nodes"] == ["pi-2"]
    assert (await nodes.one.viewer.get(f"{url}/")).json()["unreachable_nodes"] == ["pi-2"]


@pytest.mark.parametrize("is_older", [False, True])
async def test_a_time_line_asks_each_node_once(
    nodes: Two, monkeypatch: pytest.MonkeyPatch, *, is_older: bool
) -> None:
    """A node of an older release, which does not tell of both at once, is asked again."""
    camera = await door(nodes)
    now = dt.datetime.now(dt.UTC)
    span = {
        "from": (now - dt.timedelta(hours=1)).isoformat(),
        "to": now.isoformat(),
    }
    url = f"/api/cameras/{camera}"
    async with nodes.at(nodes.two, nodes.one.operator) as at_two:
        made = await at_two.post(f"{url}/protections/", json={**span, "reason": "theft"})
        assert made.status_code == 201, made.text
    for one in await kept(nodes.one, camera):
        await nodes.one.services.storage.protections.remove(camera, one.id)
    asked: list[str] = []
    ask = gathering.ask_one

    async def told(*arguments: Any, **more: Any) -> Mapping[str, Any] | None:
        asked.append(arguments[2])
        answer = await ask(*arguments, **more)
        assert answer is not None
        return {"events": answer["events"]} if is_older and "events" in answer else answer

    for module in (gathering, noted):
        monkeypatch.setattr(module, "ask_one", told)
    found = (await nodes.one.viewer.get(f"{url}/timeline", params=span)).json()
    assert ["theft" in str(each) for each in found["events"]] == [True]
    assert asked == ["/peer/events", *(["/peer/protections"] if is_older else [])]
