"""What a wall that stays open holds: memory of the page and of its process, tiles that go on."""

import os
import time
from dataclasses import dataclass

from playwright.sync_api import Browser, CDPSession, Page

from tests.benchmarks import processes
from tests.benchmarks.chromium import browser, sign_in
from tests.benchmarks.figures import Plan, Result, number
from tests.benchmarks.node import Node
from tests.benchmarks.site_pages import COUNT_SOCKETS, small_cameras

NAME = "wall_hour"
TILES = 16
MINUTES = 60.0
EARLY_MINUTES = 5.0  # until then buffers fill, and scripts are compiled as far as it pays
MAX_GROWTH = 1.25
_STEP_S = 30.0
_LIVE = """(tiles) => {
  const players = [...document.querySelectorAll("[data-player]")];
  return players.filter(({ dataset }) => dataset.state === "live").length === tiles;
}"""
_TILES = """() => [...document.querySelectorAll("[data-player]")].map((player) => {
  const { buffered, currentTime } = player.querySelector("video");
  return { live: player.dataset.state === "live" && !("stale" in player.dataset),
    stalls: Number(player.dataset.stalls ?? 0),
    kept: buffered.length ? currentTime - buffered.start(0) : 0 };
})"""


@dataclass(frozen=True, slots=True)
class Held:
    """At one moment; memory in bytes."""

    at_s: float
    heap: float  # of the page's scripts, after a collection
    nodes: float
    listeners: float
    renderer: float  # RSS of the page's process
    node: float  # RSS of FalconEye

    def line(self) -> str:
        """For who waits."""
        return (
            f"  {self.at_s:5.0f} s  heap {self.heap / 1e6:.1f} MB, {self.nodes:.0f} nodes, "
            f"{self.listeners:.0f} listeners, renderer {self.renderer / 1e6:.0f} MB, "
            f"node {self.node / 1e6:.0f} MB"
        )


def measure(plan: Plan, *, tiles: int = TILES, minutes: float | None = None) -> Result:
    """One wall, looked at every half minute. FALCONEYE_BENCH_MINUTES sets how long."""
    asked = float(os.environ.get("FALCONEYE_BENCH_MINUTES", MINUTES))
    minutes = minutes if minutes is not None else 2.0 if plan.is_quick else asked
    result = Result(NAME, f"A wall with {tiles} live tiles that stays open, {number(minutes)} min")
    with small_cameras(tiles) as (node, _), browser() as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        sign_in(page, node)
        page.add_init_script(COUNT_SOCKETS)
        page.goto(f"{node.url}/?layout={tiles}")
        page.wait_for_function(_LIVE, arg=tiles)
        held = _watch(page, chromium, node, minutes * 60)
        shown, opened = page.evaluate(_TILES), int(page.evaluate("() => sockets.length"))
    early = next(
        (one for one in held if one.at_s >= min(EARLY_MINUTES * 60, minutes * 30)), held[-1]
    )
    _rows(result, held, early)
    lost = tiles - sum(one["live"] for one in shown)
    result.add("tiles that are not live at the end", "", [lost], budget=0)
    result.add("WebSockets that were opened again", "", [opened - tiles], budget=0)
    result.add("stalls of all tiles", "", [sum(one["stalls"] for one in shown)])
    result.add("video kept behind the picture, most", "s", [max(one["kept"] for one in shown)])
    result.note(
        f"640×360 at 15 pictures/s each, decoded in software, {len(held)} looks. Growth: the "
        "median of the last five looks against that of the five from the early look on, because "
        "the process gives memory back when it likes. The heap is asked after a collection. "
        "FALCONEYE_BENCH_MINUTES sets how long."
    )
    return result


def _watch(page: Page, chromium: Browser, node: Node, length_s: float) -> list[Held]:
    session, machine = page.context.new_cdp_session(page), chromium.new_browser_cdp_session()
    held: list[Held] = []
    started = time.monotonic()
    step_s = min(_STEP_S, length_s / 10)
    while not held or held[-1].at_s < length_s:
        page.wait_for_timeout(step_s * 1000)  # and takes up what the browser tells
        held.append(_look(session, machine, node, time.monotonic() - started))
        print(held[-1].line(), flush=True)  # noqa: T201 - an hour is long
    return held


def _look(session: CDPSession, machine: CDPSession, node: Node, at_s: float) -> Held:
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    counted = session.send("Memory.getDOMCounters")
    found = machine.send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [one for one in found if one["type"] == "renderer"]
    busiest = max(renderers, key=lambda one: one["cpuTime"])  # a spare one waits beside it
    return Held(
        at_s,
        float(heap),
        float(counted["nodes"]),
        float(counted["jsEventListeners"]),
        float(processes.resident_bytes(int(busiest["id"]))),
        float(processes.resident_bytes(node.pid)),
    )


def _rows(result: Result, held: list[Held], early: Held) -> None:
    first = held.index(early)
    begin, end = held[first : first + 5], held[-5:]
    for name, unit, size, one in (
        ("heap of the page's scripts", "MB", 1e6, "heap"),
        ("DOM nodes", "", 1, "nodes"),
        ("listeners", "", 1, "listeners"),
        ("RSS of the page's process", "MB", 1e6, "renderer"),
        ("RSS of FalconEye", "MB", 1e6, "node"),
    ):
        before, after = ([getattr(look, one) / size for look in looks] for looks in (begin, end))
        result.add(f"{name}, after {number(early.at_s / 60)} min", unit, before)
        result.add(f"{name}, at the end", unit, after)
        growth = sorted(after)[len(after) // 2] / sorted(before)[len(before) // 2]
        result.add(f"{name}: growth", "×", [growth], budget=MAX_GROWTH)
