"""A house, as its owner sets it up: through nginx with TLS, a wall for a tablet, a guest's eyes.

One story: the parts have tests of their own (`test_walls`, `test_display`, `test_people`,
`test_behind_nginx`); here they meet, on a desktop and on a phone.
"""

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.browser.browsers import needs_chromium
from tests.browser.test_behind_nginx import opened
from tests.browser.test_pages import complaints
from tests.nodes import PASSWORD, RunningNode
from tests.peers.reverse_proxies import needs_nginx

pytestmark = [
    pytest.mark.browser, pytest.mark.proxy, pytest.mark.timeout(180), needs_chromium, needs_nginx,
]  # fmt: skip
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
TABLET: Final[ViewportSize] = {"width": 1024, "height": 768}
THEIRS: Final = "a guest's own long one"
LIVE: Final = "[data-player][data-state=live]"
FIRST_PICTURE_MS: Final = 30_000


@pytest.fixture(params=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> ViewportSize:
    return DESKTOP if request.param == "desktop" else PHONE


async def cameras(node: RunningNode, *names: str) -> dict[str, str]:
    """Demo cameras beside the first one, all on line; ids by name."""
    for name in names:
        added = await node.client.post(
            "/api/cameras/",
            json={"name": name, "protocol": "demo", "record": "continuous", "start": True},
        )
        assert added.status_code == 201, added.text
    count = len(names) + 1

    def are_online(answer: Any) -> bool:
        return len(answer["cameras"]) == count and all(
            camera["online"] for camera in answer["cameras"]
        )

    listed = await node.until("/api/cameras/", are_online)
    return {camera["name"]: camera["id"] for camera in listed["cameras"]}


async def signed_in_anew(page: Page, url: str) -> None:
    await page.goto(f"{url}/login")
    await page.get_by_label("Name").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{url}/")


async def wall_made(page: Page, url: str) -> None:
    """A wall "Hall": the yard first, the cellar not on it."""
    await page.goto(f"{url}/")
    await page.locator("#wall-menu summary").click()
    await page.get_by_role("link", name="Arrange a new wall").click()
    await page.get_by_label("Name of the wall").fill("Hall")
    await page.get_by_role("button", name="Yard first").click()
    await page.get_by_role("button", name="Hide Cellar").click()
    await page.get_by_role("button", name="Save wall").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Hall")
    await expect(page.locator(".tile")).to_have_count(2)


async def tablet_paired(page: Page, tablet: Page, url: str) -> None:
    """By the code that the tablet shows; nobody signs in on it."""
    await tablet.goto(f"{url}/display")
    code = await tablet.locator(".pairing-code").inner_text()
    await page.goto(f"{url}/people/displays/add")
    await page.get_by_label("Code on the screen").fill(code)
    await page.get_by_label("Name").fill("Hall tablet")
    await page.get_by_label("A saved wall").check()
    await page.get_by_label("Saved wall", exact=True).select_option("Hall")
    await page.get_by_label("Your own password").fill(PASSWORD)
    await page.get_by_role("button", name="Add display").click()
    await expect(page.get_by_text("shows its pictures in a moment")).to_be_visible()
    names = tablet.locator(".display-name")
    await expect(names).to_have_text(["Yard", "Demo"], timeout=FIRST_PICTURE_MS)
    await expect(tablet.locator(LIVE)).to_have_count(2, timeout=FIRST_PICTURE_MS)
    assert await tablet.locator("nav, header, a:visible, button:visible").count() == 0


async def guest_invited(page: Page, url: str) -> str:
    """A viewer of two cameras, by the pages; the link to hand over."""
    await page.goto(f"{url}/people")
    await page.get_by_role("link", name="Add a person").click()
    await page.get_by_label("Name", exact=True).fill("Eve")
    await page.get_by_text("Only these:").click()
    for name in ("Demo", "Yard"):
        await page.get_by_label(name, exact=True).check()
    asked_again = page.get_by_label("Your own password")
    if await asked_again.count():  # not so soon after it was asked for
        await asked_again.fill(PASSWORD)
    await page.get_by_role("button", name="Add", exact=True).click()
    link = await page.get_by_label("Invitation link").input_value()
    assert link.startswith(url)
    return link


async def guest_sees_two(guest: Page, link: str, url: str, ids: dict[str, str]) -> None:
    await guest.goto(link)
    await guest.get_by_label("Password", exact=True).fill(THEIRS)
    await guest.get_by_label("Password, again").fill(THEIRS)
    await guest.get_by_role("button", name="Choose this password").click()
    await guest.wait_for_url(f"{url}/")
    await expect(guest.locator(".tile")).to_have_count(2)
    await expect(guest.locator(LIVE).first).to_be_visible(timeout=FIRST_PICTURE_MS)
    for path in ("/", "/?view=table", "/recordings", "/footage", "/exports", "/account"):
        await guest.goto(url + path)
        await expect(guest.locator("h1")).to_be_visible()
        assert "Cellar" not in await guest.content(), path
    for path in (f"/cameras/{ids['Cellar']}", "/people", "/settings/notices", "/cameras/add"):
        answer = await guest.goto(url + path)
        assert answer
        assert answer.status == 403, path
    answer = await guest.goto(f"{url}/api/cameras/{ids['Cellar']}/snapshot.jpg")
    assert answer
    assert answer.status == 403


async def fits(page: Page) -> None:
    assert await page.evaluate(
        "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


async def test_a_house_is_set_up_shown_on_a_tablet_and_to_a_guest(
    tmp_path: Path, size: ViewportSize
) -> None:
    async with opened(tmp_path) as (node, proxy, page):
        await page.set_viewport_size(size)
        said = complaints(page)
        ids = await cameras(node, "Yard", "Cellar")
        await wall_made(page, proxy.url)
        await fits(page)
        browser = page.context.browser
        assert isinstance(browser, Browser)
        tablet = await (await browser.new_context(viewport=TABLET)).new_page()
        await tablet_paired(page, tablet, proxy.url)
        link = await guest_invited(page, proxy.url)
        await fits(page)
        guest = await (await browser.new_context(viewport=size)).new_page()
        await guest_sees_two(guest, link, proxy.url, ids)
        await fits(guest)
        # Who signs out takes neither the tablet's pictures nor the guest's.
        await page.goto(f"{proxy.url}/")
        await page.locator(".bar .menu summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{proxy.url}/login")
        await guest.goto(f"{proxy.url}/?view=grid")
        await expect(guest.locator(LIVE).first).to_be_visible(timeout=FIRST_PICTURE_MS)
        await expect(tablet.locator(LIVE)).to_have_count(2)
        # The invitation and the tablet are in the audit log; the tablet goes dark when removed.
        await signed_in_anew(page, proxy.url)
        await page.goto(f"{proxy.url}/people/displays")
        row = page.get_by_role("row", name="Hall tablet")
        await row.get_by_role("link", name="Remove").click()
        await page.get_by_role("button", name="Remove display").click()
        gone = tablet.get_by_text("This screen shows nothing any more")
        await expect(gone).to_be_visible(timeout=FIRST_PICTURE_MS)
        await page.goto(f"{proxy.url}/audit")
        for words in ("Hall tablet", "Eve"):
            await expect(
                page.get_by_role("main").locator("table, ol, ul").filter(has_text=words).first
            ).to_be_visible()
        assert said == []
