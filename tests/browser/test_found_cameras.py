"""The page of found cameras while it is open, in Chromium, against the application itself."""

import pytest
from playwright.async_api import Page, expect

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.discovery.evidence import Evidence, Way
from tests.browser.browsers import chromium, needs_chromium
from tests.integration.api.conftest import Served, served
from tests.integration.api.devices import lay_ports
from tests.unit.devices.test_identity import PORTS, camera

__all__ = ["served"]

pytestmark = [pytest.mark.browser, needs_chromium, pytest.mark.timeout(60)]
NAME, PASSWORD = "anna", "a long pass phrase of hers"


async def signed_in(page: Page, served: Served) -> None:
    await served.services.accounts.users.add(NAME, Secret(PASSWORD), Rights(Role.ADMIN))
    await page.goto(served.url + "/login")
    await page.get_by_label("Name").fill(NAME)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(served.url + "/")


def evidence(served: Served, address: str, name: str) -> Evidence:
    return Evidence(Way.MDNS, name, served.services.clock.utc_us(), name=name, address=address)


async def test_a_camera_comes_and_goes_while_the_page_is_open(served: Served) -> None:
    candidates = served.services.finding.candidates
    async with chromium() as browser:
        page = await browser.new_page()
        await signed_in(page, served)
        link = page.locator("#found-link")
        await expect(page.get_by_text("Look for cameras")).to_be_visible()
        candidates.note(evidence(served, "192.168.1.8", "Porch"))
        await expect(page.get_by_text("1 camera was found")).to_be_visible()
        await expect(link).to_contain_text("1")
        await link.click()
        await expect(page.locator("#found-rows")).to_contain_text("Porch")
        candidates.note(evidence(served, "192.168.1.9", "Shed"))
        await expect(page.locator("#found-rows")).to_contain_text("Shed")
        await expect(page.locator("#found-link")).to_contain_text("2")
        # What the stream of changes brought is as good as what came with the page.
        shed = page.locator("li", has_text="Shed")
        await shed.get_by_role("button", name="Ignore").click()
        await expect(page.get_by_text("1 is ignored")).to_be_visible()
        await expect(page.locator("#found-link")).to_contain_text("1")
        candidates.gone(Way.MDNS, "Porch")
        await expect(page.get_by_text("Nothing was found")).to_be_visible()
        await expect(page.locator("#found-rows").get_by_text("Porch")).to_have_count(0)


async def test_a_control_is_set_at_once_and_lets_another_go(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = lay_ports(monkeypatch)
    ports.plug(camera(4, PORTS[1]))
    body = {"name": "Garage", "protocol": "usb", "device_path": "/dev/video4", "start": False}
    camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
    async with chromium() as browser:
        page = await browser.new_page()
        await signed_in(page, served)
        await page.goto(f"{served.url}/cameras/{camera_id}")
        exposure = page.get_by_label("Exposure Time, Absolute")
        await expect(exposure).to_be_disabled()
        await page.get_by_label("Auto Exposure").select_option("Manual")
        await expect(exposure).to_be_enabled()
        await exposure.fill("9")
        await expect(page.locator("#form-exposure_time_absolute")).to_contain_text("9")
        await page.get_by_role("button", name="Default of Exposure Time, Absolute").click()
        await expect(page.locator("#form-exposure_time_absolute")).to_contain_text("250")
        await expect(exposure).to_have_value("250")
        kept = served.services.cameras.get(camera_id).config.device_controls
        assert kept == {"auto_exposure": 1}


async def test_a_found_usb_camera_is_tried_when_its_page_opens(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = lay_ports(monkeypatch)
    ports.plug(camera(4, PORTS[1]))
    await served.admin.post("/cameras/found/look")
    async with chromium() as browser:
        page = await browser.new_page()
        await signed_in(page, served)
        await page.goto(served.url + "/cameras/found")
        await page.get_by_role("link", name="Add", exact=True).click()
        # There is no such device here: the trial says so, without anybody asking for it.
        await expect(page.locator("#trial .panel-bad")).to_be_visible(timeout=15_000)
        await page.get_by_label("Size and format").select_option("MJPG:1280x720")
        await page.get_by_role("button", name="Add camera").click()
        await page.wait_for_url("**/cameras/*?done=added")
    assert served.services.cameras.list()[0].config.resolution == "1280x720"
