"""What the agents' account may do; everything beside it is refused, asked with its token."""

from dataclasses import replace
from typing import Any

import pytest

from falconeye.cluster.api import ApiRefused, ApiServer, Json
from falconeye.cluster.daemon_set import Agents
from falconeye.cluster.leader import DAEMON_SET, LEASE
from falconeye.cluster.placement import FIELD_MANAGER
from tests.kube.cluster import Cluster
from tests.kube.conftest import add_nodes
from tests.kube.hands import PODS, Hands, patch

HERE = "/apis/apps/v1/namespaces/falconeye/daemonsets"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/falconeye/leases"
PATH = f"{HERE}/{DAEMON_SET}"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
FORBIDDEN = (
    ("GET", "/api/v1/secrets"),
    ("GET", "/api/v1/namespaces/falconeye/secrets/falconeye"),
    ("GET", "/api/v1/namespaces/falconeye/configmaps"),
    ("GET", "/api/v1/pods"),
    ("GET", "/api/v1/namespaces/kube-system/pods"),
    ("GET", f"{PODS}/any"),
    ("GET", f"{PODS}/any/log"),
    ("POST", PODS),
    ("PUT", f"{PODS}/any"),
    ("PATCH", f"{PODS}/any"),
    ("DELETE", PODS),  # all at once
    ("POST", f"{PODS}/any/eviction"),
    ("POST", f"{PODS}/any/exec"),
    ("DELETE", "/api/v1/namespaces/kube-system/pods/any"),
    ("PATCH", "/api/v1/nodes/any"),
    ("PUT", "/api/v1/nodes/any"),
    ("POST", "/api/v1/nodes"),
    ("DELETE", "/api/v1/nodes/any"),
    ("GET", HERE),
    ("POST", HERE),
    ("PUT", f"{HERE}/falconeye"),
    ("DELETE", f"{HERE}/falconeye"),
    ("GET", f"{HERE}/another"),
    ("PATCH", f"{HERE}/another"),
    ("PATCH", f"{HERE}/falconeye/status"),
    ("PATCH", "/apis/apps/v1/namespaces/kube-system/daemonsets/falconeye"),
    ("GET", LEASES),
    ("GET", f"{LEASES}/another"),
    ("PUT", f"{LEASES}/another"),
    ("PATCH", f"{LEASES}/{LEASE}"),
    ("DELETE", f"{LEASES}/{LEASE}"),
    ("POST", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"),
    ("POST", "/api/v1/namespaces/falconeye/serviceaccounts/falconeye/token"),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    ("GET", "/apis/apps/v1/namespaces/falconeye/controllerrevisions"),
)


async def test_what_is_not_needed_is_forbidden(server: ApiServer) -> None:
    allowed = [one for one in FORBIDDEN if not await _is_forbidden(server, *one)]
    assert allowed == []


async def _is_forbidden(server: ApiServer, method: str, path: str) -> bool:
    kind = MERGE if method == "PATCH" else "application/json"
    body: Json | None = None if method == "GET" else {"metadata": {"name": "any"}}
    try:
        _ = await server._ask(method, path, {"dryRun": "All"}, body, kind)
    except ApiRefused as error:
        return error.code == 403 and "cannot" in str(error)
    return False


async def test_what_is_needed_is_allowed(kube: Cluster, server: ApiServer, at_work: Hands) -> None:
    add_nodes(kube, "pi-1")
    await at_work.until(lambda: "pi-1" in at_work.on)
    assert len((await server.get("/api/v1/nodes"))["items"]) == 1
    assert (await server.get("/api/v1/nodes/pi-1"))["metadata"]["name"] == "pi-1"
    watching = {"watch": "1", "timeoutSeconds": "1", "resourceVersion": "0"}
    watched = await server.get("/api/v1/nodes", watching)
    assert watched["type"] == "ADDED"
    lease = {"metadata": {"name": LEASE}, "spec": {"holderIdentity": "me"}}
    made = await server.create(LEASES, lease)
    assert (await server.get(f"{LEASES}/{LEASE}"))["spec"]["holderIdentity"] == "me"
    assert (await server.replace(f"{LEASES}/{LEASE}", made))["kind"] == "Lease"
    agents = Agents(server, "falconeye", DAEMON_SET)
    (pod,) = await agents.pods(await agents.read())
    with pytest.raises(ApiRefused) as refused:  # one of that name, but not that one
        await agents.delete(replace(pod, uid="another"))
    assert refused.value.code == 409
    await agents.delete(pod)


def template(**parts: Any) -> Json:
    return {"spec": {"template": {"spec": parts}}}


REFUSED = {
    "image": template(containers=[{"name": "falconeye", "image": "evil"}]),
    "command": template(containers=[{"name": "falconeye", "command": ["sh"]}]),
    "another container": template(containers=[{"name": "more", "image": "evil"}]),
    "init container": template(initContainers=[{"name": "more", "image": "evil"}]),
    "a directory of the host": template(volumes=[{"name": "x", "hostPath": {"path": "/etc"}}]),
    "host's processes": template(hostPID=True),
    "account": template(serviceAccountName="default"),
    "tolerations": template(tolerations=[{"operator": "Exists"}]),
    "selector of nodes": template(nodeSelector={"a": "b"}),
    "labels of the pods": {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}},
    "notes of the pods": {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}},
    "strategy": {"spec": {"updateStrategy": {"type": "RollingUpdate"}}},
    "history": {"spec": {"revisionHistoryLimit": 1}},
    "wait": {"spec": {"minReadySeconds": 5}},
    "labels": {"metadata": {"labels": {"a": "b"}}},
    "notes": {"metadata": {"annotations": {"a": "b"}}},
    "finalizer": {"metadata": {"finalizers": ["example.org/never"]}},
    "owner": {"metadata": {"ownerReferences": [
        {"apiVersion": "v1", "kind": "Node", "name": "x", "uid": "x"}]}},
}  # fmt: skip


async def test_nothing_but_the_affinity_is_changed(server: ApiServer) -> None:
    said = {}
    for what, change in REFUSED.items():
        with pytest.raises(ApiRefused) as refused:
            _ = await server._ask("PATCH", PATH, body=change, content_type=STRATEGIC)
        said[what] = (refused.value.code, "agents change" in str(refused.value))
    assert said == dict.fromkeys(REFUSED, (422, True))


async def test_the_affinity_is_changed_by_itself_alone(server: ApiServer) -> None:
    head = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": DAEMON_SET}}
    alone = head | template(affinity={"nodeAffinity": {}})
    assert (await server.apply(PATH, alone, FIELD_MANAGER))["kind"] == "DaemonSet"
    with pytest.raises(ApiRefused, match="agents change"):
        _ = await server.apply(PATH, head | template(hostPID=True), FIELD_MANAGER)


async def test_nothing_is_taken_away(server: ApiServer) -> None:
    for change in (
        template(tolerations=None),
        template(priorityClassName=None, priority=None),
        template(enableServiceLinks=None),
        {"metadata": {"labels": None}},
    ):
        with pytest.raises(ApiRefused, match="agents change"):
            _ = await patch(server, PATH, change)


async def test_others_are_not_held_by_the_policy(kube: Cluster) -> None:
    kube.kubectl("set", "image", "daemonset/falconeye", "falconeye=other:1", "-n", "falconeye")
    kube.kubectl("label", "daemonset", "falconeye", "who=admin", "-n", "falconeye")
