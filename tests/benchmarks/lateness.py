"""(b) The event loop and completeness at 64 cameras."""

import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from tests.benchmarks import processes
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.load import Load
from tests.benchmarks.load_server import Counters
from tests.benchmarks.metrics import LATENESS, quantile
from tests.benchmarks.node import Node

NAME = "lateness"
CAMERAS = 64
_SETTLE_S = 5.0


def measure(plan: Plan) -> Result:
    """One node, 64 cameras, windows one after another; then every file is read through."""
    result = Result(NAME, f"{CAMERAS} cameras 1080p25, 4 Mb/s, AAC, in one process on one core")
    quantiles: dict[float, list[float]] = {0.5: [], 0.99: [], 1.0: []}
    cpu: list[float] = []
    stalls: list[Counters] = []
    with Load() as load, Node() as node:
        for camera in range(CAMERAS):
            node.add_camera(f"camera {camera}", load.main_url(camera))
        node.wait_streams(CAMERAS)
        time.sleep(_SETTLE_S)
        load.take_counters()
        for _ in range(plan.runs(5)):
            before, started = node.metrics().buckets(LATENESS), processes.cpu_s(node.pid)
            window_s = plan.seconds(15.0, 15.0)
            time.sleep(window_s)
            cpu.append((processes.cpu_s(node.pid) - started) / window_s * 1000)
            after = node.metrics().buckets(LATENESS)
            for share, values in quantiles.items():
                values.append(quantile(before, after, share) * 1000)
            stalls.append(load.take_counters())
        metrics = node.metrics()
        node.stop()
        pictures, holes = _read_through(node.data_dir / "media")
    result.add("event loop late, p50", "ms", quantiles[0.5])
    result.add("event loop late, p99", "ms", quantiles[0.99], budget=5)
    result.add("event loop late, most", "ms", quantiles[1.0])
    result.add("CPU of the process", "ms/s", cpu)
    result.add(
        "samples dropped", "", [metrics.total("falconeye_stream_dropped_fragments_total")], budget=0
    )
    result.add("pictures missing inside the recorded files", "", [holes], budget=0)
    result.add("writes that the cameras could not send at once", "", [c.stalls for c in stalls])
    result.add("most bytes a camera had to keep", "", [c.worst_unsent_bytes for c in stalls])
    result.add("camera server late, most", "ms", [c.worst_late_s * 1000 for c in stalls])
    result.note(f"{pictures} recorded pictures were read back from all files.")
    result.note(
        "Lateness is linear within the buckets of falconeye_loop_lateness_seconds, which is asked "
        "every 100 ms."
    )
    result.note(
        "A write that cannot be sent at once is no loss: the camera's queue (128 kB of its kernel, "
        "then its own) holds it."
    )
    return result


def _read_through(media: Path) -> tuple[int, int]:
    """Pictures in all files, and how many are missing between the first and last of a file."""
    pictures = missing = 0
    for path in sorted(media.rglob("main/**/*.mp4")):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            times = [p.dts for p in container.demux(stream) if p.dts is not None and p.size]
            interval = 1 / 25 / (stream.time_base or Fraction(1, 90_000))
        pictures += len(times)
        missing += sum(max(0, round((b - a) / interval) - 1) for a, b in pairwise(times))
    return pictures, missing
