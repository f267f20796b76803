"""Chromium plays an export from the instant that was asked for."""

from pathlib import Path

import pytest

from tests.browser.browsers import chromium, needs_chromium
from tests.clock import FakeClock
from tests.unit.storage_footage.exporting import (
    JOB,
    footage,
    ignore,
    open_exports,
    order,
    path_of,
)
from tests.unit.storage_footage.footage import open_node

pytestmark = [pytest.mark.browser, needs_chromium, pytest.mark.timeout(60)]

_PLAY = """
async () => {
  const video = document.querySelector("video");
  const ended = new Promise((resolve, reject) => {
    video.onended = () => resolve(null);
    video.onerror = () => reject(new Error(video.error.message));
  });
  video.playbackRate = 4;
  await video.play();
  await ended;
  return [video.duration, video.currentTime, video.getVideoPlaybackQuality().totalVideoFrames];
}
"""


async def test_chromium_plays_it_to_its_end(tmp_path: Path, clock: FakeClock) -> None:
    node = await open_node(tmp_path, clock)
    await footage(node, hole_s=30)
    exports = open_exports(node)
    made = await exports.make(JOB, order(1.37, 37), ignore)
    exports.stop()
    path = path_of(node, made)
    page_file = path.with_suffix(".html")
    page_file.write_text(f"<!doctype html><video muted src='{path.name}'></video>")
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(page_file.as_uri())
        duration, at, frames = await page.evaluate(_PLAY)
    assert duration == pytest.approx(5.7, abs=0.07)
    assert at == pytest.approx(duration, abs=0.01)
    assert frames > 20
    await node.stop()
