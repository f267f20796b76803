"""What a scheduler and the kubelets would do to the agents' pods, and nothing else.

A pod is bound to the node that the DaemonSet controller meant it for, becomes ready, and is gone
when it is told to end. There are no containers, unless there are `machines` for them; the image
"…:broken" never becomes ready.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from falconeye.base.clock import SystemClock
from falconeye.cluster.api import Access, ApiRefused, ApiServer, ApiUnreachable, Json
from falconeye.cluster.daemon_set import AgentPod, _pod_of

PODS = "/api/v1/namespaces/falconeye/pods"
TURN_S = 0.05


class Containers(Protocol):
    """What runs in the pods."""

    async def works(self, pod: AgentPod) -> bool:
        """Have it run; whether it is ready."""

    async def end(self, pod: AgentPod) -> None:
        """The pod is told to end."""


@dataclass
class Hands:
    """`most_away`: of how many nodes at once no agent was ready, of those that had one."""

    server: ApiServer
    machines: Containers | None = None
    addresses: dict[str, str] = field(default_factory=dict)  # of the nodes whose pods have one
    pods: dict[str, Json] = field(default_factory=dict)  # by node, as last seen
    most_away: int = 0
    ready: set[str] = field(default_factory=set)  # nodes whose agent is
    ill: set[str] = field(default_factory=set)  # uids of pods that are made unready
    failed: str = ""
    _looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        try:
            while True:
                with suppress(ApiRefused, ApiUnreachable):  # gone meanwhile, or the API server is
                    await self._turn()
                self._looked.set()
                await asyncio.sleep(TURN_S)
        except Exception as error:
            self.failed = repr(error)
            self._looked.set()
            raise

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until the pods are as the test wants them; its time limit ends it."""
        while not is_so():
            assert not self.failed, self.failed
            self._looked.clear()
            await self._looked.wait()

    @property
    def on(self) -> set[str]:
        """Nodes that have an agent."""
        return set(self.pods)

    def uids(self) -> dict[str, str]:
        return {node: pod["metadata"]["uid"] for node, pod in self.pods.items()}

    def images(self) -> dict[str, str]:
        return {node: pod["spec"]["containers"][0]["image"] for node, pod in self.pods.items()}

    def count_away_from_now(self) -> None:
        self.most_away = 0

    async def _turn(self) -> None:
        told = (await self.server.get(PODS)).get("items", [])
        pods = {pod.node: pod for pod in map(_pod_of, told)}
        self.ready = {node for node, pod in pods.items() if pod.is_ready and not pod.is_ending}
        self.most_away = max(self.most_away, len(self.on - self.ready))
        self.pods = {node: pod.told for node, pod in pods.items()}
        for pod in pods.values():
            path = f"{PODS}/{pod.name}"
            if pod.is_ending:
                if self.machines is not None:
                    await self.machines.end(pod)
                _ = await self.server._ask("DELETE", path, body={"gracePeriodSeconds": 0})
            elif not pod.told["spec"].get("nodeName"):
                binding = {
                    "apiVersion": "v1",
                    "kind": "Binding",
                    "metadata": {"name": pod.name},
                    "target": {"apiVersion": "v1", "kind": "Node", "name": pod.node},
                }
                _ = await self.server.create(f"{path}/binding", binding)
            elif not _is_broken(pod.told) and pod.is_ready is not await self._works(pod):
                condition = {"type": "Ready", "status": str(not pod.is_ready)}
                status = {"conditions": [condition], "phase": "Running", **self._places(pod)}
                _ = await patch(self.server, f"{path}/status", {"status": status})

    async def _works(self, pod: AgentPod) -> bool:
        if self.machines is not None:
            return await self.machines.works(pod)
        return pod.uid not in self.ill

    def _places(self, pod: AgentPod) -> Json:
        """With the host's network a pod has its addresses."""
        address = self.addresses.get(pod.node)
        if address is None:
            return {}
        every = [{"ip": address}]
        return {"hostIP": address, "hostIPs": every, "podIP": address, "podIPs": every}


async def patch(server: ApiServer, path: str, body: Json) -> Json:
    """RFC 7386."""
    return await server._ask("PATCH", path, body=body, content_type="application/merge-patch+json")


def _is_broken(pod: Json) -> bool:
    return str(pod["spec"]["containers"][0]["image"]).endswith(":broken")


@asynccontextmanager
async def hands(access: Access) -> AsyncIterator[Hands]:
    """At work until the end of the context."""
    server = ApiServer(access, SystemClock())
    made = Hands(server)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await server.close()
