"""The machines of a Kubernetes cluster, as far as the recorder has a use for them: core/v1 Node."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from falconeye.cluster.api import ApiServer, Json

# The DaemonSet controller makes each of its pods tolerate these.
_ALWAYS_TOLERATED: Final = frozenset(
    f"node.kubernetes.io/{what}"
    for what in ("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure",
                 "unschedulable", "network-unavailable")
)  # fmt: skip
_HINDERING: Final = frozenset({"NoSchedule", "NoExecute"})


@dataclass(frozen=True, slots=True)
class Taint:
    """Keeps pods away that do not tolerate it."""

    key: str
    value: str
    effect: str  # NoSchedule | PreferNoSchedule | NoExecute

    def is_tolerated(self, tolerations: Iterable[Json]) -> bool:
        """Whether one of a pod's tolerations (core/v1 Toleration) answers this taint."""
        if self.effect not in _HINDERING or self.key in _ALWAYS_TOLERATED:
            return True
        for toleration in tolerations:
            key, any_value = toleration.get("key"), toleration.get("operator") == "Exists"
            if toleration.get("effect") not in {None, "", self.effect}:
                continue
            if any_value and key in {None, "", self.key}:
                return True
            if key == self.key and (toleration.get("value") or "") == self.value:
                return True
        return False


@dataclass(frozen=True, slots=True)
class KubeNode:
    """One machine."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    is_ready: bool
    architecture: str  # as the kubelet says it: amd64, arm64
    os: str
    address: str  # its own; empty where none is told

    def takes(self, tolerations: Iterable[Json]) -> bool:
        """Whether a pod with these tolerations may run there, and would now."""
        told = list(tolerations)
        return self.is_ready and all(taint.is_tolerated(told) for taint in self.taints)


@dataclass(frozen=True, slots=True)
class SharedNodes:
    """What the leader read, and when (UTC µs): it tells the others, who need no Kubernetes."""

    nodes: tuple[KubeNode, ...]
    read_at_us: int


async def read_nodes(server: ApiServer) -> tuple[KubeNode, ...]:
    """All of them, by name."""
    # resourceVersion 0: as the API server has it in memory; etcd is not asked.
    answer = await server.get("/api/v1/nodes", {"resourceVersion": "0"})
    return tuple(sorted(map(node_of, answer.get("items") or []), key=lambda node: node.name))


def node_of(told: Json) -> KubeNode:
    """One core/v1 Node; what it does not tell is empty."""
    metadata, spec, status = (_part(told, name) for name in ("metadata", "spec", "status"))
    info = _part(status, "nodeInfo")
    conditions = {one.get("type"): one.get("status") for one in status.get("conditions") or []}
    addresses = {one.get("type"): one.get("address") for one in status.get("addresses") or []}
    return KubeNode(
        name=str(metadata.get("name", "")),
        labels=dict(_part(metadata, "labels")),
        taints=tuple(
            Taint(str(one.get("key", "")), str(one.get("value") or ""), str(one.get("effect", "")))
            for one in spec.get("taints") or []
        ),
        is_ready=conditions.get("Ready") == "True",
        architecture=str(info.get("architecture", "")),
        os=str(info.get("operatingSystem", "")),
        address=str(addresses.get("InternalIP") or ""),
    )


def _part(of: Mapping[str, Any], name: str) -> Json:
    return of.get(name) or {}
