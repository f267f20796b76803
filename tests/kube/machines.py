"""What kubelets do with the agents' containers: each is a whole node, as a process on loopback."""

from collections import Counter
from collections.abc import Mapping

import httpx

from falconeye.cluster.daemon_set import AgentPod
from tests.nodes import NO_TLS, RunningNode


class Machines:
    """By the names of Kubernetes' nodes. `token`: whom the tests ask as."""

    def __init__(self, nodes: Mapping[str, RunningNode]) -> None:
        self.nodes = nodes
        self.starts: Counter[str] = Counter()
        self.token = ""
        self._uids: dict[str, str] = {}  # of the pods whose containers run

    async def works(self, pod: AgentPod) -> bool:
        """Start it where it does not run; whether it is ready."""
        node = self.nodes[pod.node]
        if self._uids.get(pod.node) != pod.uid:
            await node.start()
            self._uids[pod.node] = pod.uid
            self.starts[pod.node] += 1
            await self.use(pod.node, self.token)
        try:
            return (await node.client.get("/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def end(self, pod: AgentPod) -> None:
        """SIGTERM, and wait."""
        if self._uids.pop(pod.node, None) == pod.uid:
            await self.nodes[pod.node].terminate()

    async def use(self, name: str, token: str) -> None:
        """Ask a node by this token from now on, over its restarts, too."""
        self.token = token
        node = self.nodes[name]
        await node.client.aclose()
        node.client = httpx.AsyncClient(
            base_url=node.url,
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=20,
            trust_env=False,
            verify=NO_TLS,
        )

    async def stop(self) -> None:
        for node in self.nodes.values():
            await node.stop()
            await node.client.aclose()
