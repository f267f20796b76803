"""On which nodes agents run: one field of the DaemonSet, `spec.template.spec.affinity`.

It is written by server-side apply under a name of its own, so that whoever applies the manifests,
which have no such field, changes nothing of it. A changed template restarts nobody under the update
strategy OnDelete; the DaemonSet controller removes the pods of nodes that are left out.
(https://kubernetes.io/docs/reference/using-api/server-side-apply/)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from falconeye.base.errors import InvalidInput
from falconeye.cluster.api import Json
from falconeye.cluster.daemon_set import Agents, DaemonSet
from falconeye.cluster.nodes import KubeNode

FIELD_MANAGER: Final = "falconeye-placement"
_NAME: Final = "metadata.name"


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of Kubernetes nodes. Without `include` all are meant; `exclude` is stronger."""

    include: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()

    def has(self, node: str) -> bool:
        return (self.include is None or node in self.include) and node not in self.exclude

    def check(self, nodes: Iterable[KubeNode], tolerations: Iterable[Json]) -> None:
        """InvalidInput where no agent would run: the cluster would be without a recorder."""
        told = list(tolerations)
        if not any(self.has(node.name) and node.takes(told) for node in nodes):
            msg = "no node that is ready is selected: nothing would record"
            raise InvalidInput(msg)

    def affinity(self) -> Json:
        """As the DaemonSet has it; empty where every node is meant."""
        if self.include is not None:
            chosen = sorted(self.include - self.exclude)
            terms = [{"matchFields": [_field("In", name)]} for name in chosen]
        elif self.exclude:
            terms = [{"matchFields": [_field("NotIn", name) for name in sorted(self.exclude)]}]
        else:
            return {}
        return {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
            }
        }


def _field(operator: str, node: str) -> Json:
    return {"key": _NAME, "operator": operator, "values": [node]}  # one value each (core/v1)


def is_placed(selection: Selection, agents: DaemonSet) -> bool:
    """Whether the DaemonSet says so; another's affinity is left alone where every node is meant."""
    wanted = selection.affinity()
    return agents.affinity == wanted or (not wanted and not agents.owns_affinity(FIELD_MANAGER))


async def place(agents: Agents, read: DaemonSet, selection: Selection) -> None:
    """Write the selection, if nobody wrote since `read`.

    ApiRefused 409 where somebody did, or where another owns the field: it is theirs then.
    """
    spec = {"affinity": affinity} if (affinity := selection.affinity()) else {}
    body = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": agents.name,
            "namespace": agents.namespace,
            "resourceVersion": read.resource_version,
        },
        "spec": {"template": {"spec": spec}},
    }
    _ = await agents.server.apply(agents.path, body, FIELD_MANAGER)
