"""A seek to just before what the player has loaded, in Chromium: the picture is that of the moment.

Chromium takes up to half a second before it for loaded, and hls.js what sound there is of it.
"""

from pathlib import Path

import pytest
from playwright.async_api import expect

from falconeye.base.times import SECOND_US
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import clocked_site
from tests.browser.test_pages import complaints
from tests.browser.test_playback import code_at, end_of, shown

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), needs_chromium]
BEFORE_S = (0.02, 0.07, 0.12, 0.22, 0.32, 0.42, 0.04)
GOP_US = 2 * SECOND_US  # what is loaded at once


async def test_a_picture_that_stands_is_of_its_moment(tmp_path: Path) -> None:
    async with shown(tmp_path) as site:
        said = complaints(site.page)
        pieces = site.pieces
        assert await site.open(pieces[0].start_us, end_of(pieces)) is None
        edge_us = pieces[3].start_us + 2 * GOP_US
        assert (await site.seek(edge_us + SECOND_US // 2))["code"]
        for before_s in BEFORE_S[:5]:  # each loads what is before it, to where the hole is
            wall_us = edge_us - int(before_s * SECOND_US)
            found = await site.seek(wall_us)
            assert found["code"] == code_at(wall_us), before_s
            assert found["said"] == pytest.approx(wall_us, abs=3000)
            edge_us -= GOP_US
        assert await site.page.evaluate("window.problems") == []
        assert said == []


# Plays, is sent there, and pauses right after that is loaded.
PLAY_AND_PAUSE = """async (wall) => {
  const { playback } = window;
  const { video } = playback;
  await video.play();
  playback.seekWall(wall);
  const { time } = playback.find(wall);
  while (video.seeking || !playback.isLoaded(time)) await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
  video.pause();
}"""
# Whether the picture is that which stands at the moment, in the end.
STANDS = """async () => {
  const { playback, barcode } = window;
  const until = performance.now() + 8000;
  const isRight = () => {
    const code = barcode();
    const late = Math.floor(playback.wallUs() / 1000) % 2 ** 32 - code;
    return code !== null && !playback.video.seeking && late >= -40 && late < 140;
  };
  while (!isRight() && performance.now() < until) await new Promise(requestAnimationFrame);
  return isRight();
}"""


async def test_paused_at_once_it_is_of_its_moment_too(tmp_path: Path) -> None:
    async with shown(tmp_path) as site:
        pieces = site.pieces
        assert await site.open(pieces[0].start_us, end_of(pieces)) is None
        edge_us = pieces[3].start_us + 2 * GOP_US
        assert (await site.seek(edge_us + SECOND_US // 2))["code"]
        for before_s in (0.3, 0.42, 0.25, 0.35):
            await site.page.evaluate(PLAY_AND_PAUSE, edge_us - int(before_s * SECOND_US))
            assert await site.page.evaluate(STANDS), before_s
            edge_us -= GOP_US


async def test_so_it_is_of_each_camera_on_one_clock(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        await site.add("Door")
        await site.record("Door", 0, 60)
        await page.goto(f"/footage?cameras={site.ids['Door']}&at={site.at(50.5)}")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.get_by_role("button", name="Play", exact=True).click()
        await page.get_by_role("button", name="Pause", exact=True).click()
        for number, before_s in enumerate(BEFORE_S):
            second = 50 - 2 * number - before_s
            await page.evaluate(
                "(us) => document.querySelector('canvas').dispatchEvent("
                "new CustomEvent('falconeye:seek', { bubbles: true, detail: { us } }))",
                site.start_us + round(second * SECOND_US),
            )
            code = site.code(second // 0.1 / 10)
            await page.wait_for_function(
                "(code) => { const shown = Object.values(readAll())[0];"
                " return shown !== null && Math.abs(shown - code) <= 1; }",
                arg=code,
                timeout=10_000,
            )
