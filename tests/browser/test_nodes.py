"""The page of nodes while it is open, in Chromium, against the application itself."""

from dataclasses import replace

import pytest
from playwright.async_api import expect

from falconeye.events.bus import NodesChanged
from falconeye.federation.report import KubernetesFacts
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.test_found_cameras import signed_in
from tests.integration.api.conftest import Served, served
from tests.integration.api.other_nodes import Others, others

__all__ = ["others", "served"]

pytestmark = [pytest.mark.browser, needs_chromium, pytest.mark.timeout(60)]


async def test_a_node_goes_away_while_the_page_is_open(served: Served, others: Others) -> None:
    facts = KubernetesFacts(labels={"kubernetes.io/hostname": "nvr"})
    others.others = [replace(others.others[1], kubernetes=facts)]
    async with chromium() as browser:
        page = await browser.new_page()
        await signed_in(page, served)
        await page.goto(served.url + "/about")
        await page.get_by_role("link", name="Nodes").click()
        card = page.get_by_role("region", name="nvr")
        await expect(card).to_contain_text("Ready")
        await page.get_by_text("1 label").click()
        label = page.get_by_text("kubernetes.io/hostname=nvr")
        await expect(label).to_be_visible()
        others.others = [replace(others.others[0], reachable=False)]
        served.services.bus.publish(NodesChanged())
        await expect(card).to_contain_text("Unreachable since")
        await expect(label).to_be_visible()  # what was opened stays open
