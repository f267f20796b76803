"""Footage that moves to another disk while a browser plays it."""

import asyncio
from pathlib import Path

import pytest

from falconeye.base.times import SECOND_US
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.volumes.volume_facts import Role
from falconeye.storage.volumes.volumes import adopt
from tests.browser.browsers import needs_chromium
from tests.browser.test_playback import PLAY_TO, code_at, shown
from tests.clocked_footage import Piece, record

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120), needs_chromium]
PIECE_S, PIECES = 10, 12
COUNT_WAITS = """() => {
  window.waits = 0;
  window.playback.video.addEventListener('waiting', () => { window.waits += 1; });
}"""


async def test_a_move_does_not_interrupt_what_is_played(tmp_path: Path) -> None:
    async with shown(tmp_path) as site:
        services, store = site.served.services, site.served.footage
        start_us = site.pieces[0].start_us - 3600 * SECOND_US
        run = store.begin_run(site.camera_id, StreamKind.MAIN, start_us)
        for number in range(PIECES):
            piece = Piece(start_us + number * PIECE_S * SECOND_US, PIECE_S, number * PIECE_S)
            is_last = number == PIECES - 1
            ends = RunEnd.STOPPED_BY_USER if is_last else None
            await record(store, site.camera_id, run, piece, run_end=ends)
        end_us = start_us + PIECES * PIECE_S * SECOND_US
        assert await site.open(start_us, end_us) is None
        await site.page.evaluate(COUNT_WAITS)
        playing = asyncio.create_task(
            site.page.evaluate(PLAY_TO, start_us + 3 * SECOND_US), name="playing"
        )
        # The first disk is to be emptied: all moves, while the page plays.
        await adopt(
            services.storage.changes._database,
            tmp_path / "archive",
            services.clock.utc_us(),
            Role.ARCHIVE,
        )
        await services.volumes.reload()
        first, archive = services.volumes.all
        first.role = Role.LEAVING
        while await services.storage.mover.enforce():
            pass
        first.role = Role.RECORD
        await store._deleter.empty_garbage()
        assert not list(first.path.rglob("*.mp4"))
        assert len(list(archive.path.rglob("*.mp4"))) == PIECES + len(site.pieces)
        found = await playing
        assert found["code"] is not None
        assert await site.page.evaluate("window.waits") == 0
        asked: list[str] = []
        site.page.on("request", lambda request: asked.append(request.url))
        for after_s in (100, 45, 81):  # what was not loaded before the move
            wall_us = start_us + after_s * SECOND_US + 350_000
            assert (await site.seek(wall_us))["code"] == code_at(wall_us)
        assert asked
        assert await site.page.evaluate("window.problems") == []
        found = await site.page.evaluate(PLAY_TO, start_us + 84 * SECOND_US)
        assert found["said"] > start_us + 84 * SECOND_US
