"""A whole node with cameras of every kind and mood, to look at and to test."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from playwright.async_api import Page

from falconeye.storage.volumes.volume import JOURNAL_FILE
from tests.nodes import PASSWORD, RunningNode, running_node
from tests.peers.media_samples import audio_clip, video_clip
from tests.peers.mjpeg_http import MjpegServer
from tests.peers.replay_rtsp import ReplayServer

USER: Final = "anna"
LONG_NAME: Final = "Warehouse north, entrance with the loading ramp and the bicycle stand"
IMPORTED: Final = 70


@dataclass(slots=True)
class Peers:
    """The cameras' side."""

    rtsp: ReplayServer
    mjpeg: MjpegServer


@dataclass(slots=True)
class Site:
    """A node, its cameras' servers and the cameras' ids by name."""

    node: RunningNode
    peers: Peers
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)

    async def add(self, name: str, url: str, **fields: object) -> str:
        """A camera by the API."""
        self.ids[name] = await self.node.add(name, url, **fields)
        return self.ids[name]

    async def add_every_kind(self) -> None:
        """Nine cameras; those that can are online when it returns."""
        rtsp = self.peers.rtsp
        await self.add("Front door", rtsp.url("door"), location="Ground floor")
        await self.add("Yard", rtsp.url("yard"))
        await self.add("Parking", rtsp.url("parking"), sub_url=rtsp.url("parking-small"))
        await self.add("Workshop", self.peers.mjpeg.url(), protocol="http")
        await self.add("Garage", rtsp.url("garage"), username="admin", password="wrong")
        await self.add("Gate", "rtsp://127.0.0.1:9/stream1")
        await self.add("Stairs, second floor", rtsp.url("stairs"), start=False)
        await self.add(LONG_NAME, "demo:", protocol="demo")
        await self.add("Lobby", rtsp.url("lobby"), record="manual")
        for name in ("Front door", "Yard", "Parking", "Workshop", LONG_NAME, "Lobby"):
            await self.online(name)
        await self.node.until(
            f"/api/cameras/{self.ids['Garage']}", lambda it: it["status"] == "error"
        )

    async def online(self, name: str) -> None:
        await self.node.until(f"/api/cameras/{self.ids[name]}", lambda it: bool(it["online"]))

    async def finished_recording(self, name: str) -> str:
        """Stop what that camera records; the id of what was made."""
        path = f"/api/cameras/{self.ids[name]}/recording"
        recording = await self.node.until(f"{path}/status", lambda it: it["status"] != "idle")
        made = f"/api/recordings/{recording['recording_id']}"
        await self.node.client.post(f"{path}/stop")
        await self.node.until(
            made, lambda it: it["status"] != "recording" and it["file_size_bytes"]
        )
        return str(recording["recording_id"])

    async def interrupt(self, name: str, mount: str) -> None:
        """Two holes in what that camera records: it leaves for a moment, then it falls silent."""
        faults = self.peers.rtsp.cameras[mount].faults
        path = f"/api/cameras/{self.ids[name]}"
        for fault in ("cut", "silent"):
            setattr(faults, fault, True)
            await self.node.until(path, lambda it: not it["online"])
            setattr(faults, fault, False)
            await self.node.until(path, lambda it: bool(it["online"]))

    async def start_recording(self, name: str) -> None:
        answer = await self.node.client.post(f"/api/cameras/{self.ids[name]}/recording/start")
        assert answer.status_code == 200, answer.text

    async def pause(self, name: str) -> None:
        """Privacy, for some hours."""
        until = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
        path = f"/api/cameras/{self.ids[name]}/privacy"
        answer = await self.node.client.post(path, json={"until": until})
        assert answer.status_code == 200, answer.text

    async def recording_now(self, name: str) -> str:
        """The id of what that camera records."""
        path = f"/api/cameras/{self.ids[name]}/recording/status"
        return str((await self.node.until(path, lambda it: it["status"] != "idle"))["recording_id"])

    async def import_recordings(self, source_id: str, count: int = IMPORTED) -> None:
        """So many recordings of hours past, each a copy of one that this node made."""
        answer = await self.node.client.get(f"/api/recordings/{source_id}/download")
        assert answer.status_code == 200, answer.text
        file = self.folder / "imports" / "hour.mp4"
        await asyncio.to_thread(file.write_bytes, answer.content)
        names = ["Front door", "Parking", LONG_NAME]
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        for number in range(count):
            name = names[number % len(names)]
            start = now - timedelta(hours=1 + number // len(names))
            body = {
                "camera_id": self.ids[name],
                "camera_name": name,
                "file_path": str(file),
                "start_time": start.isoformat(),
                "end_time": (start + timedelta(hours=1)).isoformat(),
                "status": "failed" if number == 5 else "completed",
            }
            if number == 5:
                body["error_message"] = "the disk was full"
            made = await self.node.client.post("/api/recordings/", json=body)
            assert made.status_code == 201, made.text

    async def set_up(self, page: Page) -> None:
        """Make the first account by the form of the set-up link."""
        await page.goto(self.node.setup_link)
        await page.get_by_label("Your name").fill(USER)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Create account").click()
        await page.wait_for_url(self.node.url + "/")

    async def sign_in(self, page: Page, name: str = USER) -> None:
        await page.goto(self.node.url + "/login")
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(self.node.url + "/")


def _cameras(rtsp: ReplayServer) -> None:
    now_us = int(datetime.now(UTC).timestamp()) * 1_000_000
    clip = partial(video_clip, fps=15, gop=30, start_us=now_us)
    large = clip(width=1280, height=720, bit_rate=1_500_000)
    small = clip(width=640, height=368, bit_rate=400_000)
    hevc = clip("hevc", width=640, height=368, bit_rate=500_000)
    rtsp.add("door", video=large, audio=audio_clip())
    rtsp.add("yard", video=hevc)
    rtsp.add("parking", video=hevc)
    rtsp.add("parking-small", video=small)
    rtsp.add("garage", video=small, login="digest")
    rtsp.add("stairs", video=small)
    rtsp.add("lobby", video=small, audio=audio_clip())


def _corrected_clock(media: Path) -> None:
    """As if the machine had been 92 days behind until NTP set its clock, a while from now."""
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    minute_us = 60_000_000
    correction = {
        "boot": "another+0", "offset_us": 0, "shift_us": 92 * 1440 * minute_us + 7 * minute_us,
        "from_us": now_us - 2 * minute_us, "to_us": now_us + 2 * minute_us,
    }  # fmt: skip
    media.mkdir()
    (media / JOURNAL_FILE).write_text(json.dumps({"v": 1, "corrections": [correction]}))


@asynccontextmanager
async def running_site(folder: Path) -> AsyncIterator[Site]:
    """The node without a camera or an account; `add_every_kind` and `set_up` fill it."""
    (folder / "imports").mkdir(parents=True)
    os.environ["FALCONEYE_IMPORT_ROOT"] = str(folder / "imports")
    try:
        with ExitStack() as stack:
            rtsp = stack.enter_context(ReplayServer())
            await asyncio.to_thread(_cameras, rtsp)
            await asyncio.to_thread(_corrected_clock, folder / "media")
            mjpeg = stack.enter_context(MjpegServer(fps=5))
            async with running_node(folder) as node:
                yield Site(node, Peers(rtsp, mjpeg), folder)
    finally:
        del os.environ["FALCONEYE_IMPORT_ROOT"]
