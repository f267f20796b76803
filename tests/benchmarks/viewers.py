"""(d) What a viewer costs the node: none against twenty WebSocket viewers of one 4 Mb/s stream."""

import asyncio
import json
import time
from contextlib import AsyncExitStack

from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks import processes
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.load import Load
from tests.benchmarks.node import Node

NAME = "viewers"
VIEWERS = 20
_SETTLE_S = 1.5


def measure(plan: Plan) -> Result:
    """Alternate: nobody, twenty focused viewers, twenty tiles."""
    result = Result(NAME, f"Live viewers: {VIEWERS} WebSockets of one 1080p25 4 Mb/s stream")
    costs: dict[str, list[float]] = {"focused": [], "tile": []}
    received: dict[str, list[float]] = {"focused": [], "tile": []}
    window_s = plan.seconds(8.0, 5.0)
    with Load() as load, Node() as node:
        camera_id = node.add_camera("camera", load.main_url(0))
        node.wait_streams(1)
        for _ in range(plan.runs(5)):
            nobody = _cpu_share(node, window_s)
            for kind, each in costs.items():
                focused = kind == "focused"
                watched, megabits = asyncio.run(_watch(node, camera_id, window_s, focused=focused))
                each.append((watched - nobody) / VIEWERS * 100)
                received[kind].append(megabits / VIEWERS)
    for kind, words in (("focused", "a fragment per picture"), ("tile", "≈ 6 fragments a second")):
        result.add(f"{kind} viewer ({words})", "% of a core", costs[kind], budget=0.3)
        result.add(f"{kind} viewer: received", "Mb/s", received[kind])
    result.note("Making the fragments, once for all viewers, is shared among the twenty.")
    return result


def _cpu_share(node: Node, window_s: float) -> float:
    """CPU seconds per second of the node."""
    time.sleep(_SETTLE_S)
    started, before = time.perf_counter(), processes.cpu_s(node.pid)
    time.sleep(window_s)
    return (processes.cpu_s(node.pid) - before) / (time.perf_counter() - started)


async def _watch(
    node: Node, camera_id: str, window_s: float, *, focused: bool
) -> tuple[float, float]:
    """CPU share while all watch, and the Mb/s that they received together."""
    url = f"{node.url.replace('http', 'ws', 1)}/api/cameras/{camera_id}/live"
    counts = [0] * VIEWERS
    async with AsyncExitStack() as stack:
        tasks: list[asyncio.Task[None]] = []
        for index in range(VIEWERS):
            socket = await stack.enter_async_context(
                connect(
                    url,
                    additional_headers={"Authorization": f"Bearer {node.token}"},
                    max_size=None,
                    compression=None,
                )
            )
            tasks.append(asyncio.create_task(_read(socket, counts, index, focused=focused)))
        await asyncio.sleep(_SETTLE_S)
        received, started, before = sum(counts), time.perf_counter(), processes.cpu_s(node.pid)
        await asyncio.sleep(window_s)
        took = time.perf_counter() - started
        used, received = processes.cpu_s(node.pid) - before, sum(counts) - received
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        if failed := [end for end in ends if not isinstance(end, asyncio.CancelledError)]:
            msg = f"viewers did not last: {failed[0]!r}"
            raise RuntimeError(msg)
    return used / took, received * 8 / 1e6 / took


async def _read(socket: ClientConnection, counts: list[int], index: int, *, focused: bool) -> None:
    async for message in socket:
        if isinstance(message, bytes):
            counts[index] += len(message)
        elif json.loads(message)["type"] == "offer":
            choice = {"type": "choose", "stream": "main", "audio": False, "focused": focused}
            await socket.send(json.dumps(choice))
