"""What colours tell is told by words and shapes too: without colours, and with a person's own."""

from pathlib import Path
from typing import Final

import pytest

from tests.browser.browsers import chromium, needs_chromium
from tests.browser.clocked_site import clocked_site
from tests.browser.layout_probes import served_pages
from tests.browser.live_server import live_server
from tests.browser.samples import picture
from tests.browser.test_line_keys import two_stretches

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), needs_chromium]

# States that are words without a shape, or a shape without words; and errors that no field names.
UNTOLD: Final = """() => {
  const shown = (one) => one.checkVisibility();
  const what = (one) => one.outerHTML.slice(0, 120);
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);
  const found = [];
  for (const one of all('.chip, .field-error, .banner')) {
    if (!one.textContent.trim() || !one.querySelector('svg')) found.push(what(one));
  }
  for (const one of all('.rec')) {
    if (!one.textContent.trim() || !one.querySelector('.rec-dot')) found.push(what(one));
  }
  for (const one of all('[aria-invalid=true]')) {
    const says = (one.getAttribute('aria-describedby') ?? '').split(' ')
      .map((id) => document.getElementById(id)).filter(Boolean);
    if (!says.some((each) => each.matches('.field-error') && shown(each))) found.push(what(one));
  }
  const kinds = new Map();
  for (const one of all('.chip')) {
    const kind = [...one.classList].find((each) => each.startsWith('chip-')) ?? '';
    const text = one.textContent.trim();
    if ((kinds.get(text) ?? kind) !== kind) found.push(`two colours, one word: ${text}`);
    kinds.set(text, kind);
  }
  return found;
}"""
# With forced colours, what is chosen among its neighbours: by another ground.
UNMARKED: Final = """() => [
  ...document.querySelectorAll('.nav [aria-current], .switch [aria-current]')]
  .filter((one) => one.checkVisibility())
  .filter((one) => [...one.parentElement.children].some((other) =>
    other !== one && !other.ariaCurrent && other.matches('a')
    && getComputedStyle(other).backgroundColor === getComputedStyle(one).backgroundColor))
  .map((one) => one.outerHTML.slice(0, 120))"""
# The shapes of the time line: a bar of its whole height is footage, one that is low is a gap.
SHAPES: Final = """(canvas) => {
  const row = (y) => canvas.getContext('2d').getImageData(0, y, canvas.width, 1).data;
  const [high, middle] = [row(8), row(20)];
  const shapes = new Set();
  for (let at = 0; at < high.length; at += 4) {
    const isWhole = [0, 1, 2].every((part) => high[at + part] === middle[at + part]);
    shapes.add(isWhole ? 'whole' : 'low');
  }
  return [...shapes].sort();
}"""


async def test_every_state_has_words_and_a_shape() -> None:
    served = served_pages()
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(forced_colors="active")
        found = []
        for path in served:
            await page.goto(server.url + path)
            for probe in (UNTOLD, UNMARKED):
                found += [f"{path}: {each}" for each in await page.evaluate(probe)]
        assert not found, "\n".join(found)


async def test_the_time_line_tells_gaps_from_footage_in_ones_own_colours(tmp_path: Path) -> None:
    async with clocked_site(tmp_path) as site:
        await site.page.emulate_media(forced_colors="active")
        await two_stretches(site, 25)
        canvas = site.page.get_by_role("slider", name="Time")
        await canvas.press("m")
        assert await canvas.evaluate(SHAPES) == ["low", "whole"]
