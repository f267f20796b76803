"""The page of jobs in Chromium: progress, cancel and pause, with and without scripts."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from falconeye.base.times import SECOND_US, rfc3339
from falconeye.storage.export.export import Exports
from tests.browser.browsers import needs_chromium
from tests.browser.test_pages import complaints
from tests.browser.test_site import signed_in
from tests.integration.api.test_jobs import leaving
from tests.integration.api.test_storage import with_footage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]


async def test_an_export_shows_how_far_it_is_and_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: asyncio.Queue[float | None] = asyncio.Queue()
    real = Exports.make

    async def held(
        exports: Exports, job_id: str, request: Any, report: Callable[[float], None], spared: Any
    ) -> Any:
        while (share := await reports.get()) is not None:
            report(share)
        return await real(exports, job_id, request, report, spared)

    monkeypatch.setattr(Exports, "make", held)
    async with signed_in(tmp_path) as (served, page):
        camera_id, start_us = await with_footage(served)
        found = complaints(page)
        span = f"from={rfc3339(start_us)}&to={rfc3339(start_us + 3 * SECOND_US)}"
        await page.goto(f"/exports?camera={camera_id}&{span}")
        await page.get_by_role("button", name="Export", exact=True).click()
        row = page.get_by_role("listitem").filter(has_text="Door")
        progress, cancel = row.get_by_role("progressbar"), row.get_by_role("button", name="Cancel")
        await page.evaluate("window.isTheSamePage = true")
        for share in (0.25, 0.75):
            reports.put_nowait(share)
            await expect(row.get_by_text(f"{share:.0%}".replace("%", " %"))).to_be_visible()
            await expect(progress).to_have_js_property("value", 100 * share)
            await cancel.focus()  # and so it stays when the rows come again
        await expect(progress).to_have_accessible_name("Door export, anna")
        await expect(cancel).to_have_accessible_description("Door export, anna")
        await expect(cancel).to_be_focused()
        assert await page.evaluate("window.isTheSamePage")
        await cancel.press("Enter")
        await expect(row.get_by_text("cancelled")).to_be_visible()
        reports.put_nowait(None)
        await row.get_by_role("button", name="Try again").click()
        await expect(row.get_by_role("link", name="Download")).to_be_visible()
        await row.get_by_role("link", name="Delete").click()
        await expect(page.get_by_role("heading", name="Delete this export?")).to_be_visible()
        await page.get_by_role("link", name="Cancel").click()
        await expect(row.get_by_role("link", name="Download")).to_be_visible()
        assert found == []


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_move_is_paused_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, scripts: bool
) -> None:
    monkeypatch.setattr("falconeye.storage.footage.ROUND_S", 3600.0)
    async with signed_in(tmp_path, scripts=scripts) as (served, page):
        source = await leaving(served, tmp_path)
        await page.get_by_role("link", name="Jobs").click()
        row = page.get_by_role("listitem").filter(has_text=f"Moves footage off {source.path}")
        await row.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("status").filter(has_text="It is paused.")).to_be_visible()
        await expect(row).to_contain_text("anna")
        await expect(row).to_contain_text("on a full disk the oldest footage is deleted")
        await row.get_by_role("link", name="Storage").click()
        await expect(page.get_by_text("is paused by anna, also over a restart")).to_be_visible()
        await page.get_by_role("main").get_by_role("link", name="Jobs").click()
        await row.get_by_role("button", name="Go on").click()
        while not scripts and not await row.get_by_text("done").is_visible():
            await page.reload()
        await expect(row.get_by_text("done")).to_be_visible()
        await served.footage._deleter.empty_garbage()
        assert not list(source.path.rglob("*.mp4"))
        assert list((tmp_path / "other").rglob("*.mp4"))
