"""Real streams through the whole node: added, seen in Chromium, recorded, played by others."""

import asyncio
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.browsers import chromium, needs_chromium
from tests.end_to_end.players import decodes, download, gstreamer_plays, probe
from tests.nodes import PASSWORD, RunningNode, running_node
from tests.peers.gst_rtsp import GstRtspServer, skip_without_gst

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.browser,
    pytest.mark.rtsp,
    needs_chromium,
]


async def set_up(node: RunningNode, page: Page) -> None:
    """Open the set-up link and fill its one form."""
    await page.goto(node.setup_link)
    await page.fill("#password", PASSWORD)
    await page.click("button.primary")
    await page.wait_for_url(f"{node.url}/")


async def moves(page: Page, limit_s: float = 15.0) -> None:
    """A video of the page shows pictures that change."""
    script = """() => [...document.querySelectorAll('video')].map(v => [v.videoWidth,
        v.getVideoPlaybackQuality().totalVideoFrames])"""
    async with asyncio.timeout(limit_s):
        while not any(width and frames > 5 for width, frames in await page.evaluate(script)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def plays_in_page(page: Page, url: str) -> float:
    """The recording's page plays it in `<video>`; the duration that it shows."""
    await page.goto(url)
    script = """async () => {
        const video = document.querySelector('video');
        video.muted = true;
        await video.play();
        await new Promise(done => video.addEventListener('timeupdate',
            () => video.currentTime > 0.5 && done()));
        return video.duration;
    }"""
    duration: float = await page.evaluate(script)
    return duration


async def recorded(node: RunningNode, camera_id: str) -> dict[str, Any]:
    """Record some seconds, stop, and give the recording."""
    status = f"/api/cameras/{camera_id}/recording/status"
    await node.until(status, lambda r: r["status"] == "recording")
    folder = node.media_dir / camera_id

    def fragments() -> int:
        return sum(path.read_bytes().count(b"moof") for path in folder.rglob("*.mp4"))

    async with asyncio.timeout(30):
        while await asyncio.to_thread(fragments) < 10:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.1)
    answer = await node.client.post(f"/api/cameras/{camera_id}/recording/stop")
    assert answer.status_code == 200, answer.text
    listed = await node.until(
        f"/api/recordings/?camera_id={camera_id}",
        lambda r: r["recordings"] and r["recordings"][0]["status"] == "completed",
    )
    found: dict[str, Any] = listed["recordings"][0]
    return found


async def judge(
    node: RunningNode, recording: dict[str, Any], path: Path, began: float, codecs: set[str]
) -> None:
    """ffprobe, ffmpeg and GStreamer agree with the index on what, how long and since when."""
    await download(node, recording["id"], path)
    facts = await probe(path)
    assert {stream["codec_name"] for stream in facts["streams"]} == codecs
    video = next(s for s in facts["streams"] if s["codec_type"] == "video")
    assert float(video["duration"]) == pytest.approx(recording["duration_seconds"], abs=0.05)
    assert recording["duration_seconds"] > 3
    start = datetime.fromisoformat(recording["start_time"])
    assert abs(start.timestamp() - began) < 5
    assert start.tzinfo == UTC or start.utcoffset() is not None
    await decodes(path)
    await gstreamer_plays(path)


@pytest.mark.parametrize(
    ("mount", "codecs"),
    [("h264-aac", {"h264", "aac"}), ("h264-pcmu", {"h264", "aac"})],
)
async def test_h264_with_sound(mount: str, codecs: set[str], tmp_path: Path) -> None:
    skip_without_gst()
    with GstRtspServer() as server:
        async with running_node(tmp_path) as node, chromium() as browser:
            page = await (await browser.new_context()).new_page()
            await set_up(node, page)
            began = time.time()
            camera = await node.add("Door", server.url(mount))
            await page.goto(f"{node.url}/cameras/{camera}")
            await moves(page)
            recording = await recorded(node, camera)
            await judge(node, recording, tmp_path / "out.mp4", began, codecs)
            shown = await plays_in_page(page, f"{node.url}/recordings/{recording['id']}")
            assert shown == pytest.approx(recording["duration_seconds"], abs=0.3)


async def test_hevc_is_recorded_and_seen_as_a_still_with_a_hint(tmp_path: Path) -> None:
    skip_without_gst()
    with GstRtspServer() as server:
        async with running_node(tmp_path) as node, chromium() as browser:
            page = await (await browser.new_context()).new_page()
            await set_up(node, page)
            began = time.time()
            camera = await node.add("Door", server.url("hevc"))
            await page.goto(f"{node.url}/cameras/{camera}")
            player = page.locator("[data-player]").first
            async with asyncio.timeout(20):
                while await player.get_attribute("data-state") != "stills":  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            await page.get_by_text(re.compile("cannot play HEVC")).first.wait_for()
            width = await page.evaluate(
                "() => Math.max(...[...document.querySelectorAll('[data-player] img')]"
                ".map(i => i.naturalWidth))"
            )
            assert width > 100
            recording = await recorded(node, camera)
            await judge(node, recording, tmp_path / "out.mp4", began, {"hevc"})


async def test_hevc_with_an_h264_substream_is_seen_live(tmp_path: Path) -> None:
    skip_without_gst()
    with GstRtspServer() as server:
        async with running_node(tmp_path) as node, chromium() as browser:
            page = await (await browser.new_context()).new_page()
            await set_up(node, page)
            camera = await node.add("Door", server.url("hevc"), sub_url=server.url("sub"))
            await page.goto(f"{node.url}/cameras/{camera}")  # the substream comes later
            await moves(page, 25)
            player = page.locator("[data-player]").first
            assert await player.get_attribute("data-stream") == "sub"


async def test_first_run_shows_a_moving_picture(tmp_path: Path) -> None:
    """Done when: set-up link, one form, a moving picture (here without the 10 s: see bench)."""
    node = RunningNode(tmp_path, "--demo")
    async with chromium() as browser:
        page = await (await browser.new_context()).new_page()
        await node.start()
        try:
            node.setup_link = (await node.line(r"(http://\S+/setup/\S+)")).group(1)
            await set_up(node, page)
            await moves(page)
        finally:
            await node.stop()


async def test_added_by_the_page(tmp_path: Path) -> None:
    """Test shows a picture before saving; saving starts the recording."""
    skip_without_gst()
    with GstRtspServer() as server:
        async with running_node(tmp_path) as node, chromium() as browser:
            page = await (await browser.new_context()).new_page()
            await set_up(node, page)
            await page.goto(f"{node.url}/cameras/add")
            await page.fill("[name=name]", "Yard")
            await page.fill("[name=source_url]", server.url("h264-aac"))
            await page.click("summary >> text=Advanced")
            await page.check("[name=allow_local]")
            await page.click("button >> text=Test")
            await page.wait_for_selector("img[src^='data:image/jpeg']", timeout=25_000)
            assert re.search(r"a day", await page.inner_text("main"))
            await page.click("button.primary")
            await page.wait_for_url(re.compile(r"/cameras/[0-9a-f-]{36}\?"))
            await moves(page)
            camera_id = page.url.rpartition("/")[2].partition("?")[0]
            await node.until(
                f"/api/cameras/{camera_id}/recording/status", lambda r: r["status"] == "recording"
            )
