"""One segment's file from opening to index: row in `open_files`, file, fragments, sync, row.

Three threads take turns and never wait for one another: the stream's thread queues, the volume's
writer writes, its syncer syncs and ends the file. What waits is charged to the memory budget.
"""

import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property

from typing_extensions import override

from falconeye.base.counters import Counter
from falconeye.base.memory import MemoryBudget
from falconeye.media.boxes import BadBox, box_at
from falconeye.media.fragments import RecordingFragment
from falconeye.media.movie import Movie, movie_of, parse_moof
from falconeye.media.random_access import read_access
from falconeye.media.runs import RunEnd
from falconeye.media.segment_file import FragmentPlace, audio_end_ticks, read_segment_file
from falconeye.storage.disk_calls import PartlyWritten, write_all
from falconeye.storage.fragment_table import FragmentTable
from falconeye.storage.layout import SegmentName, segment_path
from falconeye.storage.recording_index import RecordingEntry
from falconeye.storage.recording_rows import Growing
from falconeye.storage.segment_index import FileKey, InitEntry, SegmentEntry
from falconeye.storage.segments import Accepted, SegmentEnd, SegmentStart, SegmentWriter
from falconeye.storage.syncer import DirtyFile
from falconeye.storage.volume import Volume, VolumeMissing
from falconeye.storage.write_metrics import WriteMetrics

log = logging.getLogger(__name__)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MAX_NAMES = 16  # files that claim the same µs, after a clock was set back
_ROOM_TRIES = 3


@dataclass(frozen=True, slots=True)
class WriterParts:
    """What all segments of a volume share."""

    volume: Volume
    metrics: WriteMetrics
    budget: MemoryBudget
    make_room: Callable[[Volume, int], bool]  # waits; True when some footage was deleted
    # Put into open_files: key, instead of that key of the same segment (None: the first).
    register: Callable[["OpenSegment", FileKey, FileKey | None], Future[None]]
    # What became of the file: an entry for the index, or None with the file's size if it is there.
    closed: Callable[["OpenSegment", SegmentEntry | None, int | None], None]


class OpenSegment(SegmentWriter, DirtyFile):
    """A segment that is being written."""

    def __init__(
        self,
        parts: WriterParts,
        start: SegmentStart,
        key: FileKey,
        head: bytes,
        recording: RecordingEntry | None,
        bytes_written: Counter,
    ) -> None:
        self._parts = parts
        self.start = start
        self.key = key
        self.recording = recording
        self.end: SegmentEnd | None = None
        self._head = head
        self._bytes_written = bytes_written
        self._lock = threading.Lock()
        self._pending: deque[RecordingFragment] = deque()
        self._failure: RunEnd | None = None
        self._scheduled = True  # until the row is committed nobody may touch the file
        self._handed_over = False
        self._fd: int | None = None
        self._size_bytes = 0  # whole fragments
        self.growing: Growing | None = None  # None until the first fragment is written
        self._synced_bytes = 0
        self._must_check = False
        self._places: list[FragmentPlace] = []
        self._last_audio: bytes | None = None

    @property
    def path(self) -> str:
        return segment_path(
            SegmentName(self.start.camera_id, self.start.stream, self.key.named_start_us)
        )

    @property
    @override
    def failure(self) -> RunEnd | None:
        return self._failure

    # -- the stream's thread --------------------------------------------------------------------

    def begin(self) -> None:
        """Ask for the row in `open_files`; the file is made once it is committed."""
        self._register(None)

    @override
    def append(self, fragment: RecordingFragment) -> Accepted:
        if self._failure is not None:
            return Accepted.FAILED
        if not self._parts.budget.take(fragment.size_bytes):
            return Accepted.OVER_BUDGET
        self._parts.metrics.queued(1, fragment.size_bytes)
        with self._lock:
            if self.end is not None:
                msg = "a fragment for a closed segment"
                raise ValueError(msg)
            self._pending.append(fragment)
        self._schedule()
        return Accepted.YES

    @override
    def close(self, end: SegmentEnd) -> None:
        with self._lock:
            if self.end is not None:
                return
            self.end = end
        self._schedule()

    # -- any thread -----------------------------------------------------------------------------

    def _register(self, instead_of: FileKey | None) -> None:
        answer = self._parts.register(self, self.key, instead_of)
        answer.add_done_callback(self._registered)

    def _registered(self, answer: Future[None]) -> None:
        error = answer.exception()
        if error is not None:
            self._fail(RunEnd.DISK_ERROR, f"the index does not take it: {error}")
        with self._lock:
            self._scheduled = False
        self._schedule()

    def _schedule(self) -> None:
        with self._lock:
            if self._scheduled:
                return
            self._scheduled = True
        self._parts.volume.writer.submit(self._pump)

    def _fail(self, reason: RunEnd, words: str) -> None:
        with self._lock:
            first = self._failure is None
            if first:
                self._failure = reason
        if first:
            log.warning("%s cannot be written any more: %s", self.path, words)

    # -- the volume's writer --------------------------------------------------------------------

    def _pump(self) -> None:
        """Write all that waits; hand the file over to the syncer when it is closed."""
        if self._fd is None and self._failure is None and not self._create():
            return
        while (fragment := self._next()) is not None:
            try:
                if self._failure is None:
                    self._write(fragment)
            finally:
                self._parts.budget.give_back(fragment.size_bytes)
                self._parts.metrics.queued(-1, -fragment.size_bytes)

    def _next(self) -> RecordingFragment | None:
        """The next fragment; None ends this turn of the writer, or the file where it is closed."""
        with self._lock:
            if self._pending:
                return self._pending.popleft()
            self._scheduled = False
            finished = self.end is not None and not self._handed_over
            self._handed_over = self._handed_over or finished
        if finished:
            self._parts.volume.syncer.forget(self)
            self._parts.volume.syncer.submit(self._finish)
        return None

    def _create(self) -> bool:
        """Make the file with its head; False when another name is being registered first."""
        volume = self._parts.volume
        try:
            for attempt in range(_ROOM_TRIES):
                try:
                    self._fd = volume.create(self.path)
                    break
                except OSError as error:
                    full = error.errno in _FULL and attempt < _ROOM_TRIES - 1
                    if not (full and self._parts.make_room(volume, len(self._head))):
                        raise
            self._write_all((self._head,), len(self._head))
        except FileExistsError:
            return self._take_next_name()
        except OSError as error:
            self._fail(_reason(error), error.strerror or str(error))
        except PartlyWritten as error:
            self._write_failed(error.error)
        else:
            self._size_bytes = len(self._head)
        return True

    def _take_next_name(self) -> bool:
        tried = self.key.named_start_us - self.start.start_us
        if tried >= _MAX_NAMES:
            self._fail(RunEnd.DISK_ERROR, "too many files have its name")
            return True
        old = self.key
        self.key = replace(old, named_start_us=old.named_start_us + 1)
        self._register(old)
        return False

    def _write(self, fragment: RecordingFragment) -> None:
        begun = time.monotonic()
        try:
            self._write_all(fragment.buffers, fragment.size_bytes)
        except PartlyWritten as error:
            self._write_failed(error.error)
            return
        finally:
            self._parts.metrics.latency.add(time.monotonic() - begun)
        self._size_bytes += fragment.size_bytes
        self._places.append(self._place(fragment))
        media_us = (fragment.start_90k + fragment.duration_90k) * 100 // 9
        self.growing = Growing(self.start.start_us, media_us, self._size_bytes)
        if fragment.audio_tfdt_offset:
            self._last_audio = fragment.buffers[0]
        self._bytes_written.add(fragment.size_bytes)
        self._parts.volume.bytes_written.add(fragment.size_bytes)
        self._parts.volume.syncer.file_changed(self)

    def _place(self, fragment: RecordingFragment) -> FragmentPlace:
        access = None
        if fragment.is_keyframe:
            buffers = fragment.buffers
            video, _ = parse_moof(buffers[0][: box_at(buffers[0]).end], self._movie)
            access = read_access(
                lambda offset, size: b"".join(buffers)[offset : offset + size],
                0,
                video,
                self.start.init.codecs,
            )
        return FragmentPlace(
            size_bytes=fragment.size_bytes,
            access=access,
            start_90k=fragment.start_90k,
            duration_90k=fragment.duration_90k,
            video_tfdt_offset=fragment.video_tfdt_offset,
            audio_tfdt_offset=fragment.audio_tfdt_offset,
            audio_start_ticks=fragment.audio_start_ticks,
        )

    @cached_property
    def _movie(self) -> Movie:
        return movie_of(self.start.init.data)

    def _write_all(self, buffers: tuple[bytes, ...], size_bytes: int) -> None:
        """Write, and when the disk is full delete the oldest footage and go on."""
        volume = self._parts.volume
        rest: list[bytes | memoryview] = list(buffers)
        for attempt in range(_ROOM_TRIES + 1):
            try:
                volume.check_room()
                write_all(volume.calls, self._open_fd(), rest)
            except PartlyWritten as error:
                full = error.error.errno in _FULL and attempt < _ROOM_TRIES
                if not (full and self._parts.make_room(volume, size_bytes)):
                    raise
                rest = error.rest or rest
            else:
                return

    def _write_failed(self, error: OSError) -> None:
        """Nothing more goes into this file; take away what is there of the last fragment."""
        self._fail(_reason(error), error.strerror or str(error))
        try:
            os.ftruncate(self._open_fd(), self._size_bytes)
        except OSError:
            self._must_check = True
        self._must_check = self._must_check or error.errno not in _FULL

    def _open_fd(self) -> int:
        if self._fd is None:
            msg = "the file is not open"
            raise OSError(errno.EBADF, msg)
        return self._fd

    # -- the volume's syncer --------------------------------------------------------------------

    @override
    def sync_target(self) -> tuple[int, int] | None:
        fd = self._fd
        return None if fd is None or self._must_check else (fd, self._size_bytes)

    @override
    def synced(self, size_bytes: int) -> None:
        self._synced_bytes = size_bytes

    @override
    def sync_failed(self, error: OSError) -> None:
        self._must_check = True
        self._fail(RunEnd.DISK_ERROR, f"it cannot be synced: {error.strerror or error}")

    def _finish(self) -> None:
        """Sync, check where something failed, close, and hand over to the index."""
        if self._fd is None:
            self._parts.closed(self, None, None)
            return
        try:
            self._sync_all()
            if self._must_check:
                self._check()
            size_bytes = os.fstat(self._fd).st_size
        except OSError as error:
            log.warning("%s cannot be read back: %s", self.path, error)
            size_bytes = self._size_bytes
        finally:
            os.close(self._fd)
            self._fd = None
        self._parts.closed(self, self._entry() if self._places else None, size_bytes)

    def _sync_all(self) -> None:
        if self._must_check:
            return
        try:
            self._parts.volume.calls.fdatasync(self._open_fd())
            self._parts.volume.syncer.sync_directories()
        except OSError as error:
            self.sync_failed(error)

    def _check(self) -> None:
        """Keep what is really on the disk: all up to the first fragment that is not whole."""
        fd = self._open_fd()
        # Drop what the kernel holds in memory of pages that it could not write.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            found = read_segment_file(
                lambda offset, size: os.pread(fd, size, offset),
                self._size_bytes,
                check_from=self._synced_bytes,
            )
        except BadBox:
            self._places = []
            return
        self._places = self._places[: len(found.fragments)]
        self._size_bytes = found.good_bytes
        os.ftruncate(fd, found.good_bytes)

    def _entry(self) -> SegmentEntry:
        end = self.end
        init = self.start.init
        media_us = sum(place.duration_90k for place in self._places) * 100 // 9
        wall_us = max(1, end.end_us - self.start.start_us) if end else media_us
        if self._failure is not None:  # the recorder's end lies behind what was kept
            wall_us = min(wall_us, media_us)
        run_end = end.run_end if end else None
        return SegmentEntry(
            file=self.key,
            run_id=self.start.run_id,
            start_us=self.start.start_us,
            wall_duration_us=max(1, wall_us),
            media_offset_90k=self.start.media_offset_90k,
            size_bytes=self._size_bytes,
            init=InitEntry(init.data, init.codecs, init.video.width, init.video.height),
            table=FragmentTable(
                head_bytes=len(self._head),
                audio_offset_ticks=self.start.audio_offset_ticks,
                audio_end_ticks=self._audio_end(),
                fragments=tuple(self._places),
            ),
            recording=self.recording,
            run_end=run_end or self._failure,
            recording_ended=bool(end and end.recording_ended)
            or run_end in {RunEnd.STOPPED_BY_USER, RunEnd.NODE_STOPPED},
        )

    def _audio_end(self) -> int:
        return audio_end_ticks(self._last_audio, self._movie) if self._last_audio else 0


def _reason(error: OSError) -> RunEnd:
    if isinstance(error, VolumeMissing):
        return RunEnd.DISK_ERROR
    return RunEnd.DISK_FULL if error.errno in _FULL else RunEnd.DISK_ERROR
