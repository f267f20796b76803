"""What Prometheus reads: cameras, streams and the process, in a registry of our own.

Every answer is collected anew from what the node knows at that moment, so that a deleted camera
leaves no series behind and a caller limited to some cameras sees no others.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate

import prometheus_client
from litestar import Litestar
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from typing_extensions import override

from falconeye import __version__
from falconeye.alerts.channel import ChannelState
from falconeye.base.clock import Clock
from falconeye.base.errors import FalconEyeError, Unavailable
from falconeye.base.memory import MemoryBudget
from falconeye.base.tasks import TaskSet
from falconeye.base.times import SECOND_US
from falconeye.cameras.registry import Camera, StreamStats
from falconeye.events.camera_state import CameraStatus
from falconeye.federation.report import NotReady
from falconeye.storage.index.database import Database
from falconeye.storage.segments.histogram import BOUNDS_S, Histogram
from falconeye.storage.segments.mover import Mover
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.volume_changes import ROLES
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import Volumes
from falconeye.tls.condition import Condition
from falconeye.web.coverage_metrics import CoverageFigures, coverage_metrics
from falconeye.web.notice_metrics import certificate_metrics, channel_metrics

log = logging.getLogger(__name__)

STATE_KEY = "node_status"
READY_LIMIT_S = 5.0
CONTENT_TYPE = "text/plain; version=0.0.4"  # Litestar adds the charset
PROBE_PERIOD_S = 0.1
PROBE_WINDOW = 600  # lateness of the last minute, for the 99th percentile
_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_CAMERA = ("camera_id", "camera")
_STREAM = (*_CAMERA, "stream")


class LoopProbe:
    """How late the event loop runs what is due: asked every 100 ms by a task of its own."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._recent: deque[float] = deque(maxlen=PROBE_WINDOW)
        self._histogram = prometheus_client.Histogram(
            "falconeye_loop_lateness_seconds",
            "How late the event loop ran a timer",
            registry=self.registry,
            buckets=_BUCKETS_S,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LoopProbe"]:
        """The probe's task runs until the context ends."""
        tasks = TaskSet("metrics")
        _probe = tasks.start(self._run(), "loop-probe")
        try:
            yield self
        finally:
            await tasks.stop()

    def observe(self, lateness_s: float) -> None:
        """Count one timer that ran so late."""
        self._histogram.observe(lateness_s)
        self._recent.append(lateness_s)

    def p99_s(self) -> float:
        """The 99th percentile of the last minute; 0 before the first timer."""
        if not self._recent:
            return 0.0
        ordered = sorted(self._recent)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]

    async def _run(self) -> None:
        while True:
            due_us = self._clock.monotonic_us() + int(PROBE_PERIOD_S * SECOND_US)
            await asyncio.sleep(PROBE_PERIOD_S)
            self.observe(max(0, self._clock.monotonic_us() - due_us) / SECOND_US)


@dataclass(frozen=True, slots=True)
class VolumeFigures:
    """One volume's disk as metrics show it."""

    volume: str  # its id
    role: str  # `volume_facts.Role`
    present: bool
    recording: bool  # new footage goes there now
    moved_bytes: int  # off it, since the start
    unmovable_files: int
    writable: bool
    queue_bytes: int
    queue_entries: int
    write_latency: Histogram
    sync_interval_s: float  # the effective one: at most so much footage is lost at a power cut
    sync_s: float  # how long the last pass took


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """The process as metrics show it."""

    budget_used_bytes: int
    budget_limit_bytes: int
    database_waiting: int
    unindexed_files: int
    volumes: Sequence[VolumeFigures]


class NodeStatus:
    """What `/readyz` and `/metrics` ask of the parts that no handler else may touch.

    Made by the node, which keeps it in the application's state under `STATE_KEY`.
    """

    def __init__(
        self,
        *,
        database: Database,
        volumes: Volumes,
        footage: FootageStore,
        mover: Mover,
        budget: MemoryBudget,
        clock: Clock,
        pipelines_started: Callable[[], bool],
    ) -> None:
        self.probe = LoopProbe(clock)
        self._database = database
        self._volumes = volumes
        self._footage = footage
        self._mover = mover
        self._budget = budget
        self._pipelines_started = pipelines_started
        self._clock = clock
        self._asking = asyncio.Lock()
        self._answers = False
        self._answered_us: int | None = None

    async def is_ready(self) -> bool:
        """Database answers, footage can be written somewhere, every camera was started."""
        return not await self.not_ready()

    async def not_ready(self) -> tuple[NotReady, ...]:
        """Why it is not ready; empty when it is."""
        reasons = {
            NotReady.STARTING: not self._pipelines_started(),
            NotReady.NO_DISK: not self._volumes.can_record,
            NotReady.DATABASE: not await self._database_answers(),
        }
        return tuple(reason for reason, holds in reasons.items() if holds)

    async def _database_answers(self) -> bool:
        """Whether the writer takes work; asked at most once a second: anybody may ask.

        One asks for all who come meanwhile, also while the writer hangs.
        """
        async with self._asking:
            known_us = self._answered_us
            if known_us is None or self._clock.monotonic_us() - known_us >= SECOND_US:
                self._answers = await self._ask_database()
                self._answered_us = self._clock.monotonic_us()
            return self._answers

    async def _ask_database(self) -> bool:
        try:
            async with asyncio.timeout(READY_LIMIT_S):
                await self._database.write(_nothing)
        except (FalconEyeError, TimeoutError) as error:
            log.warning("not ready: the database does not answer: %s", str(error) or "not in time")
            return False
        return True

    def figures(self) -> ProcessFigures:
        """The process now; touches no disk."""
        return ProcessFigures(
            budget_used_bytes=self._budget.used_bytes,
            budget_limit_bytes=self._budget.limit_bytes,
            database_waiting=self._database.waiting,
            unindexed_files=self._footage.index.missing_files,
            volumes=[self._volume_figures(volume) for volume in self._volumes.all],
        )

    def _volume_figures(self, volume: Volume) -> VolumeFigures:
        metrics = self._footage.metrics_of(volume)
        return VolumeFigures(
            volume=volume.id,
            role=volume.role.value,
            present=volume.missing is None,
            recording=volume is self._volumes.for_recording(),
            moved_bytes=self._mover.state(volume).moved_bytes,
            unmovable_files=self._mover.state(volume).unreadable,
            writable=_is_writable(volume),
            queue_bytes=metrics.waiting_bytes,
            queue_entries=metrics.waiting_fragments,
            write_latency=metrics.latency,
            sync_interval_s=volume.syncer.effective_interval_s,
            sync_s=volume.syncer.last_pass_s,
        )


def status_of(app: Litestar) -> NodeStatus:
    """The node's status; Unavailable while the node has not set it."""
    status = app.state.get(STATE_KEY)
    if not isinstance(status, NodeStatus):
        msg = "the node is starting"
        raise Unavailable(msg)
    return status


async def _nothing(_connection: object) -> None:
    """An empty transaction."""


def _is_writable(volume: Volume) -> bool:
    return volume.missing is None and not volume.is_full


def exposition(
    cameras: Sequence[Camera],
    process: ProcessFigures,
    probe: LoopProbe,
    *,
    started_at_us: int,
    coverage: Sequence[CoverageFigures] = (),
    channels: Sequence[ChannelState] = (),
    certificate: Condition | None = None,
) -> bytes:
    """All metrics as text (Prometheus exposition format 0.0.4)."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(lambda: _camera_metrics(cameras)))
    registry.register(_Snapshot(lambda: coverage_metrics(coverage)))
    registry.register(_Snapshot(lambda: _process_metrics(cameras, process)))
    registry.register(_Snapshot(lambda: _volume_metrics(process.volumes)))
    registry.register(_Snapshot(lambda: channel_metrics(channels)))
    registry.register(_Snapshot(lambda: certificate_metrics(certificate)))
    start = GaugeMetricFamily(
        "falconeye_start_time_seconds", "Start, UTC", started_at_us / SECOND_US
    )
    lateness = GaugeMetricFamily(
        "falconeye_loop_lateness_p99_seconds", "99th percentile of the last minute", probe.p99_s()
    )
    registry.register(_Snapshot(lambda: (start, lateness)))
    return generate_latest(registry) + generate_latest(probe.registry)


class _Snapshot(Collector):
    """A collector over values that were taken before."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    @override
    def collect(self) -> Iterable[Metric]:
        return self._collect()


def _camera_metrics(cameras: Sequence[Camera]) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "falconeye_camera_state", "1: it is in this state", labels=(*_CAMERA, "state")
    )
    online = GaugeMetricFamily("falconeye_camera_online", "1: frames are coming", labels=_CAMERA)
    recording = GaugeMetricFamily("falconeye_camera_recording", "1: recording", labels=_CAMERA)
    for camera in cameras:
        labels = [camera.config.id, camera.config.name]
        status = camera.state.status
        for each in CameraStatus:
            state.add_metric([*labels, each.value], float(each is status))
        online.add_metric(labels, float(camera.state.online))
        recording.add_metric(labels, float(camera.state.recording))
    yield from (state, online, recording)
    yield from _stream_metrics(cameras)


@dataclass(frozen=True, slots=True)
class _StreamMetric:
    family: type[GaugeMetricFamily] | type[CounterMetricFamily]
    name: str
    words: str
    value: Callable[[StreamStats], float]


_STREAM_METRICS = (
    _StreamMetric(
        GaugeMetricFamily, "connected", "1: the camera sends it", lambda s: float(s.connected)
    ),
    _StreamMetric(GaugeMetricFamily, "fps", "Pictures per second", lambda s: s.fps),
    _StreamMetric(GaugeMetricFamily, "bits_per_second", "Bit rate", lambda s: s.bits_per_second),
    _StreamMetric(GaugeMetricFamily, "viewers", "Who watches it now", lambda s: s.viewers),
    _StreamMetric(
        CounterMetricFamily,
        "dropped_fragments",
        "Fragments that did not reach a recording or a viewer",
        lambda s: s.drops,
    ),
    _StreamMetric(CounterMetricFamily, "reconnects", "Connections lost", lambda s: s.reconnects),
    _StreamMetric(
        CounterMetricFamily, "written_bytes", "Footage written", lambda s: s.bytes_written
    ),
)


def _stream_metrics(cameras: Sequence[Camera]) -> Iterator[Metric]:
    for metric in _STREAM_METRICS:
        family = metric.family(f"falconeye_stream_{metric.name}", metric.words, labels=_STREAM)
        for camera in cameras:
            for stats in camera.streams:
                labels = [camera.config.id, camera.config.name, stats.kind.value]
                family.add_metric(labels, metric.value(stats))
        yield family


def _process_metrics(cameras: Sequence[Camera], process: ProcessFigures) -> Iterator[Metric]:
    yield InfoMetricFamily("falconeye_build", "This release", {"version": __version__})
    viewers = sum(stats.viewers for camera in cameras for stats in camera.streams)
    yield from (
        GaugeMetricFamily(f"falconeye_{name}", words, value)
        for name, words, value in (
            ("memory_budget_used_bytes", "Media in memory", process.budget_used_bytes),
            ("memory_budget_limit_bytes", "Its bound", process.budget_limit_bytes),
            ("database_queue_entries", "Writes that wait", process.database_waiting),
            ("index_missing_files", "Files to be indexed after a restore", process.unindexed_files),
            ("viewers", "Who watches a stream now", viewers),
        )
    )


_VOLUME_METRICS: tuple[tuple[str, str, Callable[[VolumeFigures], float]], ...] = (
    ("writable", "1: footage can be written", lambda v: float(v.writable)),
    ("present", "1: the disk is there and answers", lambda v: float(v.present)),
    ("recording", "1: new footage goes there", lambda v: float(v.recording)),
    ("unmovable_files", "Files that cannot be read to be moved", lambda v: v.unmovable_files),
    ("queue_bytes", "Footage that waits for the disk", lambda v: v.queue_bytes),
    ("queue_fragments", "Fragments that wait for the disk", lambda v: v.queue_entries),
    ("sync_interval_seconds", "Effective time between syncs", lambda v: v.sync_interval_s),
    ("sync_seconds", "How long the last sync of all files took", lambda v: v.sync_s),
)


def _volume_metrics(volumes: Sequence[VolumeFigures]) -> Iterator[Metric]:
    for name, words, value in _VOLUME_METRICS:
        family = GaugeMetricFamily(f"falconeye_volume_{name}", words, labels=("volume",))
        for figures in volumes:
            family.add_metric([figures.volume], value(figures))
        yield family
    moved = CounterMetricFamily(
        "falconeye_volume_moved_bytes", "Footage that was moved off it", labels=("volume",)
    )
    role = GaugeMetricFamily(
        "falconeye_volume_role", "1: it is for this", labels=("volume", "role")
    )
    for figures in volumes:
        moved.add_metric([figures.volume], figures.moved_bytes)
        for each in ROLES:
            role.add_metric([figures.volume, each.value], float(each.value == figures.role))
    yield from (moved, role)
    latency = HistogramMetricFamily(
        "falconeye_volume_write_seconds", "How long a fragment's write took", labels=("volume",)
    )
    for figures in volumes:
        counts = list(accumulate(figures.write_latency.counts))
        bounds = [*(str(bound) for bound in BOUNDS_S), "+Inf"]
        latency.add_metric(
            [figures.volume],
            buckets=list(zip(bounds, counts, strict=True)),
            sum_value=figures.write_latency.sum_s,
        )
    yield latency
