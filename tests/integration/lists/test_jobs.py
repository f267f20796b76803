"""Jobs and events of two nodes are one list at each, and are acted on at the node that has them."""

from dataclasses import replace

import pytest

from falconeye.accounts.model import Role
from falconeye.jobs.system_work import SystemWork, WorkKind, WorkState
from falconeye.storage.stores.event_store import CameraEvent
from falconeye.storage.stores.job_store import Job, JobState, JobStore
from tests.clock import START_US
from tests.integration.api.conftest import Served
from tests.integration.lists.conftest import Two, until

pytestmark = pytest.mark.timeout(40)
MINUTE_US = 60_000_000


def failed(name: str, minute: int) -> Job:
    asked = {"camera_name": "Door", "from_us": 0, "to_us": 1}
    return Job(
        name, "export", JobState.FAILED, "door", "user", "u", "ann", START_US + minute * MINUTE_US,
        asked, ended_us=START_US, error="no footage",
    )  # fmt: skip


async def noted(node: Served, *jobs: Job) -> None:
    store = JobStore(node.services.patient.database)
    for job in jobs:
        await store.add(job)


@pytest.fixture
def backups(nodes: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """What each node does by itself, under one id on all of them."""
    for node in (nodes.one, nodes.two):
        work = SystemWork("backup", WorkKind.BACKUP, WorkState.PROCESSING)

        async def listed(work: SystemWork = work) -> list[SystemWork]:
            return [work]

        async def find(_id: str, work: SystemWork = work) -> SystemWork | None:
            return work if _id == work.id else None

        monkeypatch.setattr(node.services.works, "list", listed)
        monkeypatch.setattr(node.services.works, "find", find)


@pytest.mark.usefixtures("backups")
async def test_exports_and_works_of_all_nodes_are_one_list(nodes: Two) -> None:
    await noted(nodes.one, failed("a", 0), failed("c", 2))
    await noted(nodes.two, failed("b", 1), failed("d", 3))
    listed = (await nodes.one.admin.get("/api/jobs/")).json()
    exports = [each for each in listed["jobs"] if each["kind"] == "export"]
    assert [each["id"] for each in exports] == ["d", "c", "b", "a"]
    assert [each["node_name"] for each in exports] == ["pi-2", "pi-1"] * 2
    works = [each["node_id"] for each in listed["jobs"] if each["kind"] == "backup"]
    assert works == sorted(nodes.node_id(node) for node in (nodes.one, nodes.two))
    assert (listed["count"], listed["unreachable_nodes"]) == (len(listed["jobs"]), [])
    pages = [
        (await nodes.one.admin.get("/api/jobs/", params={"limit": 2, "offset": offset})).json()
        for offset in range(0, listed["count"], 2)
    ]
    assert [each for page in pages for each in page["jobs"]] == listed["jobs"]
    page = (await nodes.one.admin.get("/jobs")).text
    assert page.count("export, ann, pi-2") == 2
    assert f"/jobs/d/action?node={nodes.node_id(nodes.two)}" in page
    nodes.silence(nodes.two)
    page = (await nodes.one.admin.get("/jobs")).text
    assert "Jobs of nodes that do not answer are not in this list: pi-2." in page
    listed = (await nodes.one.admin.get("/api/jobs/")).json()
    assert listed["unreachable_nodes"] == ["pi-2"]


@pytest.mark.usefixtures("backups")
async def test_what_all_nodes_do_alike_is_acted_on_at_the_named_one(nodes: Two) -> None:
    listed = (await nodes.one.admin.get("/api/jobs/")).json()["jobs"]
    at = nodes.node_id(nodes.two)
    backup = next(each for each in listed if each["kind"] == "backup" and each["node_id"] == at)
    one = (await nodes.one.admin.get(f"/api/jobs/{backup['id']}")).json()
    two = (await nodes.one.admin.get(f"/api/jobs/{backup['id']}", params={"node": at})).json()
    assert (one["node_name"], two["node_name"]) == ("pi-1", "pi-2")


async def test_a_job_is_its_owners_on_every_node(nodes: Two) -> None:
    await noted(nodes.two, failed("b", 1))
    listed = (await nodes.one.operator.get("/api/jobs/")).json()
    assert not [each for each in listed["jobs"] if each["kind"] == "export"]
    who = next(
        one for one in nodes.one.services.accounts.tokens.list() if one.role is Role.OPERATOR
    )
    await noted(nodes.two, replace(failed("mine", 2), owner_kind="token", owner_id=who.id))
    listed = (await nodes.one.operator.get("/api/jobs/")).json()
    assert [each["id"] for each in listed["jobs"] if each["kind"] == "export"] == ["mine"]
    gone = await nodes.one.operator.delete("/api/jobs/mine")
    assert gone.status_code == 200, gone.text
    assert (await nodes.one.operator.get("/api/jobs/mine")).status_code == 404


async def test_what_happened_at_a_camera_is_told_by_all_nodes(nodes: Two) -> None:
    answer = await nodes.one.admin.post("/api/cameras/", json={"name": "Door", "protocol": "demo"})
    camera = answer.json()["id"]
    await until(lambda: len(nodes.two.services.cameras.list()) == 1)
    for node, shift in ((nodes.one, 0), (nodes.two, 1)):
        for number in range(2):
            at_us = START_US + (2 * number + shift) * MINUTE_US
            await node.services.events.add(CameraEvent(camera, at_us, at_us, "bell", ""))
    span = {"from": "2020-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}
    url = f"/api/cameras/{camera}/events"
    listed = (await nodes.one.viewer.get(url, params=span)).json()
    assert [each["node_name"] for each in listed["events"]] == ["pi-1", "pi-2"] * 2
    assert sorted(each["at"] for each in listed["events"]) == [e["at"] for e in listed["events"]]
    async with await nodes.one.client(Role.VIEWER, cameras=("yard",)) as limited:
        assert (await limited.get(url, params=span)).status_code == 403
    nodes.silence(nodes.two)
    listed = (await nodes.one.viewer.get(url, params=span)).json()
    assert (len(listed["events"]), listed["unreachable_nodes"]) == (2, ["pi-2"])


async def test_a_time_line_has_what_another_node_noted(nodes: Two) -> None:
    answer = await nodes.one.admin.post("/api/cameras/", json={"name": "Door", "protocol": "demo"})
    camera = answer.json()["id"]
    await until(lambda: len(nodes.two.services.cameras.list()) == 1)
    at_us = nodes.two.services.clock.utc_us()
    for number in range(2):
        noted_us = at_us + number
        event = CameraEvent(camera, noted_us, noted_us, "bell", f"ring {number}")
        await nodes.two.services.events.add(event)
    line = (await nodes.one.viewer.get(f"/api/cameras/{camera}/timeline")).json()
    assert [each["label"] for each in line["events"]] == ["ring 0", "ring 1"]
    page = (await nodes.one.viewer.get(f"/cameras/{camera}/footage")).text
    assert page.index("ring 1") < page.index("ring 0")  # the newest first
    nodes.silence(nodes.two)
    assert (await nodes.one.viewer.get(f"/api/cameras/{camera}/timeline")).json()["events"] == []
