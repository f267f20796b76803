"""The whole site in Chromium: real application, real demo camera, real recordings."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from playwright.async_api import Page, Route, expect

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.cameras.views import Camera, NewCamera
from falconeye.config.camera import Protocol
from falconeye.events.bus import CameraStateChanged
from falconeye.storage.backups.snapshot import snapshot
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.pending_restore import is_pending
from falconeye.web import sse
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.hanging_relay import hanging_relay
from tests.browser.test_pages import complaints
from tests.integration.api.conftest import Served, serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
PASSWORD = "four words in a row"
REQUEST_ENDED = """new Promise((done) => {
  document.addEventListener('htmx:finally:request', done, { once: true });
})"""
# All that ever stood in the place of the number of viewers.
VIEWERS_SHOWN = """
  window.shown = new Set();
  new MutationObserver(() => {
    for (const name of document.querySelectorAll('dt')) {
      const text = name.nextElementSibling?.textContent;
      if (name.textContent === 'Viewers' && text) shown.add(text);
    }
  }).observe(document, { childList: true, characterData: true, subtree: true });"""


@asynccontextmanager
async def signed_in(
    folder: Path, role: Role = Role.ADMIN, **options: bool
) -> AsyncIterator[tuple[Served, Page]]:
    """The site and a browser page of somebody who signed in by the form."""
    async with AsyncExitStack() as stack:
        served = await serve(stack, folder)
        await served.services.accounts.users.add("anna", Secret(PASSWORD), Rights(role))
        browser = await stack.enter_async_context(chromium())
        context = await browser.new_context(
            base_url=served.url, java_script_enabled=options.get("scripts", True)
        )
        page = await context.new_page()
        page.set_default_timeout(10_000)
        await page.goto("/")
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(served.url + "/")
        yield served, page


async def demo(served: Served, name: str = "Front door") -> Camera:
    new = NewCamera(name=name, protocol=Protocol.DEMO, source_url="demo:")
    return await served.services.cameras.add(new)


async def test_a_first_camera_is_tested_added_watched_and_recorded(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        found = complaints(page)
        await expect(page.get_by_role("heading", name="No camera yet")).to_be_visible()
        await page.get_by_role("link", name="Add camera").click()
        await page.get_by_label("Name").fill("Yard")
        await page.get_by_label("Camera address").fill("demo:")
        await expect(page.get_by_label("Record sound?")).not_to_be_checked()
        await page.get_by_role("button", name="Test").click()
        await expect(page.get_by_alt_text("Picture from the camera just now")).to_be_visible()
        await expect(page.locator(".cost")).to_contain_text("a day, this disk holds")
        await page.get_by_role("button", name="Add camera").click()
        await expect(page.get_by_role("heading", name="Yard", exact=True)).to_be_visible()
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        # State, recording and figures arrive without a reload.
        await expect(page.locator("[data-online='true']")).to_be_visible()
        await expect(page.get_by_role("button", name="Stop recording")).to_be_visible()
        await expect(page.get_by_text("H.264 ")).to_be_visible()
        camera = served.services.cameras.list()[0]
        assert camera.config.audio is False
        assert found == []


async def test_who_opens_a_page_is_never_left_out_of_the_viewers(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await demo(served)
        await page.add_init_script(VIEWERS_SHOWN)
        await page.goto(f"/cameras/{camera.config.id}")
        await page.wait_for_function("() => shown.has('1')")
        await page.reload()  # now the camera is online from the first byte
        await page.wait_for_function("() => shown.has('1')")
        shown = await page.evaluate("[...shown]")
        assert shown[0] == "–"
        assert "none" not in shown


async def test_a_stream_that_nobody_watches_says_so(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await demo(served)
        # The player asks for stills only, as where a browser plays no video.
        await page.add_init_script("delete window.MediaSource; delete window.ManagedMediaSource")
        await page.goto(f"/cameras/{camera.config.id}")
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "stills")
        viewers = page.locator("dt", has_text="Viewers").locator("+ dd")
        await expect(viewers).to_have_text("none")


async def test_figures_of_a_camera_that_went_leave_the_page_as_it_is(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}")
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        async with page.expect_response(
            lambda answer: answer.url.endswith("/streams") and answer.status == 404
        ):
            await served.services.cameras.delete(camera.config.id)
        await page.evaluate(REQUEST_ENDED)
        await expect(page.locator("aside .panel h2")).to_have_text(["Full picture", "Camera"])


async def test_the_wall_follows_what_happens(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await demo(served)
        tile = page.locator(f"#tile-{camera.config.id}")
        await expect(tile.locator("[data-player]")).to_have_attribute("data-state", "live")
        await served.services.cameras.stop(camera.config.id, by="ann")
        await expect(tile.get_by_text("Stopped", exact=True)).to_be_visible()
        await served.services.cameras.start(camera.config.id)
        await expect(tile.get_by_text("Stopped", exact=True)).to_be_hidden()
        await expect(tile.locator("[data-player]")).to_have_attribute("data-state", "live")
        await demo(served, "Yard")
        await expect(page.locator(".tile")).to_have_count(2)


async def test_without_scripts_a_camera_is_added_started_and_deleted(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        await page.goto("/cameras/add")
        await page.get_by_label("Name").fill("Gate")
        await page.get_by_label("Camera address").fill("ftp://nonsense")
        await page.get_by_role("button", name="Add camera").click()
        await expect(page.get_by_text("The address must begin with")).to_be_visible()
        await page.get_by_label("Camera address").fill("demo:")
        await page.get_by_role("button", name="Add camera").click()
        await expect(page.get_by_text("The camera was added.")).to_be_visible()
        await page.get_by_role("button", name="Stop camera").click()
        await page.get_by_role("button", name="Start camera").click()
        await page.get_by_role("link", name="Delete").click()
        await page.get_by_role("button", name="Delete camera").click()
        await expect(page.get_by_role("heading", name="No camera yet")).to_be_visible()
        assert served.services.cameras.list() == []


async def test_a_recording_is_listed_played_and_deleted(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await demo(served)
        cameras = served.services.cameras
        await page.goto(f"/cameras/{camera.config.id}")
        await expect(page.get_by_role("button", name="Stop recording")).to_be_visible()
        await page.get_by_role("button", name="Stop recording").click()
        await expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
        assert cameras.get(camera.config.id).recording_id is None
        await expect(page.locator(".recordings .when")).to_be_visible()
        await page.goto("/recordings")
        await expect(page.get_by_role("heading", name="Front door")).to_be_visible()
        await page.locator(".recordings .when").click()
        await page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        assert await page.evaluate("document.querySelector('video').duration") > 0
        await page.get_by_role("link", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete recording").click()
        await expect(page.get_by_text("The recording was deleted.")).to_be_visible()
        assert (await served.services.recordings.list())[1] == 0


async def test_a_viewer_is_offered_nothing_they_may_not_do(tmp_path: Path) -> None:
    async with signed_in(tmp_path, Role.VIEWER) as (served, page):
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}")
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        assert await page.get_by_role("button", name="Stop camera").count() == 0
        assert await page.get_by_role("link", name="Delete").count() == 0
        await page.goto("/cameras/add")
        await expect(page.get_by_role("heading")).to_contain_text(["Not allowed"])


async def test_settings_and_health(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        await demo(served)
        await page.goto("/settings")
        for label in ("Days to keep footage", "GB to keep per camera"):
            await expect(page.get_by_label(label)).to_have_accessible_description(
                re.compile("lowering this does so within a minute")
            )
        await page.get_by_label("Time zone").fill("Mars/Olympus")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#site_time_zone-error")).to_be_visible()
        await page.get_by_label("Time zone").fill("Asia/Tokyo")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved.")).to_be_visible()
        assert served.services.stored_settings.current.site_time_zone == "Asia/Tokyo"
        await page.get_by_label("Dark").check()
        await page.get_by_role("button", name="Use these colours").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await page.goto("/about")
        await expect(page.get_by_role("row", name="Front door")).to_be_visible()
        await expect(page.locator("#zone-note")).to_be_visible()


async def test_a_session_that_ends_elsewhere_ends_here(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}")
        await expect(page.locator("[data-player]")).to_have_attribute("data-state", "live")
        user = next(iter(served.services.accounts.users.list()))
        await served.services.accounts.users.set_password(user.id, Secret("another horse"))
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_a_change_of_state_alone_sends_the_tile_alone(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        served = await serve(stack, tmp_path)
        new = NewCamera("Gate", Protocol.RTSP, "rtsp://10.0.0.9/1", start=False)
        camera = await served.services.cameras.add(new)
        asked = "/events?page=wall&layout=auto&number=1"
        async with (
            served.viewer.stream("GET", asked) as answer,
            aclosing(cast("AsyncGenerator[str, None]", answer.aiter_lines())) as lines,
        ):
            await _line_with(lines, 'hx-target="#wall-area"')
            served.services.bus.publish(CameraStateChanged(camera.state))
            await _line_with(lines, f'hx-target="#tile-state-{camera.config.id}"')


async def _line_with(lines: AsyncIterator[str], text: str) -> None:
    """Read until a line holds `text`; the time limit of the test is the only other end."""
    async for line in lines:
        if text in line:
            return


async def test_changes_arrive_however_late_the_scripts_come(tmp_path: Path) -> None:
    """On a slow line the extension comes long after htmx: it must not start without it."""
    async with signed_in(tmp_path) as (served, page):

        async def slowly(route: Route) -> None:
            answer = await route.fetch()
            await page.wait_for_function("() => window.htmx")
            await page.evaluate("() => new Promise((done) => setTimeout(done))")
            await route.fulfill(response=answer)

        await page.route("**/hx-sse.min.js*", slowly)
        async with page.expect_request("**/events?*"):
            await page.goto("/", wait_until="commit")
        await demo(served)
        await expect(page.locator(".tile")).to_have_count(1)


async def test_a_network_that_hangs_is_noticed_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection ends, so no error tells the page: it goes by the silence."""
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.4)
    async with signed_in(tmp_path) as (served, page), hanging_relay(served.url) as relay:
        camera = await demo(served)
        await page.goto(relay.url + "/")  # cookies do not know ports
        tile = page.locator(f"#tile-{camera.config.id}")
        await expect(tile.locator("[data-player]")).to_have_attribute("data-state", "live")
        note = page.locator("#lost-note")
        await expect(note).to_be_hidden()
        async with page.expect_request("**/events?*"):
            relay.flowing.clear()
        await expect(note).to_be_visible()
        await served.services.cameras.stop(camera.config.id, by="ann")
        relay.flowing.set()
        await expect(note).to_be_hidden()
        await expect(tile.get_by_text("Stopped", exact=True)).to_be_visible()


async def test_a_stream_of_changes_that_cannot_begin_is_asked_for_again(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):

        async def refused(route: Route) -> None:
            await route.fulfill(status=503, body="starting")

        await page.route("**/events?*", refused)
        await page.goto("/")
        note = page.locator("#lost-note")
        await expect(note).to_be_visible()
        await page.unroute("**/events?*")
        await expect(note).to_be_hidden(timeout=15_000)
        await demo(served)
        await expect(page.locator(".tile")).to_have_count(1)


async def test_a_backup_is_looked_at_and_restored_by_hand(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        found = complaints(page)
        await demo(served, "Yard")
        copy = tmp_path / "yesterday.sqlite3"
        data_dir = served.services.settings.data_dir
        await asyncio.to_thread(snapshot, data_dir / DATABASE_NAME, copy)
        await page.goto("/settings")
        await page.get_by_role("link", name="Backup").click()
        await page.get_by_label("Your own password").last.fill(PASSWORD)
        await page.get_by_label("File").set_input_files(copy)
        await page.get_by_role("button", name="Look at it").click()
        await expect(page.get_by_role("heading", name="What is in it")).to_be_visible()
        await expect(page.locator(".facts")).to_contain_text("1: Yard")
        await page.get_by_role("button", name="Restore").click()
        await expect(page.get_by_text("started by hand")).to_be_visible()
        assert await asyncio.to_thread(is_pending, data_dir)
        await page.get_by_role("link", name="Backup").click()
        await page.get_by_role("button", name="Drop the restore").click()
        await expect(page.get_by_text("The restore was dropped")).to_be_visible()
        assert not await asyncio.to_thread(is_pending, data_dir)
        assert found == []
