"""Which nodes have agents: one field, applied beside whoever applies the manifests."""

import json
from typing import Any

import pytest

from falconeye.base.clock import SystemClock
from falconeye.base.errors import InvalidInput
from falconeye.cluster.api import Access, ApiRefused, ApiServer
from falconeye.cluster.daemon_set import Agents
from falconeye.cluster.leader import DAEMON_SET
from falconeye.cluster.placement import FIELD_MANAGER, Selection, place
from tests.kube.cluster import Cluster
from tests.kube.conftest import ROOT, add_nodes
from tests.kube.hands import Hands
from tests.kube.placing import leading

NODES = ("pi-1", "pi-2", "pi-3")


def daemon_set(kube: Cluster) -> Any:
    return kube.get("daemonset", DAEMON_SET, "-n", "falconeye", "--show-managed-fields")


async def with_agents(kube: Cluster, at_work: Hands) -> dict[str, str]:
    """Three nodes, and the uids of the agents on them."""
    add_nodes(kube, *NODES)
    await at_work.until(lambda: at_work.ready == set(NODES))
    return at_work.uids()


async def test_a_node_that_is_left_out_is_drained_first_and_no_other_is_touched(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    before = await with_agents(kube, at_work)
    async with leading(access, "pi-1") as led:
        here_when_drained: list[set[str]] = []
        led.on_drain = lambda _: here_when_drained.append(at_work.on)
        led.selection = Selection(exclude=frozenset({"pi-3"}))
        await at_work.until(lambda: at_work.on == {"pi-1", "pi-2"})
        assert led.drained == ["pi-3"]
        assert here_when_drained == [set(NODES)]
        assert at_work.uids() == {name: before[name] for name in ("pi-1", "pi-2")}
        # And back: it gets a new agent, the others go on as they are.
        led.selection = Selection()
        await at_work.until(lambda: at_work.ready == set(NODES))
        after = at_work.uids()
        # Chosen by name this time, which leaves one out again.
        led.selection = Selection(include=frozenset({"pi-1", "pi-2"}))
        await at_work.until(lambda: at_work.on == {"pi-1", "pi-2"})
        assert led.drained == ["pi-3", "pi-3"]
    assert after["pi-3"] != before["pi-3"]
    assert {**after, "pi-3": ""} == {**before, "pi-3": ""}
    assert at_work.uids() == {name: before[name] for name in ("pi-1", "pi-2")}


async def test_who_applies_the_manifests_again_changes_nothing(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    _ = await with_agents(kube, at_work)
    async with leading(access, "pi-1", selection=Selection(exclude=frozenset({"pi-3"}))):
        await at_work.until(lambda: at_work.on == {"pi-1", "pi-2"})
    told = daemon_set(kube)
    (own,) = [e for e in told["metadata"]["managedFields"] if e["manager"] == FIELD_MANAGER]
    fields = own["fieldsV1"]["f:spec"].pop("f:template")["f:spec"]
    assert list(fields) == ["f:affinity"]
    assert own["fieldsV1"] == {"f:spec": {}}
    kube.kubectl("apply", "--server-side", "-k", str(ROOT / "k3s"))
    kube.kubectl("apply", "-k", str(ROOT / "k3s"))  # as most do, and then notes what it applied
    kube.kubectl("apply", "-k", str(ROOT / "k3s"))
    again = daemon_set(kube)
    assert again["metadata"]["generation"] == told["metadata"]["generation"]
    assert again["spec"] == told["spec"]
    assert "pi-3" in json.dumps(again["spec"]["template"]["spec"]["affinity"])


async def test_a_selection_without_a_ready_node_is_refused(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    before = await with_agents(kube, at_work)
    add_nodes(kube, "off", is_ready=False)
    add_nodes(kube, "not-for-us", taints=[{"key": "gpu", "value": "x", "effect": "NoSchedule"}])
    generation = daemon_set(kube)["metadata"]["generation"]
    async with leading(access, "pi-1") as led:
        await led.until(lambda: led.state.is_leader and led.leader.shared is not None)
        for name in ("off", "not-for-us", "nobody"):
            selection = Selection(include=frozenset({name}))
            with pytest.raises(InvalidInput):
                led.leader.check(selection)
        led.leader.check(Selection(include=frozenset({"off", "pi-2"})))
        led.selection = Selection(exclude=frozenset(NODES))
        await led.until(lambda: "no node that is ready" in led.state.problem)
        assert led.drained == []
        led.selection = Selection()
        await led.until(lambda: not led.state.problem)
    assert daemon_set(kube)["metadata"]["generation"] == generation
    assert {name: uid for name, uid in at_work.uids().items() if name in before} == before


async def test_a_node_that_cannot_be_drained_is_left_out_all_the_same(
    kube: Cluster, access: Access, at_work: Hands
) -> None:
    _ = await with_agents(kube, at_work)
    async with leading(access, "pi-1") as led:
        led.fails = True
        led.selection = Selection(exclude=frozenset({"pi-2"}))
        await at_work.until(lambda: at_work.on == {"pi-1", "pi-3"})
    assert led.drained == ["pi-2"]


async def test_another_s_affinity_is_theirs(kube: Cluster, access: Access, at_work: Hands) -> None:
    _ = await with_agents(kube, at_work)
    term = {"matchExpressions": [{"key": "room", "operator": "In", "values": ["attic"]}]}
    wish = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    change = {"spec": {"template": {"spec": {"affinity": {"nodeAffinity": wish}}}}}
    kube.kubectl("patch", "daemonset", DAEMON_SET, "-n", "falconeye", "-p", json.dumps(change),
                 "--field-manager=somebody")  # fmt: skip
    generation = daemon_set(kube)["metadata"]["generation"]
    async with leading(access, "pi-1") as led:
        await led.until(lambda: led.state.is_leader and led.leader.shared is not None)
        led.selection = Selection(exclude=frozenset({"pi-3"}))
        await led.until(lambda: "somebody" in led.state.problem)
    assert daemon_set(kube)["metadata"]["generation"] == generation


async def test_what_a_leader_of_before_decided_is_not_written(
    server: ApiServer, access: Access
) -> None:
    old, new = Agents(server, "falconeye", DAEMON_SET), ApiServer(access, SystemClock())
    read_before = await old.read()
    newer = Agents(new, "falconeye", DAEMON_SET)
    wanted = Selection(exclude=frozenset({"pi-3"}))
    await place(newer, await newer.read(), wanted)
    await new.close()
    with pytest.raises(ApiRefused) as refused:
        await place(old, read_before, Selection(exclude=frozenset({"pi-1"})))
    assert refused.value.code == 409
    assert (await old.read()).affinity == wanted.affinity()


async def test_manual_writes_nothing_at_all(kube: Cluster, access: Access, at_work: Hands) -> None:
    before = await with_agents(kube, at_work)
    version = daemon_set(kube)["metadata"]["generation"]
    kube.kubectl("set", "image", "daemonset/falconeye", "falconeye=other:2", "-n", "falconeye")
    selection = Selection(exclude=frozenset({"pi-3"}))
    async with leading(access, "pi-1", is_manual=True, selection=selection) as led:
        await led.until(lambda: led.leader.shared is not None)
        await led.looks(2)
        assert led.leader.shared is not None
        nodes = led.leader.shared.nodes
        assert [node.name for node in nodes] == list(NODES)
        assert led.state.is_manual
    assert (led.drained, at_work.uids()) == ([], before)
    assert daemon_set(kube)["metadata"]["generation"] == version + 1
    assert kube.get("lease", "-n", "falconeye")["items"] == []


async def test_the_leader_tells_what_nodes_are_like(kube: Cluster, access: Access) -> None:
    jetson = {"key": "dedicated", "value": "jetson", "effect": "NoSchedule"}
    add_nodes(kube, "jetson", taints=[jetson])
    async with leading(access, "jetson") as led:
        await led.until(lambda: led.leader.shared is not None)
        assert led.leader.shared is not None
        (node,) = led.leader.shared.nodes
    assert (node.name, node.architecture, node.os) == ("jetson", "arm64", "linux")
    assert (node.is_ready, node.address, node.labels["room"]) == (True, "192.0.2.7", "attic")
    assert [(t.key, t.value, t.effect) for t in node.taints] == [
        ("dedicated", "jetson", "NoSchedule")
    ]
