"""What is read of core/v1 Node, and which nodes take an agent."""

import pytest

from falconeye.cluster.nodes import KubeNode, Taint, node_of

JETSON = Taint("dedicated", "jetson", "NoSchedule")


def node(*taints: Taint, is_ready: bool = True) -> KubeNode:
    return KubeNode("pi-1", {}, taints, is_ready, "arm64", "linux", "192.0.2.7")


def test_a_node_that_tells_nothing_is_not_ready() -> None:
    read = node_of({"metadata": {"name": "pi-1"}})
    assert read == KubeNode("pi-1", {}, (), is_ready=False, architecture="", os="", address="")
    assert node_of({"metadata": None, "spec": None, "status": {"conditions": None}}).name == ""


@pytest.mark.parametrize(
    ("status", "is_ready"), [("True", True), ("False", False), ("Unknown", False)]
)
def test_only_true_is_ready(status: str, is_ready: bool) -> None:
    told = {"status": {"conditions": [{"type": "Ready", "status": status}]}}
    assert node_of(told).is_ready is is_ready


@pytest.mark.parametrize(
    ("toleration", "is_tolerated"),
    [
        (
            {"key": "dedicated", "operator": "Equal", "value": "jetson", "effect": "NoSchedule"},
            True,
        ),
        ({"key": "dedicated", "value": "jetson"}, True),  # Equal is the default; any effect
        ({"key": "dedicated", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "dedicated", "value": "gpu"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "dedicated", "value": "jetson", "effect": "NoExecute"}, False),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_tolerations_are_read_as_kubernetes_does(
    toleration: dict[str, str], is_tolerated: bool
) -> None:
    assert node(JETSON).takes([toleration]) is is_tolerated


def test_what_hinders_nobody_is_no_hindrance() -> None:
    assert node(Taint("any", "", "PreferNoSchedule")).takes([])
    assert node(Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")).takes([])
    assert not node(JETSON).takes([])
    assert not node(is_ready=False).takes([])
    assert not node(JETSON, Taint("b", "", "NoExecute")).takes([{"key": "b", "operator": "Exists"}])
