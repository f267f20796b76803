"""One Kubernetes for all tests of this folder; each begins with the manifests just applied."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from falconeye.base.clock import SystemClock
from falconeye.cluster.api import Access, ApiServer
from tests.kube.building import missing
from tests.kube.cluster import Cluster, cluster
from tests.kube.hands import Hands, hands

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs the API server, and its start takes a few seconds."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kube)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with cluster(tmp_path_factory.mktemp("kube")) as made:
        made.kubectl("create", "serviceaccount", "hands", "-n", "kube-system")
        made.kubectl("create", "clusterrolebinding", "hands", "--clusterrole=cluster-admin",
                     "--serviceaccount=kube-system:hands")  # fmt: skip
        made.kubectl("apply", "--server-side", "-k", str(ROOT / "k3s"))
        yield made


@pytest.fixture
def kube(running: Cluster) -> Iterator[Cluster]:
    """With the manifests applied, without nodes, pods or a lease of another test."""
    running.kubectl("apply", "--server-side", "-k", str(ROOT / "k3s"))
    yield running
    running.start_api_server()  # a test that failed may have left it stopped
    running.kubectl("delete", "daemonset,lease,pod,node", "--all", "-n", "falconeye", "--force",
                    "--cascade=background", "--wait=false")  # fmt: skip


@pytest.fixture(scope="session")
def token(running: Cluster) -> Access:
    return running.access("falconeye", "falconeye")


@pytest.fixture(scope="session")
def admin(running: Cluster) -> Access:
    return running.access("kube-system", "hands")


@pytest.fixture
def access(kube: Cluster, token: Access) -> Access:  # noqa: ARG001 - the manifests have to be there
    """As the agents have it."""
    return token


@pytest.fixture
async def server(access: Access) -> AsyncIterator[ApiServer]:
    made = ApiServer(access, SystemClock())
    yield made
    await made.close()


@pytest.fixture
async def at_work(kube: Cluster, admin: Access) -> AsyncIterator[Hands]:  # noqa: ARG001 - as above
    async with hands(admin) as made:
        yield made


def add_nodes(
    kube: Cluster, *names: str, is_ready: bool = True, taints: list[dict[str, str]] | None = None
) -> None:
    """Machines, as their kubelets would have told of them."""
    nodes = [_node(name, is_ready=is_ready) for name in names]
    kube.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List",
                                                        "items": nodes}))  # fmt: skip
    # The API server adds a taint, which goes when the node's kubelet has told that it is ready.
    own = json.dumps({"spec": {"taints": taints or []}})
    kube.kubectl("patch", "node", *names, "--type=merge", "-p", own)


def _node(name: str, *, is_ready: bool) -> dict[str, object]:
    unknown = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage",
               "containerRuntimeVersion", "kubeletVersion", "kubeProxyVersion")  # fmt: skip
    told = {"architecture": "arm64", "operatingSystem": "linux"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/arch": "arm64", "room": "attic"}},
        "status": {
            "nodeInfo": told | dict.fromkeys(unknown, ""),
            "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}],
            "conditions": [{"type": "Ready", "status": str(is_ready)}],
        },
    }
