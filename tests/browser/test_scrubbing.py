"""Scrubbing in Chromium: a picture and its time beside the pointer, the finger or a held key."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, expect

from falconeye.base.times import SECOND_US
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, Touch, clocked_site
from tests.browser.test_pages import OVERFLOW, complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
SOUGHT = """() => {
  window.sought = [];
  addEventListener('falconeye:seek', ({ detail }) => window.sought.push(detail.us));
}"""
PICTURE = "() => readCode(document.querySelector('[data-preview] img'))"
ZONE = ZoneInfo("Europe/Vienna")


@asynccontextmanager
async def standing(folder: Path, at_s: float, *, phone: bool) -> AsyncIterator[ClockedSite]:
    """A minute of footage that stands at a moment, on a line of two and a half minutes."""
    async with clocked_site(folder, phone=phone) as site:
        await site.add("Door")
        await site.record("Door", 0, 60)
        page = site.page
        await page.goto(f"/cameras/{site.ids['Door']}/footage?at={site.at(at_s)}")
        await page.get_by_role("button", name="Pause", exact=True).click()
        await page.evaluate(
            "(us) => document.querySelector('canvas').dispatchEvent("
            "new CustomEvent('falconeye:seek', { bubbles: true, detail: { us } }))",
            site.start_us + round(at_s * SECOND_US),
        )
        slider = line(page)
        for key in ("m", "+", "+"):
            await slider.press(key)
        await page.evaluate(SOUGHT)
        yield site


def line(page: Page) -> Locator:
    return page.get_by_role("slider", name="Time")


async def strip(page: Page) -> tuple[float, float, float]:
    """The middle of what is dragged below the rows, and how many pixels a second has."""
    # A phone's menu lies over the end of its window.
    await line(page).evaluate("(line) => line.scrollIntoView({ block: 'center' })")
    box = await line(page).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] - 14, box["width"] / 150


def clock(site: ClockedSite, code: int) -> str:
    """The time of the site that a picture shows."""
    taken_ms = site.start_us // 1000 - site.code(0) + code
    return f"{datetime.fromtimestamp(taken_ms / 1000, tz=ZONE):%H:%M:%S}"


async def shown(site: ClockedSite, at_s: float) -> None:
    """Waits for the picture of that moment (its keyframe), with its own time on it."""
    page = site.page
    code = site.code(at_s)
    await page.wait_for_function(f"(code) => ({PICTURE})() === code", arg=code)
    await expect(page.locator("[data-preview] figcaption")).to_have_text(clock(site, code))


async def sought(site: ClockedSite) -> list[float]:
    """Where the player was sent, in seconds since the start."""
    found = await site.page.evaluate("sought")
    return [round((us - site.start_us) / SECOND_US, 1) for us in found]


class Mouse:
    """A mouse that does what a finger does (`Touch`)."""

    def __init__(self, page: Page) -> None:
        self._mouse = page.mouse

    async def down(self, point: tuple[float, float]) -> None:
        await self._mouse.move(*point)
        await self._mouse.down()

    async def move(self, point: tuple[float, float]) -> None:
        await self._mouse.move(*point, steps=3)

    async def up(self) -> None:
        await self._mouse.up()


@pytest.mark.parametrize("how", ["mouse", "touch"])
async def test_what_is_dragged_shows_pictures_with_their_time(tmp_path: Path, how: str) -> None:
    async with standing(tmp_path, 20, phone=how == "touch") as site:
        page = site.page
        found = complaints(page)
        x, y, second_px = await strip(page)
        hand = await Touch.on(page) if how == "touch" else Mouse(page)
        await hand.down((x, y))

        async def drag(to: float) -> None:
            await hand.move((to, y))

        await drag(x + 11 * second_px)
        await shown(site, 30)
        await expect(line(page)).to_have_attribute("aria-valuetext", re.compile(r":3[01]"))
        await drag(x + 31 * second_px)
        await shown(site, 50)
        figure = await page.locator("[data-preview]").bounding_box()
        assert figure is not None
        assert figure["x"] >= 0
        assert await page.evaluate(OVERFLOW) <= 0
        assert await sought(site) == []  # the player stays where it was
        await drag(x - 60 * second_px)
        caption = page.locator("[data-preview] figcaption")
        await expect(caption).to_contain_text("not recorded")  # before the first picture
        await expect(page.locator("[data-preview] img")).to_be_hidden()
        await drag(x + 31 * second_px)
        await shown(site, 50)
        await hand.up()
        assert await sought(site) == [pytest.approx(51, abs=1)]
        read = "(code) => Math.abs((readCode(document.querySelector('video')) ?? 0) - code) < 1000"
        await page.wait_for_function(read, arg=site.code(51))
        assert await page.evaluate("document.querySelector('video').paused")
        if how == "touch":
            await expect(page.locator("[data-preview]")).to_be_hidden()
        assert found == []


async def test_a_held_key_shows_pictures_and_goes_there_when_it_is_let_go(tmp_path: Path) -> None:
    async with standing(tmp_path, 50, phone=False) as site:
        page = site.page
        await line(page).focus()
        keys = page.keyboard
        for _press in range(3):  # the second and third are repeated by being held
            await keys.down("ArrowLeft")
        await shown(site, 20)
        assert await sought(site) == [40]
        await keys.up("ArrowLeft")
        assert await sought(site) == [40, 20]
        await expect(page.locator("[data-preview]")).to_be_hidden()
        for _press in range(3):
            await keys.down("ArrowRight")
        await shown(site, 50)
        await keys.press("Escape")
        await keys.up("ArrowRight")
        await expect(page.locator("[data-preview]")).to_be_hidden()
        assert await sought(site) == [40, 20, 30]


async def test_a_second_finger_zooms_instead(tmp_path: Path) -> None:
    async with standing(tmp_path, 30, phone=True) as site:
        page = site.page
        x, y, _second_px = await strip(page)
        touch = await Touch.on(page)
        await touch.down((x, y))
        await touch.down((x, y), (x + 60, y - 50))
        await expect(page.locator("[data-preview]")).to_be_hidden()
        await touch.move((x, y), (x + 80, y - 50))
        await touch.up()
        assert await sought(site) == []


async def test_some_cameras_are_scrubbed_too(tmp_path: Path) -> None:
    """Where only the second has footage, its picture is shown."""
    async with clocked_site(tmp_path, phone=True) as site:
        for name in ("Door", "Gate"):
            await site.add(name)
        await site.record("Door", 0, 20)
        await site.record("Gate", 0, 60)
        page = site.page
        cameras = ",".join(site.ids.values())
        await page.goto(f"/footage?cameras={cameras}&at={site.at(10)}")
        for key in ("m", "+", "+"):
            await line(page).press(key)
        x, y, second_px = await strip(page)
        touch = await Touch.on(page)
        await touch.down((x, y))
        await touch.move((x + 31 * second_px, y))
        await shown(site, 40)
        await touch.up()
        await expect(page.locator("[data-preview]")).to_be_hidden()
        assert await site.second() == pytest.approx(41, abs=1.5)
