"""The wall with nine live tiles for a while: memory of the page, stalls, latency, lost sockets.

Run as `python -m tests.browser.soak [SECONDS]`; a line every 15 s, and an error at the end when a
tile is not live or the page's memory still grows.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from playwright.async_api import CDPSession, Page

from tests.browser.browsers import chromium
from tests.browser.running_site import Site, running_site
from tests.peers.media_samples import audio_clip, video_clip

TILES: Final = 9
STEP_S: Final = 15.0
MAX_GROWTH: Final = 1.25  # of the second half's end against its beginning
FIGURES: Final = """() => [...document.querySelectorAll('[data-player]')].map((player) => {
  const { buffered, currentTime, videoWidth } = player.querySelector('video');
  const { state, stalls, failures, latencyMs } = player.dataset;
  const kept = buffered.length ? currentTime - buffered.start(0) : 0;
  return { state, kept, stalls: Number(stalls ?? 0), failures: Number(failures ?? 0),
    latency: Number(latencyMs ?? 0), videoWidth };
})"""


async def _heap_bytes(session: CDPSession) -> int:
    """The scripts' memory after a collection."""
    await session.send("HeapProfiler.collectGarbage")
    usage = await session.send("Runtime.getHeapUsage")
    return int(usage["usedSize"])


async def _fill(site: Site) -> None:
    rtsp = site.peers.rtsp
    clip = await asyncio.to_thread(video_clip, width=640, height=368, fps=15, gop=30)
    for number in range(TILES):
        with_sound = audio_clip() if number % 3 == 0 else None
        rtsp.add(f"tile-{number}", video=clip, audio=with_sound)
        await site.add(f"Camera {number}", rtsp.url(f"tile-{number}"))
    for number in range(TILES):
        await site.online(f"Camera {number}")


async def _watch(page: Page, seconds: float) -> tuple[list[int], list[Any]]:
    session = await page.context.new_cdp_session(page)
    heaps: list[int] = []
    tiles: list[Any] = []
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        await asyncio.sleep(STEP_S)
        heaps.append(await _heap_bytes(session))
        tiles = await page.evaluate(FIGURES)
        print(  # noqa: T201
            f"{time.monotonic() - started:5.0f} s  heap {heaps[-1] / 1e6:.1f} MB",
            "stalls", [tile["stalls"] for tile in tiles],
            "lost", [tile["failures"] for tile in tiles],
            "latency", [tile["latency"] for tile in tiles],
            "kept", [round(tile["kept"]) for tile in tiles],
            flush=True,
        )  # fmt: skip
    return heaps, tiles


async def main(seconds: float) -> int:
    """0 when every tile is live at the end and the memory is level."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_site(Path(folder)) as site, chromium() as browser:
            page = await browser.new_page(viewport={"width": 1440, "height": 900})
            await site.set_up(page)
            await _fill(site)
            await page.goto(site.node.url + "/?layout=9")
            heaps, tiles = await _watch(page, seconds)
    half = heaps[len(heaps) // 2 :]
    level = half[-1] <= half[0] * MAX_GROWTH
    live = all(tile["state"] == "live" for tile in tiles)
    print("memory level" if level else "memory grows", "all live" if live else "not all live")  # noqa: T201
    return 0 if level and live and len(tiles) == TILES else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 180)))
