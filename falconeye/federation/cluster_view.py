"""The cluster as pages and the API read it: values, and who gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from falconeye.accounts.model import Principal
from falconeye.federation.cluster_actions import ClusterActions
from falconeye.federation.report import KubernetesFacts, NodeReport


class RefusalKind(StrEnum):
    """Why a request of another node was refused; the words of the header `FalconEye-Refused`."""

    STRANGER = "stranger"  # its key is no member's
    REPLAY = "replay"  # the same request came before
    REMOVED = "removed"  # it was a member
    TIME = "time"  # its clock is too far off
    SIGNATURE = "signature"  # the signature does not fit
    KEY = "key"  # it wanted to join by a cluster key, and holds another one


@dataclass(frozen=True, slots=True)
class Refusal:
    """Requests that were refused here, alike in all but their times."""

    kind: RefusalKind
    node_id: str  # as the sender called itself, which proves nothing; "" where it did not
    name: str  # of the member, or former one, of that id; "" for strangers
    address: str  # where it came from
    last_us: int  # UTC
    count: int = 1


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node, as this one knows it now."""

    node_id: str
    name: str
    is_self: bool
    reachable: bool  # heard within the last 15 s
    heard_at_us: int | None  # UTC, the last time; None: never since the start, or it is this node
    report: NodeReport | None  # the last it gave; None: none since the start
    version: str
    address: str  # where it is reached: "host" or "host:port"; "" where nobody knows
    clock_offset_us: int | None = None  # its clock − ours, measured; None: not measured
    kubernetes: KubernetesFacts = field(default_factory=KubernetesFacts)
    is_kube_ready: bool | None = None  # as Kubernetes judges it; None: not told
    kubernetes_told_at_us: int | None = None  # UTC, when the leader read these; None: it did not
    refusals: tuple[Refusal, ...] = ()  # of what came under its id
    refuses: str = ""  # why it lets this node in no more: a word of `Refused`
    newer: tuple[str, ...] = ()  # nodes that tell of what its release does not know
    is_removed: bool = False  # it was expelled from the cluster
    twin_at: tuple[str, ...] = ()  # where its id is, if at two nodes: one is a copy of the other

    @property
    def host(self) -> str:
        """Of `address`, without a port; "" where nobody knows it."""
        try:
            return urlsplit(f"//{self.address}").hostname or ""
        except ValueError:
            return ""


class ClusterView(Protocol):
    """Given by the node. Never waits for another one, but for `scan`."""

    @property
    def actions(self) -> ClusterActions | None:
        """What can be done to the cluster; None: nothing."""

    async def nodes(self) -> Sequence[NodeView]:
        """This node first, then the others by name."""

    def refusals(self) -> Sequence[Refusal]:
        """What was refused here lately, the newest first; bounded."""

    async def scan(self, who: Principal, node_id: str, *, network: bool) -> object:
        """Decoded JSON of another node's own answer to `GET /api/nodes/scan/cameras`.

        It decides again whether `who` may. FalconEyeError in words where it gives none.
        """
