"""What a leader read of Kubernetes' nodes, as it travels with the beats to those that read nothing.

Of another machine and perhaps another release: bounded, and what cannot be read is as if untold.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falconeye.base.times import LATEST_US
from falconeye.federation.report import MAX_LABELS, KubernetesFacts, Label, Name, Taint, Word

MAX_NODES: Final = 64  # more machines may be there than have agents; the first by name are told


class KubeNodeTold(BaseModel):
    """One machine, as Kubernetes knows it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    labels: Annotated[dict[Label, Word], Field(max_length=MAX_LABELS)] = {}
    taints: Annotated[tuple[Taint, ...], Field(max_length=MAX_LABELS)] = ()  # "key=value:effect"
    is_ready: bool = False

    def facts(self, name: str) -> KubernetesFacts:
        """The same, as pages have them."""
        return KubernetesFacts(node_name=name, labels=self.labels, taints=self.taints)


class KubernetesTold(BaseModel):
    """All machines by name, as they were at one moment."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    read_at_us: Annotated[int, Field(ge=0, le=LATEST_US)] = 0  # UTC of the reader; 0: never
    nodes: Annotated[dict[Name, KubeNodeTold], Field(max_length=MAX_NODES)] = {}

    def as_json(self) -> dict[str, Any]:
        """What a beat carries; empty where nothing was read."""
        return self.model_dump(mode="json", exclude_defaults=True) if self.read_at_us else {}


NOTHING_TOLD: Final = KubernetesTold()


def read_told(value: Mapping[str, Any]) -> KubernetesTold:
    """Of a beat; nothing where it is none."""
    try:
        return KubernetesTold.model_validate(value) if value else NOTHING_TOLD
    except ValidationError:
        return NOTHING_TOLD


def newest(told: Iterable[KubernetesTold]) -> KubernetesTold:
    """What was read last; `NOTHING_TOLD` where nothing was."""
    return max(told, key=lambda one: one.read_at_us, default=NOTHING_TOLD)
