"""A house without a mouse: every step of it by keys, and the focus is seen at each stop."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import pytest
from playwright.async_api import Page, expect

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.base.times import SECOND_US
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.hands import Hands
from tests.browser.test_site import demo
from tests.integration.api.conftest import Served, serve
from tests.integration.api.test_storage import with_footage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
NAME, PASSWORD = "anna", "four words in a row"
ZONE = ZoneInfo("Asia/Tokyo")


@asynccontextmanager
async def at_the_door(folder: Path) -> AsyncIterator[tuple[Served, Page, Hands]]:
    """A site, and its form for signing in."""
    async with AsyncExitStack() as stack:
        served = await serve(stack, folder)
        await served.services.accounts.users.add(NAME, Secret(PASSWORD), Rights(Role.ADMIN))
        browser = await stack.enter_async_context(chromium())
        page = await browser.new_page(base_url=served.url)
        page.set_default_timeout(15_000)
        await page.goto("/login")
        yield served, page, Hands(page)


async def signs_in(page: Page, hands: Hands) -> None:
    await hands.stop()  # at the name
    await page.keyboard.type(NAME)
    await hands.write(page.get_by_label("Password"), PASSWORD)
    await hands.press("Enter")
    await page.wait_for_url(re.compile(r":\d+/$"))


async def writes_moment(page: Page, hands: Hands, label: str, at_us: int) -> None:
    """Part by part, as Chromium has it in English: the year alone does not lead on by itself."""
    at = datetime.fromtimestamp(at_us / SECOND_US, ZONE)
    field = page.get_by_label(label, exact=True)
    if not await field.evaluate("one => one === document.activeElement"):
        await hands.to(field)  # at its first part, where the browser leads, too
    await page.keyboard.type(f"{at:%m%d%Y}")
    await hands.press("ArrowRight")
    await page.keyboard.type(f"{at:%I%M%S%p}"[:7])
    # A field's value leaves out seconds that are none (HTML 2.3.5.5, "normalized").
    await expect(field).to_have_value(f"{at:%Y-%m-%dT%H:%M:%S}".removesuffix(":00"))


async def test_a_camera_is_added_watched_and_looked_back_at(  # noqa: PLR0915 - one story
    tmp_path: Path,
) -> None:
    async with at_the_door(tmp_path) as (_served, page, hands):
        await signs_in(page, hands)
        skip = page.get_by_role("link", name="Skip to the content")
        await hands.to(skip)
        await expect(skip).to_be_in_viewport()
        await hands.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await hands.press("Tab")
        assert await page.evaluate("document.activeElement.closest('#main') !== null")
        await hands.to(page.get_by_role("link", name="Help"), "Shift+Tab")
        await hands.open(page.get_by_role("main").get_by_role("link", name="Add camera"))

        await hands.write(page.get_by_label("Name", exact=True), "Yard")
        await hands.write(page.get_by_label("Camera address"), "demo:")
        test = page.get_by_role("button", name="Test")
        await hands.open(test)
        await expect(page.get_by_alt_text("Picture from the camera just now")).to_be_visible()
        await expect(test).to_be_focused()  # though htmx has put the picture below it
        await hands.open(page.get_by_role("button", name="Add camera"))
        await expect(page.get_by_role("heading", name="Yard", exact=True)).to_be_visible()
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        await hands.to(page.locator("summary", has_text="Privacy for"))
        await hands.press("Enter")
        await expect(page.get_by_role("button", name="15 minutes")).to_be_visible()
        await hands.press("Space")
        await expect(page.get_by_role("button", name="15 minutes")).to_be_hidden()

        await hands.open(page.get_by_role("navigation").get_by_role("link", name="Wall"))
        await hands.to(page.get_by_role("link", name="Yard", exact=True))
        await hands.to(page.get_by_label("What to do with Yard"), "Shift+Tab")
        await hands.press("Enter")
        await hands.to(page.get_by_role("button", name="Stop recording"))
        await hands.press("Escape")
        await expect(page.get_by_label("What to do with Yard")).to_be_focused()
        await hands.open(page.get_by_role("link", name="Yard", exact=True))
        await hands.open(page.get_by_role("link", name="Day by day"))
        slider = page.get_by_role("slider", name="Time", exact=True)
        await hands.to(slider)
        await hands.press("Space")
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        await hands.press("n")
        await expect(page.locator("[data-none]")).to_contain_text("No more footage on this day.")
        await hands.press("p", "p")
        await expect(page.locator("[data-none]")).to_have_text("No earlier footage on this day.")
        await expect(slider).to_be_focused()
        await hands.to(page.get_by_role("link", name="Live", exact=True), "Shift+Tab")
        await hands.press("Enter")
        await page.wait_for_url(re.compile(r"/cameras/[^/]+$"))


async def test_walls_people_settings_and_exports_by_keys(  # noqa: PLR0915 - one story
    tmp_path: Path,
) -> None:
    async with at_the_door(tmp_path) as (served, page, hands):
        _camera, start_us = await with_footage(served)
        await demo(served, "Yard")
        await signs_in(page, hands)
        walls = page.locator("#wall-menu summary")
        await hands.to(walls)
        await hands.press("Space")
        new = page.get_by_role("link", name="Arrange a new wall")
        await hands.to(new)
        await hands.press("Escape")
        await expect(walls).to_be_focused()
        await expect(new).to_be_hidden()
        await hands.press("Enter")
        await hands.open(new)
        await hands.write(page.get_by_label("Name of the wall"), "House")
        await hands.to(page.get_by_role("button", name="Handle of Door"))
        await hands.press("ArrowRight")
        await expect(page.locator("[data-said]")).to_have_text("Door is at place 2 of 2 now.")
        await hands.to(page.get_by_role("button", name="Save wall"), "Shift+Tab")
        await hands.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("House")
        await expect(page.locator(".tile-name")).to_have_text(["Yard", "Door"])

        await hands.open(page.get_by_role("link", name="Settings"))
        await hands.write(page.get_by_label("Time zone"), str(ZONE))
        await hands.open(page.get_by_role("button", name="Save", exact=True).first)
        await expect(page.get_by_text("Saved.")).to_be_visible()
        await hands.open(page.get_by_role("main").get_by_role("link", name="People").first)
        await hands.open(page.get_by_role("link", name="Add a person"))
        await hands.write(page.get_by_label("Name", exact=True), "Eve")
        await hands.to(page.get_by_role("radio", name="All cameras"))
        await hands.press("ArrowDown")
        door = page.get_by_label("Door", exact=True)
        await hands.to(door)
        await hands.press("Space")
        await expect(door).to_be_checked()
        await hands.write(page.get_by_label("Your own password"), PASSWORD)
        await hands.open(page.get_by_role("button", name="Add", exact=True))
        await expect(page.get_by_label("Invitation link")).to_be_visible()

        await hands.open(page.get_by_role("navigation").get_by_role("link", name="Jobs"))
        await hands.open(page.get_by_role("link", name="New export"))
        await hands.to(page.get_by_label("Camera", exact=True))
        await page.keyboard.type("Door")
        await hands.open(page.get_by_role("button", name="Export", exact=True))
        await expect(page.locator(":focus")).to_be_visible()  # at what is still to be filled in
        for label, second in (("From", 0), ("To", 3)):
            await writes_moment(page, hands, label, start_us + second * SECOND_US)
        await hands.open(page.get_by_role("button", name="Export", exact=True))
        download = page.get_by_role("link", name="Download")
        await expect(download).to_be_visible()
        async with page.expect_download() as downloading:
            await hands.open(download)
        file = await (await downloading.value).path()
        with av.open(file) as container:
            (video,) = container.streams.video
            assert [packet for packet in container.demux(video) if packet.size]
        menu = page.locator(".bar .menu summary")
        await hands.to(menu)
        await hands.press("Enter")
        await hands.open(page.get_by_role("button", name="Sign out"))
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
