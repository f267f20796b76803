"""Stills of a stream that has ended."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from falconeye.base.errors import Unavailable
from falconeye.base.memory import MemoryBudget
from falconeye.hub.stream import StreamHub
from falconeye.live.snapshots import Snapshots
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from tests.browser.samples import picture
from tests.clock import FakeClock


async def test_the_last_picture_of_an_mjpeg_camera_outlives_its_stream(clock: FakeClock) -> None:
    hub = StreamHub(
        "cam", StreamKind.MAIN, asyncio.get_running_loop(), clock, MemoryBudget(1 << 20)
    )
    with ThreadPoolExecutor(1) as pool:
        stills = Snapshots(hub, pool)
        with pytest.raises(Unavailable):
            await stills.latest(None)
        hub.jpeg(picture(), clock.monotonic_us())
        taken_us = clock.utc_us()
        hub.end_run(RunEnd.CAMERA_OFFLINE, "gone")
        clock.advance(3600)
        assert await stills.latest(None) == (picture(), taken_us)
        small, at_us = await stills.latest(90)
        assert at_us == taken_us
        assert small[:2] == b"\xff\xd8"
        assert len(small) < len(picture())
        hub.forget_picture()
        with pytest.raises(Unavailable):
            await stills.latest(90)
