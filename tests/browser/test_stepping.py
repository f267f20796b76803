"""Picture by picture, forward and back, in Chromium: what is shown and what is said of it."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import expect

from falconeye.base.times import SECOND_US
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, clocked_site
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
SEEK = """(us) => document.querySelector('canvas').dispatchEvent(
  new CustomEvent('falconeye:seek', { bubbles: true, detail: { us } }))"""
VIDEO = "document.querySelector('video:not([hidden])')"
STILL = "document.querySelector('[data-keyframes]')"
ZONE = ZoneInfo("Europe/Vienna")


async def shows(site: ClockedSite, seconds: float, what: str = VIDEO) -> None:
    """Waits for exactly that picture, which stands there, and for its time in words."""
    code = site.code(seconds)
    read = f"(code) => {what} && readCode({what}) === code"
    await site.page.wait_for_function(read, arg=code)
    taken = datetime.fromtimestamp(site.start_us / SECOND_US + seconds, tz=ZONE)
    digits = f".{taken.microsecond // 1000:03}" if what is VIDEO else ""
    await expect(site.page.locator("[data-moment]")).to_contain_text(f"{taken:%H:%M:%S}{digits}")


async def go(site: ClockedSite, seconds: float) -> None:
    await site.page.evaluate(SEEK, site.start_us + round(seconds * SECOND_US))


async def test_keys_and_buttons_step_by_one_picture_over_holes(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        camera = await site.add("Door")
        await site.record("Door", 0, 10)
        await site.record("Door", 20, 10)
        page = site.page
        found = complaints(page)
        await page.goto(f"/cameras/{camera}/footage?at={site.at(25)}")
        await page.wait_for_function(f"() => {VIDEO}?.currentTime > 5.3")
        slider = page.get_by_role("slider", name="Time")
        await slider.press(".")  # it plays, and stands from now on
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        await expect(page.locator("[data-moment]")).to_have_text(re.compile(r"\.\d00$"))
        await go(site, 24.05)
        await page.wait_for_function(f"(code) => readCode({VIDEO}) === code", arg=site.code(24))
        for key, seconds in ((".", 24.1), (".", 24.2), (",", 24.1), (",", 24), (",", 23.9)):
            await slider.press(key)
            await shows(site, seconds)
        await page.get_by_role("button", name="Next picture").click()
        await shows(site, 24)
        await page.get_by_role("button", name="Previous picture").click()
        await shows(site, 23.9)
        # The list that plays begins at 20: what was before the hole is in another one.
        await go(site, 20.15)
        await page.wait_for_function(f"(code) => readCode({VIDEO}) === code", arg=site.code(20.1))
        for key, seconds in ((",", 20), (",", 9.9), (",", 9.8), (".", 9.9), (".", 20), (".", 20.1)):
            await slider.press(key)
            await shows(site, seconds)
        assert await page.evaluate(f"{VIDEO}.paused")
        assert found == []


async def test_where_keyframes_are_shown_they_are_stepped_through(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        camera = await site.add("Door")
        await site.record("Door", 0, 10)
        await site.record("Door", 20, 10)
        page = site.page
        await page.goto(f"/cameras/{camera}/footage?at={site.at(25)}")
        await page.wait_for_function(f"() => {VIDEO}?.currentTime > 5.3")
        await page.get_by_label("Speed").select_option("8")
        slider = page.get_by_role("slider", name="Time")
        await slider.press(".")
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        await go(site, 25)
        await shows(site, 24, STILL)
        steps = ((".", 26), (",", 24), (",", 22), (",", 20), (",", 8), (".", 20), (".", 22))
        for key, seconds in steps:
            await slider.press(key)
            await shows(site, seconds, STILL)


async def test_some_cameras_step_together(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        for name in ("Door", "Gate"):
            await site.add(name)
            await site.record(name, 0, 10)
            await site.record(name, 20, 10)
        page = site.page
        await page.goto(f"/footage?cameras={','.join(site.ids.values())}&at={site.at(5.05)}")
        slider = page.get_by_role("slider", name="Time")
        both = """([first, second]) => {
          const { Door, Gate } = readAll();
          return Door === first && Gate === second;
        }"""
        await page.wait_for_function(both, arg=[site.code(5), site.code(5)])
        for key, seconds in ((".", 5.1), (".", 5.2), (",", 5.1), (",", 5), (",", 4.9)):
            await slider.press(key)
            await page.wait_for_function(both, arg=[site.code(seconds)] * 2)
        await go(site, 20.05)
        await page.wait_for_function(both, arg=[site.code(20)] * 2)
        await slider.press(",")
        await page.wait_for_function(both, arg=[site.code(9.9)] * 2)
        await slider.press(".")
        await page.wait_for_function(both, arg=[site.code(20)] * 2)
        await page.get_by_label("Speed").select_option("8")
        stills = """(code) => [...document.querySelectorAll('.tile img')]
          .every((img) => !img.hidden && readCode(img) === code)"""
        for key, seconds in ((".", 22), (",", 20), (",", 8)):
            await slider.press(key)
            await page.wait_for_function(stills, arg=site.code(seconds))


# Pictures are decoded when they are let go.
HOLD = """() => {
  const { decode } = HTMLImageElement.prototype;
  window.held = [];
  HTMLImageElement.prototype.decode = function () {
    return new Promise((go) => held.push(go)).then(() => decode.call(this));
  };
  window.letGo = () => {
    HTMLImageElement.prototype.decode = decode;
    for (const go of held) go();
  };
}"""


async def test_a_still_that_another_overtook_while_it_was_decoded_does_not_stay(
    tmp_path: Path,
) -> None:
    """The picture that is wanted again is of the time that is still told: it stood there before."""
    async with clocked_site(tmp_path) as site:
        camera = await site.add("Door")
        await site.record("Door", 0, 10)
        page = site.page
        await page.goto(f"/cameras/{camera}/footage?at={site.at(5)}")
        await page.wait_for_function(f"() => {VIDEO}?.currentTime > 5.1")
        await page.get_by_role("button", name="Pause").click()
        await page.get_by_label("Speed").select_option("8")
        await go(site, 5)
        await shows(site, 4, STILL)
        await page.evaluate(HOLD)
        await page.get_by_role("slider", name="Time").press(".")
        await page.wait_for_function("() => held.length === 1")
        await go(site, 5)
        await page.evaluate("letGo()")
        await shows(site, 4, STILL)
