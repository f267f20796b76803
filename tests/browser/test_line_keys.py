"""The keys and buttons of the time line in Chromium: jumps, zoom, speed; where none is left."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from falconeye.base.times import SECOND_US
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, clocked_site
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
OFFLINE = re.compile(r"^\d\d:\d\d:\d\d, not recorded, because the camera was offline")


async def two_stretches(site: ClockedSite, at_s: float, *, cameras: bool = False) -> None:
    """Footage of 0 to 10 and 20 to 30, and its page that stands at a moment."""
    camera = await site.add("Door")
    await site.record("Door", 0, 10)
    await site.record("Door", 20, 10)
    path = f"/footage?cameras={camera}&" if cameras else f"/cameras/{camera}/footage?"
    await site.page.goto(f"{path}at={site.at(at_s)}")
    await expect(site.page.locator("[data-moment]")).to_contain_text(":")
    if not cameras:
        await site.page.get_by_role("button", name="Pause", exact=True).click()


@pytest.mark.parametrize("cameras", [False, True])
async def test_jumps_go_both_ways_and_say_where_none_is_left(tmp_path: Path, cameras: bool) -> None:
    async with clocked_site(tmp_path) as site:
        await two_stretches(site, 25, cameras=cameras)
        page = site.page
        found = complaints(page)
        slider = page.get_by_role("slider", name="Time")
        said = page.locator("[data-none]")

        async def stands_at(seconds: float) -> None:
            wanted = round((site.start_us - await day_us(page)) / SECOND_US + seconds)
            await expect(slider).to_have_attribute("aria-valuenow", str(wanted))
            await expect(said).to_have_text("")

        for name, key, seconds in (
            ("Previous footage", "p", 20),
            ("Previous gap", "G", 10),
            ("Previous footage", "p", 0),
            ("Next gap", "g", 10),
            ("Next footage", "n", 20),
            ("Next gap", "g", 30),
        ):
            if seconds % 20:
                await slider.press(key)
            else:
                await page.get_by_role("button", name=name).click()
            await stands_at(seconds)
        await expect(slider).to_have_attribute(
            "aria-valuetext", re.compile("not recorded( .Door.)?, because the camera was offline")
            if cameras else OFFLINE
        )  # fmt: skip
        await slider.press("g")
        await expect(said).to_contain_text("No more gap on this day.")
        await slider.press("p")
        await stands_at(20)
        await slider.press("n")
        await expect(said).to_contain_text("No more footage on this day.")
        await expect(said).to_have_role("status")
        for _press in range(2):
            await slider.press("p")
        await expect(said).to_have_text("No earlier footage on this day.")  # it was added that day
        await slider.press("n")
        await slider.press("n")
        await said.get_by_role("link", name="The next day").click()
        await expect(page).to_have_url(re.compile(r"day=\d{4}-\d\d-\d\d"))
        await expect(page.get_by_role("slider", name="Time")).to_be_visible()
        assert found == []


async def day_us(page: Page) -> int:
    return int(
        await page.evaluate(
            "() => Number(document.querySelector('[data-footage], [data-many]').dataset.from)"
        )
    )


async def test_every_key_and_button_of_the_line_does_what_it_says(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await two_stretches(site, 25)
        page = site.page
        slider = page.get_by_role("slider", name="Time")
        await page.evaluate(
            "() => addEventListener('falconeye:hover', (e) => { window.hovered = e.detail.us; })"
        )

        async def shown_s() -> float:
            """How much of the day is drawn."""
            await slider.scroll_into_view_if_needed()
            box = await slider.bounding_box()
            assert box is not None
            ends = []
            for x in (1, box["width"] - 1):
                await page.mouse.move(box["x"] + x, box["y"] + 60)
                await page.mouse.move(box["x"] + x, box["y"] + 20)
                ends.append(float(await page.evaluate("hovered")))
            return (ends[1] - ends[0]) / SECOND_US * box["width"] / (box["width"] - 2)

        for key, seconds in (
            ("h", 3600), ("m", 600), ("+", 300), ("-", 600), ("d", 86_400), ("+", 43_200)
        ):  # fmt: skip
            await slider.press(key)
            assert await shown_s() == pytest.approx(seconds, rel=0.01)
        for name, seconds in (("Zoom out", 86_400), ("One hour", 3600), ("Zoom in", 1800)):
            await page.get_by_role("button", name=name, exact=True).click()
            assert await shown_s() == pytest.approx(seconds, rel=0.01)
        speed = page.get_by_label("Speed")
        for key, rate in (("l", "2"), ("l", "4"), ("j", "2"), ("j", "1"), ("j", "0.5")):
            await slider.press(key)
            await expect(speed).to_have_value(rate)
        await slider.press("k")
        await expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        await slider.press("e")
        await page.wait_for_url(re.compile(r"/cameras/[^/]+\?done=live"))


@pytest.mark.parametrize("path", ["/cameras/{}/footage", "/footage?cameras={}"])
async def test_a_day_and_a_time_are_gone_to_by_their_fields(tmp_path: Path, path: str) -> None:
    async with clocked_site(tmp_path, days_ago=12) as site:
        camera = await site.add("Door")
        await site.record("Door", 0, 10)
        await site.record("Door", 100, 40)
        page = site.page
        found = complaints(page)
        await page.goto(path.format(camera))
        day = page.get_by_label("Day", exact=True)
        local = datetime.fromtimestamp(site.start_us / SECOND_US, ZoneInfo("Europe/Vienna"))
        assert await day.get_attribute("min") == f"{local:%F}"
        await day.fill(f"{local:%F}")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.wait_for_url(re.compile(f"day={local:%F}"))
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        assert camera in page.url
        moment = page.get_by_label("Time of day")
        await moment.fill(f"{local + timedelta(minutes=2):%H:%M}")
        await moment.press("Enter")
        slider = page.get_by_role("slider", name="Time", exact=True)
        wanted = f"{local + timedelta(minutes=2):%H:%M:}"
        await expect(slider).to_have_attribute("aria-valuetext", re.compile(wanted))
        await page.wait_for_function(
            "(code) => readCode(document.querySelector('video')) >= code", arg=site.code(120)
        )
        assert found == []


async def test_without_scripts_a_day_is_chosen_and_the_wall_leads_there(tmp_path: Path) -> None:
    async with clocked_site(tmp_path, days_ago=3) as site:
        camera = await site.add("Door")
        await site.record("Door", 0, 10)
        wall = (await site.served.viewer.get("/")).text
        assert f'href="/cameras/{camera}/footage"' in wall
        text = (await site.served.viewer.get(f"/cameras/{camera}/footage")).text
        assert text.count("/footage?day=") == 4 + 1  # of them one for the day before
        assert '<input type="date" name="day"' in text
