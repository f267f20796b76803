"""A new image, one node after the other: drain, delete that pod, wait until its successor is ready.

The update strategy OnDelete leaves this to us. Nothing is remembered: each turn judges by what is
there, so that the next leader goes on where the last one stopped. A new pod that does not become
ready ends the rolling at that node; the others go on with what they have.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from falconeye.cluster.daemon_set import AgentPod, Agents, DaemonSet
from falconeye.cluster.nodes import KubeNode
from falconeye.cluster.placement import Selection


@dataclass(slots=True)
class Rolling:
    """`drain` has others take over what a node records; `may_write` is asked after it."""

    agents: Agents
    drain: Callable[[str], Awaitable[None]]
    may_write: Callable[[], bool]
    own_node: str  # the last one: the leader's own pod ends its leading
    waits_for: str = ""  # the node that is being rolled; empty: none

    async def turn(self, read: DaemonSet, nodes: Iterable[KubeNode], selection: Selection) -> None:
        """Take one step; raises what the API server refuses."""
        self.waits_for = ""
        if read.rolls_by_itself:
            return
        here = {node.name for node in nodes if selection.has(node.name) and _is_for(node, read)}
        pods = [pod for pod in await self.agents.pods(read) if pod.node in here]
        old = [pod for pod in pods if not pod.is_ending and not pod.is_made_of(read)]
        if not old:
            return
        if unfinished := _unfinished(pods, here, old):
            self.waits_for = unfinished
            return
        # What does not work anyway is the first to be replaced.
        pod = min(old, key=lambda pod: (pod.is_ready, pod.node == self.own_node, pod.node))
        self.waits_for = pod.node
        await self.drain(pod.node)
        if self.may_write():
            await self.agents.delete(pod)


def _is_for(node: KubeNode, read: DaemonSet) -> bool:
    wanted = read.pod_spec.get("nodeSelector") or {}
    fits = all(node.labels.get(key) == value for key, value in wanted.items())
    return fits and node.takes(read.tolerations)


def _unfinished(pods: list[AgentPod], here: set[str], old: list[AgentPod]) -> str:
    """A node whose pod was replaced and is not ready yet; empty where there is none."""
    settled = {pod.node for pod in pods if pod in old or (pod.is_ready and not pod.is_ending)}
    return min(here - settled, default="")
