"""A person at a browser, the recorder in the virtual machine: from the plug to the recording."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.browsers import CHROMIUM, needs_chromium
from tests.vm.service import COMMAND, SLOW_S, Service
from tests.vm.usb_pictures import jpegs
from tests.vm.usb_service import UsbService, is_gone, node_at

pytestmark = [
    pytest.mark.fault, pytest.mark.root, pytest.mark.browser, needs_chromium,
    pytest.mark.timeout(900),
]  # fmt: skip
SLOW_MS = SLOW_S * 1000
NAME = "HD Webcam"  # as the emulated camera calls itself
MOVES = """(player) => new Promise((done) => {
  const video = player.querySelector('video');
  const goal = video.currentTime + 2;
  const look = () => {
    if (video.videoWidth && video.currentTime > goal) done([video.videoWidth, video.videoHeight]);
    else setTimeout(look, 100);
  };
  look();
})"""

SHOWN = "() => document.querySelector('#found-rows li img')?.naturalWidth > 0"


@pytest.fixture
def usb(service: Service) -> Iterator[UsbService]:
    made = UsbService(service)
    yield made
    for camera in made.json("/api/cameras/")["cameras"]:
        made.remove(camera["id"])
    made.clear()


@pytest.fixture(scope="module")
def page(service: Service) -> Iterator[Page]:
    """Signed in by the set-up link, as the first person who opens the recorder."""
    link = service.machine.shell(f"{COMMAND} setup-link", limit_s=SLOW_S).splitlines()[-1]
    with browser() as chromium:
        made = chromium.new_page(base_url=service.machine.url)
        made.set_default_timeout(SLOW_MS)
        made.goto(urlsplit(link).path)
        made.get_by_label("Your name").fill("anna")
        made.get_by_label("Password").fill("a long pass phrase of hers")
        made.get_by_role("button", name="Create account and sign in").click()
        expect(made.get_by_text("Look for cameras")).to_be_visible()
        yield made


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        try:
            yield chromium
        finally:
            chromium.close()


def test_it_is_plugged_in_found_added_by_one_click_live_and_recorded(
    usb: UsbService, page: Page
) -> None:
    page.goto("/cameras/found")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    camera = usb.plug(0, serial="SN1")
    row = page.locator("#found-rows li")  # it comes by itself
    expect(row).to_contain_text(NAME)
    page.wait_for_function(SHOWN)  # of the real device, before anybody adds it
    row.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/cameras/*?done=added")
    expect(page.get_by_role("heading", level=1)).to_contain_text(NAME)
    shape = page.locator("[data-player]").evaluate(MOVES)
    assert tuple(shape) in {(320, 240), (640, 480)}
    (added,) = usb.json("/api/cameras/")["cameras"]
    usb.until(
        f"/api/recordings/?camera_id={added['id']}",
        lambda said: any(one["duration_seconds"] > 4 for one in said["recordings"]),
    )
    assert set(usb.pictures(added["id"], 2)) <= set(jpegs((640, 480))) | set(jpegs((320, 240)))

    state = page.locator(f"#camera-state-{added['id']}")
    camera.unplug()
    expect(state).to_have_attribute("data-online", "false")
    expect(state).to_contain_text("Plug it in")
    is_gone(usb.machine, 0)
    camera.plug(3)
    node = node_at(usb.machine, 3)
    expect(state).to_have_attribute("data-online", "true")
    expect(state).to_be_visible()
    page.locator("[data-player]").evaluate(MOVES)
    now = usb.runs(added["id"])
    assert (now["name"], now["device_path"]) == (added["name"], node)
    assert len(usb.json("/api/cameras/")["cameras"]) == 1
    page.goto("/cameras/found")
    expect(page.locator("#found-rows li")).to_contain_text("Is a camera here")
