"""The page of found cameras while it is open, in Chromium, against the application itself."""

from dataclasses import replace

import pytest
from playwright.async_api import FilePayload, Page, expect

from falconeye.accounts.model import Role
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.cameras.found.found_pictures import FoundPictures
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol, RecordMode
from falconeye.discovery.evidence import Evidence, Way
from falconeye.events.bus import CandidatesChanged
from tests.browser.browsers import chromium, needs_chromium
from tests.integration.api.conftest import Served, served
from tests.integration.api.devices import lay_ports
from tests.peers.mjpeg_http import MjpegServer
from tests.unit.devices.test_identity import PORTS, camera
from tests.unit.discovery.import_files import sample

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
        await page.get_by_role("link", name="Choose first").click()
        # There is no such device here: the trial says so, without anybody asking for it.
        await expect(page.locator("#trial .panel-bad")).to_be_visible(timeout=15_000)
        await page.get_by_label("Size and format").select_option("MJPG:1280x720")
        await page.get_by_role("button", name="Add camera").click()
        await page.wait_for_url("**/cameras/*?done=added")
    assert served.services.cameras.list()[0].config.resolution == "1280x720"


async def test_cameras_of_another_recorder_are_read_looked_at_and_added(served: Served) -> None:
    config = FilePayload(name="config.yml", mimeType="text/yaml", buffer=sample("frigate.yml"))
    text = b"name,url,password,username\nGate,rtsp://192.0.2.8/main,p-S3CRET,eve\n"
    listed = FilePayload(name="cameras.csv", mimeType="text/csv", buffer=text)
    async with chromium() as browser:
        page = await browser.new_page()
        await signed_in(page, served)
        await page.goto(served.url + "/cameras/found")
        await page.get_by_role("link", name="Import").click()
        choose = page.get_by_label("Files of the other recorder")
        await choose.set_input_files([config, listed])
        await page.get_by_role("button", name="Read").click()
        await expect(page.get_by_role("heading", name="config.yml")).to_be_visible()
        await expect(page.get_by_text("with its login").first).to_be_visible()
        await page.get_by_text("more things of the file are not taken over").click()
        await expect(page.get_by_text("my_own_key (line 8): not known")).to_be_visible()
        await page.get_by_label("FRIGATE_RTSP_PASSWORD").fill("p@ss/w#rd")
        await page.get_by_role("button", name="Fill in").click()
        await expect(page.get_by_label("FRIGATE_RTSP_PASSWORD")).to_have_count(0)
        assert "S3CRET" not in await page.content()
        await page.get_by_role("link", name="Found cameras").click()
        gate = page.locator("#found-rows li", has_text="Gate")
        await gate.get_by_role("button", name="Add as in the file").click()
        await page.wait_for_url("**/cameras/*?done=added")
        await page.goto(served.url + "/cameras/found/import")
        await page.get_by_label("Start those that ran there").uncheck()
        await page.get_by_role("button", name="Add all 3 cameras").click()
        await expect(page.get_by_text("The cameras were added.")).to_be_visible()
        await expect(page.get_by_text("Nothing in these files is new.")).to_be_visible()
        await page.get_by_role("button", name="Drop the files").click()
        await expect(page.get_by_text("The files were dropped")).to_be_visible()
    made = {one.config.name: one.config for one in served.services.cameras.list()}
    assert {name: one.started for name, one in made.items()} == {
        "Gate": True, "Hof hinten": False, "door": False, "porch": False,
    }  # fmt: skip
    assert made["Gate"].password == Secret("p-S3CRET")
    assert made["Hof hinten"].password == Secret("p@ss/w#rd")
    assert made["door"].record is RecordMode.OFF


async def test_a_picture_comes_into_the_row_while_the_page_is_open(served: Served) -> None:
    services = served.services
    pictures = FoundPictures(
        services.cameras,
        services.clock,
        lambda: services.bus.publish(CandidatesChanged()),
        allow_local=True,
    )
    pictures.start(network=True)
    services.finding.pictures = pictures
    with MjpegServer() as camera:
        url = camera.url()
        services.finding.candidates.note(replace(evidence(served, "127.0.0.1", "Porch"), url=url))
        async with chromium() as browser:
            page = await browser.new_page()
            await signed_in(page, served)
            assert camera.paths == []
            await page.goto(served.url + "/cameras/found")
            shown = page.get_by_alt_text("Picture of Porch, ")
            await expect(shown).to_be_visible(timeout=15_000)
            await expect(shown).to_have_js_property("complete", value=True)
            assert await shown.evaluate("(image) => image.naturalWidth") > 0
        assert len(camera.paths) == 1
    await pictures.stop()


async def test_a_camera_that_moved_is_offered_on_its_open_page(served: Served) -> None:
    reference = "urn:uuid:11111111-2222-4333-8444-555555555555"
    new = NewCamera("Yard", Protocol.RTSP, "rtsp://192.0.2.7/main", start=False,
                    endpoint_reference=reference)  # fmt: skip
    made = await served.services.cameras.add(new)
    async with chromium() as browser:
        page = await browser.new_page()
        await signed_in(page, served)
        await page.goto(f"{served.url}/cameras/{made.config.id}")
        button = page.get_by_role("button", name="It is this camera: follow it to 192.0.2.8")
        await expect(button).to_have_count(0)
        moved = replace(evidence(served, "192.0.2.8", "Yard"), endpoint_reference=reference)
        served.services.finding.candidates.note(moved)
        await button.click()
        await expect(page.get_by_text("This device is the camera now")).to_be_visible()
        await expect(page.get_by_text("rtsp://192.0.2.8/main")).to_be_visible()
        await expect(button).to_have_count(0)
