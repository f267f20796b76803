"""Nodes that find others, each a process in a namespace of its own; needs root."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.peers.site import Site

ROOT = Path(__file__).parents[3]


class FindingNode:
    """One process, and what it told last."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.state: dict[str, Any] = {}

    @property
    def names(self) -> list[str]:
        return [one["name"] for one in self.state.get("found", ())]

    async def until(self, there: Callable[["FindingNode"], bool], within_s: float = 15) -> None:
        """Read what it tells until `there` is true of this."""
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            while not self.state or not there(self):
                line = await self._process.stdout.readline()
                assert line, "it has ended"
                self.state = json.loads(line)

    async def rename(self, name: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n".encode())
        await self._process.stdin.drain()

    async def stop(self) -> None:
        """It says goodbye."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(5):
            assert await self._process.wait() == 0

    async def end(self) -> None:
        """Without a word."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


class FindingNodes:
    """Those of one test, ended with it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._nodes: list[FindingNode] = []

    def plugged(self, number: int) -> str:
        """A new namespace on the site's switch; its name."""
        namespace = self._site._namespace(f"h{number}")
        self._site.plug(namespace, "eth0", f"{self._site.subnet}.{number}/24")
        return namespace

    async def add(self, namespace: str, *before: str, **what: object) -> FindingNode:
        """A node there; `before`: words of a shell that come before it does."""
        program = [sys.executable, "-m", "tests.peers.finding_node", json.dumps(what)]
        shell = ["sh", "-c", " && ".join([*before, 'exec "$@"']), "sh"]
        process = await asyncio.create_subprocess_exec(
            "ip",
            "netns",
            "exec",
            namespace,
            *shell,
            *program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        node = FindingNode(process)
        self._nodes.append(node)
        return node

    async def end(self) -> None:
        for node in self._nodes:
            await node.end()


@asynccontextmanager
async def finding_nodes(site: Site) -> AsyncIterator[FindingNodes]:
    nodes = FindingNodes(site)
    try:
        yield nodes
    finally:
        await nodes.end()
