"""How many live WebSockets a node opens at once, and a wall: until each has its first picture."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from playwright.sync_api import Page
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks import processes
from tests.benchmarks.chromium import browser, sign_in
from tests.benchmarks.figures import Plan, Result, percentile
from tests.benchmarks.node import Node
from tests.benchmarks.site_pages import COUNT_SOCKETS, small_cameras

NAME = "sockets"
VIEWERS = (16, 64, 256)
TILES = 16
_LIMIT_S = 60.0
_SETTLE_S = 2.0
_SHOWN = """(tiles) => {
  const shown = document.querySelectorAll("[data-first-picture-ms]").length >= tiles;
  if (!shown || sockets.some(({ open }) => open === null)) return false;
  const firsts = [...document.querySelectorAll("[data-first-picture-ms]")];
  return { at: performance.now(), sockets,
    firsts: firsts.map(({ dataset }) => Number(dataset.firstPictureMs)) };
}"""


@dataclass(slots=True)
class Watching:
    """Viewers of one run; times in ms from the first one's connect, sizes of the node."""

    open_ms: list[float] = field(default_factory=list)
    pictured_ms: list[float] = field(default_factory=list)
    lost: int = 0
    dropped: int = 0  # times that a viewer was told that it did not keep up
    cpu_ms_s: float = 0.0
    private: float = 0.0


def measure(plan: Plan, *, viewers: tuple[int, ...] = VIEWERS, tiles: int = TILES) -> Result:
    """A node with as many cameras as the wall has tiles; all viewers watch the first one."""
    result = Result(NAME, "Live WebSockets that are opened at once, 640×360 at 15 pictures/s")
    window_s = plan.seconds(10.0, 2.0)
    with small_cameras(tiles) as (node, cameras):
        for count in viewers:
            taken: list[Watching] = []
            costs: list[float] = []
            sizes: list[float] = []
            for _ in range(plan.runs(5)):
                used, private = _nobody(node, window_s)
                taken.append(asyncio.run(_watch(node, cameras[0], count, window_s)))
                costs.append((taken[-1].cpu_ms_s - used) / count)
                sizes.append((taken[-1].private - private) / count / 1e3)
            _rows(result, count, taken, costs, sizes)
        with browser() as chromium:
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            sign_in(page, node)
            page.add_init_script(COUNT_SOCKETS)
            _wall(result, page, node, tiles, plan.runs(5))
    _notes(result)
    return result


def _nobody(node: Node, window_s: float) -> tuple[float, float]:
    """CPU in ms/s and private bytes of the node while nobody watches."""
    time.sleep(_SETTLE_S)
    begun, before = time.perf_counter(), processes.cpu_s(node.pid)
    time.sleep(window_s)
    used = (processes.cpu_s(node.pid) - before) / (time.perf_counter() - begun) * 1000
    return used, float(processes.private_bytes(node.pid))


async def _watch(node: Node, camera_id: str, count: int, window_s: float) -> Watching:
    """All connect at once, and stay for a while once all have a picture."""
    url = f"{node.url.replace('http', 'ws', 1)}/api/cameras/{camera_id}/live"
    watching, all_there = Watching(), asyncio.Event()
    async with AsyncExitStack() as stack:
        begun = time.perf_counter()
        pictured = _counter(watching, count, begun, all_there)

        async def view() -> None:
            socket = await stack.enter_async_context(
                connect(
                    url,
                    additional_headers={"Authorization": f"Bearer {node.token}"},
                    max_size=None,
                    compression=None,
                    open_timeout=_LIMIT_S,
                )
            )
            watching.open_ms.append((time.perf_counter() - begun) * 1000)
            await _read(socket, watching, pictured)

        viewers = [asyncio.create_task(view(), name=f"viewer {one}") for one in range(count)]
        there = asyncio.create_task(all_there.wait())
        async with asyncio.timeout(_LIMIT_S):
            # A viewer that ends is lost: it is not waited for.
            await asyncio.wait([there, *viewers], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(_SETTLE_S)
        since, before = time.perf_counter(), processes.cpu_s(node.pid)
        await asyncio.sleep(window_s)
        used_s = processes.cpu_s(node.pid) - before
        watching.cpu_ms_s = used_s / (time.perf_counter() - since) * 1000
        watching.private = float(processes.private_bytes(node.pid))
        for task in (there, *viewers):
            task.cancel()
        ends = await asyncio.gather(*viewers, return_exceptions=True)
        await asyncio.gather(there, return_exceptions=True)
        watching.lost = sum(not isinstance(end, asyncio.CancelledError) for end in ends)
    return watching


def _counter(
    watching: Watching, count: int, begun: float, all_there: asyncio.Event
) -> Callable[[], None]:
    def pictured() -> None:
        watching.pictured_ms.append((time.perf_counter() - begun) * 1000)
        if len(watching.pictured_ms) == count:
            all_there.set()

    return pictured


async def _read(socket: ClientConnection, watching: Watching, pictured: Callable[[], None]) -> None:
    """Until it ends; the second binary message holds the first pictures, the first one is init."""
    binary = 0
    async for message in socket:
        if isinstance(message, bytes):
            binary += 1
            if binary == 2:
                pictured()
            continue
        told = json.loads(message)["type"]
        if told == "offer":
            choice = {"type": "choose", "stream": "main", "audio": False, "focused": False}
            await socket.send(json.dumps(choice))
        watching.dropped += told == "dropped"


def _rows(
    result: Result, count: int, taken: list[Watching], costs: list[float], sizes: list[float]
) -> None:
    what = f"{count} viewers of one camera"
    result.add(f"{what}: until all are connected", "ms", [max(one.open_ms) for one in taken])
    result.add(f"{what}: until all have a picture", "ms", [max(one.pictured_ms) for one in taken])
    result.add(
        f"{what}: until half of them have",
        "ms",
        [percentile(one.pictured_ms, 0.5) for one in taken],
    )
    result.add(f"{what}: lost", "", [one.lost for one in taken], budget=0)
    result.add(f"{what}: told that they lag", "", [one.dropped for one in taken], budget=0)
    result.add(f"{what}: CPU each", "% of a core", [cost / 10 for cost in costs], budget=0.3)
    result.add(f"{what}: private memory each", "kB", sizes)


def _wall(result: Result, page: Page, node: Node, tiles: int, runs: int) -> None:
    opened: list[float] = []
    slowest: list[float] = []
    firsts: list[float] = []
    shown: list[float] = []
    for _ in range(runs):
        page.goto(f"{node.url}/?layout={tiles}")
        found = page.wait_for_function(_SHOWN, arg=tiles).json_value()
        sockets = found["sockets"]
        if len(sockets) != tiles:
            msg = f"{len(sockets)} WebSockets for {tiles} tiles"
            raise RuntimeError(msg)
        first = min(one["asked"] for one in sockets)
        opened.append(max(one["open"] for one in sockets) - first)
        slowest.append(max(one["open"] - one["asked"] for one in sockets))
        firsts.append(max(found["firsts"]))
        shown.append(found["at"])
    what = f"a wall of {tiles} tiles in Chromium"
    result.add(f"{what}: first asked → last open", "ms", opened)
    result.add(f"{what}: slowest handshake", "ms", slowest)
    result.add(f"{what}: slowest first picture after its WebSocket", "ms", firsts)
    result.add(f"{what}: address → picture in every tile", "ms", shown)


def _notes(result: Result) -> None:
    result.note(
        "Viewers are clients in Python in one process on the other core, which they share with "
        "the cameras: what opening costs them is in the times, the node's part is smaller. A "
        "viewer is a tile (≈ 6 fragments a second); its picture is there when the first pictures' "
        "bytes have come."
    )
