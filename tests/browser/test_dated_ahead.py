"""Footage whose time has not come, because a clock was ahead: found and played in Chromium."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import expect

from falconeye.base.times import DAY_US, to_datetime
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, clocked_site
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
SHOWS = """([from, to]) => {
  const shown = document.querySelector('video');
  const code = shown && readCode(shown);
  return code !== null && code >= from && code < to;
}"""
AHEAD_S = 300


async def noon(site: ClockedSite) -> datetime:
    """Now, in a zone of the site where it is noon: no test of one day goes over midnight."""
    now = to_datetime(site.served.services.clock.utc_us())
    zone = {"site_time_zone": f"Etc/GMT{now.hour - 12:+d}"}
    assert (await site.served.admin.patch("/api/settings/", json=zone)).status_code == 200
    return now.astimezone(site.served.services.stored_settings.zone)


async def test_a_day_that_has_not_come_is_a_link_away_and_plays(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        found = complaints(page)
        today = await noon(site)
        camera = await site.add("Door")
        site.start_us += 3 * DAY_US
        await site.record("Door", 0, 12)
        await page.goto(f"/cameras/{camera}/footage")
        await expect(page.locator("[data-day]")).to_have_attribute(
            "data-day", today.date().isoformat()
        )
        section = page.locator("section", has_text="dated later than now").last
        await section.get_by_role("link").click()
        await page.wait_for_url(re.compile("at="))
        await page.wait_for_function(SHOWS, arg=[site.code(0), site.code(12)])
        # It ends there: not live, nor on another day.
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible(
            timeout=30_000
        )
        assert await site.second() == pytest.approx(12, abs=2)
        assert "/footage" in page.url
        assert await page.locator("#spans td").get_by_text("recorded", exact=True).count() == 1
        await page.get_by_role("slider", name="Time", exact=True).press("p")
        await page.wait_for_function(SHOWS, arg=[site.code(0), site.code(2)])
        assert found == []


async def test_several_cameras_show_it_too(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        found = complaints(page)
        _ = await noon(site)
        for name in ("Door", "Gate"):
            await site.add(name)
        site.start_us += 3 * DAY_US
        for name in ("Door", "Gate"):
            await site.record(name, 0, 12)
        await page.goto(f"/footage?cameras={','.join(site.ids.values())}&at={site.at(3)}")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        await page.get_by_role("button", name="Play", exact=True).click()
        shows = "([from, to]) => { const all = Object.values(readAll());"
        shows += " return all.length === 2 && all.every((one) => one >= from && one < to); }"
        await page.wait_for_function(shows, arg=[site.code(4), site.code(12)])
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible(
            timeout=30_000
        )
        assert "/footage" in page.url
        assert found == []


async def test_later_today_it_is_gone_to_but_not_played_into(tmp_path: Path) -> None:
    async with clocked_site(tmp_path, ago_s=600) as site:
        page = site.page
        found = complaints(page)
        _ = await noon(site)
        camera = await site.add("Door")
        await site.record("Door", 0, 12)
        await site.record("Door", 600 + AHEAD_S, 12)
        await page.goto(f"/cameras/{camera}/footage")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        assert await site.second() < 12  # the newest whose time has come
        await page.get_by_role("button", name="Play", exact=True).click()
        # At its end the player waits for what may still come of that time.
        waits = SHOWS.replace("code !== null", "shown?.readyState < 3 && code !== null")
        await page.wait_for_function(waits, arg=[site.code(11.5), site.code(12)])
        assert await site.second() == pytest.approx(12, abs=2)
        await page.get_by_role("slider", name="Time", exact=True).press("n")
        ahead = [site.code(600 + AHEAD_S), site.code(612 + AHEAD_S)]
        await page.wait_for_function(SHOWS, arg=ahead)
        assert await site.second() == pytest.approx(600 + AHEAD_S, abs=6)
        link = page.locator("section", has_text="dated later than now").last.get_by_role("link")
        at = await link.get_attribute("href") or ""
        assert at.endswith(site.at(600 + AHEAD_S).replace(":", "%3A"))
        assert found == []
