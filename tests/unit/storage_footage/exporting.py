"""Exports of real footage, and what ffmpeg says of them."""

import asyncio
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av

from falconeye.media.fragments import InitSegment
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.sources.demo_picture import read_barcode
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_result import Export, ExportRequest
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.segments.segments import Accepted, SegmentEnd
from tests.clock import START_US
from tests.peers.programs import program
from tests.unit.storage_footage.footage import CAMERA, GOP_90K, GOP_US, Node, segment_fragments

JOB = "5d0e7b8a-2f3c-4f27-9d2e-7f0f5e0a1b11"
ZONE = ZoneInfo("Europe/Vienna")


def ignore(_share: float) -> None:
    """Progress that nobody looks at."""


def order(from_s: float, to_s: float, *cameras: tuple[str, str]) -> ExportRequest:
    """Seconds from the start of the footage; of the one camera, or of these (id, name)."""
    return between(START_US + round(from_s * 1e6), START_US + round(to_s * 1e6), *cameras)


def between(from_us: int, to_us: int, *cameras: tuple[str, str]) -> ExportRequest:
    """The same in UTC."""
    of = cameras or ((CAMERA, "Front door"),)
    orders = tuple(ExportOrder(number, name, from_us, to_us) for number, name in of)
    return ExportRequest(orders, "anna", START_US)


def open_exports(node: Node) -> Exports:
    ledger = Ledger(node.database, node.clock)
    timelines = Timelines(node.database, node.store, ledger, node.clock)
    return Exports(
        node.database,
        node.volumes,
        node.store,
        timelines,
        node.deleter,
        node.clock,
        node_name="pi-1",
        zone=lambda: ZONE,
    )


async def footage(node: Node, *, hole_s: int = 0, gops: tuple[int, int, int] = (3, 2, 2)) -> None:
    """Two segments of one run, a hole, a segment of another run; the clock is past all of it."""
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, START_US)
    offset = 7 * GOP_90K + 12_345  # what is exported begins within the run
    at = await node.record(run, START_US, gops=gops[0], offset_90k=offset)
    second = offset + gops[0] * GOP_90K
    end = RunEnd.CAMERA_OFFLINE
    at = await node.record(run, at, gops=gops[1], offset_90k=second, run_end=end)
    at += hole_s * GOP_US
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, at)
    at = await node.record(run, at, gops=gops[2])
    node.clock.advance((at - START_US) / GOP_US + 60)


async def record_with(node: Node, start_us: int, init: InitSegment, gops: int = 2) -> int:
    """A run of another format; the wall time of its end."""
    run = node.store.begin_run(CAMERA, StreamKind.MAIN, start_us)
    writer = node.store.create(node.start(run, start_us, init=init))
    for fragment in segment_fragments(gops, audio=init.audio is not None):
        assert writer.append(fragment) is Accepted.YES
    writer.close(SegmentEnd(start_us + gops * GOP_US))
    assert await node.store.flush(5)
    return start_us + gops * GOP_US


def path_of(node: Node, made: Export) -> Path:
    return node.media_dir / "exports" / JOB / made.file_name


def sidecar_of(node: Node, made: Export) -> Any:
    return json.loads((node.media_dir / "exports" / JOB / made.sidecar_name).read_bytes())


async def run(name: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        program(name), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def probe(path: Path) -> Any:
    return json.loads(
        await run(
            "ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", str(path)
        )
    )


async def decodes(path: Path) -> None:
    """Without a word."""
    arguments = ("-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-")
    assert await run("ffmpeg", *arguments) == ""


def barcodes(path: Path) -> list[tuple[float, int | None]]:
    """(second, number) of each picture that is shown."""
    with av.open(path) as container:
        return [
            (
                round(float(frame.time or 0), 4),
                read_barcode(bytes(frame.planes[0]), frame.planes[0].line_size, frame.width),
            )
            for frame in container.decode(video=0)
        ]
