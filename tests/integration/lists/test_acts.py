"""What is done to all nodes at once; and signing out, which ends a session on all of them."""

import re

import httpx
import pytest

from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.base.times import MINUTE_US, rfc3339
from falconeye.jobs.exporting import ask_for_export
from falconeye.storage.export.export_layout import ExportOrder
from tests.clock import START_US
from tests.integration.api.conftest import Served
from tests.integration.api.test_recordings import footage
from tests.integration.lists.conftest import Two, until
from tests.nodes import NO_TLS, PASSWORD

pytestmark = pytest.mark.timeout(60)
SPAN = {"from": "2020-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}


async def filled(nodes: Two) -> str:
    """A camera with footage on both nodes."""
    answer = await nodes.one.admin.post("/api/cameras/", json={"name": "Door", "protocol": "demo"})
    camera: str = answer.json()["id"]
    await until(lambda: len(nodes.two.services.cameras.list()) == 1)
    for node in (nodes.one, nodes.two):
        await footage(node, camera_id=camera)
    return camera


async def files(node: Served, camera: str) -> int:
    found = await node.services.recordings.total_of(camera, 0, 1 << 61)
    return found.files


async def test_a_time_is_deleted_on_all_nodes(nodes: Two) -> None:
    camera = await filled(nodes)
    assert [await files(node, camera) for node in (nodes.one, nodes.two)] == [1, 1]
    asked = {"camera": camera, "reason": "asked for", **SPAN}
    page = (await nodes.one.admin.get("/storage/delete", params=asked)).text
    assert "2 files" in page
    answer = await nodes.one.operator.delete(
        f"/api/cameras/{camera}/footage", params={"reason": "no", **SPAN}
    )
    assert answer.status_code == 403
    answer = await nodes.one.admin.delete(
        f"/api/cameras/{camera}/footage", params={"reason": "asked for", **SPAN}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["deleted"], answer.json()["not_deleted"]) == (2, [])
    assert [await files(node, camera) for node in (nodes.one, nodes.two)] == [0, 0]
    log, _ = await nodes.two.services.accounts.audit.list()
    assert "footage.deleted" in {entry.action for entry in log}  # who did it is noted there too


async def test_what_of_another_node_stays_is_said_before(nodes: Two) -> None:
    """Its exports of the time, and what it alone protects."""
    camera = await filled(nodes)
    services = nodes.two.services
    who = Principal(PrincipalKind.USER, "u", "bob", Role.OPERATOR, None)
    order = ExportOrder(camera, "Door", START_US, START_US + MINUTE_US)
    await ask_for_export(services.jobs, services.exports, [order], who, None)
    recording = (await services.recordings.list(camera_id=camera))[0][0]
    await services.recordings.update(recording.id, {"protected": True})
    asked = {"camera": camera, "reason": "asked for", **SPAN}
    page = (await nodes.one.admin.get("/storage/delete", params=asked)).text
    assert "1 of them is protected and stays." in page
    assert "<li>" in page.split("protected and stays.")[1].split("Exports of this time")[0]
    assert "bob, pi-2" in page


async def test_a_day_lists_the_recordings_of_all_nodes(nodes: Two) -> None:
    camera = await filled(nodes)
    start_us = nodes.two.services.clock.utc_us()
    theirs = await footage(nodes.two, start_us, camera_id=camera)
    at = {"at": rfc3339(start_us)}
    page = (await nodes.one.admin.get(f"/cameras/{camera}/footage", params=at)).text
    assert f"/recordings/{theirs}" in page


async def test_what_stays_on_a_silent_node_is_said(nodes: Two) -> None:
    camera = await filled(nodes)
    nodes.silence(nodes.two)
    asked = {"camera": camera, "reason": "asked for", **SPAN}
    page = (await nodes.one.admin.get("/storage/delete", params=asked)).text
    assert "These nodes do not answer, and what they have of this time stays: pi-2." in page
    answer = await nodes.one.admin.post("/storage/delete", data=asked)
    assert answer.status_code == 409
    assert "Deleted, but not on every node. pi-2: it does not answer" in answer.text
    assert [await files(node, camera) for node in (nodes.one, nodes.two)] == [0, 1]


async def test_a_logout_ends_everywhere(nodes: Two) -> None:
    """A login holds on every node; after it is ended at one, the other refuses the cookie."""
    users = nodes.one.services.accounts.users
    await users.add("ann", Secret(PASSWORD), Rights(Role.ADMIN))
    async with (
        httpx.AsyncClient(base_url=nodes.one.url, trust_env=False, verify=NO_TLS) as one,
        httpx.AsyncClient(base_url=nodes.two.url, trust_env=False, verify=NO_TLS) as two,
    ):
        form = {"name": "ann", "password": PASSWORD}
        answer = await one.post("/login", data=form, headers={"origin": nodes.one.url})
        assert answer.status_code == 303, answer.text
        for name, value in one.cookies.items():
            two.cookies.set(name, value)

        async def is_in() -> bool:
            return (await two.get("/api/cameras/")).status_code == 200

        await until(is_in)
        async with two.stream("GET", "/events") as stream:
            assert stream.status_code == 200
            page = (await one.get("/about")).text
            token = re.search(r'name="_csrf" value="([^"]+)"', page)
            assert token is not None
            answer = await one.post(
                "/logout", data={"_csrf": token[1]}, headers={"origin": nodes.one.url}
            )
            assert answer.status_code == 303
            told = [line async for line in stream.aiter_lines()]  # it ends
        assert "event: signed-out" in told
        assert (await two.get("/api/cameras/")).status_code == 401
