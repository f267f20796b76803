"""The pages as an application of the device, by HTTPS in Chromium; and without a way to a node."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from falconeye.web.shell import STATE_KEY
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.icons import ICONS, STATIC
from tests.browser.tls_front import Front, tls_front
from tests.integration.api.conftest import Served, serve
from tests.peers.certificate import server_context

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60), needs_chromium]
KEPT = """async () => {
  const kept = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    kept.push(...(await cache.keys()).map(({ url }) => new URL(url).pathname));
  }
  return kept;
}"""


@dataclass
class Installed:
    served: Served
    front: Front
    page: Page


@pytest.fixture
async def installed(tmp_path: Path) -> AsyncIterator[Installed]:
    """A page of a viewer by HTTPS, whose service worker has begun."""
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        context = await asyncio.to_thread(server_context)
        front = await stack.enter_async_context(tls_front(served.url, context))
        browser = await stack.enter_async_context(chromium("--ignore-certificate-errors"))
        headers = {"authorization": served.viewer.headers["authorization"]}
        pages = await browser.new_context(base_url=front.url, extra_http_headers=headers)
        page = await pages.new_page()
        await page.goto("/recordings")
        await page.evaluate("async () => { await navigator.serviceWorker.ready; }")
        yield Installed(served, front, page)


async def test_it_can_be_installed(installed: Installed) -> None:
    devtools = await installed.page.context.new_cdp_session(installed.page)
    told: Any = await devtools.send("Page.getAppManifest")
    assert told["errors"] == []
    manifest = json.loads(told["data"])
    assert manifest["name"] == "FalconEye"
    lacks: Any = await devtools.send("Page.getInstallabilityErrors")
    found = {each["errorId"] for each in lacks["installabilityErrors"]}
    assert found <= {"in-incognito"}  # the context of a test is one


async def test_without_a_way_to_the_node_it_says_so_and_comes_back(installed: Installed) -> None:
    page = installed.page
    installed.front.cut()
    await page.goto("/nodes")
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text("The recorder cannot be reached")
    ground = await page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "system-ui" in ground  # it has its style
    installed.front.is_cut = False
    await page.get_by_role("link", name="Try again now").click()
    await expect(heading).to_have_text("Nodes")
    assert page.url.endswith("/nodes")


async def test_nothing_but_that_page_is_kept(installed: Installed) -> None:
    page = installed.page
    for path in ("/", "/recordings", "/settings"):
        await page.goto(path)
    kept = await page.evaluate(KEPT)
    pages = [path for path in kept if not path.startswith("/static/")]
    assert pages == ["/offline"]
    assert {Path(path).suffix for path in kept} <= {"", ".css", ".svg"}


async def test_the_page_for_later_stays_until_there_is_another(installed: Installed) -> None:
    assets = installed.served.app.state[STATE_KEY].assets
    assets.version = "0" * 12  # an update of the node,
    del assets._files["favicon.svg"]  # which cannot make its page
    await installed.page.evaluate(
        """async () => {
  const all = await navigator.serviceWorker.getRegistration();
  const given_up = new Promise((done) => {
    all.addEventListener('updatefound', () => {
      all.installing.addEventListener('statechange', ({ target }) => {
        if (target.state === 'redundant') done();
      });
    });
  });
  all.update().catch(() => {});
  await given_up;
}"""
    )
    assert "/offline" in await installed.page.evaluate(KEPT)


async def test_a_download_and_an_answer_of_the_node_go_by_it(installed: Installed) -> None:
    """What the node refuses is shown, not taken for a node that is away."""
    await installed.page.goto("/nowhere")
    await expect(installed.page.get_by_role("heading", level=1)).to_have_text("Not found")
    answer = await installed.page.goto("/api/cameras/")
    assert answer is not None
    assert not answer.from_service_worker
    assert (await answer.json())["total"] == 0


async def test_by_plain_http_nothing_is_installed(installed: Installed) -> None:
    page = await installed.page.context.new_page()
    await page.goto(f"{installed.served.url}/recordings")
    found = await page.evaluate(
        "async () => (await navigator.serviceWorker.getRegistrations()).length"
    )
    assert found == 0


def test_the_icons_have_the_sizes_that_the_manifest_says() -> None:
    """`python -m tests.browser.icons` makes them."""
    manifest = json.loads((STATIC / "falconeye.webmanifest").read_text())
    for icon in manifest["icons"]:
        header = (STATIC / icon["src"]).read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", header[16:24])
        assert icon["sizes"] == f"{width}x{height}"
    assert {icon["src"] for icon in manifest["icons"]} <= {name for name, _, _ in ICONS}
