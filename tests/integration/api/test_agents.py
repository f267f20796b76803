"""On which Kubernetes nodes agents run: outside of Kubernetes nobody is to choose."""

from collections.abc import Sequence

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.cluster.leader import LeaderState
from falconeye.cluster.placement import Selection
from falconeye.federation.kubernetes_told import KubeNodeTold, KubernetesTold
from tests.integration.api.conftest import Served


async def test_without_kubernetes_there_is_nothing_to_choose(served: Served) -> None:
    answer = await served.admin.get("/api/nodes/agents")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["placement"], told["nodes"], told["leader"]) == ("none", [], "")
    assert (told["include"], told["exclude"], told["told_at"]) == (None, [], None)
    answer = await served.admin.put("/api/nodes/agents", json={"exclude": ["pi-1"]})
    assert answer.status_code == 503
    page = await served.admin.get("/nodes/agents")
    assert "does not run under Kubernetes" in page.text
    assert "/nodes/agents" not in (await served.admin.get("/nodes")).text
    assert (await served.nobody.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"exclude": "pi-1"}, {"exclude": [""]}, {"include": [7]}, {"nodes": []},
        {"exclude": ["x" * 254]}, {"exclude": ["x"] * 1001}, [], {"exclude": ["Pi 1"]},
        {"include": ["pi-1\n"]}, {"include": ["-pi"]}, {"include": ["pi..1"]},
    ],
)  # fmt: skip
async def test_what_is_no_choice_is_refused(served: Served, body: object) -> None:
    answer = await served.admin.put("/api/nodes/agents", json=body)
    assert answer.status_code in {400, 422}, answer.text


async def test_it_is_for_admins(served: Served) -> None:
    for client in (served.viewer, served.operator):
        assert (await client.get("/api/nodes/agents")).status_code == 403
        assert (await client.put("/api/nodes/agents", json={})).status_code == 403
        assert (await client.get("/nodes/agents")).status_code == 403
    assert (await served.nobody.get("/api/nodes/agents")).status_code == 401


class Placed:
    """A pod that Kubernetes placed, with what it was told to choose."""

    problem = ""
    leader = object()
    state = LeaderState("pi-1", is_leader=True, is_manual=False, rolls="", problem="")
    kubernetes = KubernetesTold(
        read_at_us=7, nodes={name: KubeNodeTold(is_ready=True) for name in ("a", "b", "c")}
    )

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.chosen: list[tuple[list[str] | None, list[str]]] = []
        self.woken = 0

    async def select(self, include: list[str] | None, exclude: list[str]) -> None:
        self.check(include, exclude)
        self.chosen.append((include, exclude))

    def check(self, _include: Sequence[str] | None, exclude: Sequence[str]) -> None:
        if set(exclude) >= {"a", "b", "c"}:
            raise InvalidInput("no node that is ready is selected: nothing would record")

    def wake(self) -> None:
        self.woken += 1


async def test_the_page_leaves_out_what_is_not_ticked_and_keeps_what_it_did_not_show(
    served: Served,
) -> None:
    pod = Placed(Selection(exclude=frozenset({"c", "gone"})))
    served.app.state["pod"] = pod
    page = await served.admin.get("/nodes/agents")
    assert page.text.count("checked") == 2
    assert "/nodes/agents" in (await served.admin.get("/nodes")).text
    form = {"shown": ["a", "b", "c"], "node": ["a", "c"]}
    answer = await served.admin.post("/nodes/agents", data=form)
    assert answer.status_code == 303, answer.text
    assert pod.chosen == [(None, ["b", "gone"])]
    answer = await served.admin.post("/nodes/agents", data={"shown": ["a", "b", "c"]})
    assert answer.status_code == 422
    assert "nothing would record" in answer.text
    pod.problem = "no key: make one"
    answer = await served.nobody.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "no key: make one")


async def test_settings_choose_no_other_nodes_than_the_choice_itself_would(served: Served) -> None:
    stored = served.services.stored_settings

    async def patched(**settings: object) -> int:
        answer = await served.admin.patch("/api/settings", json=settings)
        return answer.status_code

    assert await patched(agent_nodes_exclude=["a"]) == 503  # as `PUT /api/nodes/agents`
    pod = Placed(Selection())
    served.app.state["pod"] = pod
    for wrong in ("Pi 1", "", "a_b", ["a"], 7, "a" * 254):
        assert await patched(agent_nodes_exclude=[wrong]) == 422, wrong
        assert await patched(agent_nodes_include=["a", wrong]) == 422, wrong
    assert await patched(agent_nodes_exclude=["a", "b", "c"], keep_days=3) == 422
    assert (stored.current.agent_nodes_exclude, stored.current.keep_days) == ((), None)
    assert pod.woken == 0
    assert await patched(agent_nodes_exclude=["a", "b.lan"]) == 200
    assert stored.current.agent_nodes_exclude == ("a", "b.lan")
    assert pod.woken == 1
    assert await patched(keep_days=3) == 200
    assert pod.woken == 1
