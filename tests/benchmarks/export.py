"""An export against `ffmpeg -c copy` of the same files, side by side."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

from falconeye.base.clock import SystemClock
from falconeye.base.times import SECOND_US
from falconeye.config.settings import NodeSettings
from falconeye.storage.export.export import Exports
from falconeye.storage.export.export_layout import ExportOrder
from falconeye.storage.export.export_result import ExportRequest
from falconeye.storage.footage import Footage
from falconeye.storage.index.database import Database
from tests.benchmarks import clips, recorded
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.recorded import CAMERA, SEGMENT_S, START_US

NAME = "export"
_JOB = "job-1"


def measure(plan: Plan) -> Result:
    """Half an hour of 1080p25 at 4 Mb/s with sound."""
    result = Result(NAME, "Export of one camera beside `ffmpeg -c copy` of the same files")
    segments = int(plan.seconds(32, 4))
    folder = Path(tempfile.mkdtemp(prefix="falconeye-benchmark-"))
    try:
        asyncio.run(_measure(result, folder, segments, plan.runs(5)))
    finally:
        shutil.rmtree(folder)
    return result


async def _measure(result: Result, folder: Path, segments: int, runs: int) -> None:
    settings = NodeSettings(
        data_dir=folder / "data", media_dir=folder / "media", free_floor_bytes=0
    )
    async with AsyncExitStack() as stack:
        footage, exports = await _open(stack, settings)
        await recorded.record(footage, segments, clips.main_clip())
        files = sorted((folder / "media" / CAMERA).rglob("*.mp4"))
        ours: list[float] = []
        theirs: list[float] = []
        size = 0
        until_us = START_US + segments * SEGMENT_S * SECOND_US
        order = ExportOrder(CAMERA, "Camera", START_US, until_us)
        request = ExportRequest((order,), "the benchmark", START_US)
        for _ in range(runs):
            begun = time.perf_counter()
            size = (await exports.make(_JOB, request, _ignore)).size_bytes
            ours.append(time.perf_counter() - begun)
            theirs.append(await asyncio.to_thread(_ffmpeg, folder, files))
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    result.add("export, beside ffmpeg", "×", ratios)
    for name, taken in (
        ("export, with SHA-256 and sync", ours),
        ("`ffmpeg -c copy -movflags +faststart`, with sync", theirs),
    ):
        result.add(name, "s", taken)
        result.add(f"{name}: rate", "MB/s", [size / 1e6 / one_s for one_s in taken])
    minutes = segments * SEGMENT_S / 60
    result.note(
        f"{minutes:.0f} minutes of 1080p25 with AAC, {size / 1e6:.0f} MB in {segments} files, all "
        "in the page cache. ffmpeg writes the media twice to put the index first and makes no hash."
    )


def _ignore(_share: float) -> None:
    """Nobody looks at the progress."""


async def _open(stack: AsyncExitStack, settings: NodeSettings) -> tuple[Footage, Exports]:
    database, footage = await recorded.open_footage(stack, settings, Database)
    exports = Exports(
        database,
        footage.volumes,
        footage.store,
        footage.timelines,
        footage.deleter,
        SystemClock(),
        node_name="bench",
        zone=lambda: ZoneInfo("UTC"),
    )
    stack.callback(exports.stop)
    return footage, exports


def _ffmpeg(folder: Path, files: list[Path]) -> float:
    """Seconds until the file is on the disk."""
    listing, target = folder / "list.txt", folder / "ffmpeg.mp4"
    listing.write_text("".join(f"file '{file}'\n" for file in files))
    begun = time.perf_counter()
    subprocess.run(
        [
            "ffmpeg", "-y", "-nostdin", "-v", "error", "-f", "concat", "-safe", "0",
            "-i", str(listing), "-map", "0", "-c", "copy", "-movflags", "+faststart", str(target),
        ],
        check=True,
    )  # fmt: skip
    fd = os.open(target, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    took = time.perf_counter() - begun
    target.unlink()
    return took
