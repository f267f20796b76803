"""Makes the index entry of a segment from its file alone, and cuts what is torn."""

import logging
import os
from dataclasses import dataclass

from falconeye.media.boxes import BadBox
from falconeye.media.identity_box import Identity
from falconeye.media.runs import RunEnd
from falconeye.media.segment_file import SegmentFile, read_segment_file
from falconeye.storage.ledger.clocks import ClockSetting
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.init_rows import InitEntry
from falconeye.storage.segments.recording_index import RecordingEntry
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.segments.segments import RecordingKind
from falconeye.storage.volumes.volume import Volume

log = logging.getLogger(__name__)

# How much of the end of a file is read whole where its end was synced once: a look, not a proof.
TAIL_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A file as it is after the torn tail was cut; `found` is None where nothing can be played."""

    found: SegmentFile | None
    size_bytes: int
    cut_bytes: int


def salvage(volume: Volume, path: str, *, cut: bool, whole: bool = False) -> Salvaged:
    """Read a file back; with `cut`, shorten it to what is whole. Reader threads.

    `whole`: after a crash, a power cut or a fault of the disk. Any part may be lost that was not
    synced; what is found then is on the disk when this returns, its name too.

    FileNotFoundError when it is not there, OSError when the disk cannot read or keep it.
    """
    fd = volume.open_file(path, os.O_RDWR if cut else os.O_RDONLY)
    try:
        if whole:
            _bring_to_disk(volume, path, fd)
        size = os.fstat(fd).st_size
        try:
            found = read_segment_file(
                lambda offset, count: os.pread(fd, count, offset),
                size,
                check_from=0 if whole else max(0, size - TAIL_BYTES),
            )
        except BadBox as error:
            log.warning("%s cannot be played: %s", path, error)
            return Salvaged(None, size, 0)
        if not found.fragments:
            return Salvaged(None, size, 0)
        torn = size - found.good_bytes
        if torn and cut:
            os.ftruncate(fd, found.good_bytes)
            volume.calls.fdatasync(fd)
            log.warning("cut %d torn bytes off %s", torn, path)
        return Salvaged(found, found.good_bytes, torn)
    finally:
        os.close(fd)


def _bring_to_disk(volume: Volume, path: str, fd: int) -> None:
    """And forget what memory has of it: pages that could not be written count as clean there."""
    volume.calls.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    volume.sync_parents([path])


def entry_of(
    found: SegmentFile, key: FileKey, *, node_name: str, run_end: RunEnd | None
) -> SegmentEntry:
    """The index entry; the wall duration is the media's, as nothing better is known."""
    identity, video = found.head.identity, found.head.movie.video
    media_90k = sum(place.duration_90k for place in found.fragments)
    table = FragmentTable(
        head_bytes=found.head.size_bytes,
        audio_offset_ticks=identity.audio_offset_ticks,
        audio_end_ticks=found.audio_end_ticks,
        fragments=found.fragments,
    )
    return SegmentEntry(
        file=key,
        run_id=identity.run_id,
        start_us=identity.start_us,
        wall_duration_us=max(1, media_90k * 100 // 9),
        media_offset_90k=identity.media_offset_90k,
        media_duration_90k=media_90k,
        size_bytes=found.good_bytes,
        init=InitEntry(found.head.init, identity.codecs, video.width, video.height),
        places=fragment_table.encode(table),
        recording=_recording(identity, node_name),
        run_end=run_end,
        recording_ended=True,
        clock=_clock(identity),
    )


def _clock(identity: Identity) -> ClockSetting | None:
    if identity.boot is None or identity.utc_offset_us is None:
        return None
    return ClockSetting(identity.boot, identity.utc_offset_us)


def _recording(identity: Identity, node_name: str) -> RecordingEntry | None:
    if identity.recording_id is None:
        return None
    try:
        kind = RecordingKind(identity.recording_kind or RecordingKind.CONTINUOUS)
    except ValueError:
        kind = RecordingKind.CONTINUOUS
    return RecordingEntry(
        identity.recording_id, kind, identity.camera_id, identity.camera_name, node_name
    )
