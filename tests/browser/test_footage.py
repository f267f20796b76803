"""A camera's day in Chromium: the time line, the player, by mouse, keys and without scripts."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from falconeye.base.times import DAY_US, SECOND_US, rfc3339
from falconeye.cameras.views import Camera
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
    timelines, clock = served.services.timelines, served.services.clock
    async with asyncio.timeout(30):
        while True:
            found = await timelines.read(
                camera.config.id, camera.config.created_at_us, clock.utc_us()
            )
            length_us = sum(one.span.to_us - one.span.from_us for one in found.spans)
            if length_us >= seconds * SECOND_US:
                return camera
            await asyncio.sleep(LOOK_S)


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
        timelines, clock = served.services.timelines, served.services.clock
        async with asyncio.timeout(20):
            while True:
                found = await timelines.read(
                    camera.config.id, camera.config.created_at_us, clock.utc_us()
                )
                if found.gaps and found.gaps[-1].to_us - found.gaps[-1].from_us > SECOND_US:
                    break
                await asyncio.sleep(LOOK_S)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        slider = page.get_by_role("slider", name=SLIDER)
        moment = page.locator("[data-moment]")
        await expect(moment).to_contain_text(":")
        await slider.focus()
        await slider.press("g")
        await expect(moment).to_contain_text("not recorded, someone stopped the camera (anna)")
        await expect(page.get_by_text("anna stopped the camera")).to_be_visible()
        assert await page.evaluate("document.querySelector('video').paused")


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
        await expect(page.locator("[data-footage-still] > svg")).to_be_visible()
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


async def test_a_picture_is_saved_with_its_time(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await recorded(served)
        await page.goto(f"/cameras/{camera.config.id}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="Save picture").click()
        download = await downloading.value
        name = download.suggested_filename
        assert re.fullmatch(r"Front-door_20\d\d-\d\d-\d\d_\d\d-\d\d-\d\d[+-]\d{4}\.jpg", name), name
        data = await asyncio.to_thread(Path(await download.path()).read_bytes)
        assert data[:3] == b"\xff\xd8\xff"


async def test_a_file_that_was_exported_is_known_again(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await recorded(served)
        other = await recorded(served)
        now_us = served.services.clock.utc_us()
        span = f"from={rfc3339(now_us - 20 * SECOND_US)}&to={rfc3339(now_us)}"
        await page.goto(f"/exports?camera={camera.config.id}&{span}")
        await page.get_by_text("More cameras of the same time").click()
        await page.locator(f"input[value='{other.config.id}']").check()
        await page.get_by_role("button", name="Export", exact=True).click()
        link = page.get_by_role("link", name="Download")
        while not await link.is_visible():
            await page.reload()
        async with page.expect_download() as downloading:
            await link.click()
        download = await downloading.value
        assert download.suggested_filename.startswith("2-cameras_20")
        film = tmp_path / "film.zip"
        await download.save_as(film)
        await page.get_by_role("link", name="Check a file").click()
        await page.get_by_label("File").set_input_files(film)
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_role("heading", name="It is an export")).to_be_visible()
        await expect(page.get_by_text("still among the exports")).to_be_visible()
        with film.open("ab") as opened:
            opened.write(b"!")
        await page.get_by_label("File").set_input_files(film)
        await page.get_by_role("button", name="Check").click()
        await expect(page.get_by_role("heading", name="No export of this node")).to_be_visible()


async def test_an_export_of_nothing_says_so_in_the_form(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await demo(served)
        await page.goto(f"/exports?camera={camera.config.id}&from=2020-01-01&to=2020-01-02")
        await page.get_by_role("button", name="Export", exact=True).click()
        await expect(page.get_by_text("Nothing was recorded in that time.")).to_be_visible()
        await expect(page.get_by_label("From")).to_have_value(re.compile("^2020-01-01T00:00"))
