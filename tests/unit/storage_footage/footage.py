"""Real footage for the tests: encoded pictures and a tone, cut by the product's own fragmenter."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import override

from falconeye.base.memory import MemoryBudget
from falconeye.media.fragmenter import Fragmenter
from falconeye.media.fragments import InitSegment, RecordingFragment
from falconeye.media.init_segment import make_init_segment
from falconeye.media.nal import join_length_prefixed, split_annex_b
from falconeye.media.runs import RunEnd
from falconeye.media.samples import (
    AudioParameters,
    AudioSample,
    Codec,
    StreamKind,
    VideoParameters,
    VideoSample,
)
from falconeye.storage.index.database import Database
from falconeye.storage.ledger.clocks import Clocks
from falconeye.storage.ledger.coverage import Gap, GapReason, Uptime
from falconeye.storage.ledger.ledger import Ledger
from falconeye.storage.reading.download import DownloadPlan
from falconeye.storage.reading.recordings import Recordings
from falconeye.storage.reading.timeline import Timelines
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.segments import Accepted, ClockState, SegmentEnd, SegmentStart
from falconeye.storage.volumes.disk_calls import DiskCalls
from falconeye.storage.volumes.import_root import ImportRoot
from falconeye.storage.volumes.volumes import Volumes
from tests.clock import START_US, FakeClock
from tests.databases import lay_new_database
from tests.peers.media_samples import VideoClip, audio_clip, video_clip

CAMERA = "0b6f2d8e-70f2-4a2f-9d43-6c3e1f6f8a11"
FPS = 10
GOP_FRAMES = 10
FRAME_90K = 90_000 // FPS
GOP_90K = FRAME_90K * GOP_FRAMES
GOP_US = 1_000_000


@cache
def init_segment(*, audio: bool = True, width: int = 160, height: int = 96) -> InitSegment:
    clip = _clip(width, height)
    video = VideoParameters(Codec.H264, clip.parameter_sets, width, height, FRAME_90K)
    return make_init_segment(video, _audio_parameters() if audio else None)


def _clip(width: int = 160, height: int = 96) -> VideoClip:
    return video_clip(width=width, height=height, fps=FPS, gop=GOP_FRAMES, bit_rate=60_000)


def _audio_parameters() -> AudioParameters:
    clip = audio_clip("aac", seconds=2)
    return AudioParameters(
        Codec.AAC, clip.sample_rate, clip.channels, clip.config, clip.frame_ticks
    )


def segment_fragments(
    gops: int, *, offset_90k: int = 0, audio: bool = True
) -> Iterator[RecordingFragment]:
    """The fragments of a file with `gops` GOPs, the first picture at `offset_90k` of the run."""
    clip = _clip()
    sound = audio_clip("aac", seconds=2)
    rate = sound.sample_rate
    zero = -(-offset_90k * rate // 90_000)
    cutter = Fragmenter(offset_90k, zero)
    ticks = -(-zero // sound.frame_ticks) * sound.frame_ticks
    for index in range(gops * GOP_FRAMES):
        frame = clip.frames[index % GOP_FRAMES]
        dts = offset_90k + index * FRAME_90K
        data = join_length_prefixed(split_annex_b(frame.data))
        done = cutter.video(VideoSample(dts, 0, frame.is_keyframe, data, 0))
        if done:
            yield done
        while audio and ticks * 90_000 < (dts + FRAME_90K) * rate:
            tone = sound.frames[ticks // sound.frame_ticks % len(sound.frames)]
            cutter.audio(AudioSample(ticks, sound.frame_ticks, tone, 0))
            ticks += sound.frame_ticks
    done = cutter.end(offset_90k + gops * GOP_90K)
    if done:
        yield done


class AlwaysUp(Ledger):
    """Of a node that ran all the time, and noted nothing else."""

    @property
    @override
    def up(self) -> Uptime:
        return Uptime(0, 1 << 62, GapReason.UNKNOWN)


OPENED: list["Node"] = []  # those a failed test leaves are stopped by its fixture


@dataclass(slots=True, eq=False)
class Node:
    """Storage of a node, opened by the `node` fixture."""

    database: Database
    volumes: Volumes
    deleter: Deleter
    store: FootageStore
    budget: MemoryBudget
    clock: FakeClock
    events: list[tuple[str, str, str]]
    media_dir: Path
    recordings: Recordings
    imports: ImportRoot
    clocks: Clocks | None = None

    async def stop(self) -> None:
        OPENED.remove(self)
        flushed = await self.store.flush(5)
        self.imports.stop()
        await self.volumes.stop()
        await self.database.close()
        assert flushed

    async def gaps(self, recording_id: str) -> Sequence[Gap]:
        """The holes of a recording."""
        ledger = AlwaysUp(self.database, self.clock)
        timelines = Timelines(self.database, self.store, ledger, self.clock)
        return await timelines.gaps_of(await self.recordings.get(recording_id))

    def start(
        self,
        run_id: int,
        start_us: int = START_US,
        *,
        offset_90k: int = 0,
        recording_id: str | None = "rec-1",
        stream: StreamKind = StreamKind.MAIN,
        init: InitSegment | None = None,
        camera_id: str = CAMERA,
    ) -> SegmentStart:
        return SegmentStart(
            camera_id=camera_id,
            stream=stream,
            run_id=run_id,
            start_us=start_us,
            media_offset_90k=offset_90k,
            audio_offset_ticks=-(-offset_90k * 16_000 // 90_000),
            clock=ClockState.SYNCHRONISED,
            init=init or init_segment(),
            recording_id=recording_id,
            camera_name="Front door",
        )

    async def record(
        self,
        run_id: int,
        start_us: int = START_US,
        gops: int = 2,
        *,
        offset_90k: int = 0,
        recording_id: str | None = "rec-1",
        stream: StreamKind = StreamKind.MAIN,
        run_end: RunEnd | None = None,
        camera_id: str = CAMERA,
        end_us: int | None = None,
        ends: bool = False,
    ) -> int:
        """Write one segment and wait until it is indexed; the wall time of its end."""
        writer = self.store.create(
            self.start(
                run_id,
                start_us,
                offset_90k=offset_90k,
                recording_id=recording_id,
                stream=stream,
                camera_id=camera_id,
            )
        )
        for fragment in segment_fragments(gops, offset_90k=offset_90k):
            assert writer.append(fragment) is Accepted.YES
        end_us = end_us or start_us + gops * GOP_US
        writer.close(SegmentEnd(end_us, run_end, recording_ended=ends))
        assert await self.store.flush(5)
        return end_us


async def open_node(
    tmp_path: Path,
    clock: FakeClock,
    *,
    media_dir: Path | None = None,
    calls: DiskCalls | None = None,
    budget_bytes: int = 64 << 20,
    sync_interval_s: float = 30.0,
    floor_bytes: int = 0,
    keep: Callable[[], Keep] = Keep,
    is_synchronised: Callable[[], bool] = lambda: True,
    data: str = "data",
    boot: str | None = None,
    events: list[tuple[str, str, str]] | None = None,
    made_before: bool = True,
) -> Node:
    """`made_before`: its database is laid there like that of an earlier start, and not synced."""
    if made_before:
        await lay_new_database(tmp_path / data)
    database = Database(tmp_path / data, clock, ballast_bytes=1 << 20)
    await database.open(exclusive=True)
    events = [] if events is None else events
    media = media_dir or tmp_path / "media"
    volumes = await Volumes.open(
        database,
        media,
        clock,
        sync_interval_s=sync_interval_s,
        floor_bytes=floor_bytes,
        calls=calls,
    )
    deleter = Deleter(
        database,
        volumes,
        clock,
        keep=keep,
        on_deleted=lambda camera, recording: events.append((camera, recording, "deleted")),
        is_synchronised=is_synchronised,
    )
    budget = MemoryBudget(budget_bytes)
    clocks = None
    if boot is not None:
        clocks = Clocks(database, clock, boot=lambda: boot, is_synchronised=is_synchronised)
        await clocks.open()
    store = FootageStore(
        database,
        volumes,
        deleter,
        budget,
        clock,
        node_name="pi-1",
        on_recording=lambda *event: events.append(event),
        clocks=clocks,
    )
    await store.open()
    imports = ImportRoot(tmp_path / "imports")
    recordings = Recordings(database, volumes, store, deleter, imports, node_name="pi-1")
    node = Node(
        database, volumes, deleter, store, budget, clock, events, media, recordings, imports, clocks
    )
    OPENED.append(node)
    return node


async def rows(node: Node, table: Table) -> list[Row[Any]]:
    """All rows of a table."""

    async def operation(connection: AsyncConnection) -> list[Row[Any]]:
        return list((await connection.execute(select(table))).all())

    return await node.database.read(operation)


async def read(plan: DownloadPlan, first: int = 0, end: int | None = None) -> bytes:
    """Bytes of a download; all of it by default."""
    end = plan.length if end is None else end
    return b"".join([piece async for piece in plan.read(first, end)])
