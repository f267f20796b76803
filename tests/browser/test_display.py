"""A screen on a wall in Chromium: paired by a code, alive by itself, dark when it is ended."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from falconeye import __version__
from falconeye.accounts.displays import Shown
from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.web.open_streams import CloseReason
from falconeye.web.shell import STATE_KEY, Shell
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.test_pages import complaints
from tests.browser.test_site import PASSWORD, demo
from tests.integration.api.conftest import Served, serve
from tests.nodes import running_node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
ALL = Shown()
LIVE = "[data-player][data-state=live]"
WAKE_LOCK = """
  window.locks = [];
  Object.defineProperty(navigator, 'wakeLock', { value: {
    async request(kind) {
      const lock = Object.assign(new EventTarget(), { kind, released: false });
      locks.push(lock);
      return lock;
    },
  } });"""


@dataclass
class Wall:
    """A site, an admin's page, and the screen that hangs on the wall."""

    served: Served
    admin: Page
    screen: Page
    context: BrowserContext  # of the screen

    @property
    def shell(self) -> Shell:
        shell: Shell = self.served.app.state[STATE_KEY]
        return shell

    async def be_display(self, shown: Shown = ALL) -> str:
        """The screen is a display by a link, and shows its page; the id of that."""
        displays = self.served.services.accounts.displays
        display = await displays.add("Kitchen", shown, created_by="anna")
        await open_link(self.screen, f"/display/link/{await displays.make_link(display.id)}")
        return display.id


async def open_link(screen: Page, path: str) -> None:
    await screen.goto(path)
    await screen.get_by_role("button", name="Use this screen").click()
    await screen.wait_for_selector("#display")


@asynccontextmanager
async def wall(folder: Path, *scripts: str) -> AsyncIterator[Wall]:
    async with AsyncExitStack() as stack:
        served = await serve(stack, folder)
        await served.services.accounts.users.add("anna", Secret(PASSWORD), Rights(Role.ADMIN))
        browser = await stack.enter_async_context(chromium())
        size = {"width": 1280, "height": 800}
        contexts = [
            await browser.new_context(base_url=served.url, viewport=size)  # type: ignore[arg-type]
            for _ in range(2)
        ]
        for script in scripts:
            await contexts[1].add_init_script(script)
        admin, screen = [await context.new_page() for context in contexts]
        for page in (admin, screen):
            page.set_default_timeout(15_000)
        await admin.goto("/login?next=%2Fpeople%2Fdisplays")
        await admin.get_by_label("Name").fill("anna")
        await admin.get_by_label("Password").fill(PASSWORD)
        await admin.get_by_role("button", name="Sign in").click()
        await admin.wait_for_url("**/people/displays")
        yield Wall(served, admin, screen, contexts[1])


async def test_a_tablet_is_paired_by_its_code_and_ended(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        for name in ("Front door", "Yard", "Bath"):
            await demo(site.served, name)
        admin, screen = site.admin, site.screen
        found = complaints(screen)
        await screen.goto("/display")
        code = await screen.locator(".pairing-code").inner_text()
        await admin.get_by_role("link", name="Add a display").click()
        await admin.get_by_label("Code on the screen").fill(code.lower())
        await admin.get_by_label("Name").fill("Kitchen tablet")
        await admin.get_by_label("Only these cameras:").check()
        await admin.get_by_label("Front door").check()
        await admin.get_by_label("Yard").check()
        await admin.get_by_label("Your own password").fill(PASSWORD)
        await admin.get_by_role("button", name="Add display").click()
        await expect(admin.get_by_text("shows its pictures in a moment")).to_be_visible()
        # Nobody touches the screen.
        await expect(screen.locator(LIVE)).to_have_count(2)
        await expect(screen.locator(".display-name")).to_have_text(["Front door", "Yard"])
        await expect(screen.locator("#display-clock")).to_contain_text(":")
        assert await screen.locator("nav, header, a:visible, button:visible").count() == 0
        for width, height in ((1280, 800), (390, 844)):
            await fits(screen, width, height)
        await no_cursor_is_seen(screen)
        # The list tells of it; removing it leaves nothing to see.
        await admin.goto("/people/displays")
        row = admin.get_by_role("row", name="Kitchen tablet")
        await expect(row).to_contain_text("Front door, Yard")
        await expect(row).to_contain_text("127.0.0.1")
        await expect(row).to_contain_text("Not over HTTPS")
        await row.get_by_role("link", name="Remove").click()
        await admin.get_by_role("button", name="Remove display").click()
        await expect(screen.get_by_text("This screen shows nothing any more")).to_be_visible()
        assert await screen.locator("video, img").count() == 0
        assert [line for line in found if "401" not in line and "WebSocket" not in line] == []
        await screen.get_by_role("link", name="Pair it again").click()
        await expect(screen.locator(".pairing-code")).to_be_visible()


async def test_a_camera_that_is_not_live_says_so_in_words(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        camera = await demo(site.served, "Front door")
        await site.be_display()
        await expect(site.screen.locator(LIVE)).to_have_count(1)
        await site.served.services.cameras.stop(camera.config.id, by="anna")
        await expect(site.screen.locator(".tile-reason")).to_contain_text("Stopped")
        await site.served.services.cameras.start(camera.config.id)
        await expect(site.screen.locator(".tile-reason")).to_have_count(0)
        await expect(site.screen.locator(LIVE)).to_have_count(1)


async def test_other_cameras_come_by_themselves(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        door = (await demo(site.served, "Front door")).config.id
        yard = (await demo(site.served, "Yard")).config.id
        display = await site.be_display(Shown(cameras=frozenset({door})))
        await expect(site.screen.locator(LIVE)).to_have_count(1)
        shown = Shown(cameras=frozenset({yard}))
        await site.served.services.accounts.displays.change(display, "Kitchen", shown)
        await expect(site.screen.locator(".display-name")).to_have_text(["Yard"])
        await expect(site.screen.locator(LIVE)).to_have_count(1)
        await expect(site.screen.locator("#display-gone")).to_be_hidden()


async def test_the_page_loads_itself_anew_after_an_update_alone(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        await demo(site.served)
        await site.be_display()
        screen = site.screen
        await expect(screen.locator(LIVE)).to_have_count(1)
        await screen.evaluate("window.isFirst = true")
        await drop_streams(site)
        await screen.wait_for_function("() => document.body.dataset.away === undefined")
        await expect(screen.locator(LIVE)).to_have_count(1)
        assert await screen.evaluate("window.isFirst") is True
        site.shell.assets.version = "0123456789ab"
        await drop_streams(site)
        await screen.wait_for_function("() => window.isFirst === undefined")
        await expect(screen.locator("#display")).to_have_attribute(
            "data-version", f"{__version__}-0123456789ab"
        )
        await expect(screen.locator(LIVE)).to_have_count(1)


async def test_the_screen_is_kept_awake(tmp_path: Path) -> None:
    async with wall(tmp_path, WAKE_LOCK) as site:
        await site.be_display()
        screen = site.screen
        await screen.wait_for_function("() => locks.length === 1 && locks[0].kind === 'screen'")
        # A hidden page loses it: the browser says so before the page is seen again.
        await screen.evaluate(
            "locks[0].released = true; document.dispatchEvent(new Event('visibilitychange'))"
        )
        await screen.wait_for_function("() => locks.length === 2")
        await screen.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        assert await screen.evaluate("locks.length") == 2


async def test_without_a_wake_lock_it_shows_all_the_same(tmp_path: Path) -> None:
    gone = "Object.defineProperty(navigator, 'wakeLock', { value: undefined })"
    async with wall(tmp_path, gone) as site:
        await demo(site.served)
        found = complaints(site.screen)
        await site.be_display()
        await expect(site.screen.locator(LIVE)).to_have_count(1)
        assert found == []


async def test_memory_does_not_grow_with_connections_that_break(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        await demo(site.served)
        await site.be_display()
        await expect(site.screen.locator(LIVE)).to_have_count(1)
        session = await site.context.new_cdp_session(site.screen)
        await session.send("Performance.enable")

        async def figures() -> dict[str, float]:
            await session.send("HeapProfiler.collectGarbage")
            told = await session.send("Performance.getMetrics")
            return {one["name"]: one["value"] for one in told["metrics"]}

        await break_sockets(site, 5)
        before = await figures()
        await break_sockets(site, 30)
        after = await figures()
        assert after["Nodes"] <= before["Nodes"] + 20
        assert after["JSEventListeners"] <= before["JSEventListeners"] + 5
        assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 1_000_000


async def test_it_comes_back_alone_when_the_recorder_was_away(tmp_path: Path) -> None:
    """A real process that ends and starts again on the same port, with the same data."""
    async with running_node(tmp_path) as node, chromium() as browser:
        added = await node.client.post(
            "/api/cameras/", json={"name": "Door", "protocol": "demo", "start": True}
        )
        assert added.status_code == 201, added.text
        made = await node.client.post("/api/displays", json={"name": "Kitchen"})
        context = await browser.new_context(base_url=node.url)
        screen = await context.new_page()
        screen.set_default_timeout(30_000)
        await open_link(screen, made.json()["pairing_path"])
        await screen.evaluate("window.isFirst = true")
        port = int(node.url.rpartition(":")[2])
        await expect(screen.locator(LIVE)).to_have_count(1, timeout=30_000)
        for end in (node.terminate, node.kill):
            await end()
            note = screen.locator("#display-note")
            await expect(note).to_be_visible()
            await expect(note).to_contain_text("No connection to the recorder since")
            look = await screen.locator("video").evaluate("(one) => getComputedStyle(one).filter")
            assert look == "grayscale(1) brightness(0.35)"
            await expect(screen.locator(LIVE + ":not([data-stale])")).to_have_count(
                0, timeout=15_000
            )
            await node.start(port=port)
            await expect(note).to_be_hidden(timeout=30_000)
            await expect(screen.locator(LIVE)).to_have_count(1, timeout=30_000)
        # The same release: the page was not loaded again for it.
        assert await screen.evaluate("window.isFirst") is True


async def no_cursor_is_seen(screen: Page) -> None:
    """Until somebody moves it."""
    await screen.wait_for_function("() => document.body.classList.contains('display-idle')")
    cursors = await screen.evaluate(
        "[document.body, ...document.querySelectorAll('.tile, .tile *')]"
        ".map((each) => getComputedStyle(each).cursor)"
    )
    assert set(cursors) == {"none"}
    await screen.mouse.move(100, 100)
    await screen.mouse.move(120, 120)
    await expect(screen.locator("body")).not_to_have_class("display display-idle")


async def fits(screen: Page, width: int, height: int) -> None:
    """All tiles are seen, as large as they can be, and nothing scrolls."""
    await screen.set_viewport_size({"width": width, "height": height})
    box = await screen.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert box == [width, height]
    for tile in await screen.locator(".tile").all():
        place = await tile.bounding_box()
        assert place is not None
        assert place["width"] * place["height"] > 0.3 * width * height


async def drop_streams(site: Wall) -> None:
    """As at a restart: every stream of the screen ends."""
    for connection in list(site.shell.streams._open):
        if connection.streaming:
            connection.close(CloseReason.STOPPING)


async def break_sockets(site: Wall, times: int) -> None:
    """The live socket ends and comes again, so often."""
    screen = site.screen
    for _ in range(times):
        async with screen.expect_event("websocket"):
            for connection in list(site.shell.streams._open):
                if connection.streaming and connection.says_goodbye:
                    connection.close(CloseReason.STOPPING)
        await expect(screen.locator(LIVE)).to_have_count(1)
