"""Pages when enlarged, with spaced letters, in longer words, by touch, without motion.

Zoom in a browser is a window of fewer CSS pixels: one of 1280 × 800 has 640 × 400 at 200 % and
320 × 256 at 400 % (WCAG 1.4.4, 1.4.10). Beside them stand the widths where the layout changes.
"""

from typing import Final

import pytest
from playwright.async_api import Page, ViewportSize

from tests.browser import layout_probes as probes
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.live_server import live_server
from tests.browser.samples import picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), needs_chromium]

WHOLE: Final = {
    "cut off": probes.CUT_OFF,
    "overlapping": probes.OVERLAPPING,
    "out of reach": probes.OUT_OF_REACH,
}
FOCUSED: Final = {"hidden while focused": probes.HIDDEN_FOCUS}
TOUCHED: Final = {"small": probes.SMALL_TARGETS}
DOUBLE: Final[ViewportSize] = {"width": 640, "height": 400}
FOURFOLD: Final[ViewportSize] = {"width": 320, "height": 256}
PHONE: Final[ViewportSize] = {"width": 360, "height": 700}
TABLET: Final[ViewportSize] = {"width": 641, "height": 800}
LAPTOP: Final[ViewportSize] = {"width": 1024, "height": 700}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
# What still moves, and what would: running animations, and styles that tell of any.
MOVING: Final = """() => [
  ...document.getAnimations().filter((one) => one.playState === 'running'
    && one.effect.getComputedTiming().duration > 1).map((one) => one.effect.target.outerHTML),
  ...[...document.querySelectorAll('*')].flatMap((one) => ['', '::before', '::after']
    .map((part) => [one, getComputedStyle(one, part)]))
    .filter(([, style]) => !['none', ''].includes(style.animationName)
      || style.scrollBehavior === 'smooth'
      || style.transitionDuration.split(',').some((each) => Number.parseFloat(each) > 0))
    .map(([one]) => one.outerHTML.slice(0, 90))]"""


async def at(page: Page, size: ViewportSize, asked: dict[str, str]) -> list[str]:
    """What the probes say in a window of that size; scrolling sideways is wrong everywhere."""
    await page.set_viewport_size(size)
    found = await probes.wrong(page, asked)
    if (over := await page.evaluate(probes.OVERFLOW)) > 0:
        found.append(f"scrolls sideways by {over} px")
    return [f"{page.url} {size['width']} px: {each}" for each in found]


async def test_enlarged_pages_lose_nothing() -> None:
    """Also with a thumb's size of each target, and without motion where none is wanted."""
    served = probes.served_pages()
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(has_touch=True, reduced_motion="reduce", viewport=PHONE)
        found = []
        for path in served:
            await page.goto(server.url + path)
            found += [f"{path} moves: {each}" for each in await page.evaluate(MOVING)]
            found += await at(page, PHONE, TOUCHED)
            found += await at(page, DOUBLE, WHOLE | FOCUSED)
            found += await at(page, FOURFOLD, WHOLE | FOCUSED)
            await page.evaluate(probes.SPACED)
            found += await at(page, DOUBLE, WHOLE)
            found += await at(page, DESKTOP, WHOLE)
        assert not found, "\n".join(found)


async def test_on_a_desktop_what_stays_hides_no_focus() -> None:
    """The bar at the top, the row that saves at the bottom, the first column of a table."""
    every = probes.served_pages()
    served = {path: every[path] for path in ("/settings", "/wall-table", "/camera", "/footage")}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        found = []
        for path in served:
            await page.goto(server.url + path)
            found += await at(page, LAPTOP, FOCUSED)
        assert not found, "\n".join(found)


@pytest.mark.parametrize("language", ["de", "fr"])
async def test_longer_words_find_their_room(language: str) -> None:
    served = probes.served_pages(language)
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(viewport=PHONE)
        found = []
        for path in served:
            await page.goto(server.url + path)
            for size in (PHONE, TABLET, LAPTOP, FOURFOLD):
                found += await at(page, size, WHOLE)
        assert not found, "\n".join(found)
