"""A viewer is invited who sees two cameras and no more; what is taken away ends at once."""

import pytest
from playwright.async_api import Page, ViewportSize, expect

from falconeye.events.bus import CameraStateChanged
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.test_found_cameras import PASSWORD, signed_in
from tests.browser.test_pages import complaints
from tests.integration.api.conftest import Served, served

__all__ = ["served"]

pytestmark = [pytest.mark.browser, needs_chromium, pytest.mark.timeout(120)]

THEIRS = "another long one"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
SIGNED_OUT_MS = 10_000


async def cameras(served: Served, *names: str) -> dict[str, str]:
    """Demo cameras that deliver; ids by name."""
    ids: dict[str, str] = {}
    with served.services.bus.subscribe() as events:
        for name in names:
            answer = await served.admin.post(
                "/api/cameras/",
                json={"name": name, "protocol": "demo", "record": "continuous", "start": True},
            )
            assert answer.status_code == 201, answer.text
            ids[name] = answer.json()["id"]
        waiting = set(ids.values())
        while waiting:
            event = await events.get()
            if isinstance(event, CameraStateChanged) and event.state.online:
                waiting.discard(event.state.camera_id)
    return ids


def viewers(served: Served, camera_id: str) -> int:
    """How many watch it live now."""
    return sum(stats.viewers for stats in served.services.cameras.get(camera_id).streams)


async def invited(admin: Page) -> str:
    """By the pages, from the wall on: the link."""
    await admin.get_by_role("link", name="Settings").click()
    await admin.get_by_role("link", name="People").click()
    await admin.get_by_role("link", name="Add a person").click()
    await admin.get_by_label("Name", exact=True).fill("Eve")
    await expect(admin.get_by_label("Cellar")).to_be_hidden()
    await admin.get_by_text("Only these:").click()
    for name in ("Door", "Yard"):
        await admin.get_by_label(name, exact=True).check()
    await admin.get_by_label("Your own password").fill(PASSWORD)
    await admin.get_by_role("button", name="Add", exact=True).click()
    field = admin.get_by_label("Invitation link")
    await expect(field).to_be_visible()
    await admin.get_by_role("button", name="Copy").click()
    await expect(admin.get_by_text("Copied.")).to_be_visible()
    return await field.input_value()


async def sees_two_and_no_more(page: Page, url: str, ids: dict[str, str]) -> None:
    await expect(page.locator(".tile")).to_have_count(2)
    for path in ("/", "/recordings", "/footage", "/footage/days", "/exports", "/account"):
        await page.goto(url + path)
        await expect(page.locator("h1")).to_be_visible()
        assert "Cellar" not in await page.content(), path
    listed = await (await page.request.get(f"{url}/api/cameras/")).json()
    assert {camera["name"] for camera in listed["cameras"]} == {"Door", "Yard"}
    recordings = await (await page.request.get(f"{url}/api/recordings/")).json()
    assert {each["camera_name"] for each in recordings["recordings"]} == {"Door", "Yard"}
    for path in ("", "/footage"):
        answer = await page.goto(f"{url}/cameras/{ids['Cellar']}{path}")
        assert answer
        assert answer.status == 403
    for path in ("snapshot.jpg", "timeline", "playback.m3u8"):
        refused = await page.request.get(f"{url}/api/cameras/{ids['Cellar']}/{path}")
        assert refused.status == 403, path


@pytest.fixture(params=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> ViewportSize:
    return DESKTOP if request.param == "desktop" else PHONE


async def test_a_viewer_is_invited_watches_and_is_removed(  # noqa: PLR0915 - one story
    served: Served, size: ViewportSize
) -> None:
    ids = await cameras(served, "Door", "Yard", "Cellar")
    async with chromium() as browser:
        admin = await browser.new_page(viewport=size)
        said = complaints(admin)
        await signed_in(admin, served)
        link = await invited(admin)
        viewer = await (await browser.new_context(viewport=size)).new_page()
        await viewer.goto(link)
        await viewer.get_by_label("Password", exact=True).fill(THEIRS)
        await viewer.get_by_label("Password, again").fill(THEIRS)
        await viewer.get_by_role("button", name="Choose this password").click()
        await viewer.wait_for_url(served.url + "/")
        await sees_two_and_no_more(viewer, served.url, ids)

        await viewer.goto(f"{served.url}/cameras/{ids['Door']}")
        await expect(viewer.locator("[data-player]").first).to_have_attribute(
            "data-state", "live", timeout=30_000
        )
        assert viewers(served, ids["Door"]) == 1
        await admin.get_by_role("link", name="Show Eve").click()
        await admin.get_by_role("link", name="Change role and limits").click()
        await admin.get_by_label("Door", exact=True).uncheck()
        await admin.get_by_role("button", name="Save").click()
        await expect(admin.get_by_text("Only Yard")).to_be_visible()
        await viewer.wait_for_url("**/login*", timeout=SIGNED_OUT_MS)
        assert viewers(served, ids["Door"]) == 0

        await viewer.get_by_label("Name").fill("eve")
        await viewer.get_by_label("Password").fill(THEIRS)
        await viewer.get_by_role("button", name="Sign in").click()
        # Back where the person was, which is not theirs any more
        await expect(viewer.locator("h1")).to_contain_text("Not allowed")
        await viewer.goto(served.url)
        await expect(viewer.locator(".tile")).to_have_count(1)
        await admin.get_by_role("link", name="People").click()
        await expect(admin.get_by_role("listitem").filter(has_text="Eve")).to_contain_text("Online")

        await admin.get_by_role("link", name="Eve", exact=True).click()
        await admin.get_by_role("link", name="Remove").click()
        await expect(admin.get_by_text("1 device is signed out at once")).to_be_visible()
        await admin.get_by_role("button", name="Remove").click()
        await expect(admin.get_by_text("The person was removed")).to_be_visible()
        await viewer.wait_for_url("**/login*", timeout=SIGNED_OUT_MS)
        await viewer.get_by_label("Name").fill("eve")
        await viewer.get_by_label("Password").fill(THEIRS)
        await viewer.get_by_role("button", name="Sign in").click()
        await expect(viewer.get_by_role("alert")).to_be_visible()
        assert said == []


async def test_ones_own_devices_and_password(served: Served, size: ViewportSize) -> None:
    async with chromium() as browser:
        page = await browser.new_page(viewport=size)
        await signed_in(page, served)
        other = await (await browser.new_context(viewport=size)).new_page()
        await other.goto(served.url + "/login")
        name = await page.locator(".menu-user").text_content()
        await other.get_by_label("Name").fill(name or "")
        await other.get_by_label("Password").fill(PASSWORD)
        await other.get_by_role("button", name="Sign in").click()
        await other.wait_for_url(served.url + "/")
        await page.locator(".bar .menu summary").click()
        await page.get_by_role("link", name="Account").click()
        await expect(page.get_by_text("This device", exact=True)).to_be_visible()
        await expect(page.locator(".people > li")).to_have_count(2)
        await page.get_by_role("button", name="Sign out all other devices").click()
        await expect(page.locator(".people > li")).to_have_count(1)
        await other.wait_for_url("**/login*", timeout=SIGNED_OUT_MS)
        await page.get_by_label("Present password").fill(PASSWORD)
        await page.get_by_label("New password", exact=True).fill(THEIRS)
        await page.get_by_label("New password, again").fill(THEIRS)
        await page.get_by_role("button", name="Change it").click()
        await expect(page.get_by_text("The password was changed")).to_be_visible()
