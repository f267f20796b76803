"""The last picture of a camera that does not deliver, in Chromium; none while privacy is wanted."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol, RecordMode
from tests.browser.browsers import needs_chromium
from tests.browser.test_display import LIVE, wall
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
STILL = ".player-still[src]:not([hidden])"


async def dimmed(page: Page) -> None:
    still = page.locator(STILL)
    await expect(still).to_have_count(1, timeout=20_000)
    # Loaded, not a place for a picture; and seen through what tells why it is none.
    await page.wait_for_function(f"document.querySelector('{STILL}')?.naturalWidth > 0")
    await expect(still).to_have_css("opacity", "0.35")
    await expect(still).to_have_css("filter", "grayscale(1)")
    await expect(page.locator(".player-age")).to_contain_text("Not live", timeout=20_000)
    over = page.locator(".tile-reason")
    await expect(over).to_have_css("background-color", "rgba(7, 9, 11, 0.5)")


async def test_an_absent_camera_that_never_recorded_shows_its_last_picture(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        cameras, screen = site.served.services.cameras, site.screen
        new = NewCamera("Yard", Protocol.DEMO, "demo:", record=RecordMode.OFF)
        camera_id = (await cameras.add(new)).config.id
        await site.be_display()
        await expect(screen.locator(LIVE)).to_have_count(1, timeout=20_000)
        await cameras.stop(camera_id, by="anna")
        found = complaints(screen), complaints(site.admin)
        # Pages that are opened now have seen nothing of it before.
        await screen.reload()
        await dimmed(screen)
        await site.admin.goto("/")
        await dimmed(site.admin)
        await site.admin.set_viewport_size({"width": 390, "height": 844})
        await expect(site.admin.locator(".player-age")).to_be_in_viewport()
        await cameras.pause(camera_id, by="anna", until_us=None)
        for page in (screen, site.admin):
            await page.reload()
            await expect(page.locator(".tile-reason")).to_be_visible()
            await expect(page.locator("[data-player]")).to_have_attribute("data-state", "offline")
            await expect(page.locator(STILL)).to_have_count(0)
        # Privacy is over: what was before it does not come back.
        await cameras.switch_on(camera_id)
        await screen.reload()
        await expect(screen.locator("[data-player]")).to_have_attribute("data-state", "offline")
        await expect(screen.locator(STILL)).to_have_count(0)
        assert found == ([], [])
        # A picture would come after the state: the recorder itself has none to give.
        asked = (
            "fetch(document.querySelector('[data-player]').dataset.still).then((it) => it.status)"
        )
        assert await screen.evaluate(asked) == 503


async def test_a_screen_shows_nothing_from_the_moment_of_a_pause_on(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        cameras, screen = site.served.services.cameras, site.screen
        camera = await cameras.add(NewCamera("Yard", Protocol.DEMO, "demo:"))
        await site.be_display()
        await screen.evaluate("localStorage.setItem('falconeye.saver', 'on')")
        await site.admin.evaluate("localStorage.setItem('falconeye.saver', 'on')")
        await expect(screen.locator(LIVE)).to_have_count(1, timeout=20_000)
        await site.admin.clock.install()
        await site.admin.goto("/")  # data saver: it has no socket that would tell
        await expect(site.admin.locator(STILL)).to_have_count(1)
        await cameras.pause(camera.config.id, by="anna", until_us=None)
        await site.admin.clock.run_for(10_100)
        for page in (screen, site.admin):
            await expect(page.locator(".tile-reason")).to_contain_text("Paused")
            await expect(page.locator(STILL)).to_have_count(0)
