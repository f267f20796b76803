"""Privacy and schedules as people use them: by a click, by dragging, and without scripts."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.async_api import Page, expect

from falconeye.accounts.model import Role
from tests.browser.browsers import needs_chromium
from tests.browser.test_pages import complaints
from tests.browser.test_site import demo, signed_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]
PLAYER = "[data-player]"


async def test_one_click_hides_a_camera_everywhere(tmp_path: Path) -> None:
    async with signed_in(tmp_path, Role.OPERATOR) as (served, page):
        found = complaints(page)
        camera = await demo(served)
        other = await page.context.new_page()  # somebody watches it live elsewhere
        for each in (page, other):
            await each.goto(f"/cameras/{camera.config.id}")
            await expect(each.locator(PLAYER)).to_have_attribute("data-state", "live")
        await page.get_by_role("button", name="Privacy", exact=True).click()
        words = "Paused by anna until switched on."
        for each in (page, other):
            await expect(each.locator(PLAYER)).to_have_attribute("data-state", "offline")
            await expect(each.locator(".veil")).to_contain_text(words)
            assert await each.evaluate(
                "[...document.querySelectorAll('[data-player] img')].every((i) => i.hidden)"
            )
        await page.goto("/")
        await expect(page.locator(".tile-reason")).to_contain_text(words)
        await page.goto(f"/cameras/{camera.config.id}")
        await page.get_by_role("button", name="Switch on").click()
        await expect(other.locator(PLAYER)).to_have_attribute("data-state", "live")
        assert found == []


async def test_privacy_for_an_hour_names_its_end(tmp_path: Path) -> None:
    async with signed_in(tmp_path, Role.OPERATOR, scripts=False) as (served, page):
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}")
        await page.get_by_text("Privacy for…").click()
        await page.get_by_role("button", name="1 hour").click()
        told = page.locator(".veil")
        await expect(told).to_contain_text(re.compile(r"Paused by anna until .*\d\d:\d\d\."))
        paused = served.services.cameras.get(camera.config.id).pause
        assert paused
        assert paused.until_us


async def dragged(page: Page, row: int, from_share: float, to_share: float) -> None:
    canvas = page.locator("canvas").first
    await expect(canvas).to_be_visible()  # a script shows it
    box = await canvas.bounding_box()
    assert box
    left, y = box["x"] + 28, box["y"] + 20 + 28 * row + 14
    wide = box["width"] - 28
    await page.mouse.move(left + wide * from_share, y)
    await page.mouse.down()
    await page.mouse.move(left + wide * to_share, y, steps=5)
    await page.mouse.up()


async def test_hours_are_dragged_and_typed(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        found = complaints(page)
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}")
        await page.get_by_role("link", name="Schedules").click()
        await dragged(page, 0, 0.25 + 0.001, 0.5 - 0.001)
        monday = page.locator("#record-mon")
        await expect(monday).to_have_value("06:00-12:00")
        await dragged(page, 0, 0.375 + 0.001, 0.4 - 0.001)  # from where it is chosen: cleared
        await expect(monday).to_have_value(re.compile(r"^06:00-09:00, 09:\d\d-12:00$"))
        await page.locator("#privacy-sun").fill("22:00-06:00")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_contain_text("Saved.")
        config = served.services.cameras.get(camera.config.id).config
        assert config.schedule
        assert config.schedule.ranges()["mon"][0] == "06:00-09:00"
        assert config.privacy_schedule
        assert config.privacy_schedule.ranges()["mon"] == ["00:00-06:00"]
        await expect(page.get_by_text("by schedule")).to_be_visible()
        assert found == []


async def test_dragging_over_one_day_keeps_what_was_typed_for_another(tmp_path: Path) -> None:
    """What cannot be read is refused when it is saved: the hours of privacy do not just vanish."""
    async with signed_in(tmp_path) as (served, page):
        found = complaints(page)
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}/schedules")
        await page.locator("#record-tue").fill("8-17")
        await page.locator("#record-wed").fill("08:00-12:00; 13:00-17:00")
        await dragged(page, 0, 0.25 + 0.001, 0.5 - 0.001)
        await expect(page.locator("#record-mon")).to_have_value("06:00-12:00")
        await expect(page.locator("#record-tue")).to_have_value("8-17")
        await expect(page.locator("#record-wed")).to_have_value("08:00-12:00, 13:00-17:00")
        assert found == []


async def test_hours_are_typed_without_scripts_and_errors_keep_what_was_typed(
    tmp_path: Path,
) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}/schedules")
        await page.locator("#record-tue").fill("8 to 5")
        await page.locator("#record-wed").fill("08:00-17:00")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#record-tue-error")).to_contain_text("Tue: '8 to 5'")
        await expect(page.locator("#record-wed")).to_have_value("08:00-17:00")
        await page.locator("#record-tue").fill("8:00-17:00")
        await page.get_by_role("button", name="Save").click()
        schedule = served.services.cameras.get(camera.config.id).config.schedule
        assert schedule
        assert schedule.ranges()["tue"] == ["08:00-17:00"]


async def test_events_stand_beside_the_time_line_and_lead_to_their_moment(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (served, page):
        found = complaints(page)
        camera = await demo(served)
        path = f"/api/cameras/{camera.config.id}/events"
        answer = await served.operator.post(path, json={"kind": "doorbell", "label": "A ring"})
        at = answer.json()["at"]
        await page.goto(f"/cameras/{camera.config.id}/footage")
        row = page.get_by_role("listitem").filter(has_text="A ring")
        await row.get_by_role("link").click()
        assert at in unquote(page.url)
        await expect(page.get_by_text("A ring")).to_be_visible()
        assert found == []


async def test_privacy_until_a_time_is_a_tap_without_scripts(tmp_path: Path) -> None:
    async with signed_in(tmp_path, scripts=False) as (served, page):
        camera = await demo(served)
        await page.goto(f"/cameras/{camera.config.id}")
        await page.get_by_text("Privacy for…").click()
        zone = served.services.stored_settings.zone
        end = datetime.now(zone) + timedelta(minutes=90)
        field = page.get_by_label("Privacy until")
        await field.fill(f"{end:%H:%M}")
        await field.press("Enter")
        await expect(page.get_by_role("status")).to_contain_text("The camera is paused")
        answer = await served.operator.get(f"/api/cameras/{camera.config.id}")
        until = datetime.fromisoformat(answer.json()["paused"]["until"])
        assert until == end.replace(second=0, microsecond=0)
        await expect(page.get_by_text(f"{end:%H:%M}").first).to_be_visible()
        await page.get_by_role("button", name="Switch on").click()
        await page.get_by_text("Privacy for…").click()
        await page.get_by_role("button", name="1 hour").click()
        answer = await served.operator.get(f"/api/cameras/{camera.config.id}")
        assert answer.json()["paused"]["until"]
