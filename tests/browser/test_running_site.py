"""A running node in Chromium: what only cameras, a restart or a full buffer bring out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.browsers import chromium, needs_chromium
from tests.browser.running_site import LONG_NAME, Site, running_site
from tests.browser.test_pages import OVERFLOW, RULES, complaints

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]

FIRST_PICTURE_MS: Final = 30_000
REACHES: Final = """(seconds) => new Promise((done) => {
  const video = document.querySelector('video');
  const goal = video.currentTime + seconds;
  video.addEventListener('timeupdate', () => { if (video.currentTime > goal) done(); });
})"""
# A browser with room for 3 s behind the picture: what a phone does with 4K, in little.
SMALL_BUFFER: Final = """
  const append = SourceBuffer.prototype.appendBuffer;
  window.refusals = 0;
  SourceBuffer.prototype.appendBuffer = function (data) {
    const video = document.querySelector('video');
    if (this.buffered.length && video.currentTime - this.buffered.start(0) > 3) {
      window.refusals += 1;
      throw new DOMException('full', 'QuotaExceededError');
    }
    return append.call(this, data);
  };"""
HIDDEN: Final = """(hidden) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@asynccontextmanager
async def opened(folder: Path, **options: bool) -> AsyncIterator[tuple[Site, BrowserContext, Page]]:
    """A node without cameras, and a page of its first user."""
    async with running_site(folder) as site, chromium() as browser:
        context = await browser.new_context(
            base_url=site.node.url, java_script_enabled=options.get("scripts", True)
        )
        page = await context.new_page()
        await site.set_up(page)
        yield site, context, page


async def live(page: Page) -> None:
    await expect(page.locator("[data-player]").first).to_have_attribute(
        "data-state", "live", timeout=FIRST_PICTURE_MS
    )


@pytest.mark.timeout(180)
async def test_axe_finds_nothing_on_a_running_site(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        await site.add_every_kind()
        made = await site.finished_recording("Front door")
        hevc = await site.finished_recording("Yard")
        names = ("Front door", "Yard", "Garage", "Stairs, second floor", LONG_NAME)
        paths = [f"/cameras/{site.ids[name]}" for name in names]
        paths += ["/", "/?layout=4", "/recordings", f"/recordings/{made}", f"/recordings/{hevc}"]
        paths += [f"/cameras/{site.ids['Front door']}/footage"]
        paths += [f"/footage?cameras={site.ids['Front door']},{site.ids['Stairs, second floor']}"]
        paths += ["/settings", "/about", "/cameras/add", f"/cameras/{site.ids['Garage']}/edit"]
        axe, said = Axe(), complaints(page)
        found = {}
        for path in paths:
            await page.goto(path)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
                result = await axe.run(page, options=RULES)
                if result.violations_count:
                    found[f"{path} {scheme}"] = result.generate_report()
            await page.set_viewport_size({"width": 360, "height": 700})
            assert await page.evaluate(OVERFLOW) <= 0, f"{path} scrolls sideways"
            await page.set_viewport_size({"width": 1440, "height": 900})
        assert not found, "\n".join(found.values())
        assert said == []


async def test_a_camera_without_pictures_says_why_and_what_to_do(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        await site.add("Gate", "rtsp://127.0.0.1:9/stream1")
        tile = page.locator(".tile")
        await expect(tile).to_contain_text("refuses connections.", timeout=FIRST_PICTURE_MS)
        await expect(tile).to_contain_text("Check the port")
        # Heading and layouts arrive with the first camera, without a reload.
        await expect(page.get_by_role("heading", level=1)).to_contain_text("1 camera")
        await expect(page.locator("[data-layout='4']")).to_be_visible()
        await page.get_by_role("link", name="Gate", exact=True).click()
        await expect(page.locator(".veil")).to_contain_text("Check the port")


async def test_the_wall_fits_its_window(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        await page.set_viewport_size({"width": 1440, "height": 900})
        await site.add("Only one", "demo:", protocol="demo")
        await live(page)
        height = "document.documentElement.scrollHeight - innerHeight"
        assert await page.evaluate(height) <= 0
        box = await page.locator(".tile").bounding_box()
        assert box
        assert box["height"] > 600


async def test_a_lost_node_is_said_and_comes_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        await site.add("Yard", "demo:", protocol="demo")
        await live(page)
        note = page.locator("#lost-note")
        await expect(note).to_be_hidden()
        port = int(site.node.url.rpartition(":")[2])
        await site.node.kill()
        await expect(note).to_be_visible(timeout=15_000)
        await site.node.start(port=port)
        await expect(note).to_be_hidden(timeout=30_000)
        await live(page)


async def test_signing_out_elsewhere_leads_to_the_form_and_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, context, page):
        await site.add("Yard", "demo:", protocol="demo")
        await page.goto("/?layout=4")
        await live(page)
        other = await context.new_page()
        await other.goto("/settings")
        await other.locator(".bar .menu summary").click()
        await other.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/login?next=%2F%3Flayout%3D4")


async def test_a_recording_that_is_being_made_shows_how_long_it_runs(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        await site.add("Yard", "demo:", protocol="demo")
        await site.recording_now("Yard")
        await page.goto("/recordings")
        length = page.locator("[data-since] time").first
        before = await length.inner_text()
        await expect(length).not_to_have_text(before)
        await expect(length).to_have_text("0:05")
        # Nothing can be downloaded before the first segment is closed, so nothing is offered.
        assert await page.get_by_role("link", name="Download").count() == 0


async def test_without_scripts_there_are_stills_and_lists(tmp_path: Path) -> None:
    async with opened(tmp_path, scripts=False) as (site, _context, page):
        await site.add("Yard", "demo:", protocol="demo")
        await site.online("Yard")
        async with page.expect_response("**/snapshot.jpg*") as still:
            await page.goto("/")
        assert (await still.value).status == 200
        await expect(page.get_by_role("img", name="Latest picture of Yard")).to_be_visible()
        await expect(page.locator("noscript .banner")).to_be_visible()
        made = await site.finished_recording("Yard")
        await page.goto("/recordings")
        await expect(page.locator(f"#recording-{made}")).to_be_visible()
        await page.goto("/settings")
        await page.get_by_label("Time zone").fill("Asia/Tokyo")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved.")).to_be_visible()


async def test_real_sound_comes_and_goes(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        await site.add("Front door", site.peers.rtsp.url("door"))
        await page.goto(f"/cameras/{site.ids['Front door']}")
        await live(page)
        await page.get_by_role("button", name="Sound on").click()
        await page.wait_for_function(
            "() => document.querySelector('video').webkitAudioDecodedByteCount > 20000"
        )
        assert await page.evaluate("document.querySelector('video').muted") is False
        await page.get_by_role("button", name="Mute").click()
        await live(page)
        await page.wait_for_function("() => document.querySelector('video').currentTime > 2")
        assert await page.locator("[data-player]").get_attribute("data-failures") is None


async def test_watching_goes_on_after_the_camera_restarts(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        camera_id = await site.add("Front door", site.peers.rtsp.url("door"))
        await page.goto(f"/cameras/{camera_id}")
        await live(page)
        answer = await site.node.client.post(f"/api/cameras/{camera_id}/restart")
        assert answer.status_code == 200, answer.text
        site.peers.rtsp.drop_connections()
        await site.online("Front door")
        await page.evaluate(REACHES, 3)
        await live(page)


async def test_a_hidden_page_lets_go_and_comes_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        camera_id = await site.add("Yard", "demo:", protocol="demo")
        await page.goto(f"/cameras/{camera_id}")
        await live(page)
        await page.evaluate(HIDDEN, arg=True)
        player = page.locator("[data-player]")
        await expect(player).to_have_attribute("data-state", "idle", timeout=15_000)
        await site.node.until(f"/api/cameras/{camera_id}", lambda it: it["online"])
        await page.evaluate(HIDDEN, arg=False)
        await live(page)
        await page.evaluate(REACHES, 1)


async def test_a_full_buffer_is_trimmed_without_a_new_connection(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, context, page):
        await context.add_init_script(SMALL_BUFFER)
        camera_id = await site.add("Yard", "demo:", protocol="demo")
        await page.goto(f"/cameras/{camera_id}")
        await live(page)
        await page.evaluate(REACHES, 7)
        assert await page.evaluate("refusals") >= 1
        assert await page.locator("[data-player]").get_attribute("data-failures") is None
        await live(page)


async def test_recordings_play_by_keys_or_say_why_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as (site, _context, page):
        await site.add("Yard", site.peers.rtsp.url("yard"))
        await site.add("Gate", "demo:", protocol="demo")
        hevc, h264 = await site.finished_recording("Yard"), await site.finished_recording("Gate")
        await page.goto(f"/recordings/{hevc}")
        problem = page.locator("[data-recording-problem]")
        await expect(problem).to_contain_text("HEVC, which this browser cannot play")
        await expect(problem.get_by_role("link", name="Download")).to_be_visible()
        await expect(page.locator("video")).to_be_hidden()
        await page.goto(f"/recordings/{h264}")
        await page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        await page.keyboard.press("ArrowRight")
        await page.wait_for_function("() => document.querySelector('video').ended")
        await page.keyboard.press("ArrowLeft")
        await page.wait_for_function("() => document.querySelector('video').currentTime === 0")
        await page.keyboard.press(" ")
        await page.wait_for_function("() => document.querySelector('video').currentTime > 0")
