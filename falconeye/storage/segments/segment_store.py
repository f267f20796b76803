"""Where recorders put their segments: ids, new files, and what happens when a file is closed.

`begin_run` and `create` are called by the streams' threads and never wait; rows are queued to the
database in the order of the calls. All else runs on the loop.
"""

import asyncio
import contextlib
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from typing_extensions import override

from falconeye.base.clock import Clock
from falconeye.base.counters import Counter, RepeatingLog
from falconeye.base.memory import MemoryBudget
from falconeye.base.node_name import NodeName
from falconeye.base.times import SECOND_US
from falconeye.media.identity_box import make_identity_box
from falconeye.media.runs import RunEnd
from falconeye.media.samples import StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.index.write_queue import Operation
from falconeye.storage.ledger.clocks import Clocks
from falconeye.storage.segments import store_rows
from falconeye.storage.segments.free_space import Deleter
from falconeye.storage.segments.index_state import IndexState
from falconeye.storage.segments.layout import SegmentName
from falconeye.storage.segments.recording_index import recording_of
from falconeye.storage.segments.recording_rows import Growing
from falconeye.storage.segments.segment_contents import identity_of
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.segments.segment_writer import OpenSegment, WriterParts
from falconeye.storage.segments.segments import (
    MAX_HOLE_US,
    SegmentStart,
    SegmentStore,
)
from falconeye.storage.segments.store_rows import OpenFile, StreamName
from falconeye.storage.segments.write_metrics import WriteMetrics
from falconeye.storage.volumes.volume import Volume
from falconeye.storage.volumes.volumes import STUCK_S, Volumes

log = logging.getLogger(__name__)

# (camera id, recording id, started | grown | ended | deleted); called on the loop.
RecordingListener = Callable[[str, str, str], None]
ROOM_WAIT_S = 10.0
_ROOM_SHARE = 0.75  # of the memory budget: with less to go a new file would be given up at once


class FootageStore(SegmentStore):
    """The `SegmentStore` of a node."""

    def __init__(
        self,
        database: Database,
        volumes: Volumes,
        deleter: Deleter,
        budget: MemoryBudget,
        clock: Clock,
        *,
        node_name: NodeName | str,
        on_recording: RecordingListener,
        clocks: Clocks | None = None,
    ) -> None:
        self._clocks = clocks
        self._database = database
        self._volumes = volumes
        self._deleter = deleter
        self._budget = budget
        self._clock = clock
        self._node_name = node_name
        self._on_recording = on_recording
        self._log = RepeatingLog(log, clock)
        self._lock = threading.Lock()
        self._streams: dict[StreamName, int] = {}
        self._latest: dict[StreamName, str] = {}  # recording ids
        # Files that were open when the node ended, or of which their disk did not tell what it has.
        self.leftovers: list[OpenFile] = []
        self.first_run_id = 1  # of this process
        self.index = IndexState()
        self._run_ids = itertools.count(1)
        self._live: dict[OpenSegment, None] = {}
        self._unindexed: list[tuple[OpenSegment, SegmentEntry | None, int | None]] = []
        self._parts: dict[int, WriterParts] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle = asyncio.Event()
        self._bytes_written: dict[StreamName, Counter] = {}  # since the start, for metrics

    async def open(self) -> None:
        """Read which ids are taken. Recorders may begin after it."""
        self._loop = asyncio.get_running_loop()
        self._streams, last_run, self.leftovers = await self._database.read(store_rows.read_known)
        # Also beyond the ids in files whose database was lost: those were seconds of the past.
        self.first_run_id = max(last_run, self._clock.utc_us() // SECOND_US) + 1
        self._run_ids = itertools.count(self.first_run_id)

    def metrics_of(self, volume: Volume) -> WriteMetrics:
        """How writing to a volume goes. Any thread."""
        return self._parts_of(volume).metrics

    def stream_id(self, camera_id: str, kind: StreamKind) -> int:
        """The stream's number in the index; a new stream's row is queued."""
        with self._lock:
            known = self._streams.get((camera_id, kind))
            if known is not None:
                return known
            made = max(self._streams.values(), default=0) + 1
            self._streams[camera_id, kind] = made
            self._queue(partial(store_rows.add_stream, made, camera_id, kind))
        return made

    @override
    def begin_run(
        self,
        camera_id: str,
        stream: StreamKind,
        started_us: int,
        utc_offset_us: int | None = None,
    ) -> int:
        stream_id = self.stream_id(camera_id, stream)
        clock_id = self._undated(utc_offset_us)
        run_id = self.new_run_id()
        self._queue(partial(store_rows.add_run, run_id, stream_id, started_us, clock_id))
        return run_id

    def new_run_id(self) -> int:
        """One that no run has. Any thread."""
        with self._lock:
            return next(self._run_ids)

    def _undated(self, utc_offset_us: int | None) -> int | None:
        """The clock by which times may prove wrong."""
        if self._clocks is None or utc_offset_us is None:
            return None
        return self._clocks.undated(utc_offset_us)

    @override
    def has_room(self) -> bool:
        return self._budget.used_bytes < self._budget.limit_bytes * _ROOM_SHARE

    @override
    def disk_trouble(self) -> RunEnd | None:
        volume = self._volumes.for_recording()
        if volume.missing is not None:
            return RunEnd.DISK_ERROR
        if volume.is_full:  # a recorder that waits for an event would learn it too late
            return RunEnd.DISK_FULL
        return RunEnd.DISK_TOO_SLOW if volume.writer.busy_s > STUCK_S else None

    @override
    def bytes_written(self, camera_id: str, stream: StreamKind) -> int:
        return self._counter((camera_id, stream)).value

    @override
    def create(self, start: SegmentStart) -> OpenSegment:
        volume = self._volumes.for_recording()
        recording = recording_of(start, str(self._node_name))
        setting = None
        if self._clocks is not None and start.utc_offset_us is not None:
            setting = self._clocks.setting(start.utc_offset_us)
        segment = OpenSegment(
            self._parts_of(volume),
            start,
            FileKey(volume.number, self.stream_id(start.camera_id, start.stream), start.start_us),
            start.init.data + make_identity_box(identity_of(start, setting)),
            recording,
            self._counter((start.camera_id, start.stream)),
            setting,
        )
        with self._lock:
            self._live[segment] = None
        segment.begin()
        return segment

    def open_recordings(self) -> set[str]:
        """Recordings that have an open file now."""
        with self._lock:
            return {segment.recording.id for segment in self._live if segment.recording}

    def growing(self) -> dict[str, list[Growing]]:
        """What is written of the open files, by recording. From memory; any thread."""
        found: dict[str, list[Growing]] = {}
        with self._lock:
            live = list(self._live)
        for segment in live:
            if segment.recording is not None and segment.growing is not None:
                found.setdefault(segment.recording.id, []).append(segment.growing)
        return found

    def growing_streams(self, camera_id: str) -> list[tuple[StreamKind, Growing]]:
        """What is written of a camera's open files, recording or not. From memory; any thread."""
        return [
            (segment.start.stream, segment.growing)
            for segment in self.open_segments(camera_id)
            if segment.growing is not None
        ]

    def open_segments(self, camera_id: str) -> list[OpenSegment]:
        """A camera's files that are not in the index yet. From memory; any thread."""
        with self._lock:
            return [segment for segment in self._live if segment.start.camera_id == camera_id]

    async def flush(self, timeout_s: float, camera_id: str | None = None) -> bool:
        """Wait until every file (of a camera) is in the index; False after the time.

        Their recorders must have closed them.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._has_live(camera_id):
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _has_live(self, camera_id: str | None) -> bool:
        with self._lock:
            return any(camera_id in {None, live.start.camera_id} for live in self._live)

    async def housekeeping(self) -> None:
        """To be called every few seconds: index what the database refused, end what is over."""
        self._leave_stuck_disks()
        with self._lock:
            waiting, self._unindexed = self._unindexed, []
        for segment, entry, size_bytes in waiting:
            self._closed(segment, entry, size_bytes)
        ended = await self._database.write(
            partial(store_rows.end_idle, self.open_recordings(), self._clock.utc_us() - MAX_HOLE_US)
        )
        for camera_id, recording_id in ended:
            self._on_recording(camera_id, recording_id, "ended")

    def _leave_stuck_disks(self) -> None:
        """Footage goes on to another disk: what waits for one that hangs is not waited for.

        Nor is what waits for one that was removed, whose threads have ended.
        """
        elsewhere = self._volumes.for_recording()
        with self._lock:
            live = list(self._live)
        for segment in live:
            volume = segment.volume
            is_stuck = volume is not elsewhere and volume.writer.busy_s > STUCK_S
            is_gone = volume not in self._volumes.all
            if is_gone or (is_stuck and elsewhere.can_record(STUCK_S)):
                segment.abandon()
            if is_gone:  # what is on the disk of it, the next start finds
                self._forget(segment)

    def _parts_of(self, volume: Volume) -> WriterParts:
        with self._lock:
            parts = self._parts.get(volume.number)
            if parts is None or parts.volume is not volume:  # removed and added again
                parts = self._parts[volume.number] = self._make_parts(volume)
            return parts

    def _make_parts(self, volume: Volume) -> WriterParts:
        return WriterParts(
            volume=volume,
            metrics=WriteMetrics(),
            budget=self._budget,
            make_room=self._make_room,
            register=self._register,
            closed=self._closed,
            left=self._left,
        )

    def _counter(self, name: StreamName) -> Counter:
        with self._lock:
            return self._bytes_written.setdefault(name, Counter())

    def _queue(self, operation: Operation[None]) -> None:
        # Should this row be refused (disk full), `_register` adds it with the first file.
        self._database.write_threadsafe(operation).add_done_callback(self._note_refusal)

    def _make_room(self, volume: Volume, size_bytes: int) -> bool:
        """On the volume's writer thread, which has nothing better to do than to wait."""
        if self._loop is None:
            return False
        answer = asyncio.run_coroutine_threadsafe(
            self._deleter.make_room(volume, size_bytes), self._loop
        )
        try:
            return answer.result(ROOM_WAIT_S)
        except Exception:
            answer.cancel()
            log.exception("no room could be made on %s", volume.path)
            return False

    def _register(
        self, segment: OpenSegment, key: FileKey, instead_of: FileKey | None
    ) -> "Future[None]":
        answer = self._database.write_threadsafe(
            partial(
                store_rows.register,
                key,
                instead_of,
                segment.start,
                segment.recording,
                self._undated(segment.start.utc_offset_us),
            )
        )
        answer.add_done_callback(self._note_refusal)
        if instead_of is None and segment.recording is not None:
            self._tell_start(segment, segment.recording.id)
        return answer

    def _tell_start(self, segment: OpenSegment, recording_id: str) -> None:
        name = (segment.start.camera_id, segment.start.stream)
        with self._lock:
            is_new = self._latest.get(name) != recording_id
            self._latest[name] = recording_id
        if is_new:
            self._call_soon(self._on_recording, segment.start.camera_id, recording_id, "started")

    def _closed(
        self, segment: OpenSegment, entry: SegmentEntry | None, size_bytes: int | None
    ) -> None:
        """The file is closed and synced: index it. Any thread."""
        if segment.was_refused:  # no row to take back: nothing of it is kept
            self._forget(segment)
            return
        answer = self._database.write_threadsafe(
            partial(
                store_rows.close,
                segment.key,
                segment.start.run_id,
                segment.end,
                entry,
                None if size_bytes is None else (segment.path, size_bytes),
            )
        )
        answer.add_done_callback(partial(self._indexed, segment, entry, size_bytes))

    def _left(self, segment: OpenSegment) -> None:
        """What its disk has of it is not known now: `recover` looks at it again. Any thread."""
        left = OpenFile(
            segment.key,
            SegmentName(segment.start.camera_id, segment.start.stream, segment.key.named_start_us),
            segment.start.run_id,
            None,
            segment.failure if segment.end is None else segment.end.run_end or segment.failure,
            is_of_this_process=True,
        )
        self._call_soon(self.leftovers.append, left)
        answer = self._database.write_threadsafe(partial(store_rows.leave, left))
        answer.add_done_callback(self._note_refusal)
        answer.add_done_callback(lambda _: self._forget(segment))

    def _indexed(
        self,
        segment: OpenSegment,
        entry: SegmentEntry | None,
        size_bytes: int | None,
        answer: "Future[bool]",
    ) -> None:
        if answer.exception() is not None:
            self._note_refusal(answer)
            with self._lock:
                self._unindexed.append((segment, entry, size_bytes))
            return
        kind = "ended" if answer.result() else "grown"
        self._forget(segment, kind if entry is not None else None)

    def _forget(self, segment: OpenSegment, became: str | None = None) -> None:
        """It is over; `became`: what its recording has."""
        with self._lock:
            self._live.pop(segment, None)
        self._call_soon(self._tell, segment, became)

    def _tell(self, segment: OpenSegment, became: str | None) -> None:
        self._idle.set()
        if segment.recording is not None and became is not None:
            self._on_recording(segment.start.camera_id, segment.recording.id, became)

    def _note_refusal(self, answer: "Future[Any]") -> None:
        """On the loop, or where the loop is gone: one line for all cameras and files."""
        if (error := answer.exception()) is not None:
            self._log.warning(f"the index takes no rows; footage is kept back or lost: {error}")

    def _call_soon(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(function, *arguments)
