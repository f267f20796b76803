"""The nodes: real ones, each in its namespace, joined by the code."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
from typing_extensions import override

from tests.chaos.network import Network
from tests.nodes import NO_TLS, RunningNode

WEB_PORT, PEER_PORT = 8900, 8901
SETTLED_S = 90.0


class ChaosNode(RunningNode):
    """A node that may be killed and started again, always at one address."""

    def __init__(self, folder: Path, number: int, network: Network) -> None:
        self.name = f"pi-{number + 1}"
        self.number = number
        super().__init__(
            folder / self.name, "--node-name", self.name, "--host", network.address(number),
            "--peer-port", str(PEER_PORT),
        )  # fmt: skip
        # They find one another by mDNS: their network is none of this machine's.
        settings = ("FALCONEYE_DISCOVERY=true", "FALCONEYE_NIGHTLY_BACKUP=false")
        before = ("ip", "netns", "exec", network.nodes[number], "env", *settings)
        self.program = (*before, sys.executable, "-m", "falconeye")
        self.id = ""
        self.log = ""  # of all its processes

    @override
    async def start(self, *, port: int = WEB_PORT) -> None:
        self.log += "".join(self.lines)
        await super().start(port=port)

    @property
    def runs(self) -> bool:
        return self._process is not None

    def log_in(self, authorization: str) -> None:
        """Ask with that from now on."""
        self.client = httpx.AsyncClient(
            base_url=self.url,
            headers={"authorization": authorization},
            timeout=20,
            trust_env=False,
            verify=NO_TLS,
        )

    def whole_log(self) -> str:
        return self.log + "".join(self.lines)


class Cluster:
    """Nodes that are one, and the cameras that they record."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.network = network
        self.nodes = [ChaosNode(folder, number, network) for number in range(len(network.nodes))]
        self.cameras: list[str] = []  # their ids
        self.authorization = ""

    async def begin(self) -> None:
        """Start and join all, add the cameras, and wait until each is recorded where it should."""
        first = self.nodes[0]
        await asyncio.gather(*(node.start() for node in self.nodes))
        await first.sign_in()
        self.authorization = first.client.headers["authorization"]
        for node in self.nodes[1:]:
            await _joined(first, node)
            node.log_in(self.authorization)
        names = {node.name for node in self.nodes}
        for node in self.nodes:
            await node.until("/api/nodes/", lambda it: _ready(it) == names, SETTLED_S)
        for answer in await first.json("/api/nodes/"):
            next(node for node in self.nodes if node.name == answer["name"]).id = answer["id"]
        for number, camera in enumerate(self.network.cameras):
            owner = self.nodes[(number + 1) % len(self.nodes)]
            await self._place(owner.name)
            self.cameras.append(await first.add(f"Camera {number}", camera.url, audio=False))
        await self._place(None)
        await self.settled()

    async def settled(self) -> None:
        """All hear one another, and each knows that every camera is recorded."""
        names = {node.name for node in self.nodes}
        for node in self.nodes:
            await node.until("/api/nodes/", lambda it: _ready(it) == names, SETTLED_S)
        for node in self.nodes:
            await node.until("/api/cameras/", _all_recorded, SETTLED_S)

    async def restart(self, node: ChaosNode) -> None:
        await node.start()
        node.log_in(self.authorization)

    async def end(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))
        await asyncio.gather(*(node.client.aclose() for node in self.nodes))

    async def _place(self, name: str | None) -> None:
        answer = await self.nodes[0].client.patch(
            "/api/settings/", json={"default_recorder_node": name}
        )
        assert answer.status_code == 200, answer.text


async def _joined(first: ChaosNode, other: ChaosNode) -> None:
    code, out, err = await first.command("node", "code")
    assert code == 0, err
    code, out, err = await other.command("join", out.split()[-1], "--yes")
    assert code == 0, out + err


def _ready(nodes: Any) -> set[str]:
    return {str(one["name"]) for one in nodes if one["ready"] and one["reachable"]}


def _all_recorded(answer: Any) -> bool:
    return all(one["online"] and one["recording"] for one in answer["cameras"])
