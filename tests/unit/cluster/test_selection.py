"""Which nodes are meant, and how the DaemonSet says it."""

import pytest

from falconeye.base.errors import InvalidInput
from falconeye.cluster.api import Access, access_of_pod
from falconeye.cluster.nodes import KubeNode
from falconeye.cluster.placement import Selection
from falconeye.cluster.pod import place_of_pod

READY = KubeNode("pi-1", {}, (), True, "arm64", "linux", "")
OFF = KubeNode("pi-2", {}, (), False, "arm64", "linux", "")


def terms(selection: Selection) -> list[object]:
    wanted = selection.affinity()["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    found: list[object] = wanted["nodeSelectorTerms"]
    return found


def field(operator: str, name: str) -> dict[str, object]:
    return {"key": "metadata.name", "operator": operator, "values": [name]}


def test_without_a_wish_every_node_is_meant() -> None:
    assert Selection().affinity() == {}
    assert Selection().has("any")


def test_terms_are_alternatives_and_fields_of_one_hold_together() -> None:
    left_out = Selection(exclude=frozenset({"b", "a"}))
    assert terms(left_out) == [{"matchFields": [field("NotIn", "a"), field("NotIn", "b")]}]
    chosen = Selection(include=frozenset({"c", "a", "b"}), exclude=frozenset({"b"}))
    assert terms(chosen) == [
        {"matchFields": [field("In", "a")]},
        {"matchFields": [field("In", "c")]},
    ]
    assert [chosen.has(name) for name in "abcd"] == [True, False, True, False]


def test_nothing_to_record_on_is_refused() -> None:
    Selection().check([READY, OFF], [])
    for selection in (
        Selection(exclude=frozenset({"pi-1"})),
        Selection(include=frozenset({"pi-2"})),
        Selection(include=frozenset()),
    ):
        with pytest.raises(InvalidInput):
            selection.check([READY, OFF], [])
    with pytest.raises(InvalidInput):
        Selection().check([], [])


def test_outside_of_a_pod_there_is_no_kubernetes() -> None:
    assert access_of_pod({}) is None
    assert place_of_pod({}, "me") is None
    found = access_of_pod({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"})
    assert isinstance(found, Access)
    assert found.url == "https://[fd00::1]:6443"
    place = place_of_pod({"KUBE_NAMESPACE": "falconeye", "KUBE_NODE_NAME": "pi-1"}, "me")
    assert place is not None
    assert (place.namespace, place.node, place.identity) == ("falconeye", "pi-1", "me")
