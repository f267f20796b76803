"""How costs grow from 1 to 64 cameras: CPU, memory, the disk, its syncs, and what readers wait."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from playwright.sync_api import Page

from tests.benchmarks import processes
from tests.benchmarks.chromium import browser, sign_in
from tests.benchmarks.figures import Plan, Result, percentile
from tests.benchmarks.load import Load
from tests.benchmarks.metrics import LATENESS, quantile
from tests.benchmarks.node import Node
from tests.benchmarks.playback import milliseconds, seeks_ms

NAME = "growth"
ASKED = 30  # times for each figure of a reader
SEEKS = 4  # back and on
COUNTS = (1, 8, 32, 64)
_SETTLE_S = 4.0
_WRITTEN = "falconeye_stream_written_bytes_total"


@dataclass(frozen=True, slots=True)
class _Sample:
    """One window."""

    cpu_ms_per_s: float
    private_mb: float
    disk_bytes_a_byte: float  # what the kernel wrote for each byte of footage
    sync_share: float  # of the time
    late_p99_ms: float


@dataclass(frozen=True, slots=True)
class _Read:
    """What someone who looks at one camera waits, while all of them are recorded; p99 in ms."""

    timeline: float
    playlist: float
    picture: float
    seek_p50_ms: float  # → picture in Chromium
    export_mb_per_s: float  # until it can be downloaded


def measure(plan: Plan) -> Result:
    """Windows one after another in one node per number of cameras."""
    result = Result(NAME, "From 1 to 64 cameras 1080p25, 4 Mb/s, AAC, in one process on one core")
    with Load() as load:
        for count in (1, 64) if plan.is_quick else COUNTS:
            samples, reads = _measure(load, count, plan)
            _rows(result, count, samples)
            _read_rows(result, count, reads)
    result.note(
        "Written to the disk: what the kernel counts for the process (write_bytes of "
        "/proc/PID/io: footage, the index and its log) for each byte of footage."
    )
    result.note(
        "An export is of a minute, about 30 MB, in the page cache: asking, the queue and the hash "
        "are most of it. Chromium shares its core with the camera server, which sends to all."
    )
    result.note(
        "Syncing: the syncer's last pass within each effective interval; the disk is this virtual "
        "machine's."
    )
    return result


def _measure(load: Load, count: int, plan: Plan) -> tuple[list[_Sample], list[_Read]]:
    with Node() as node:
        time.sleep(2.0)
        empty = processes.private_bytes(node.pid)
        ids = [
            node.add_camera(f"camera {camera}", load.main_url(camera)) for camera in range(count)
        ]
        node.wait_streams(count)
        begun = datetime.now(UTC)
        time.sleep(_SETTLE_S)
        samples = [_window(node, empty, plan.seconds(12.0, 8.0)) for _ in range(plan.runs(5))]
        recorded_s = (datetime.now(UTC) - begun).total_seconds() - _SETTLE_S
        with browser() as chromium:
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            sign_in(page, node)
            read = partial(_read, node, ids[0], begun, recorded_s, page)
            _ = read()  # the first finds no cache filled
            return samples, [read() for _ in range(plan.runs(5))]


def _read(node: Node, camera: str, begun: datetime, recorded_s: float, page: Page) -> _Read:
    path = f"/api/cameras/{camera}"
    asked: dict[str, list[float]] = {"timeline": [], "playback.m3u8": [], "still.jpg": []}
    for index in range(ASKED):
        at = begun + timedelta(seconds=recorded_s * index / ASKED)
        window = {"from": begun.isoformat(), "to": (at + timedelta(hours=1)).isoformat()}
        for name, taken in asked.items():
            still = {"at": at.isoformat(), "height": "180"}
            taken.append(
                milliseconds(node, f"{path}/{name}", still if name == "still.jpg" else window)
            )
    timeline, playlist, picture = (percentile(taken, 0.99) for taken in asked.values())
    seeks = seeks_ms(page, node, camera, begun + timedelta(seconds=recorded_s / 2), SEEKS)
    page.goto("about:blank")
    until = begun + timedelta(seconds=recorded_s)
    rate = _export(node, camera, begun, until)
    return _Read(timeline, playlist, picture, percentile(seeks, 0.5), rate)


def _export(node: Node, camera: str, begun: datetime, until: datetime) -> float:
    """MB/s of an export, from asking for it to its end."""
    span = {"from": begun.isoformat(), "to": until.isoformat()}
    start = time.perf_counter()
    answer = node.client.post(f"/api/cameras/{camera}/export", json=span).raise_for_status()
    path = f"/api/jobs/{answer.json()['id']}"
    while (job := node.client.get(path).raise_for_status().json())["state"] != "complete":
        if job["state"] in {"failed", "cancelled"}:
            raise RuntimeError(job["error"])
        time.sleep(0.005)
    took_s = time.perf_counter() - start
    node.client.delete(path).raise_for_status()
    return float(job["export"]["size_bytes"]) / 1e6 / took_s


def _window(node: Node, empty: int, window_s: float) -> _Sample:
    before, disk = node.metrics(), _disk_bytes(node.pid)
    started, cpu = time.perf_counter(), processes.cpu_s(node.pid)
    time.sleep(window_s)
    used = processes.cpu_s(node.pid) - cpu
    took = time.perf_counter() - started
    after, written = node.metrics(), _disk_bytes(node.pid) - disk
    syncing = after.total("falconeye_volume_sync_seconds")
    return _Sample(
        cpu_ms_per_s=used / took * 1000,
        private_mb=(processes.private_bytes(node.pid) - empty) / 1e6,
        disk_bytes_a_byte=written / (after.total(_WRITTEN) - before.total(_WRITTEN)),
        sync_share=syncing / after.total("falconeye_volume_sync_interval_seconds"),
        late_p99_ms=quantile(before.buckets(LATENESS), after.buckets(LATENESS), 0.99) * 1000,
    )


def _rows(result: Result, count: int, samples: list[_Sample]) -> None:
    words = f"{count} cameras" if count > 1 else "1 camera"
    each = [sample.cpu_ms_per_s / count for sample in samples]
    result.add(f"{words}: CPU per camera", "ms/s", each)
    memory = [sample.private_mb / count for sample in samples]
    result.add(f"{words}: private memory per camera", "MB", memory)
    amplification = [sample.disk_bytes_a_byte for sample in samples]
    result.add(f"{words}: written to the disk for a byte of footage", "B", amplification)
    share = [sample.sync_share * 100 for sample in samples]
    result.add(f"{words}: syncing, of the time", "%", share, budget=25)
    late = [sample.late_p99_ms for sample in samples]
    result.add(f"{words}: event loop late, p99", "ms", late, budget=5)


def _read_rows(result: Result, count: int, reads: list[_Read]) -> None:
    words = f"{count} cameras" if count > 1 else "1 camera"
    result.add(f"{words}: timeline of one, p99", "ms", [read.timeline for read in reads])
    result.add(f"{words}: playlist of one, p99", "ms", [read.playlist for read in reads])
    result.add(f"{words}: picture for scrubbing, p99", "ms", [read.picture for read in reads])
    seeks = [read.seek_p50_ms for read in reads]
    result.add(f"{words}: seek by 10 s → picture in Chromium, p50", "ms", seeks)
    rates = [read.export_mb_per_s for read in reads]
    result.add(f"{words}: export of one, from asking to its end", "MB/s", rates)


def _disk_bytes(pid: int) -> int:
    """What the process caused to be written to disks (proc(5), `write_bytes`)."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))
