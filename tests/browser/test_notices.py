"""What people see when something that should record does not: banner, page, where it is told."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from falconeye.alerts import faults
from falconeye.cameras.views import NewCamera
from falconeye.config.camera import Protocol
from tests.browser.browsers import needs_chromium
from tests.browser.test_pages import complaints
from tests.browser.test_site import demo, signed_in
from tests.integration.api.conftest import Served
from tests.peers.http_receiver import http_receiver

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notice at once: how long it waits is tested on a clock of its own."""
    for name in ("RAISE_US", "SETTLED_US", "START_US"):
        monkeypatch.setattr(faults, name, 0)


async def away(served: Served, name: str = "Gate") -> str:
    """A camera that should record and is not there; its id."""
    new = NewCamera(name, Protocol.RTSP, f"rtsp://127.0.0.1:9/{name}", allow_local=True)
    return (await served.services.cameras.add(new)).config.id


async def test_a_banner_on_every_page_while_something_is_not_recorded(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        found = complaints(page)
        await page.goto("/settings")
        note = page.locator("#record-note")
        await expect(note).to_be_empty()
        gate = await away(served)
        await expect(note).to_contain_text("Gate is not recorded.")  # without a reload
        yard = await away(served, "Yard")
        await expect(note).to_contain_text("2 cameras are not recorded: Gate, Yard")
        for path in ("/", f"/cameras/{gate}", "/recordings", "/about", "/settings/notices"):
            await page.goto(path)
            await expect(note.get_by_role("alert")).to_be_visible()
        await note.get_by_role("link", name="Why").click()
        await expect(page.get_by_role("heading", name="Notices")).to_be_visible()
        row = page.get_by_role("listitem").filter(has_text="because").filter(has_text="Gate")
        await expect(row).to_contain_text("It lasts")
        await expect(row).to_contain_text("the camera was offline")
        await served.services.cameras.delete(gate)
        await served.services.cameras.stop(yard, by="anna")
        await expect(note).to_be_empty()
        assert found == []


async def test_the_text_needs_no_scripts(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        await away(served)
        note = page.locator("#record-note")
        while not served.services.alerts.active():
            await page.reload()
        await page.goto("/about")
        await expect(note).to_contain_text("Gate is not recorded.")
        await page.get_by_role("main").get_by_role("link", name="Notices").click()
        await expect(
            page.get_by_role("listitem").filter(has_text="because").filter(has_text="Gate")
        ).to_be_visible()


async def test_where_notices_go_is_saved_tested_and_never_shown(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page), http_receiver() as receiver:
        _ = await demo(served)
        await page.goto("/settings")
        await page.get_by_role("link", name="Where notices go", exact=True).click()
        await expect(page.get_by_text("Nothing leaves this recorder now.")).to_be_visible()
        await page.get_by_label("Webhook", exact=True).fill("nonsense")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".field-error")).to_contain_text("An address begins with")
        await page.get_by_label("Webhook", exact=True).fill(receiver.url("/secret-id"))
        await page.get_by_label("Its secret").fill("a secret of sixteen")
        await page.get_by_label("Receivers may run on this machine").check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved.")).to_be_visible()
        await expect(page.get_by_label("Webhook", exact=True)).to_have_value(
            receiver.url("") + "/***"
        )
        await page.get_by_role("button", name="Test http").click()
        await expect(page.get_by_text("The test arrived: it answered 200 Said.")).to_be_visible()
        assert receiver.received[0].path == "/secret-id"
        receiver.status = 404
        await page.get_by_role("button", name="Test http").click()
        said = page.get_by_role("main").get_by_role("alert")  # beside it a banner may stand
        await expect(said).to_contain_text("It answered 404 Said")
        content = await page.content()
        assert "secret-id" not in content
        assert "a secret of sixteen" not in content
        # Saving what is shown keeps what is stored.
        await page.get_by_label("Minutes until the same is told again").fill("30")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Saved.")).to_be_visible()
        stored = served.services.stored_settings
        assert stored.current.webhook_url
        assert stored.opened(stored.current.webhook_url).reveal() == receiver.url("/secret-id")
        assert stored.current.notify_cooldown_minutes == 30
