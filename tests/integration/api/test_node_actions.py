"""What admins do to the cluster by page: what is said before, who may, what is written down."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape

import httpx
import pytest
from typing_extensions import override

from falconeye.accounts.model import Principal, Role
from falconeye.accounts.users import Rights
from falconeye.base.errors import InvalidInput, NotFound
from falconeye.base.secret import Secret
from falconeye.federation.cluster_actions import (
    CameraMove,
    ClusterAct,
    ClusterActions,
    JoinCode,
    JoinPlan,
    Removal,
    Replacement,
)
from falconeye.federation.cluster_view import ClusterView, NodeView, Refusal
from falconeye.web.cluster import STATE_KEY, cluster_of
from tests.browser.node_samples import report, view
from tests.integration.api.conftest import Served
from tests.integration.web_security.site import csrf_in

PI_2 = view(report(name="pi-2"), 1, "pi-2")
NVR = view(report(name="nvr"), 2, "nvr")
PASSWORD = "four words here"


@dataclass
class Acted(ClusterActions):
    """Notes what it is told to do."""

    done: list[tuple[str, ...]] = field(default_factory=list)
    possible: frozenset[ClusterAct] = frozenset(ClusterAct)

    async def make_join_code(self) -> JoinCode:
        self.done.append(("code",))
        return JoinCode(Secret("fe1-SECRET"), 1_795_000_000_000_000, ("192.168.1.20:8901",))

    async def plan_join(self, code: Secret) -> JoinPlan:
        if code.reveal() != "fe1-GOOD":
            raise InvalidInput("code: this is no code", field="code")
        return JoinPlan(("pi-2",), "192.168.1.21:8901", "SHA256:x", 2, 0, ("Door",), 3, ())

    async def join(self, code: Secret) -> None:
        self.done.append(("join", code.reveal()))

    async def rename(self, node_id: str, name: str) -> None:
        if name == "nvr":
            raise InvalidInput("name: another node is called so", field="name")
        self.done.append(("rename", node_id, name))

    async def plan_removal(self, node_id: str) -> Removal:
        if node_id != PI_2.node_id:
            raise NotFound("there is no such node")
        return Removal("pi-2", False, ("Yard",), ("Desk",), ("Gate",))

    async def remove(self, node_id: str) -> Removal:
        self.done.append(("remove", node_id))
        return await self.plan_removal(node_id)

    @override
    async def plan_replacement(self, node_id: str, by_node_id: str) -> Replacement:
        return Replacement("pi-2", "nvr", ("Yard",), ("Desk",))

    async def replace(self, node_id: str, by_node_id: str) -> Replacement:
        self.done.append(("replace", node_id, by_node_id))
        return await self.plan_replacement(node_id, by_node_id)

    async def plan_rebalance(self) -> tuple[CameraMove, ...]:
        return (CameraMove("c", "Yard", "pi-1", "nvr", has_pause=True),)

    async def rebalance(self) -> tuple[CameraMove, ...]:
        self.done.append(("rebalance",))
        return await self.plan_rebalance()

    async def plan_move(self, camera_id: str, node_id: str) -> CameraMove:
        if node_id != NVR.node_id:
            raise InvalidInput("node: a USB camera stays with its node", field="node")
        return CameraMove(camera_id, "Door", "pi-1", "nvr")

    async def move_camera(self, camera_id: str, node_id: str) -> CameraMove:
        self.done.append(("move", camera_id, node_id))
        return await self.plan_move(camera_id, node_id)


@dataclass
class Three(ClusterView):
    """This node and two others."""

    own: ClusterView
    acted: Acted

    @property
    def actions(self) -> ClusterActions:
        return self.acted

    async def nodes(self) -> Sequence[NodeView]:
        return (*await self.own.nodes(), PI_2, NVR)

    def refusals(self) -> Sequence[Refusal]:
        return ()

    @override
    async def scan(self, who: Principal, node_id: str, *, network: bool) -> object:
        raise NotFound("not asked for")


@dataclass
class Browser:
    """A person's session."""

    client: httpx.AsyncClient
    token: str

    async def get(self, path: str, **query: str) -> str:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self.client.post(path, data={"_csrf": self.token, **fields})


@pytest.fixture
def acted(served: Served) -> Acted:
    found = Acted()
    served.app.state[STATE_KEY] = Three(cluster_of(served.app), found)
    return found


@pytest.fixture
async def anna(served: Served) -> Browser:
    """An admin at a browser."""
    await served.services.accounts.users.add("anna", Secret(PASSWORD), Rights(Role.ADMIN))
    client = served.nobody
    answer = await client.post("/login", data={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 303
    return Browser(client, csrf_in((await client.get("/storage")).text))


async def audited(served: Served) -> dict[str, tuple[str, str | None, str]]:
    found, _ = await served.services.accounts.audit.list(limit=50)
    return {one.action: (one.who_name, one.object_id, one.detail) for one in found}


async def test_the_page_offers_what_can_be_done(anna: Browser, acted: Acted) -> None:
    page = await anna.get("/nodes")
    assert "/nodes/code" in page
    assert f"/nodes/{PI_2.node_id}/remove" in page
    assert page.count("/remove") == 2  # this node does not expel itself
    acted.possible = frozenset((ClusterAct.CODE,))
    page = await anna.get("/nodes")
    assert "/nodes/code" in page
    assert "/remove" not in page
    assert "/nodes/move" not in page


PATHS = (
    "/nodes/code", "/nodes/join", "/nodes/rebalance", "/nodes/move",
    *(f"/nodes/{PI_2.node_id}/{act}" for act in ("rename", "remove", "replace")),
)  # fmt: skip


async def test_what_cannot_be_done_is_refused(anna: Browser, acted: Acted) -> None:
    acted.possible = frozenset()
    fields = {"password": PASSWORD, "code": "fe1-GOOD", "confirmed": "yes", "name": "x"}
    for path in PATHS:
        assert (await anna.client.get(path)).status_code == 503, path
        assert (await anna.post(path, **fields)).status_code == 503, path
    assert acted.done == []


async def test_only_admins_may(served: Served, anna: Browser, acted: Acted) -> None:
    for path in PATHS:
        for client in (served.viewer, served.operator):
            assert (await client.get(path)).status_code == 403, path
            assert (await client.post(path, data={})).status_code == 403, path
        without = await anna.client.post(path, data={"password": PASSWORD, "name": "x"})
        assert without.status_code == 403, path  # no CSRF token
    assert acted.done == []


async def test_a_browser_left_open_is_not_enough(anna: Browser, acted: Acted) -> None:
    tries: tuple[tuple[str, dict[str, str]], ...] = (
        ("/nodes/code", {}),
        ("/nodes/join", {"code": "fe1-GOOD", "confirmed": "yes"}),
        (f"/nodes/{PI_2.node_id}/remove", {}),
        (f"/nodes/{PI_2.node_id}/replace", {"by": NVR.node_id}),
    )
    for path, fields in tries:
        answer = await anna.post(path, **fields)
        assert answer.status_code == 422, path
        # After some wrong ones it is not even looked at for a while.
        assert 'id="password-error"' in answer.text, path
    assert acted.done == []


async def test_a_token_makes_no_code(served: Served, acted: Acted) -> None:
    answer = await served.admin.post("/nodes/code", data={"password": PASSWORD})
    assert answer.status_code == 403
    assert acted.done == []


async def test_a_code_is_shown_once_and_stands_in_no_log(
    served: Served, anna: Browser, acted: Acted
) -> None:
    assert "That node gets all users, settings and cameras" in await anna.get("/nodes/code")
    answer = await anna.post("/nodes/code", password=PASSWORD)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "falconeye join fe1-SECRET" in answer.text
    assert acted.done == [("code",)]
    log = await audited(served)
    assert log["node.code_made"][0] == "anna"
    assert "fe1-SECRET" not in str(log)


async def test_joining_says_first_what_will_happen(
    served: Served, anna: Browser, acted: Acted
) -> None:
    wrong = await anna.post("/nodes/join", code="fe1-BAD")
    assert wrong.status_code == 422
    assert "This is no code." in wrong.text
    empty = await anna.post("/nodes/join", code="")
    assert empty.status_code == 422
    answer = await anna.post("/nodes/join", code="fe1-GOOD")
    assert answer.status_code == 200
    planned = unescape(answer.text)
    for words in (
        "This node joins pi-2, by way of 192.168.1.21:8901.",
        "Its cameras stay, and their footage too: Door.",
        "Its 2 users are replaced by those of the cluster",
        "Its settings are replaced",
    ):
        assert words in planned
    assert acted.done == []
    joined = await anna.post("/nodes/join", code="fe1-GOOD", confirmed="yes", password=PASSWORD)
    assert (joined.status_code, joined.headers["location"]) == (303, "/nodes?done=node-joined")
    assert acted.done == [("join", "fe1-GOOD")]
    assert (await audited(served))["node.joining"] == ("anna", None, "pi-2")


async def test_a_node_is_renamed(served: Served, anna: Browser, acted: Acted) -> None:
    path = f"/nodes/{PI_2.node_id}/rename"
    assert 'value="pi-2"' in await anna.get(path)
    taken = await anna.post(path, name="nvr")
    assert taken.status_code == 422
    assert "Another node is called so." in taken.text
    assert (await anna.post(path, name="cellar")).status_code == 303
    assert acted.done == [("rename", PI_2.node_id, "cellar")]
    assert (await audited(served))["node.renamed"] == ("anna", PI_2.node_id, "pi-2: cellar")
    assert (await anna.client.get("/nodes/none/rename")).status_code == 404


async def test_removing_names_what_is_lost(served: Served, anna: Browser, acted: Acted) -> None:
    path = f"/nodes/{PI_2.node_id}/remove"
    asked = await anna.get(path)
    for words in (
        "Other nodes record these from then on: Yard.",
        "recorded by nobody here any more: Desk.",
        "It cannot be reached",
        "change them if it was lost or stolen: Gate.",
    ):
        assert words in asked
    assert (await anna.post(path, password=PASSWORD)).status_code == 303
    assert acted.done == [("remove", PI_2.node_id)]
    assert (await audited(served))["node.removed"] == ("anna", PI_2.node_id, "pi-2")
    assert (await anna.client.get(f"/nodes/{NVR.node_id}/remove")).status_code == 404


async def test_a_node_is_replaced(served: Served, anna: Browser, acted: Acted) -> None:
    path = f"/nodes/{PI_2.node_id}/replace"
    asked = await anna.get(path)
    assert f'value="{NVR.node_id}"' in asked
    assert f'value="{PI_2.node_id}"' not in asked
    planned = await anna.get(path, by=NVR.node_id)
    assert "nvr records these from then on: Yard." in planned
    assert "until then nobody records them: Desk." in planned
    assert (await anna.post(path, by=NVR.node_id, password=PASSWORD)).status_code == 303
    assert acted.done == [("replace", PI_2.node_id, NVR.node_id)]
    assert (await audited(served))["node.replaced"] == ("anna", PI_2.node_id, "pi-2: nvr")


async def test_a_camera_is_moved(served: Served, anna: Browser, acted: Acted) -> None:
    body = {"name": "Door", "protocol": "demo", "start": False}
    camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    assert "USB cameras stay with their node" in await anna.get("/nodes/move")
    refused = await anna.client.get(
        "/nodes/move", params={"camera": camera_id, "node": PI_2.node_id}
    )
    assert refused.status_code == 422
    assert "A USB camera stays with its node." in refused.text
    planned = await anna.get("/nodes/move", camera=camera_id, node=NVR.node_id)
    assert "pi-1 goes on until the other one records: nothing is lost." in planned
    assert (await anna.post("/nodes/move", camera=camera_id, node=NVR.node_id)).status_code == 303
    assert acted.done == [("move", camera_id, NVR.node_id)]
    assert (await audited(served))["camera.placed"] == ("anna", camera_id, "pi-1: nvr")


async def test_the_load_is_evened_out(served: Served, anna: Browser, acted: Acted) -> None:
    asked = await anna.get("/nodes/rebalance")
    assert "up to 3 s" in asked
    assert acted.done == []
    assert (await anna.post("/nodes/rebalance")).status_code == 303
    assert acted.done == [("rebalance",)]
    assert (await audited(served))["cameras.rebalanced"] == ("anna", None, "Yard: pi-1, nvr")
