"""The time line of two nodes in Chromium, one of which nobody hears: drawn and told."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from falconeye.base.times import rfc3339
from tests.browser.browsers import needs_chromium
from tests.browser.test_footage import SEEK, SLIDER
from tests.browser.test_pages import complaints
from tests.browser.test_site import demo, signed_in
from tests.integration.api.test_cluster_footage import Cluster, aged

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]


async def test_what_a_silent_node_has_or_may_have_is_drawn_and_told(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await demo(served)
        cluster = Cluster(served, f"/api/cameras/{camera.config.id}")
        await aged(served, cluster.at(-60))
        await cluster.tells([(-50, -40), (-30, -10)], (-40, -30))
        found = complaints(page)
        await page.goto(f"/cameras/{camera.config.id}/footage?at={rfc3339(cluster.at(-20))}")
        slider, moment = page.get_by_role("slider", name=SLIDER), page.locator("[data-moment]")
        sentence = "recorded by pi-2, unreachable since "
        await expect(moment).to_contain_text(sentence)
        await expect(slider).to_have_attribute("aria-valuetext", _has(sentence))
        # Nothing of it can be played: the player stays as it is.
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        await page.evaluate(SEEK, cluster.at(-5))
        await expect(moment).to_contain_text("unknown, pi-2 unreachable since ")
        await expect(moment).to_contain_text("; it holds ")
        await expect(moment).not_to_contain_text("not recorded")
        await expect(slider).to_have_attribute("aria-valuetext", _has("unknown, pi-2 unreachable"))
        await page.evaluate(SEEK, cluster.at(-35))
        await expect(moment).to_contain_text("not recorded, because the disk was full")
        await slider.press("h")
        for scheme, (width, height) in {"light": (1440, 900), "dark": (390, 844)}.items():
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.set_viewport_size({"width": width, "height": height})
            if folder := os.environ.get("FALCONEYE_PICTURES"):
                await page.screenshot(path=f"{folder}/cluster-line-{scheme}.png", full_page=True)
        assert found == []


def _has(words: str) -> re.Pattern[str]:
    return re.compile(re.escape(words))
