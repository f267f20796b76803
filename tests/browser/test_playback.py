"""Recorded footage in Chromium by hls.js: the picture that is shown tells its time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from falconeye.base.times import SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from tests.browser.browsers import chromium, needs_chromium
from tests.browser.test_pages import complaints
from tests.clocked_footage import (
    FRAME_US,
    HOLE_S,
    SEGMENT_S,
    Piece,
    begin,
    fragments_of,
    record,
    record_hole_and_change,
)
from tests.integration.api.conftest import Served, serve

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90), needs_chromium]

OPEN = """async ([id, from, to]) => {
  const base = document.querySelector('script[src*="/static/"]').src.replace(/vendor.*|[^/]*$/, '');
  const { open } = await import(base + 'playback.js');
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  try {
    window.playback = await open(video, id, from, to);
  } catch (error) {
    return error.message;
  }
  window.problems = [];
  window.playback.addEventListener('problem', (event) => window.problems.push(event.detail));
  window.barcode = () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    const cell = canvas.width / 40;
    const bright = (index, row) => {
      const at = [(index + 0.5) * cell, (row + 0.5) * cell];
      return context.getImageData(...at, 1, 1).data[1] > 128;
    };
    let value = 0;
    for (let index = 0; index < 32; index += 1) {
      if (bright(index, 0) === bright(index, 1)) return null;
      value = value * 2 + bright(index, 0);
    }
    return value;
  };
  if (video.readyState < 2) {
    await new Promise((done) => video.addEventListener('loadeddata', done, { once: true }));
  }
  return null;
}"""
# Goes there, waits for the picture (or gives up); what it shows and what is said of it.
SEEK = """async ([wall, code]) => {
  const went = window.playback.seekWall(wall);
  const until = performance.now() + 8000;
  while (window.barcode() !== code && performance.now() < until) {
    await new Promise((done) => requestAnimationFrame(done));
  }
  return { went, code: window.barcode(), said: window.playback.wallUs() };
}"""
KNOWN = """async (wall) => {
  while (!window.playback.find(wall)) {
    await new Promise((done) => window.playback.addEventListener('list', done, { once: true }));
  }
}"""
BEHIND = "(wall) => window.playback.seekWall(wall)"
PLAY_TO = """async (wall) => {
  const { video } = window.playback;
  await video.play();
  await new Promise((done) => video.addEventListener('timeupdate', () => {
    if (window.playback.wallUs() > wall) done();
  }));
  video.pause();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return { code: window.barcode(), said: window.playback.wallUs() };
}"""


@dataclass(slots=True)
class Shown:
    """A page with footage of ten minutes ago."""

    page: Page
    served: Served
    camera_id: str
    pieces: list[Piece]

    async def open(self, from_us: int, to_us: int) -> Any:
        return await self.page.evaluate(OPEN, [self.camera_id, from_us, to_us])

    async def seek(self, wall_us: int, shows_us: int | None = None) -> Any:
        shows_us = wall_us if shows_us is None else shows_us
        return await self.page.evaluate(SEEK, [wall_us, code_at(shows_us)])


@asynccontextmanager
async def shown(folder: Path) -> AsyncIterator[Shown]:
    async with AsyncExitStack() as stack:
        served = await serve(stack, folder)
        body = {"name": "Door", "protocol": "demo", "start": False}
        camera_id = (await served.admin.post("/api/cameras/", json=body)).json()["id"]
        now_us = served.services.clock.utc_us()
        start_us = now_us // SECOND_US * SECOND_US - 600 * SECOND_US
        pieces = await record_hole_and_change(served.footage, camera_id, start_us)
        browser = await stack.enter_async_context(chromium())
        context = await browser.new_context(
            base_url=served.url,
            extra_http_headers={"authorization": served.viewer.headers["authorization"]},
        )
        page = await context.new_page()
        await page.goto("/recordings")
        yield Shown(page, served, camera_id, pieces)


def end_of(pieces: list[Piece]) -> int:
    return pieces[-1].start_us + SEGMENT_S * SECOND_US


def code_at(wall_us: int) -> int:
    """What the picture of that moment shows; pieces begin at whole seconds."""
    return wall_us // FRAME_US * FRAME_US // 1000 % 2**32


async def test_a_moment_shows_its_picture(tmp_path: Path) -> None:
    async with shown(tmp_path) as site:
        said = complaints(site.page)
        pieces = site.pieces
        assert await site.open(pieces[0].start_us, end_of(pieces)) is None
        duration = await site.page.evaluate("window.playback.video.duration")
        assert duration == pytest.approx(4 * SEGMENT_S, abs=0.2)
        # From the last to the first: no stretch is entered at its beginning. (What lies less than
        # 0.1 s before loaded footage counts as loaded for hls.js, which then shows that.)
        moments = [
            piece.start_us + after_us
            for piece in reversed(pieces)
            for after_us in (5_850_000, 2_350_000, 4_050_000, 50_000)
        ]
        for wall_us in moments:
            found = await site.seek(wall_us)
            assert found["went"] == wall_us
            assert found["code"] == code_at(wall_us), (wall_us - pieces[0].start_us) / 1e6
            assert found["said"] == pytest.approx(wall_us, abs=3000)
        assert await site.page.evaluate("window.problems") == []
        assert said == []


async def test_a_hole_leads_to_the_next_footage_and_takes_no_time(tmp_path: Path) -> None:
    async with shown(tmp_path) as site:
        pieces = site.pieces
        assert await site.open(pieces[0].start_us, end_of(pieces)) is None
        hole_us = pieces[2].start_us - HOLE_S * SECOND_US // 2
        found = await site.seek(hole_us, pieces[2].start_us)
        assert found["went"] == pieces[2].start_us
        assert found["code"] == code_at(pieces[2].start_us)
        assert await site.page.evaluate(BEHIND, end_of(pieces) + SECOND_US) is None
        before_us = pieces[1].start_us + 5_450_000
        assert (await site.seek(before_us))["code"] == code_at(before_us)
        found = await site.page.evaluate(PLAY_TO, pieces[2].start_us + SECOND_US)
        shown_us = found["code"] - code_at(pieces[2].start_us)
        assert 0 <= shown_us <= 2500
        assert abs(found["said"] // 1000 % 2**32 - found["code"]) <= 2 * FRAME_US // 1000


async def test_footage_that_is_being_written_goes_on(tmp_path: Path) -> None:
    async with shown(tmp_path) as site:
        now_us = site.served.services.clock.utc_us() // SECOND_US * SECOND_US
        store = site.served.footage
        run_id = store.begin_run(site.camera_id, StreamKind.MAIN, now_us)
        piece = Piece(now_us, 16, 0)
        writer = begin(store, site.camera_id, run_id, piece)
        fragments = list(fragments_of(piece))
        for fragment in fragments[:20]:  # 10 s: four whole GOPs, and one of which more may come
            assert writer.append(fragment) is Accepted.YES
        async with asyncio.timeout(5):
            while len(writer.written.fragments) < 20:  # noqa: ASYNC110 - another thread's work
                await asyncio.sleep(0.01)
        assert await site.open(now_us, now_us + 3600 * SECOND_US) is None
        moment_us = now_us + 2_350_000
        assert (await site.seek(moment_us))["code"] == code_at(moment_us)
        later_us = now_us + 10_350_000
        assert await site.page.evaluate(BEHIND, later_us) is None
        for fragment in fragments[20:]:
            assert writer.append(fragment) is Accepted.YES
        await site.page.evaluate(KNOWN, later_us)
        assert (await site.seek(later_us))["code"] == code_at(later_us)
        writer.close(SegmentEnd(now_us + 16 * SECOND_US))
        assert await store.flush(5)


async def test_where_nothing_was_recorded_it_says_so(tmp_path: Path) -> None:
    async with shown(tmp_path) as site:
        from_us = site.pieces[0].start_us - 7200 * SECOND_US
        words = await site.open(from_us, from_us + 3600 * SECOND_US)
        assert words == "Nothing was recorded in this time"


# Plays on from there, and tells of each picture that is shown its bar code and what is said of it.
PLAY_ALL = """async ([from, count]) => {
  const { playback, barcode } = window;
  const { video } = playback;
  playback.seekWall(from);
  await new Promise((done) => video.addEventListener('seeked', done, { once: true }));
  const seen = [];
  const all = new Promise((done) => {
    const look = (_, { mediaTime }) => {
      seen.push([barcode(), playback.wallUs(mediaTime)]);
      if (seen.length < count && !video.ended) video.requestVideoFrameCallback(look);
      else done();
    };
    video.requestVideoFrameCallback(look);
  });
  await video.play();
  await all;
  video.pause();
  return seen;
}"""
TWICE_S, AGAIN_US = 16, 10_050_000  # how long each run is; when the second begins, off the grid


async def test_a_time_that_was_recorded_twice_is_played_twice(tmp_path: Path) -> None:
    """The clock was set back: first all of the run before, then all of the one after."""
    async with shown(tmp_path) as site:
        store = site.served.footage
        start_us = site.pieces[0].start_us - 3600 * SECOND_US
        runs = (Piece(start_us, TWICE_S, 0), Piece(start_us + AGAIN_US, TWICE_S, 0))
        for piece, reason in zip(runs, (RunEnd.CLOCK_CHANGED, RunEnd.CAMERA_OFFLINE), strict=True):
            run = store.begin_run(site.camera_id, StreamKind.MAIN, piece.start_us)
            await record(store, site.camera_id, run, piece, run_end=reason)
        end_us = start_us + TWICE_S * SECOND_US
        assert await site.open(start_us, end_us + 60 * SECOND_US) is None
        duration = await site.page.evaluate("window.playback.video.duration")
        assert duration == pytest.approx(2 * TWICE_S, abs=0.2)
        # A moment of it is that of the first time, from wherever one comes.
        late_us = start_us + AGAIN_US + (TWICE_S - 1) * SECOND_US + 300_000
        for wall_us in (end_us - 2_350_000, late_us, start_us + 12_450_000):
            code = _code(_shown_at(runs, wall_us))
            found = await site.page.evaluate(SEEK, [wall_us, code])
            assert (found["went"], found["code"]) == (wall_us, code)
        pictures = (TWICE_S - 12 + 5) * 10
        seen = await site.page.evaluate(PLAY_ALL, [start_us + 12_050_000, pictures])
        assert all(abs(said // 1000 % 2**32 - code) <= 3 for code, said in seen)
        said = [round((wall_us - start_us) / 1e6, 2) for _code_, wall_us in seen]
        turn = next(at for at, second in enumerate(said) if second < said[at - 1] and at)
        assert TWICE_S - 0.5 < said[turn - 1] < TWICE_S
        assert AGAIN_US / 1e6 <= said[turn] < AGAIN_US / 1e6 + 0.5
        for stretch in (said[:turn], said[turn:]):
            assert stretch == sorted(stretch)
            assert all(after - before < 0.5 for before, after in pairwise(stretch))
        assert said[-1] > 14
        assert await site.page.evaluate("window.problems") == []


def _shown_at(runs: tuple[Piece, ...], wall_us: int) -> int:
    """The moment of the picture that is shown then: of the first run that has it."""
    piece = next(
        one for one in runs if one.start_us <= wall_us < one.start_us + TWICE_S * SECOND_US
    )
    return piece.start_us + (wall_us - piece.start_us) // FRAME_US * FRAME_US


def _code(picture_us: int) -> int:
    return picture_us // 1000 % 2**32
