"""A recorder to be killed, on the real clock: `python -m …recorder_process FOLDER SEGMENT_S`.

It hands samples over as they fall due and says so, a line each: what is in the pipe outlives it.
`3600` is the decode time of a picture that was handed over (90 kHz), `row 2` how many files have
their row committed.
"""

import asyncio
import os
import sys
import threading
import time
from pathlib import Path
from typing import cast

from falconeye.base.clock import SystemClock
from falconeye.hub.stream import StreamHub
from falconeye.media.samples import StreamKind, VideoSample
from tests.clock import FakeClock
from tests.unit.storage_footage.cameras import Camera, Pictures, Sound, in_time, pictures, sound
from tests.unit.storage_footage.footage import CAMERA, open_node

SYNC_INTERVAL_S = 2.0
_RECORDED_S = 40


class _RowsSaid(list[tuple[str, str, str]]):
    """The node's events; a file that was stored is said."""

    stored = 0

    def append(self, event: tuple[str, str, str]) -> None:
        super().append(event)
        if event[2] == "grown":
            self.stored += 1
            _say(b"row %d\n" % self.stored)


def _say(line: bytes) -> None:
    os.write(1, line)  # at once, and whole


def _feed(camera: Camera, video: Pictures, audio: Sound) -> None:
    camera.begin(video, audio)
    begun_us = time.monotonic_ns() // 1000
    waits = threading.Event()
    for sample in in_time(video, audio, _RECORDED_S, begun_us):
        waits.wait(max(0, sample.arrived_us - time.monotonic_ns() // 1000) / 1e6)
        if isinstance(sample, VideoSample):
            camera.hub.video(sample)
            _say(b"%d\n" % sample.dts_90k)
        else:
            camera.hub.audio(sample)


async def main() -> None:
    video, audio = pictures(), sound("aac")
    clock = cast("FakeClock", SystemClock())  # nothing here moves it
    node = await open_node(
        Path(sys.argv[1]), clock, sync_interval_s=SYNC_INTERVAL_S, events=_RowsSaid(),
        made_before=False,  # power may be cut: all of the database must be synced
    )  # fmt: skip
    hub = StreamHub(CAMERA, StreamKind.MAIN, asyncio.get_running_loop(), clock, node.budget)
    camera = Camera(node, hub, segment_s=int(sys.argv[2]))
    await asyncio.to_thread(_feed, camera, video, audio)


if __name__ == "__main__":
    asyncio.run(main())
