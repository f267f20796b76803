"""Cameras whose footage, of yesterday's noon, tells its time in every picture; in a browser."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import CDPSession, Page

from falconeye.accounts.model import Role
from falconeye.base.times import DAY_US, HOUR_US, SECOND_US, rfc3339
from falconeye.media.runs import RunEnd
from falconeye.media.samples import Codec, StreamKind
from tests.browser.browsers import chromium
from tests.clocked_footage import LARGE, SMALL, Piece, record
from tests.integration.api.conftest import Served, serve

# The codes of all pictures that are shown at one instant, by camera; null where there is none.
READ: Final = """
  window.readCode = (shown) => {
    const width = shown.videoWidth || shown.naturalWidth;
    const height = shown.videoHeight || shown.naturalHeight;
    if (!width) return null;
    window.paper ??= document.createElement('canvas')
      .getContext('2d', { willReadFrequently: true });
    const cell = width / 40;
    Object.assign(paper.canvas, { width, height: Math.ceil(2 * cell) });
    paper.drawImage(shown, 0, 0);
    const { data } = paper.getImageData(0, 0, width, paper.canvas.height);
    const middle = (index) => Math.floor((index + 0.5) * cell);
    const bright = (index, row) => data[4 * (middle(row) * width + middle(index)) + 1] > 128;
    let value = 0;
    for (let index = 0; index < 32; index += 1) {
      if (bright(index, 0) === bright(index, 1)) return null;
      value = value * 2 + bright(index, 0);
    }
    return value;
  };
  window.readAll = () => Object.fromEntries([...document.querySelectorAll('[data-api]')]
    .filter((tile) => tile.dataset.mode === 'video')
    .map((tile) => [tile.dataset.name, readCode(tile.querySelector('video'))]));"""
PHONE: Final[Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
OPTIONS: Final = {"name": "", "protocol": "demo", "start": False}


@dataclass(slots=True)
class ClockedCameras:
    """Cameras by name, and the instant at which their footage begins."""

    served: Served
    start_us: int
    ids: dict[str, str] = field(default_factory=dict, kw_only=True)

    async def add(self, name: str) -> str:
        """A camera that was added the day before its footage begins, and never connects."""
        answer = await self.served.admin.post("/api/cameras/", json={**OPTIONS, "name": name})
        camera_id = self.ids[name] = str(answer.json()["id"])
        data_dir = self.served.services.settings.data_dir
        earlier = self.start_us - 6 * HOUR_US
        await asyncio.to_thread(_back, data_dir / "falconeye.sqlite3", camera_id, earlier)
        await self.served.services.cameras.reload()
        return camera_id

    async def record(
        self,
        name: str,
        begin_s: int,
        seconds: int,
        *,
        kind: StreamKind = StreamKind.MAIN,
        size: tuple[int, int] = SMALL,
        codec: Codec = Codec.H264,
        recording: str | None = None,
    ) -> None:
        """One run of `seconds`, so long after the start."""
        camera_id, store = self.ids[name], self.served.footage
        begin_us = self.start_us + begin_s * SECOND_US
        run_id = store.begin_run(camera_id, kind, begin_us)
        piece = Piece(begin_us, seconds, 0, size, codec)
        ended = RunEnd.CAMERA_OFFLINE
        await record(store, camera_id, run_id, piece, kind=kind, run_end=ended, recording=recording)

    def at(self, seconds: float) -> str:
        """That moment, as addresses name it."""
        return rfc3339(self.start_us + int(seconds * SECOND_US))

    def code(self, seconds: float) -> int:
        """What a picture of that moment shows."""
        return (self.start_us + int(seconds * SECOND_US)) // 1000 % 2**32


@dataclass(slots=True)
class ClockedSite(ClockedCameras):
    """They, on a page of Chromium."""

    page: Page

    async def second(self) -> float:
        """The time line's moment, since the start."""
        value: Any = await self.page.evaluate(
            "() => 1e6 * document.querySelector('canvas').ariaValueNow"
            " + Number(document.querySelector('[data-footage], [data-many]').dataset.from)"
        )
        return (int(value) - self.start_us) / SECOND_US


def _back(database: Path, camera_id: str, created_us: int) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE cameras SET created_at_us = ? WHERE id = ?", (created_us, camera_id)
        )


def noon(served: Served, days_ago: int = 1) -> int:
    """Of that day, by UTC, in microseconds."""
    return (served.services.clock.utc_us() // DAY_US - days_ago) * DAY_US + DAY_US // 2


@asynccontextmanager
async def clocked_site(
    folder: Path,
    role: Role = Role.OPERATOR,
    *,
    ago_s: int | None = None,
    days_ago: int = 1,
    phone: bool = False,
) -> AsyncIterator[ClockedSite]:
    """Without a camera yet. `ago_s`: the footage begins so long ago instead, in whole seconds.

    `days_ago`: at noon of that day instead of yesterday's. `phone`: a small window with a touch
    screen.
    """
    async with AsyncExitStack() as stack:
        served = await serve(stack, folder)
        client = {Role.ADMIN: served.admin, Role.OPERATOR: served.operator}.get(role, served.viewer)
        browser = await stack.enter_async_context(chromium())
        headers = {"authorization": client.headers["authorization"]}
        context = await browser.new_context(
            base_url=served.url, extra_http_headers=headers, **(PHONE if phone else {})
        )
        page = await context.new_page()
        page.set_default_timeout(20_000)
        await page.add_init_script(READ)
        now_us = served.services.clock.utc_us() // SECOND_US * SECOND_US
        start_us = noon(served, days_ago) if ago_s is None else now_us - ago_s * SECOND_US
        yield ClockedSite(served, start_us, page)


async def with_three(site: ClockedSite) -> None:
    """Door has a small picture, Gate none and begins a second later, Yard has a hole."""
    for name in ("Door", "Gate", "Yard"):
        await site.add(name)
    await site.record("Door", 0, 60, size=LARGE)
    await site.record("Door", 0, 60, kind=StreamKind.SUB)
    await site.record("Gate", 1, 59)
    await site.record("Yard", 0, 30)
    await site.record("Yard", 45, 15)


class Touch:
    """Fingers on a page, as the browser's own input events."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    @classmethod
    async def on(cls, page: Page) -> "Touch":
        return cls(await page.context.new_cdp_session(page))

    async def down(self, *points: tuple[float, float]) -> None:
        await self._send("touchStart", points)

    async def move(self, *points: tuple[float, float]) -> None:
        await self._send("touchMove", points)

    async def up(self) -> None:
        await self._send("touchEnd", ())

    async def _send(self, kind: str, points: Sequence[tuple[float, float]]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        event = {"type": kind, "touchPoints": places}
        await self._session.send("Input.dispatchTouchEvent", event)
