"""Where the site has twelve hours, what scripts write has them too; fields are as ever."""

import re
from dataclasses import replace

import pytest
from playwright.async_api import expect

from tests.browser.browsers import chromium, needs_chromium
from tests.browser.live_server import live_server
from tests.browser.samples import pages, picture

pytestmark = [pytest.mark.browser, needs_chromium]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("clock", "written"), [("12h", "8:06:40 pm"), ("24h", "20:06:40")])
async def test_the_time_line_is_by_the_clock_of_the_site(clock: str, written: str) -> None:
    template, frame, context = pages()["footage"]
    served = {"/footage": (template, replace(frame, clock=clock), context)}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{server.url}/footage")
        await expect(page.locator("[data-moment]")).to_have_text(written)
        shown = await page.get_by_role("slider").get_attribute("aria-valuetext")
        assert shown is not None
        assert shown.startswith(written)
        # What goes into a field is written as fields have it.
        mark = page.locator("[data-mark]").first
        await expect(mark).to_have_count(1)
        name = await mark.get_attribute("data-mark")
        await page.locator("details", has=mark).evaluate_all(
            "all => all.map((one) => one.open = true)"
        )
        await mark.click()
        field = page.locator(f'form:has([data-mark]) [name="{name}"]')
        assert re.search(r"T20:06:40$", await field.input_value())
