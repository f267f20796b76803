"""Tables on a phone: rows are blocks, long names have the width they need."""

import pytest

from tests.browser import layout_probes as probes
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.live_server import live_server
from tests.browser.running_site import LONG_NAME
from tests.browser.samples import picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60), needs_chromium]

# Each first cell of a row gets the name; then by how many lines it is shown.
LINES = """(name) => [...document.querySelectorAll('tbody th')]
  .filter((one) => one.checkVisibility()).map((head) => {
    const place = head.querySelector('a, code') ?? head;
    place.textContent = name;
    const range = document.createRange();
    range.selectNodeContents(place);
    return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
  })"""


@pytest.mark.parametrize("path", ["/wall-table", "/storage", "/about"])
async def test_a_long_name_takes_three_lines_at_most(path: str) -> None:
    served = {path: probes.served_pages()[path]}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await page.goto(server.url + path)
        lines = await page.evaluate(LINES, LONG_NAME)
        assert lines
        assert max(lines) <= 3
        assert await page.evaluate(probes.OVERFLOW) <= 0


async def test_the_wall_as_a_table_is_still_sorted_by_each_column() -> None:
    served = {"/wall-table": probes.served_pages()["/wall-table"]}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await page.goto(server.url + "/wall-table")
        links = page.locator(".wall-table thead a")
        assert await links.count() >= 5
        for link in await links.all():
            assert await link.is_visible()
