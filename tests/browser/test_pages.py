"""Every page in Chromium: accessible, inside its window, and within the content policy."""

import asyncio

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import ConsoleMessage, Page, Route, ViewportSize, expect

from tests.browser.browsers import chromium, needs_chromium
from tests.browser.live_server import ROOT, live_server
from tests.browser.samples import pages, picture

pytestmark = [pytest.mark.browser, needs_chromium]
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
PHONE: ViewportSize = {"width": 390, "height": 844}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Of each plot: where it begins and ends, its height, and the room of a day.
PLOTS = """(plots) => plots.map((plot) => {
  const box = plot.getBoundingClientRect();
  return [box.left, box.right, box.height, box.width / plot.querySelectorAll('title').length];
})"""
# What a thumb would miss. A tile is a target as a whole, and so is the label around a box.
SMALL_TARGETS = """() => [...document.querySelectorAll('a[href], button, summary, input, select')]
  .filter((one) => one.checkVisibility() && !one.closest('p:not(.tile-label), .skip'))
  .map((one) => [one, one.closest('.tile, label, .switch') ?? one])
  .map(([one, target]) => [one.outerHTML.slice(0, 80), target.getBoundingClientRect().height])
  .filter(([, height]) => height && height < 44)
  .map(([text, height]) => `${height} px: ${text}`)"""


def complaints(page: Page) -> list[str]:
    """What the browser says against the page; fills while the page lives."""
    found: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "favicon" not in message.text:
            found.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scheme: str) -> None:
    served = {f"/{name}": page for name, page in pages().items()}
    axe = await asyncio.to_thread(Axe)
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
        found = {}
        for path in served:
            await page.goto(server.url + path)
            result = await axe.run(page, options=RULES)
            if result.violations_count:
                found[path] = result.generate_report()
        assert not found, "\n".join(found.values())


async def test_a_browser_without_light_dark_has_the_light_colours() -> None:
    """Tablets that hang on a wall are old: without any colour their time line would be empty."""
    served = {f"/{name}": pages()[name] for name in ("wall", "footage-days", "jobs")}
    axe = await asyncio.to_thread(Axe)
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(color_scheme="dark")

        async def as_unknown(route: Route) -> None:
            answer = await route.fetch()
            await route.fulfill(
                response=answer, body=(await answer.text()).replace("light-dark(", "unknown(")
            )

        await page.route("**/app.css*", as_unknown)
        for path in served:
            await page.goto(server.url + path)
            style = await page.evaluate(
                "() => [getComputedStyle(document.body).backgroundColor,"
                " getComputedStyle(document.documentElement).colorScheme]"
            )
            assert style == ["rgb(245, 246, 248)", "light"]
            result = await axe.run(page, options=RULES)
            assert not result.violations_count, result.generate_report()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("width", [360, 3840])
async def test_pages_fit_their_window(width: int) -> None:
    served = {f"/{name}": page for name, page in pages().items()}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page(viewport={"width": width, "height": 700})
        for path in served:
            await page.goto(server.url + path)
            assert await page.evaluate(OVERFLOW) <= 0, f"{path} scrolls sideways"
            assert await page.evaluate(SMALL_TARGETS) == [], path


async def test_plots_are_readable_on_a_phone() -> None:
    """All of each is seen without scrolling sideways, and its days stand apart."""
    storage = {"/storage": pages()["storage"]}
    async with live_server(storage) as server, chromium() as browser:
        page = await browser.new_page(viewport={"width": 360, "height": 800})
        await page.goto(server.url + "/storage")
        plots = await page.locator("svg[role=img]:has(title)").evaluate_all(PLOTS)
        assert len(plots) == 3
        for left, right, height, day in plots:
            assert (left >= 0, right <= 360) == (True, True)
            assert height >= 28
            assert day >= 16
        await page.set_viewport_size({"width": 1280, "height": 800})
        heads = page.get_by_role("columnheader", name="The oldest goes")
        await expect(heads).to_be_visible()


async def nothing(route: Route) -> None:
    await route.fulfill(status=204)


@pytest.mark.timeout(120)
async def test_pages_break_no_policy_and_no_script_fails() -> None:
    served = {f"/{name}": page for name, page in pages().items()}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        for path in served:
            page = await browser.new_page()
            found = complaints(page)
            await page.route("**/cameras/camera-0/controls", nothing)  # asked for apart
            await page.goto(server.url + path)
            await page.wait_for_load_state("load")
            assert found == [], path
            await page.close()


async def test_a_question_opens_in_a_dialog_and_closes() -> None:
    every = pages()
    served = {"/camera": every["camera"], "/cameras/camera-0/delete": every["camera-delete"]}
    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await page.goto(server.url + "/camera")
        await page.get_by_role("link", name="Delete").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("radio", name="Keep").wait_for()
        await dialog.get_by_text("Cancel").click()
        await dialog.wait_for(state="hidden")


async def test_a_question_that_does_not_come_is_asked_on_its_own_page() -> None:
    every = pages()
    served = {"/camera": every["camera"], "/cameras/camera-0/delete": every["camera-delete"]}

    async def cut(route: Route) -> None:
        if "hx-request" in route.request.headers:
            await route.abort()
        else:
            await route.continue_()

    async with live_server(served, still=picture()) as server, chromium() as browser:
        page = await browser.new_page()
        await page.route("**/delete", cut)
        await page.goto(server.url + "/camera")
        await page.get_by_role("link", name="Delete").click()
        await page.wait_for_url("**/cameras/camera-0/delete")


async def test_on_a_phone_the_menu_lies_over_the_pictures() -> None:
    async with (
        live_server({"/wall": pages()["wall"]}, still=picture()) as server,
        chromium() as browser,
    ):
        page = await browser.new_page(viewport=PHONE)
        await page.goto(server.url + "/wall")
        await page.locator(".bar .menu summary").click()
        # A click that something else would get fails.
        sign_out = page.get_by_role("button", name="Sign out")
        await sign_out.click(trial=True, position={"x": 20, "y": 40})


async def test_the_filter_is_folded_on_a_phone_and_open_elsewhere() -> None:
    async with live_server({"/recordings": pages()["recordings"]}) as server, chromium() as browser:
        page = await browser.new_page(viewport=PHONE)
        await page.goto(server.url + "/recordings")
        begin = page.get_by_label("From", exact=True)
        await expect(begin).to_be_hidden()
        await expect(page.locator(".recordings .when").first).to_be_in_viewport()
        await page.locator(".filter summary").click()
        await expect(begin).to_be_visible()
        await page.goto(server.url + "/recordings")
        await page.set_viewport_size({"width": 1440, "height": 900})
        await expect(page.locator(".filter summary")).to_be_hidden()
        await begin.fill("2026-11-20T14:00")


def test_the_stylesheet_and_the_player_stay_small() -> None:
    assert (ROOT / "static" / "app.css").stat().st_size <= 15_000
    assert (ROOT / "static" / "player.js").stat().st_size <= 17_000
