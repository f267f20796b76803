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
from functools import partial

from typing_extensions import override

from falconeye.base.counters import Counter
from falconeye.base.memory import MemoryBudget
from falconeye.media.boxes import BadBox
from falconeye.media.fragments import RecordingFragment
from falconeye.media.runs import RunEnd
from falconeye.media.segment_file import read_segment_file
from falconeye.storage.ledger.clocks import ClockSetting
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.segments.recording_index import RecordingEntry
from falconeye.storage.segments.recording_rows import Growing
from falconeye.storage.segments.segment_contents import SegmentContents
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.segments.segments import Accepted, SegmentEnd, SegmentStart, SegmentWriter
from falconeye.storage.segments.write_metrics import WriteMetrics
from falconeye.storage.volumes.disk_calls import PartlyWritten, close_quietly, write_all
from falconeye.storage.volumes.id_file import VolumeMissing
from falconeye.storage.volumes.syncer import DirtyFile, above
from falconeye.storage.volumes.volume import Volume

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
    # Its disk does not tell now what became of it: it is to be looked at again.
    left: Callable[["OpenSegment"], None]


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
        clock: ClockSetting | None,
    ) -> None:
        self._clock = clock
        self._parts = parts
        self.start = start
        self.key = key
        self.recording = recording
        self.end: SegmentEnd | None = None
        self._head = head
        self._contents = SegmentContents(start, len(head))
        self._bytes_written = bytes_written
        self._lock = threading.Lock()
        self._pending: deque[RecordingFragment] = deque()
        self._failure: RunEnd | None = None
        self._scheduled = True  # until the row is committed nobody may touch the file
        self._handed_over = False
        self._fd: int | None = None
        self._synced_bytes = 0
        self._sync_failed = False
        self._must_check = False  # what is in the file may not be what was written
        self.was_refused = False  # the index has no row of it

    @property
    def volume(self) -> Volume:
        """Where it is written."""
        return self._parts.volume

    @property
    def growing(self) -> Growing | None:
        """What is written of it; None before the first fragment."""
        return self._contents.growing

    @property
    def written(self) -> FragmentTable:
        """Where its fragments lie, up to the last one on the disk; any thread."""
        return self._contents.table

    @property
    @override
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
        answer.add_done_callback(partial(self._registered, instead_of))

    def _registered(self, instead_of: FileKey | None, answer: Future[None]) -> None:
        if answer.exception() is not None:  # the store has said so
            with self._lock:
                self._failure = self._failure or RunEnd.DISK_ERROR
            if instead_of is None:
                self.was_refused = True
            else:
                self.key = instead_of
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

    def abandon(self) -> None:
        """Its disk hangs, and another one is there: do not keep memory for it any longer."""
        with self._lock:
            lost, self._pending = list(self._pending), deque()
        for fragment in lost:
            self._parts.budget.give_back(fragment.size_bytes)
            self._parts.metrics.queued(-1, -fragment.size_bytes)
        self._fail(RunEnd.DISK_TOO_SLOW, "its disk does not answer")

    # -- the volume's writer --------------------------------------------------------------------

    def _pump(self) -> None:
        """Write all that waits; hand the file over to the syncer when it is closed."""
        if not self._is_made():
            return
        while (fragment := self._next()) is not None:
            try:
                if self._failure is None:
                    self._write(fragment)
            except Exception:  # an unsound fragment: the file ends before it
                log.exception("%s: a fragment cannot be written", self.path)
                self._fail(RunEnd.DISK_ERROR, "a fragment is not sound")
            finally:
                self._parts.budget.give_back(fragment.size_bytes)
                self._parts.metrics.queued(-1, -fragment.size_bytes)

    def _is_made(self) -> bool:
        """Make the file if need be; False when another name is being registered first."""
        with self._lock:
            is_empty = self.end is not None and not self._pending
        if self._fd is not None or self._failure is not None or is_empty:
            return True
        try:
            return self._create()
        except Exception:
            log.exception("%s cannot be made", self.path)
            self._fail(RunEnd.DISK_ERROR, "it cannot be made")
            return True

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
            self._contents.head_written()
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
        place = self._contents.place(fragment)
        begun = time.monotonic()
        try:
            self._write_all(fragment.buffers, fragment.size_bytes)
        except PartlyWritten as error:
            self._write_failed(error.error)
            return
        finally:
            self._parts.metrics.latency.add(time.monotonic() - begun)
        self._contents.written(fragment, place)
        self._bytes_written.add(fragment.size_bytes)
        self._parts.volume.bytes_written.add(fragment.size_bytes)
        self._parts.volume.syncer.file_changed(self)

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
            os.ftruncate(self._open_fd(), self._contents.size_bytes)
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
        return None if fd is None or self._sync_failed else (fd, self._contents.size_bytes)

    @override
    def synced(self, size_bytes: int) -> None:
        self._synced_bytes = size_bytes

    @override
    def sync_failed(self, error: OSError) -> None:
        self._sync_failed = self._must_check = True
        self._fail(RunEnd.DISK_ERROR, f"it cannot be synced: {error.strerror or error}")

    def _finish(self) -> None:
        """Sync, check where something failed, close, and hand over to the index."""
        if self._fd is None:
            self._parts.closed(self, None, None)
            return
        size_bytes = None
        try:
            self._sync_all()
            if self._must_check:
                self._check()
            size_bytes = os.fstat(self._fd).st_size
        except OSError as error:
            log.warning("%s: its disk cannot tell what it has of it: %s", self.path, error)
        finally:
            fd, self._fd = self._fd, None
            close_quietly(fd)  # NFS and FUSE may refuse: what counts was synced, or is checked
        if size_bytes is None:
            self._parts.left(self)
            return
        entry = None
        if self._contents:
            entry = self._contents.entry(self.key, self.end, self._failure, self.recording)
            entry = replace(entry, clock=self._clock)
        self._parts.closed(self, entry, size_bytes)

    def _sync_all(self) -> None:
        """The data, then the directories, also of a file that could not be written to its end."""
        if self._sync_failed:
            return
        try:
            self._parts.volume.calls.fdatasync(self._open_fd())
        except OSError as error:
            self.sync_failed(error)
            return
        failure = above(self.path, self._parts.volume.syncer.sync_directories())
        if failure is not None:
            self.sync_failed(failure)

    def _check(self) -> None:
        """Keep what is really on the disk: all up to the first fragment that is not whole.

        OSError while that cannot be known: what only memory has would be gone with the mount.
        """
        fd, volume = self._open_fd(), self._parts.volume
        # Pages that could not be written count as clean from then on, and are dropped: what is read
        # comes from the disk. The others, and where they lie, are brought there before.
        volume.calls.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            found = read_segment_file(
                lambda offset, size: os.pread(fd, size, offset),
                self._contents.size_bytes,
                check_from=self._synced_bytes,
            )
        except BadBox:
            self._contents.keep(None)
            return
        self._contents.keep(found)
        if found.good_bytes < os.fstat(fd).st_size:
            os.ftruncate(fd, found.good_bytes)
            volume.calls.fsync(fd)
        volume.sync_parents([self.path])


def _reason(error: OSError) -> RunEnd:
    if isinstance(error, VolumeMissing):
        return RunEnd.DISK_ERROR
    return RunEnd.DISK_FULL if error.errno in _FULL else RunEnd.DISK_ERROR
