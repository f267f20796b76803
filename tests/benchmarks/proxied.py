"""(p) What it costs to watch through another node: CPU and delay, direct and proxied in turn."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from hashlib import blake2b

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks import processes
from tests.benchmarks.figures import Plan, Result, percentile
from tests.benchmarks.load import Load

NAME = "proxied"
VIEWERS = 10
_SETTLE_S = 1.5
_START_LIMIT_S = 30.0
_CHOICE = {"type": "choose", "stream": "main", "audio": False, "focused": True}


@dataclass(frozen=True, slots=True)
class _Nodes:
    owner: subprocess.Popen[str]
    entry: subprocess.Popen[str]
    owner_url: str
    entry_url: str
    token: str

    def cpu_s(self) -> float:
        return processes.cpu_s(self.owner.pid) + processes.cpu_s(self.entry.pid)


def measure(plan: Plan) -> Result:
    """Alternate: nobody, viewers of the owner, the same viewers at the entry node."""
    result = Result(NAME, f"Watching through another node: {VIEWERS} WebSockets, 1080p25, 4 Mb/s")
    window_s = plan.seconds(8.0, 4.0)
    costs: dict[str, list[float]] = {"direct": [], "proxied": []}
    ratios: list[float] = []
    delays_ms: list[list[float]] = []
    with Load() as load, _nodes() as nodes:
        camera_id = _add_camera(nodes, load.main_url(0))
        for _ in range(plan.runs(5)):
            nobody = asyncio.run(_share(nodes, window_s))
            for kind, url in (("direct", nodes.owner_url), ("proxied", nodes.entry_url)):
                share = asyncio.run(_watch(nodes, url, camera_id, window_s))
                costs[kind].append((share - nobody) / VIEWERS * 100)
            ratios.append(costs["proxied"][-1] / costs["direct"][-1])
            delays_ms.append(asyncio.run(_delays(nodes, camera_id, window_s)))
    result.add("viewer of the owner", "% of a core", costs["direct"])
    result.add("viewer through another node, both nodes together", "% of a core", costs["proxied"])
    result.add("ratio", "×", ratios)
    for share in (0.5, 0.95):
        added = [percentile(each, share) for each in delays_ms]
        result.add(f"later than direct, p{share * 100:.0f}", "ms", added)
    result.note("Over pinned TLS 1.3 on loopback; both nodes on the measured core.")
    return result


@contextmanager
def _nodes() -> Iterator[_Nodes]:
    owner, entry = _start("owner"), _start("entry")
    try:
        owner_line = _read(owner)
        _write(entry, owner_line)
        entry_line = _read(entry)
        _write(owner, entry_line)
        told, entry_told = json.loads(owner_line), json.loads(entry_line)
        yield _Nodes(owner, entry, told["url"], entry_told["url"], told["token"])
    finally:
        for process in (entry, owner):
            process.communicate()


def _start(role: str) -> subprocess.Popen[str]:
    core = str(processes.MEASURED_CORE)
    return subprocess.Popen(
        ["taskset", "-c", core, sys.executable, "-m", "tests.benchmarks.proxied_nodes", role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def _write(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line)
    process.stdin.flush()


def _add_camera(nodes: _Nodes, source: str) -> str:
    """On the owner; its id once pictures come."""
    login = {"Authorization": f"Bearer {nodes.token}"}
    body = {"name": "camera", "protocol": "rtsp", "source_url": source, "start": True}
    with httpx.Client(base_url=nodes.owner_url, headers=login, timeout=30) as client:
        camera_id = str(client.post("/api/cameras", json=body).raise_for_status().json()["id"])
        give_up = time.monotonic() + _START_LIMIT_S
        while client.get(f"/api/cameras/{camera_id}").json()["status"] != "running":
            if time.monotonic() > give_up:
                msg = "the camera does not run"
                raise RuntimeError(msg)
            time.sleep(0.1)
    return camera_id


async def _share(nodes: _Nodes, window_s: float) -> float:
    """CPU seconds per second of both nodes."""
    await asyncio.sleep(_SETTLE_S)
    started, before = time.perf_counter(), nodes.cpu_s()
    await asyncio.sleep(window_s)
    return (nodes.cpu_s() - before) / (time.perf_counter() - started)


def _socket(url: str, token: str, camera_id: str) -> connect:
    return connect(
        f"{url.replace('http', 'ws', 1)}/api/cameras/{camera_id}/live",
        additional_headers={"Authorization": f"Bearer {token}"},
        max_size=None,
        compression=None,
        proxy=None,
    )


async def _watch(nodes: _Nodes, url: str, camera_id: str, window_s: float) -> float:
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        readers = [
            tasks.create_task(
                _read_all(await stack.enter_async_context(_socket(url, nodes.token, camera_id)), {})
            )
            for _ in range(VIEWERS)
        ]
        share = await _share(nodes, window_s)
        if any(reader.done() for reader in readers):
            msg = "viewers did not last"
            raise RuntimeError(msg)
        for reader in readers:
            reader.cancel()
        return share


async def _delays(nodes: _Nodes, camera_id: str, window_s: float) -> list[float]:
    """For each fragment, by how many ms it came later by way of the entry node."""
    direct: dict[bytes, float] = {}
    proxied: dict[bytes, float] = {}
    async with (
        _socket(nodes.owner_url, nodes.token, camera_id) as one,
        _socket(nodes.entry_url, nodes.token, camera_id) as other,
        asyncio.TaskGroup() as tasks,
    ):
        readers = [
            tasks.create_task(_read_all(one, direct)),
            tasks.create_task(_read_all(other, proxied)),
        ]
        await asyncio.sleep(_SETTLE_S + window_s)
        for reader in readers:
            reader.cancel()
    common = [key for key in list(direct)[10:] if key in proxied]  # joining sends a GOP at once
    if not common:
        msg = "no fragment came by both ways"
        raise RuntimeError(msg)
    return [(proxied[key] - direct[key]) * 1000 for key in common]


async def _read_all(socket: ClientConnection, arrived: dict[bytes, float]) -> None:
    async for message in socket:
        if isinstance(message, bytes):
            arrived[blake2b(message, digest_size=16).digest()] = time.perf_counter()
        elif json.loads(message)["type"] == "offer":
            await socket.send(json.dumps(_CHOICE))
