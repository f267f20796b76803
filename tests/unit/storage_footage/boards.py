"""A board whose clock is wrong until NTP sets it: storage, ledger and a camera."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from falconeye.hub.stream import StreamHub
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.checks.check import check
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading.timeline import Timeline, Timelines
from falconeye.storage.segments.recovery import recover
from falconeye.storage.segments.redating import Redater
from falconeye.storage.tables.footage import segments
from tests.clock import FakeClock
from tests.unit.storage_footage.cameras import Camera, in_time, pictures
from tests.unit.storage_footage.footage import CAMERA, Node, open_node, rows

BOOT = "boot-1"


@dataclass
class Board:
    """One process of a node; `ntp` says whether NTP keeps the clock."""

    node: Node
    ledger: Ledger
    redater: Redater
    ntp: list[bool]
    played_s: int = 0
    camera: Camera | None = None
    _from_us: int = 0

    async def record(self, seconds: int, *, note: bool = True) -> None:
        """The camera delivers for so long; it begins a connection where it has none."""
        clock, video = self.node.clock, pictures()
        if self.camera is None:
            loop = asyncio.get_running_loop()
            hub = StreamHub(CAMERA, StreamKind.MAIN, loop, clock, self.node.budget)
            self.camera = Camera(self.node, hub, segment_s=2)
            self.camera.begin(video)
            self._from_us, self.played_s = clock.monotonic_us(), 0
            if note:
                self.ledger.note(CAMERA, None)
        first_us = self._from_us + self.played_s * 1_000_000
        samples = in_time(video, None, self.played_s + seconds, self._from_us)
        self.camera.play([sample for sample in samples if sample.arrived_us >= first_us])
        self.played_s += seconds
        clock.advance((first_us + seconds * 1_000_000 - clock.monotonic_us()) / 1e6)
        await self.ledger.round()

    async def set_clock(self, seconds: float, *, ntp: bool = True) -> None:
        self.node.clock.step_utc(seconds)
        self.ntp[0] = ntp
        await self.ledger.round()

    async def end(self) -> None:
        """The camera goes away; all is in the index."""
        assert self.camera is not None
        self.camera.hub.end_run(RunEnd.CAMERA_OFFLINE, "")
        self.camera = None
        assert await self.node.store.flush(5)

    async def timeline(self, from_us: int, to_us: int) -> Timeline:
        timelines = Timelines(self.node.database, self.node.store, self.ledger, self.node.clock)
        return await timelines.read(CAMERA, from_us, to_us)

    async def stop(self) -> None:
        await self.ledger.stop()
        await self.node.stop()

    async def crash(self) -> None:
        """What is not stored is lost; files stay open in the index."""
        await self.node.stop()


async def boot(
    folder: Path, clock: FakeClock, *, ntp: bool = False, name: str = BOOT, recovers: bool = True
) -> Board:
    """Start the node's process, as `Footage.open` does."""
    told = [ntp]
    node = await open_node(folder, clock, boot=name, is_synchronised=lambda: told[0])
    assert node.clocks is not None
    ledger = Ledger(node.database, clock, node.clocks)
    redater = Redater(node.database, node.volumes, node.deleter, ledger, node.clocks, clock)
    if recovers:
        await recover(node.database, node.volumes, node.store, node_name="pi-1")
    return Board(node, ledger, redater, told)


async def segments_of(node: Node) -> list[Row[Any]]:
    return sorted(
        await rows(node, segments), key=lambda row: row.run_id * 10**9 + row.media_offset_90k
    )


def times(found: Sequence[Row[Any]]) -> list[tuple[int, int, int]]:
    """(named start, start, run) of each."""
    return [(row.start_us + row.named_offset_us, row.start_us, row.run_id) for row in found]


def overlaps(found: Sequence[Row[Any]]) -> list[int]:
    """By how much segments claim the time of the next one."""
    ordered = sorted(found, key=lambda row: row.start_us)
    ends = [row.start_us + row.wall_duration_us for row in ordered]
    return [
        end - after.start_us
        for end, after in zip(ends, ordered[1:], strict=False)
        if end > after.start_us
    ]


async def problems(node: Node) -> list[object]:
    return list((await check(node.database, node.volumes)).problems)
