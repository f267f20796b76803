"""What Prometheus reads, parsed back by its own parser."""

import asyncio
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families

from falconeye.base.clock import SystemClock
from falconeye.cameras.registry import Camera, StreamStats
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.events.camera_state import CameraState, CameraStatus, ReasonCode
from falconeye.media.samples import StreamKind
from falconeye.storage.segments.histogram import Histogram
from falconeye.tls.condition import Condition, State
from falconeye.web.metrics import (
    PROBE_PERIOD_S,
    LoopProbe,
    NodeStatus,
    ProcessFigures,
    VolumeFigures,
    exposition,
)
from tests.clock import FakeClock

MAIN = StreamStats(
    kind=StreamKind.MAIN,
    connected=True,
    video="H.264",
    audio=None,
    codecs="avc1.64001f",
    width=1920,
    height=1080,
    fps=25.0,
    bits_per_second=4e6,
    drops=3,
    reconnects=2,
    viewers=1,
    bytes_written=12345,
)
GATE = Camera(
    config=CameraConfig(
        id="c1",
        name='Gate "N"\n',
        protocol=Protocol.RTSP,
        source_url="rtsp://10.0.0.5/main",
        created_at_us=0,
        updated_at_us=0,
    ),
    state=CameraState("c1", CameraStatus.RUNNING, True, ReasonCode.NONE, "", 0, recording=True),
    streams=(MAIN,),
    recording_id=None,
    recording_since_us=None,
)
LATENCY = Histogram()
LATENCY.add(0.002)
LATENCY.add(20.0)
PROCESS = ProcessFigures(
    budget_used_bytes=10,
    budget_limit_bytes=100,
    database_waiting=0,
    unindexed_files=7,
    volumes=[
        VolumeFigures(
            volume="v1",
            role="archive",
            present=False,
            recording=False,
            moved_bytes=900,
            unmovable_files=1,
            writable=True,
            queue_bytes=7,
            queue_entries=2,
            write_latency=LATENCY,
            sync_interval_s=2.5,
            sync_s=0.125,
        )
    ],
)


def text_of(probe: LoopProbe, *cameras: Camera) -> bytes:
    return exposition(list(cameras), PROCESS, probe, started_at_us=1_790_000_000_000_000)


_TELLING = ("state", "stream", "camera", "le", "role", "volume")


def samples(text: bytes) -> dict[tuple[str, str], float]:
    """(name, the label that tells it from its siblings) → value."""
    return {
        (sample.name, next((sample.labels[n] for n in _TELLING if n in sample.labels), "")): (
            sample.value
        )
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_cameras_streams_and_process_are_there() -> None:
    probe = LoopProbe(FakeClock())
    for lateness in (0.0004, 0.003, 0.3):
        probe.observe(lateness)
    found = samples(text_of(probe, GATE))
    assert found[("falconeye_camera_state", "running")] == 1
    assert found[("falconeye_camera_state", "error")] == 0
    assert found[("falconeye_camera_recording", 'Gate "N"\n')] == 1
    assert found[("falconeye_stream_fps", "main")] == 25
    assert found[("falconeye_stream_bits_per_second", "main")] == 4e6
    assert found[("falconeye_stream_dropped_fragments_total", "main")] == 3
    assert found[("falconeye_stream_reconnects_total", "main")] == 2
    assert found[("falconeye_stream_written_bytes_total", "main")] == 12345
    assert found[("falconeye_volume_sync_interval_seconds", "v1")] == 2.5
    assert found[("falconeye_volume_sync_seconds", "v1")] == 0.125
    assert found[("falconeye_volume_write_seconds_bucket", "0.003")] == 1
    assert found[("falconeye_volume_write_seconds_bucket", "+Inf")] == 2
    assert found[("falconeye_volume_present", "v1")] == 0
    assert found[("falconeye_volume_moved_bytes_total", "v1")] == 900
    assert found[("falconeye_volume_role", "archive")] == 1
    assert found[("falconeye_volume_role", "record")] == 0
    assert found[("falconeye_viewers", "")] == 1
    assert found[("falconeye_start_time_seconds", "")] == 1_790_000_000
    assert found[("falconeye_memory_budget_limit_bytes", "")] == 100
    assert found[("falconeye_loop_lateness_seconds_count", "")] == 3
    assert found[("falconeye_loop_lateness_seconds_bucket", "0.005")] == 2
    assert found[("falconeye_loop_lateness_p99_seconds", "")] == 0.3


def test_a_camera_that_is_gone_leaves_no_series() -> None:
    probe = LoopProbe(FakeClock())
    assert b"c1" in text_of(probe, GATE)
    assert b"c1" not in text_of(probe)


class HangingDatabase:
    """Its writer takes nothing until `answer` is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer = asyncio.Event()

    async def write(self, _operation: object) -> None:
        self.asked += 1
        await self.answer.wait()


async def test_one_asks_the_database_for_all_who_ask_whether_it_answers(clock: FakeClock) -> None:
    database = HangingDatabase()
    status = NodeStatus(
        database=cast("Any", database),
        volumes=cast("Any", SimpleNamespace(all=[], can_record=True)),
        footage=cast("Any", None),
        mover=cast("Any", None),
        budget=cast("Any", None),
        clock=clock,
        pipelines_started=lambda: True,
    )
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(status.is_ready()) for _ in range(10)]
        await asyncio.sleep(0)
        database.answer.set()
    assert (database.asked, {task.result() for task in asking}) == (1, {True})
    assert await status.is_ready()
    assert database.asked == 1
    clock.advance(1)
    assert await status.is_ready()
    assert database.asked == 2


async def test_the_probe_notices_a_loop_that_is_held_up() -> None:
    clock = FakeClock()
    probe = LoopProbe(clock)
    async with probe.running():
        await asyncio.sleep(0)  # its timer is set
        clock.advance(0.35)
        await asyncio.sleep(PROBE_PERIOD_S * 1.5)
    assert probe.p99_s() == 0.25


async def test_the_probe_runs_on_the_real_clock() -> None:
    probe = LoopProbe(SystemClock())
    async with probe.running():
        await asyncio.sleep(PROBE_PERIOD_S * 1.5)
    assert samples(text_of(probe))[("falconeye_loop_lateness_seconds_count", "")]


def test_the_certificate_is_told_where_there_is_one() -> None:
    probe = LoopProbe(SystemClock())
    assert re.search(rb"^falconeye_certificate", text_of(probe), re.MULTILINE) is None
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    text = exposition(
        [], PROCESS, probe, started_at_us=0, certificate=Condition(State.ENDS_SOON, "it", ends)
    )
    found = samples(text)
    assert found[("falconeye_certificate_state", "ends_soon")] == 1
    assert sum(found[("falconeye_certificate_state", each.value)] for each in State) == 1
    end = re.search(rb"^falconeye_certificate_end_time_seconds (\S+)$", text, re.MULTILINE)
    assert end is not None
    assert float(end[1]) == ends.timestamp()
