"""(c) Glass to glass in real Chromium on the real camera page, by a clock in the picture."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.benchmarks.chromium import browser, sign_in
from tests.benchmarks.figures import Plan, Result, percentile
from tests.benchmarks.fragment_age import fragment_ages
from tests.benchmarks.live_camera import WIDTH
from tests.benchmarks.node import Node

NAME = "latency"
_SETTLE_MS = 4000
# Reads the bar code of falconeye.sources.demo_picture from what the video shows, at each new
# picture; the age is taken before the pixels are read. Resolves to ages in ms.
_AGES = """([durationMs, width]) => new Promise((done) => {
  const player = document.querySelector("[data-player]");
  const video = player.querySelector("video");
  const canvas = document.createElement("canvas");
  const cell = width / 40;
  [canvas.width, canvas.height] = [width, 2 * cell];
  const pixels = canvas.getContext("2d", { willReadFrequently: true });
  const ages = [];
  let unreadable = 0;
  const until = performance.now() + durationMs;
  const look = () => {
    const shown = Date.now();
    pixels.drawImage(video, 0, 0, width, 2 * cell, 0, 0, width, 2 * cell);
    const { data } = pixels.getImageData(0, 0, width, 2 * cell);
    const bright = (x, y) => data[(Math.floor(y) * width + Math.floor(x)) * 4] > 128;
    let value = 0, valid = true;
    for (let index = 0; index < 32; index += 1) {
      const bit = bright((index + 0.5) * cell, cell / 2);
      if (bit === bright((index + 0.5) * cell, cell * 1.5)) valid = false;
      value = value * 2 + (bit ? 1 : 0);
    }
    if (valid) ages.push((shown % 2 ** 32) - value);
    else unreadable += 1;
    if (performance.now() > until) done({ ages, unreadable, player: { ...player.dataset } });
    else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
})"""


def measure(plan: Plan) -> Result:
    """Open the camera's page anew for each run."""
    result = Result(NAME, "Live in Chromium: focused view, 640×360, 25 pictures/s, GOP 2 s, muted")
    with live_camera() as url, Node() as node:
        camera_id = node.add_camera("clock", url)
        node.wait_streams(1)
        arriving = asyncio.run(fragment_ages(node, camera_id, plan.seconds(10, 4)))
        with browser() as chromium:
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            sign_in(page, node)
            seen = [_watch(page, node, camera_id, plan) for _ in range(plan.runs(5, 2))]
            first = [one.first_ms for one in seen]
            first += [_open(page, node, camera_id) for _ in range(plan.runs(5, 1))]  # cheap: more
    _rows(result, seen, first, arriving)
    return result


@dataclass(frozen=True, slots=True)
class _Seen:
    """One opening of the page."""

    first_ms: float
    ages_ms: list[float]
    unreadable: int
    stalls: float
    target_ms: float


def _watch(page: Page, node: Node, camera_id: str, plan: Plan) -> _Seen:
    """Open the page, let the player settle, read its pictures."""
    first_ms = _open(page, node, camera_id)
    page.wait_for_timeout(_SETTLE_MS)
    found = page.evaluate(_AGES, [plan.seconds(12, 6) * 1000, WIDTH])
    player = found["player"]
    return _Seen(
        first_ms,
        found["ages"],
        found["unreadable"],
        float(player.get("stalls", 0)),
        float(player["targetMs"]),
    )


def _rows(result: Result, seen: list[_Seen], first: list[float], arriving: list[float]) -> None:
    p50 = [percentile(one.ages_ms, 0.5) for one in seen]
    p95 = [percentile(one.ages_ms, 0.95) for one in seen]
    result.add("age of the picture shown, p50", "ms", p50, budget=180)
    result.add("age of the picture shown, p95", "ms", p95, budget=250)
    result.add("first picture after `new WebSocket`", "ms", first, budget=150)
    result.add("stalls of the player", "", [one.stalls for one in seen])
    result.add("the player's target for its buffer", "ms", [one.target_ms for one in seen])
    result.add("age when it reaches a viewer's socket, p50", "ms", [percentile(arriving, 0.5)])
    result.add("age when it reaches a viewer's socket, p95", "ms", [percentile(arriving, 0.95)])
    result.note(
        f"{sum(len(one.ages_ms) for one in seen)} pictures were read in "
        f"requestVideoFrameCallback, {sum(one.unreadable for one in seen)} could not be."
    )
    result.note(
        "The age begins before drawing and encoding (about 2 ms) and includes software decoding; "
        "a real camera adds its own sensor, encoder and network."
    )


def _open(page: Page, node: Node, camera_id: str) -> float:
    """Load the camera's page; ms from `new WebSocket` to the first picture."""
    page.goto(f"{node.url}/cameras/{camera_id}")
    player = page.locator("[data-player][data-first-picture-ms]")
    return float(player.get_attribute("data-first-picture-ms") or "nan")


@contextmanager
def live_camera() -> Iterator[str]:
    """The camera's process; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.live_camera"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        yield f"rtsp://127.0.0.1:{int(process.stdout.readline())}/live"
    finally:
        process.communicate()
