"""(a) CPU and memory of relaying and recording, against as many `ffmpeg -c copy`."""

import time
from dataclasses import dataclass
from functools import partial

from tests.benchmarks import processes
from tests.benchmarks.ffmpeg import FfmpegRecorders
from tests.benchmarks.figures import Plan, Result
from tests.benchmarks.load import Load
from tests.benchmarks.node import Node

NAME = "relay_record"
_SETTLE_S = 2.5
_SYNC_OFF = {"sync_interval_s": "60"}  # the largest allowed; no window is longer


@dataclass(frozen=True, slots=True)
class _Sample:
    """One window of one recorder."""

    cpu_ms_per_s: float
    private_mb: float  # of all cameras together, without the empty node


@dataclass(slots=True)
class _Watch:
    """What shows that a window counts: no stall, and a server that kept its schedule."""

    stalls: int = 0
    late_ticks: int = 0


def measure(plan: Plan) -> Result:
    """1, 8 and 32 cameras; 32 with a substream each."""
    result = Result(NAME, "Relay and record: 1080p25, 4 Mb/s, AAC; one process against ffmpeg")
    watch = _Watch()
    with Load() as load:
        counts = (1, 32) if plan.is_quick else (1, 8, 32)
        for count in counts:
            _compare(result, plan, load, watch, count, with_sub=False)
        _compare(result, plan, load, watch, 32, with_sub=True)
    result.add("writes that the cameras could not send at once", "", [watch.stalls], budget=0)
    result.add("ticks at which the camera server itself was > 20 ms late", "", [watch.late_ticks])
    result.note("Nobody watches; recording fragments, live fan-out's GOP buffer and index are on.")
    result.note(
        "Memory: private, beyond the same node without cameras; a lone ffmpeg also counts the code "
        "of its libraries as private, 32 share it."
    )
    result.note("Sync 60 s stands for sync off: no sync falls into a window.")
    return result


def _compare(
    result: Result, plan: Plan, load: Load, watch: _Watch, count: int, *, with_sub: bool
) -> None:
    """Alternate the recorders; rows per camera and the ratios of each round."""
    window_s = plan.seconds(8.0, 6.0)
    runs = plan.runs(5)
    node = partial(_node, load, watch, count, with_sub=with_sub, window_s=window_s)
    synced: list[_Sample] = []
    unsynced: list[_Sample] = []
    ffmpeg: list[_Sample] = []
    for _ in range(runs):
        synced.append(node({}))
        ffmpeg.append(_ffmpeg(load, watch, count, with_sub=with_sub, window_s=window_s))
        if count == 32:
            unsynced.append(node(_SYNC_OFF))
    words = f"{count} cameras" if count > 1 else "1 camera"
    words += " with substream" if with_sub else ""
    budgeted = count == 32
    for name, samples in (("default", synced), ("sync 60 s", unsynced), ("ffmpeg", ffmpeg)):
        if samples:
            _rows(result, f"{words}, {name}", samples, count)
    for name, samples, limit in (("default", synced, 1.2), ("sync 60 s", unsynced, 1.0)):
        if samples:
            pairs = list(zip(samples, ffmpeg, strict=True))
            ratios = [a.cpu_ms_per_s / b.cpu_ms_per_s for a, b in pairs]
            budget = limit if budgeted else None
            result.add(f"{words}: CPU, {name} / ffmpeg", "×", ratios, budget=budget)
    ratios = [a.private_mb / b.private_mb for a, b in zip(synced, ffmpeg, strict=True)]
    result.add(f"{words}: private memory / ffmpeg", "×", ratios, budget=0.5 if budgeted else None)


def _rows(result: Result, words: str, samples: list[_Sample], count: int) -> None:
    cpu = [sample.cpu_ms_per_s / count for sample in samples]
    memory = [sample.private_mb / count for sample in samples]
    result.add(f"{words}: CPU per camera", "ms/s", cpu)
    result.add(f"{words}: private memory per camera", "MB", memory)


def _node(
    load: Load,
    watch: _Watch,
    count: int,
    settings: dict[str, str],
    *,
    with_sub: bool,
    window_s: float,
) -> _Sample:
    with Node(**settings) as node:
        time.sleep(2.0)
        empty = processes.private_bytes(node.pid)
        for camera in range(count):
            sub_url = load.sub_url(camera) if with_sub else None
            node.add_camera(f"camera {camera}", load.main_url(camera), sub_url)
        node.wait_streams(count * 2 if with_sub else count)
        time.sleep(_SETTLE_S)
        load.take_counters()
        cpu_ms = _window(node.pid, window_s)
        private = processes.private_bytes(node.pid) - empty
        _check(load, watch, count * 2 if with_sub else count)
        return _Sample(cpu_ms, private / 1e6)


def _window(pid: int, window_s: float) -> float:
    started, before = time.perf_counter(), processes.cpu_s(pid)
    time.sleep(window_s)
    used = processes.cpu_s(pid) - before
    return used / (time.perf_counter() - started) * 1000


def _ffmpeg(load: Load, watch: _Watch, count: int, *, with_sub: bool, window_s: float) -> _Sample:
    urls = [load.main_url(camera) for camera in range(count)]
    if with_sub:
        urls += [load.sub_url(camera) for camera in range(count)]
    with FfmpegRecorders(urls) as recorders:
        time.sleep(_SETTLE_S)
        load.take_counters()
        started, before = time.perf_counter(), recorders.cpu_s()
        time.sleep(window_s)
        used = recorders.cpu_s() - before
        cpu_ms = used / (time.perf_counter() - started) * 1000
        private = recorders.private_bytes()
        _check(load, watch, len(urls))
        return _Sample(cpu_ms, private / 1e6)


def _check(load: Load, watch: _Watch, sessions: int) -> None:
    counters = load.take_counters()
    if counters.sessions != sessions:
        msg = f"{counters.sessions} of {sessions} streams were read"
        raise RuntimeError(msg)
    watch.stalls += counters.stalls
    watch.late_ticks += counters.late_ticks
