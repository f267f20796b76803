"""A screen in Chromium that shows a saved wall: its pages one after the other, on any shape."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from falconeye.accounts.displays import Shown
from falconeye.accounts.model import Principal, PrincipalKind, Role
from falconeye.accounts.walls import WallWish
from falconeye.web.display_contexts import DisplayPage
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.live_server import LiveServer, live_server
from tests.browser.samples import pages, picture, tiles
from tests.browser.test_display import LIVE, open_link, wall
from tests.browser.test_site import demo
from tests.browser.test_walls import COUNT_SOCKETS, HIDDEN, SETTLED, sheet
from tests.browser.wall_samples import online
from tests.nodes import running_node

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
ANNA = Principal(PrincipalKind.USER, "anna", "anna", Role.ADMIN)
NAMES = ("Attic", "Barn", "Cellar")
# Of the page that is seen: each tile's left, top, width and height.
BOXES = """() => [...document.querySelectorAll('[data-sheet]:not([hidden], .is-next) .tile')]
  .map((one) => one.getBoundingClientRect()).map((box) => [box.x, box.y, box.width, box.height])"""
# Whether the tiles of the first row, as wide as the window, are so many.
COLUMNS = f"""([width, columns]) => {{
  const row = ({BOXES})().slice(0, columns);
  const lefts = new Set(row.map(([x]) => Math.round(x)));
  return lefts.size === columns && Math.abs(row.at(-1)[0] + row.at(-1)[2] - width) <= 1;
}}"""


@asynccontextmanager
async def screen(
    counts: int, size: int, cycle_s: int = 10
) -> AsyncIterator[tuple[LiveServer, Page]]:
    """A display with so many cameras, `size` on each page; its clock is the test's."""
    every = pages()
    template, frame, _ = every["display"]
    shown = [
        replace(tile, sheet=1 + place // size) for place, tile in enumerate(online(tiles(counts)))
    ]
    page = DisplayPage("Kitchen", tuple(shown), "1", "1", cycle_s if counts > size else 0)
    async with (
        live_server({"/display": (template, frame, page)}, still=picture()) as server,
        chromium() as browser,
    ):
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        opened = await context.new_page()
        opened.set_default_timeout(15_000)
        await opened.add_init_script(COUNT_SOCKETS)
        await opened.clock.install()
        await opened.goto(f"{server.url}/display")
        yield server, opened


async def test_pages_follow_each_other_and_the_next_one_is_ready() -> None:
    async with screen(9, 4) as (server, page):
        await page.wait_for_function(SETTLED)
        assert await sheet(page) == "1"
        assert await page.evaluate("sockets.open") == 4
        await page.clock.run_for(7_000)
        ready = page.locator(".is-next [data-player]").first
        await expect(ready).to_have_attribute("data-state", "live")
        assert await sheet(page) == "1"
        await page.clock.run_for(3_000)
        assert await sheet(page) == "2"
        for expected in ("3", "1", "2"):
            await page.clock.run_for(7_000)
            await page.wait_for_function(
                "() => document.querySelector('.is-next [data-state=live]') !== null"
            )
            await page.clock.run_for(3_000)
            assert await sheet(page) == expected
        assert await page.evaluate("sockets.most") <= 8
        # One camera alone on the last page is large: its full picture.
        assert await page.locator("[data-sheet='3'] [data-focused]").count() == 1
        assert await page.locator("[data-sheet='1'] [data-focused]").count() == 0
        assert len(server.connections) <= 8


async def test_who_points_at_a_page_holds_it_and_a_hidden_screen_stands() -> None:
    async with screen(3, 1, cycle_s=5) as (_server, page):
        await page.wait_for_function(SETTLED)
        for _ in range(10):
            await page.mouse.move(100, 100)
            await page.mouse.move(120, 120)
            await page.clock.run_for(1_000)
            assert await sheet(page) == "1"
        await page.clock.run_for(3_000 + 5_000)
        assert await sheet(page) == "2"
        await page.evaluate(HIDDEN, True)
        await page.clock.run_for(12_000)
        assert await sheet(page) == "2"
        await page.evaluate(HIDDEN, False)
        await page.clock.run_for(5_000)
        assert await sheet(page) == "3"
        # Still pictures of motion are not what a screen hangs there for.
        await page.emulate_media(reduced_motion="reduce")
        await page.clock.run_for(5_000)
        assert await sheet(page) == "1"


@pytest.mark.parametrize(
    ("count", "width", "height", "columns"),
    [
        (5, 1280, 800, 2),
        (5, 800, 1280, 1),  # a tablet that hangs upright
        (3, 800, 1280, 1),
        (7, 768, 1024, 2),
        (4, 1920, 300, 4),
        (3, 800, 600, 2),
        (1, 390, 844, 1),
    ],
)
async def test_an_odd_window_is_filled(count: int, width: int, height: int, columns: int) -> None:
    async with screen(count, 16) as (_server, page):
        await page.set_viewport_size({"width": width, "height": height})
        # The page arranges its tiles when it hears of its new size.
        await page.wait_for_function(COLUMNS, arg=[width, columns])
        boxes = await page.evaluate(BOXES)
        assert len(boxes) == count
        assert len({round(box[0]) for box in boxes[:columns]}) == columns
        scrolls = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        assert await page.evaluate(scrolls) == [width, height]
        rows = -(-count // columns)
        for _x, _y, wide, high in boxes:  # all alike, with two pixels between them
            assert wide == pytest.approx((width - 2 * (columns - 1)) / columns, abs=1)
            assert high == pytest.approx((height - 2 * (rows - 1)) / rows, abs=1)
        # The last row stands in the middle.
        last = boxes[(rows - 1) * columns :]
        left, right = last[0][0], width - (last[-1][0] + last[-1][2])
        assert left == pytest.approx(right, abs=2)


async def test_a_saved_wall_is_shown_as_it_was_saved(tmp_path: Path) -> None:
    async with wall(tmp_path) as site:
        services = site.served.services
        ids = [(await demo(site.served, name)).config.id for name in NAMES]
        wish = WallWish("House", shared=True, camera_ids=ids[::-1], hidden=[], size="1", cycle_s=5)
        saved = await services.accounts.walls.add(ANNA, wish, ids)
        await site.be_display(Shown(wall_id=saved.id))
        screen = site.screen
        seen = screen.locator("[data-sheet]:not([hidden], .is-next) .display-name")
        for name in ("Cellar", "Barn", "Attic", "Cellar"):
            await expect(seen).to_have_text([name], timeout=20_000)
            assert await screen.locator(LIVE).count() <= 2
        # Somebody changes the wall: the screen follows by itself.
        await services.accounts.walls.change(ANNA, saved.id, WallWish(size="auto", cycle_s=0), ids)
        await services.accounts.displays.look_at_walls()  # a node does once a second
        await expect(seen).to_have_text(["Cellar", "Barn", "Attic"], timeout=20_000)
        await expect(screen.locator(LIVE)).to_have_count(3)
        # Nobody could turn its pages there: a wall that stands still turns them, too.
        await services.accounts.walls.change(ANNA, saved.id, WallWish(size="1"), ids)
        await services.accounts.displays.look_at_walls()
        await expect(screen.locator("#display")).to_have_attribute(
            "data-cycle", "20", timeout=20_000
        )
        await expect(seen).to_have_text(["Cellar"])


@pytest.mark.timeout(180)  # two starts of a node, and its pages have their time
async def test_pages_go_on_when_the_recorder_was_away(tmp_path: Path) -> None:
    """A real process that ends and starts again on the same port, with the same data."""
    async with running_node(tmp_path) as node, chromium() as browser:
        for name in NAMES[:2]:
            body = {"name": name, "protocol": "demo", "start": True}
            added = await node.client.post("/api/cameras/", json=body)
            assert added.status_code == 201, added.text
        body = {"name": "House", "shared": True, "size": "1", "cycle_s": 5}
        made = (await node.client.post("/api/walls/", json=body)).json()
        body = {"name": "Kitchen", "wall_id": made["id"]}
        display = (await node.client.post("/api/displays", json=body)).json()
        page = await (await browser.new_context(base_url=node.url)).new_page()
        page.set_default_timeout(30_000)
        await open_link(page, display["pairing_path"])
        await page.evaluate("window.isFirst = true")
        seen = page.locator("[data-sheet]:not([hidden], .is-next)")
        await expect(seen.locator(LIVE)).to_have_count(1, timeout=30_000)
        port = int(node.url.rpartition(":")[2])
        await node.kill()
        await expect(page.locator("#display-note")).to_be_visible()
        await node.start(port=port)
        await expect(page.locator("#display-note")).to_be_hidden(timeout=30_000)
        for name in NAMES[:2]:
            await expect(seen.locator(".display-name")).to_have_text([name], timeout=30_000)
            await expect(seen.locator(LIVE)).to_have_count(1, timeout=30_000)
        assert await page.evaluate("window.isFirst") is True
