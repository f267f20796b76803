"""What is protected, on the time line in Chromium: drawn, said, and in the table."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from falconeye.base.times import SECOND_US
from tests.browser.browsers import needs_chromium
from tests.browser.clocked_site import ClockedSite, clocked_site
from tests.browser.test_pages import complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
SEEK = """(us) => document.querySelector('canvas').dispatchEvent(
  new CustomEvent('falconeye:seek', { bubbles: true, detail: { us } }))"""
# The colours of one column of the canvas, where a second of the day is, from the top down; and the
# ink of the page. `row`: of which line of the time line.
COLUMN = """([us, row, rows]) => {
  const canvas = document.querySelector('canvas');
  const { from, to } = document.querySelector('[data-footage], [data-many]').dataset;
  const x = Math.round(canvas.width * (us - from) / (to - from));
  const ratio = canvas.width / canvas.clientWidth;
  const bar = (rows > 1 ? 26 : 40) * ratio;
  const top = Math.round(row * (bar + 4 * ratio));
  const paper = () => document.createElement('canvas')
    .getContext('2d', { willReadFrequently: true });
  const paint = paper();
  paint.canvas.height = Math.round(bar);
  paint.drawImage(canvas, -x, -top);
  const { data } = paint.getImageData(0, 0, 1, Math.round(bar));
  const column = [];
  for (let at = 0; at < data.length; at += 4) column.push([...data.slice(at, at + 3)].join());
  const ink = paper();
  ink.fillStyle = getComputedStyle(document.body).color;
  ink.fillRect(0, 0, 1, 1);
  return { column, ink: [...ink.getImageData(0, 0, 1, 1).data.slice(0, 3)].join() };
}"""
BAND_PX = 5


async def band(page: Page, us: int, row: int = 0, rows: int = 1) -> bool:
    """Whether a band of the page's ink stands at the bottom of the row, and not above."""
    found = await page.evaluate(COLUMN, [us, row, rows])
    column, ink = found["column"], found["ink"]
    return set(column[-BAND_PX:]) == {ink} and column[-BAND_PX - 1] != ink


async def protect(site: ClockedSite, name: str, begin_s: float, end_s: float, reason: str) -> None:
    body = {"from": site.at(begin_s), "to": site.at(end_s), "reason": reason}
    path = f"/api/cameras/{site.ids[name]}/protections"
    answer = await site.served.operator.post(path, json=body)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_it_is_drawn_said_and_in_the_table(tmp_path: Path, colours: str) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        await page.emulate_media(color_scheme="dark" if colours == "dark" else "light")
        found = complaints(page)
        camera = await site.add("Door")
        await site.record("Door", 0, 20)
        await protect(site, "Door", -3600, 7200, "the fence")
        await page.goto(f"/cameras/{camera}/footage?at={site.at(5)}")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        slider = page.get_by_role("slider", name="Time", exact=True)
        said = re.compile(r"^\d\d:\d\d:\d\d, protected by operator \[\]: the fence$")
        await expect(slider).to_have_attribute("aria-valuetext", said)
        for second, is_protected in ((-3000, True), (3000, True), (-7000, False), (8000, False)):
            us = site.start_us + second * SECOND_US
            assert await band(page, us) is is_protected, second
        await page.evaluate(SEEK, site.start_us - 7000 * SECOND_US)
        await expect(slider).not_to_have_attribute("aria-valuetext", re.compile("protected"))
        await page.get_by_role("link", name="As a table").click()
        await expect(page.get_by_role("cell", name="the fence")).to_be_visible()
        assert found == []


async def test_of_several_cameras_it_is_drawn_in_the_row_of_its_own(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        page = site.page
        for name in ("Door", "Gate"):
            await site.add(name)
            await site.record(name, 0, 20)
        await protect(site, "Gate", -3600, 7200, "")
        cameras = ",".join(site.ids.values())
        await page.goto(f"/footage?cameras={cameras}&at={site.at(5)}")
        await expect(page.locator("[data-moment]")).to_contain_text(":")
        slider = page.get_by_role("slider", name="Time", exact=True)
        said = re.compile(r", protected by operator \[\] \(Gate\)$")
        await expect(slider).to_have_attribute("aria-valuetext", said)
        us = site.start_us + 3000 * SECOND_US
        assert [await band(page, us, row, 2) for row in (0, 1)] == [False, True]
