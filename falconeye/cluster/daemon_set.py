"""The DaemonSet of the agents and its pods, read afresh for each decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from falconeye.cluster.api import ApiServer, Json

_TEMPLATE_GENERATION: Final = "pod-template-generation"  # the DaemonSet controller labels its pods
_OF_SET: Final = "deprecated.daemonset.template.generation"
# Of a container all that is listed must be the same; elsewhere the API server adds its own.
_WHOLE: Final = frozenset({"args", "command", "env", "envFrom", "ports"})


@dataclass(frozen=True, slots=True)
class AgentPod:
    """One pod of the DaemonSet."""

    name: str
    uid: str
    node: str
    is_ready: bool
    is_ending: bool
    told: Json

    def is_made_of(self, agents: "DaemonSet") -> bool:
        """Whether a pod made now would be the same: where it may run (`affinity`) is no part of it.

        A pod of the newest template is, whatever others have changed in it since: it would be
        replaced for ever.
        """
        labels = self.told["metadata"].get("labels") or {}
        if labels.get(_TEMPLATE_GENERATION) == agents.template_generation:
            return True
        template = {key: value for key, value in agents.pod_spec.items() if key != "affinity"}
        return _holds(self.told["spec"], template)


@dataclass(frozen=True, slots=True)
class DaemonSet:
    """As it was read; `resource_version` fences what is written on the strength of it."""

    told: Json

    @property
    def resource_version(self) -> str:
        return str(self.told["metadata"]["resourceVersion"])

    @property
    def template_generation(self) -> str:
        return str((self.told["metadata"].get("annotations") or {}).get(_OF_SET, ""))

    @property
    def pod_spec(self) -> Json:
        spec: Json = self.told["spec"]["template"]["spec"]
        return spec

    @property
    def affinity(self) -> Json:
        return self.pod_spec.get("affinity") or {}

    @property
    def tolerations(self) -> list[Json]:
        return self.pod_spec.get("tolerations") or []

    @property
    def rolls_by_itself(self) -> bool:
        """Whether Kubernetes replaces pods; then the leader leaves them alone."""
        return (self.told["spec"].get("updateStrategy") or {}).get("type") != "OnDelete"

    def owns_affinity(self, field_manager: str) -> bool:
        """Whether the affinity was applied by this field manager."""
        return any(
            entry.get("manager") == field_manager
            and entry.get("operation") == "Apply"
            and "f:affinity" in str(entry.get("fieldsV1"))
            for entry in self.told["metadata"].get("managedFields") or []
        )


@dataclass(frozen=True, slots=True)
class Agents:
    """Where the DaemonSet is; reads it and its pods."""

    server: ApiServer
    namespace: str
    name: str

    async def read(self) -> DaemonSet:
        return DaemonSet(await self.server.get(self.path))

    async def pods(self, of: DaemonSet) -> tuple[AgentPod, ...]:
        """Those that this DaemonSet made, by node."""
        labels = of.told["spec"]["selector"].get("matchLabels") or {}
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())}
        answer = await self.server.get(self._pods_path, query)
        uid = of.told["metadata"]["uid"]
        own = [one for one in answer.get("items") or [] if _owner(one) == uid]
        return tuple(sorted(map(_pod_of, own), key=lambda pod: (pod.node, pod.name)))

    async def delete(self, pod: AgentPod) -> None:
        await self.server.delete(f"{self._pods_path}/{pod.name}", pod.uid)

    @property
    def path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/daemonsets/{self.name}"

    @property
    def _pods_path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"


def _owner(pod: Json) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(one.get("uid")) for one in owners if one.get("controller")), "")


def _pod_of(told: Json) -> AgentPod:
    metadata, spec = told["metadata"], told["spec"]
    conditions = (told.get("status") or {}).get("conditions") or []
    return AgentPod(
        name=metadata["name"],
        uid=metadata["uid"],
        node=spec.get("nodeName") or _meant_for(spec),
        is_ready=any(one["type"] == "Ready" and one["status"] == "True" for one in conditions),
        is_ending="deletionTimestamp" in metadata,
        told=told,
    )


def _meant_for(spec: Mapping[str, Any]) -> str:
    """The node of a pod that the scheduler has not bound: the controller writes it into it."""
    part: Any = spec
    for key in ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"):
        part = part.get(key) or {}
    for term in part.get("nodeSelectorTerms") or []:
        for field in term.get("matchFields") or []:
            if field["key"] == "metadata.name" and field["operator"] == "In":
                return str(field["values"][0])
    return ""


def _holds(real: Any, wanted: Any, key: str = "") -> bool:
    """Whether all that is wanted is there; the API server adds to what it is given."""
    if key in _WHOLE:
        return bool(real == wanted)
    if isinstance(wanted, dict):
        return isinstance(real, dict) and all(
            _holds(real.get(name), value, name) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(real, list) and all(
            any(_holds(one, value) for one in real) for value in wanted
        )
    return bool(real == wanted)
