"""A camera's day in Chromium: the time line, the player, by mouse, keys and without scripts."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from falconeye.base.times import DAY_US, SECOND_US
from falconeye.cameras.views import Camera
from falconeye.storage.reading.timeline import Timeline
from tests.browser.browsers import needs_chromium
from tests.browser.test_pages import complaints
from tests.browser.test_site import demo, signed_in
from tests.integration.api.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
LOOK_S = 0.1
SLIDER = "Time"


async def recorded(served: Served, seconds: float = 4.0) -> Camera:
    """A camera with so much footage, which goes on recording."""
    camera = await demo(served)
    await until(served, camera, lambda found: _length_us(found) >= seconds * SECOND_US)
    return camera


def _length_us(found: Timeline) -> int:
    return sum(one.span.to_us - one.span.from_us for one in found.spans)


async def until(served: Served, camera: Camera, is_so: Callable[[Timeline], bool]) -> None:
    """Returns when that is so of the camera's whole time line."""
    timelines, clock = served.services.timelines, served.services.clock
    since_us = camera.config.created_at_us
    async with asyncio.timeout(30):
        while not is_so(  # noqa: ASYNC110
            await timelines.read(camera.config.id, since_us, clock.utc_us())
        ):
            await asyncio.sleep(LOOK_S)


def _ends_in_a_gap(found: Timeline) -> bool:
    return bool(found.gaps) and found.gaps[-1].to_us - found.gaps[-1].from_us > SECOND_US


async def value(page: Page) -> int:
    return int(await page.get_by_role("slider", name=SLIDER).get_attribute("aria-valuenow") or -1)


async def test_a_click_on_the_time_line_plays_that_moment(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        found = complaints(page)
        await page.goto(f"/cameras/{camera.config.id}")
        await page.get_by_role("link", name="Day by day").click()
        slider = page.get_by_role("slider", name=SLIDER)
        await expect(slider).to_be_visible()
        await expect(page.locator("[data-footage-still]")).to_be_hidden()
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await slider.focus()
        await slider.press("End")
        await slider.press("p")  # where the footage begins
        await expect(page.locator("video")).to_be_visible()
        await page.wait_for_function("() => document.querySelector('video').currentTime > 0.5")
        begun = await value(page)
        await page.wait_for_function(
            "begun => document.querySelector('canvas').ariaValueNow > begun", arg=begun
        )
        await expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d:\d\d"))
        link = await page.get_by_role("link", name="Link to this moment").get_attribute("href")
        assert link is not None
        assert "at=20" in link
        assert found == []


async def test_a_gap_says_why_and_nothing_plays(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served, 2.0)
        await served.services.cameras.stop(camera.config.id, by="anna")
        await until(served, camera, _ends_in_a_gap)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        slider = page.get_by_role("slider", name=SLIDER)
        moment = page.locator("[data-moment]")
        await expect(moment).to_contain_text(":")
        await slider.focus()
        await slider.press("g")
        await expect(moment).to_contain_text("not recorded, someone stopped the camera (anna)")
        await expect(page.get_by_text("anna stopped the camera")).to_be_visible()
        assert await page.evaluate("document.querySelector('video').paused")


NO_PICTURES = """
const add = MediaSource.prototype.addSourceBuffer;
MediaSource.prototype.addSourceBuffer = function (type) {
  if (type.startsWith("video/")) throw new DOMException("no", "NotSupportedError");
  return add.call(this, type);
};
"""


async def test_footage_that_this_browser_cannot_play_says_so(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.add_init_script(NO_PICTURES)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        slider = page.get_by_role("slider", name=SLIDER)
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await slider.focus()
        await slider.press("End")
        await slider.press("p")
        trouble = page.get_by_role("alert")
        await expect(trouble).to_contain_text("This browser cannot play this footage.")
        await expect(page.locator("video")).to_have_attribute("poster", re.compile("still.jpg"))
        lists = [url for url in asked if "playback.m3u8" in url]
        assert any("stream=sub" in url for url in lists)  # it may have been in another format


SEEK = """us => document.querySelector("canvas").dispatchEvent(
  new CustomEvent("falconeye:seek", { bubbles: true, detail: { us } }))"""


async def test_of_quick_seeks_the_last_counts_and_one_player_is_made(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        found = await served.services.timelines.read(
            camera.config.id, camera.config.created_at_us, served.services.clock.utc_us()
        )
        begin_us = found.spans[0].span.from_us
        asked: list[str] = []
        go = asyncio.Event()

        async def hold(route: Route) -> None:
            asked.append(route.request.resource_type)
            await go.wait()
            await route.continue_()

        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.route("**/playback.m3u8*", hold)
        for second in (1, 2):
            await page.evaluate(SEEK, begin_us + second * SECOND_US)
        go.set()
        await page.wait_for_function("() => document.querySelector('video').currentTime >= 2")
        assert asked.count("fetch") == 1  # the page's own; the player's are "xhr"


async def test_zooming_keeps_the_moment_under_the_pointer(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served, 1.0)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        canvas = page.get_by_role("slider", name=SLIDER)
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await canvas.scroll_into_view_if_needed()
        box = await canvas.bounding_box()
        assert box is not None
        x = box["width"] * 0.25
        await page.evaluate(
            "() => addEventListener('falconeye:hover', (e) => { window.hovered = e.detail.us; })"
        )
        await page.mouse.move(box["x"] + x, box["y"] + 20)
        before = await page.evaluate("hovered")
        await page.mouse.wheel(0, -1200)
        await page.mouse.move(box["x"] + x + 1, box["y"] + 20)
        await page.mouse.move(box["x"] + x, box["y"] + 20)
        after = await page.evaluate("hovered")
        assert abs(after - before) < DAY_US / box["width"]  # a pixel, as it was before
        await page.get_by_role("button", name="Zoom out").click()


async def test_without_scripts_the_day_is_a_picture_and_a_list(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await recorded(served, 1.0)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-footage-still] svg")).to_be_visible()
        await expect(page.locator("[data-footage]")).to_be_hidden()
        await expect(page.get_by_role("heading", name="Not recorded")).to_be_visible()


async def test_a_minute_is_exported_and_downloaded(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        found = complaints(page)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.get_by_role("link", name="Export this minute").click()
        await expect(page.get_by_label("Camera")).to_have_value(camera.config.id)
        await page.get_by_role("button", name="Export", exact=True).click()
        await expect(page.get_by_text("The export is being made.")).to_be_visible()
        link = page.get_by_role("link", name="Download")
        await expect(link).to_be_visible(timeout=15_000)
        async with page.expect_download() as downloading:
            await link.click()
        download = await downloading.value
        assert download.suggested_filename.startswith("Front-door_20")
        data = await asyncio.to_thread(Path(await download.path()).read_bytes)
        assert data[4:8] == b"ftyp"
        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("heading", name="No export yet")).to_be_visible()
        assert found == []


async def test_an_export_of_nothing_says_so_in_the_form(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await demo(served)
        await page.goto(f"/exports?camera={camera.config.id}&from=2020-01-01&to=2020-01-02")
        await page.get_by_role("button", name="Export", exact=True).click()
        await expect(page.get_by_text("Nothing was recorded in that time.")).to_be_visible()
        await expect(page.get_by_label("From")).to_have_value(re.compile("^2020-01-01T00:00"))
