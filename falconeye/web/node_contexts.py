"""What the pages of nodes get; see `contexts`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from falconeye.federation.cluster_actions import (
    CameraMove,
    JoinCode,
    JoinPlan,
    Removal,
    Replacement,
)


class NodeState(StrEnum):
    """What a node is to the others now."""

    READY = "ready"
    DRAINING = "draining"
    NOT_READY = "not_ready"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence about what somebody should look at; `is_bad`: now, else soon."""

    words: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class NodeDisk:
    """One disk of a node."""

    path: str
    role: str  # in words
    is_present: bool
    is_low: bool  # less is free than is kept free
    total_bytes: int
    free_bytes: int
    used_percent: float
    full: str  # when it is, in words; empty where that is not in sight


@dataclass(frozen=True, slots=True)
class NodeCard:
    """One node. What it told itself is empty or None where it told nothing."""

    id: str
    name: str
    is_self: bool
    state: NodeState
    heard_at_us: int | None
    heard_today: bool  # the time of day says when
    troubles: Sequence[Trouble]
    address: str
    more_addresses: Sequence[str]
    hardware: str
    system: str  # operating system and architecture
    machine_percent: int | None
    process_percent: int | None
    memory_total_bytes: int
    memory_free_bytes: int | None
    temperature: str
    is_hot: bool
    disks: Sequence[NodeDisk]
    clock: str
    is_clock_off: bool
    version: str
    is_other_version: bool
    started_at_us: int | None
    cameras: str  # how many, in words; empty where the asking one may not know
    megabits_per_second: float | None
    kubernetes_name: str
    labels: Sequence[tuple[str, str]]
    taints: Sequence[str]
    told: str  # how long ago the leader read labels and taints, in words

    @property
    def has_report(self) -> bool:
        """Whether it told anything of itself."""
        return self.started_at_us is not None


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """Requests that were refused."""

    last_us: int
    words: str
    count: int
    address: str
    node_id: str  # as it called itself


@dataclass(frozen=True, slots=True)
class NodesPage:
    """The nodes; `acts`: what may be done here, by whom looks (`ClusterAct`)."""

    cards: Sequence[NodeCard]
    summary: str
    refusals: Sequence[RefusalRow] = ()
    acts: frozenset[str] = frozenset()
    is_placed: bool = False  # by a leader, under Kubernetes; for admins


@dataclass(frozen=True, slots=True)
class NodeCodePage:
    """The question before a code is made, and then the code."""

    made: JoinCode | None = None
    code: str = ""  # of `made`, shown once
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeJoinPage:
    """The field for a code; then, with `plan`, what joining means."""

    code: str = ""
    plan: JoinPlan | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeRenamePage:
    """The name of a node."""

    node_id: str
    name: str
    typed: str
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeRemovePage:
    """The question before a node is expelled."""

    node_id: str
    removal: Removal
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeReplacePage:
    """Which node takes the place; then, with `plan`, what that means."""

    node_id: str
    name: str
    choices: Sequence[tuple[str, str]]  # other nodes: (id, name)
    chosen: str = ""  # id
    plan: Replacement | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeMovePage:
    """Which camera goes where; then, with `plan`, what that means."""

    cameras: Sequence[tuple[str, str]]  # (id, name)
    nodes: Sequence[tuple[str, str]]
    camera_id: str = ""
    node_id: str = ""
    plan: CameraMove | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeRebalancePage:
    """The moves that would even out the load."""

    moves: Sequence[CameraMove]
