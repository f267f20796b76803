"""On which Kubernetes nodes agents run, as page and API show and change it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from litestar import Request

from falconeye.base.errors import Unavailable
from falconeye.base.times import to_datetime
from falconeye.web.audit import record
from falconeye.web.pod_state import pod_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
_NO_KUBERNETES: Final = "this node does not run under Kubernetes"
_INCLUDE: Final = "agent_nodes_include"
_EXCLUDE: Final = "agent_nodes_exclude"


@dataclass(frozen=True, slots=True)
class AgentNode:
    """One machine as Kubernetes knows it."""

    name: str
    is_ready: bool
    is_selected: bool
    taints: Sequence[str]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AgentNodes:
    """`placement`: auto, manual, or none where the node does not run under Kubernetes."""

    placement: str = "none"
    include: list[str] | None = None
    exclude: list[str] = field(default_factory=list)
    leader: str = ""  # its name; "" where nobody is known to lead
    rolls: str = ""  # the machine whose agent is being replaced
    problem: str = ""  # why nothing is placed, as this node knows
    told_at: str | None = None  # when the machines were read
    nodes: Sequence[AgentNode] = ()


def is_placed(request: Asking) -> bool:
    """Whether a leader places this node."""
    pod = pod_of(request.app)
    return pod is not None and pod.leader is not None


def agent_nodes(request: Asking) -> AgentNodes:
    """As it is now; touches nothing outside."""
    pod = pod_of(request.app)
    if pod is None or pod.leader is None:
        return AgentNodes()
    shared, selection, state = pod.kubernetes, pod.selection, pod.state
    return AgentNodes(
        placement="manual" if state.is_manual else "auto",
        include=None if selection.include is None else sorted(selection.include),
        exclude=sorted(selection.exclude),
        leader=state.holder,
        rolls=state.rolls,
        problem=state.problem,
        told_at=to_datetime(shared.read_at_us).isoformat() if shared.read_at_us else None,
        nodes=[
            AgentNode(name, one.is_ready, selection.has(name), one.taints, one.labels)
            for name, one in sorted(shared.nodes.items())
        ],
    )


async def choose(request: Asking, include: Sequence[str] | None, exclude: Sequence[str]) -> None:
    """Have agents run there alone. InvalidInput, Conflict, Unavailable as of `Pod.select`."""
    pod = pod_of(request.app)
    if pod is None:
        raise Unavailable(_NO_KUBERNETES)
    await pod.select(include, exclude)
    words = f"without {', '.join(exclude)}" if exclude else "on all"
    if include is not None:
        words = f"on {', '.join(include)}; {words}" if exclude else f"on {', '.join(include)}"
    await record(request, "agents.placed", "node", None, words[:500])


async def check_settings(request: Asking, changes: Mapping[str, Any]) -> bool:
    """Hold changes of the settings against what `choose` takes; whether they choose anything.

    InvalidInput, Conflict, Unavailable as of `Pod.select`. Who writes settings one by one must not
    leave the cluster without a recorder, nor the leader with names that Kubernetes refuses.
    """
    if not changes.keys() & {_INCLUDE, _EXCLUDE}:
        return False
    pod = pod_of(request.app)
    if pod is None:
        raise Unavailable(_NO_KUBERNETES)
    stored = shell_of(request).services.stored_settings
    await asyncio.to_thread(stored.check, changes)
    current = stored.current
    pod.check(
        changes.get(_INCLUDE, current.agent_nodes_include),
        changes.get(_EXCLUDE, current.agent_nodes_exclude),
    )
    return True


def settings_chosen(request: Asking) -> None:
    """What `check_settings` let pass is stored: the leader looks now."""
    pod = pod_of(request.app)
    if pod is not None:
        pod.wake()
