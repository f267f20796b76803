"""Which pods are old: those that a pod made now would differ from in more than its place."""

import copy
from collections.abc import Callable

import pytest

from falconeye.cluster.api import Json
from falconeye.cluster.daemon_set import AgentPod, DaemonSet, _pod_of

POD_SPEC: Json = {
    "containers": [
        {
            "name": "falconeye", "image": "falconeye:1", "args": ["serve"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
    ],
    "volumes": [{"name": "data", "hostPath": {"path": "/data"}}],
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "hostNetwork": True,
}  # fmt: skip


def daemon_set(spec: Json, generation: str = "2") -> DaemonSet:
    notes = {"deprecated.daemonset.template.generation": generation}
    return DaemonSet(
        {
            "metadata": {"annotations": notes, "resourceVersion": "7"},
            "spec": {"template": {"spec": spec}},
        }
    )


def pod(spec: Json, generation: str = "1") -> AgentPod:
    """As the API server makes it: with more than the template says."""
    real = copy.deepcopy(spec)
    real["containers"][0]["volumeMounts"].append({"name": "token", "mountPath": "/var/run"})
    real["volumes"].insert(0, {"name": "token", "projected": {}})
    real["tolerations"].insert(0, {"key": "node.kubernetes.io/not-ready", "operator": "Exists"})
    real |= {"nodeName": "pi-1", "priority": 2000001000, "affinity": {"nodeAffinity": {}}}
    labels = {"pod-template-generation": generation}
    metadata = {"name": "falconeye-x", "uid": "u", "labels": labels}
    return _pod_of({"metadata": metadata, "spec": real, "status": {}})


def test_another_affinity_makes_nobody_old() -> None:
    moved = POD_SPEC | {"affinity": {"nodeAffinity": {"x": 1}}}
    assert pod(POD_SPEC).is_made_of(daemon_set(moved))


def _image(spec: Json) -> None:
    spec["containers"][0]["image"] = "falconeye:2"


def _argument(spec: Json) -> None:
    spec["containers"][0]["args"].append("--lan")


def _less_environment(spec: Json) -> None:
    del spec["containers"][0]["env"][0]


def _volume(spec: Json) -> None:
    spec["volumes"][0]["hostPath"]["path"] = "/other"


def _toleration(spec: Json) -> None:
    spec["tolerations"].append({"key": "b", "operator": "Exists"})


def _network(spec: Json) -> None:
    spec["hostNetwork"] = False


@pytest.mark.parametrize(
    "change", [_image, _argument, _less_environment, _volume, _toleration, _network]
)
def test_every_other_change_does(change: Callable[[Json], None]) -> None:
    changed = copy.deepcopy(POD_SPEC)
    change(changed)
    assert not pod(POD_SPEC).is_made_of(daemon_set(changed))
    # One that was made of it and that a webhook changed is not replaced over and over.
    assert pod(POD_SPEC, generation="2").is_made_of(daemon_set(changed))


def test_a_pod_that_is_not_bound_yet_is_where_it_is_meant_to_be() -> None:
    field = {"key": "metadata.name", "operator": "In", "values": ["pi-7"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    told = {"metadata": {"name": "x", "uid": "u"}, "spec": {"affinity": affinity}}
    assert _pod_of(told).node == "pi-7"
    assert _pod_of({"metadata": {"name": "x", "uid": "u"}, "spec": {}}).node == ""
