"""The nights in which the clocks are set, on the pages of footage, in Berlin and in Chromium."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import expect

from falconeye.base.times import HOUR_US, SECOND_US, rfc3339, to_us
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, clocked_site
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 03:00 becomes 02:00
ON = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 becomes 03:00


async def night(site: ClockedSite, seam: datetime, path: str = "/cameras/{}/footage") -> str:
    """A camera with footage of the minute around the seam; its page stands 10 s before."""
    zone = {"site_time_zone": "Europe/Berlin"}
    assert (await site.served.admin.patch("/api/settings/", json=zone)).status_code == 200
    site.start_us = to_us(seam) - 30 * SECOND_US
    camera = await site.add("Door")
    for name, begin_s in (("before", -3600), ("seam", 0), ("after", 3600)):
        await site.record("Door", begin_s, 60, recording=name)
    join = "&" if "?" in path else "?"
    await site.page.goto(f"{path.format(camera)}{join}at={site.at(20)}")
    await expect(site.page.locator("[data-moment]")).to_contain_text(":")
    return camera


@pytest.mark.parametrize(
    ("seam", "hours", "before", "after"),
    [(BACK, 25, "02:59:5", "02:00:0"), (ON, 23, "01:59:5", "03:00:0")],
)
@pytest.mark.parametrize("path", ["/cameras/{}/footage", "/footage?cameras={}"])
async def test_playback_goes_over_the_seam(
    tmp_path: Path, path: str, seam: datetime, hours: int, before: str, after: str
) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        found = complaints(page)
        _ = await night(site, seam, path)
        slider = page.get_by_role("slider", name="Time", exact=True)
        await expect(slider).to_have_attribute("aria-valuemax", str(hours * 3600))
        if path.startswith("/footage"):
            await page.get_by_role("button", name="Play", exact=True).click()
        said = page.locator("[data-moment]")
        await expect(said).to_contain_text(before, timeout=20_000)
        await expect(said).to_contain_text(after, timeout=20_000)
        assert 30 <= await site.second() < 60  # the line did not leap with the clocks
        assert found == []


@pytest.mark.parametrize("seam", [BACK, ON])
async def test_the_labels_and_the_field_follow_the_clocks(tmp_path: Path, seam: datetime) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        await page.add_init_script(
            "const draw = CanvasRenderingContext2D.prototype.fillText;"
            "window.drawn = [];"
            "CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {"
            "  window.drawn.push(text); return draw.call(this, text, ...rest); };"
        )
        _ = await night(site, seam)
        slider = page.get_by_role("slider", name="Time", exact=True)
        await page.evaluate("() => { window.drawn = []; }")
        await slider.press("d")
        labels = await page.evaluate("drawn")
        hours = [0, *range(2 if seam is BACK else 4, 24, 2), 0]  # no clock shows 02:00 in March
        assert labels == [f"{hour:02}:00" for hour in hours]
        field = page.get_by_label("Time of day")
        # The seam is 30 s after the start. What comes twice is gone to one after the other, in
        # turn; from what the clocks leap over it goes to where they go on.
        field_s = [-30 * 60 + 30, 30 * 60 + 30, -30 * 60 + 30] if seam is BACK else [30]
        for seconds in field_s:
            await field.fill("02:30")
            await field.press("Enter")
            await expect(slider).to_have_attribute(
                "aria-valuetext", re.compile("^02:30:00" if seam is BACK else "^03:00:0")
            )
            assert await site.second() == pytest.approx(seconds, abs=2)


async def test_the_hour_that_comes_twice_goes_into_the_export_as_it_was_shown(
    tmp_path: Path,
) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        _ = await night(site, BACK)
        await page.get_by_role("button", name="Pause", exact=True).click()
        for seconds in (-3570, 30):  # 02:00 of summer time, and of winter time
            await page.evaluate(
                "(us) => document.querySelector('canvas').dispatchEvent("
                "new CustomEvent('falconeye:seek', { bubbles: true, detail: { us } }))",
                site.start_us + seconds * SECOND_US,
            )
            link = page.get_by_role("link", name="Export this minute")
            begin = rfc3339(site.start_us + (seconds - 30) * SECOND_US)
            await expect(link).to_have_attribute("href", re.compile(begin[:17].replace(":", "%3A")))
            address = await link.get_attribute("href")
            other = await page.context.new_page()
            await other.goto(str(address))
            shown = "2026-10-25T01:59:30" if seconds < 0 else "2026-10-25T02:59:30"
            await expect(other.get_by_label("From", exact=True)).to_have_value(shown)
            await other.get_by_role("button", name="Export", exact=True).click()
            await expect(other.get_by_text("The export is being made.")).to_be_visible()
            await other.close()
        jobs = (await site.served.admin.get("/api/jobs/")).json()["jobs"]
        asked = sorted(job["export"]["asked_from"] for job in jobs)
        assert asked == [rfc3339(site.start_us + seconds * SECOND_US) for seconds in (-3600, 0)]
        assert (
            to_us(datetime.fromisoformat(asked[1])) - to_us(datetime.fromisoformat(asked[0]))
            == HOUR_US
        )
