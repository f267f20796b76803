"""What is in a segment's file so far, and the index entry that comes of it."""

from functools import cached_property

from falconeye.media.boxes import box_at
from falconeye.media.fragments import RecordingFragment
from falconeye.media.identity_box import Identity
from falconeye.media.movie import Movie, movie_of, parse_moof
from falconeye.media.random_access import read_access
from falconeye.media.runs import RunEnd
from falconeye.media.segment_file import FragmentPlace, SegmentFile, audio_end_ticks
from falconeye.storage.ledger.clocks import ClockSetting
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.init_rows import InitEntry
from falconeye.storage.segments.recording_index import RecordingEntry
from falconeye.storage.segments.recording_rows import Growing
from falconeye.storage.segments.segment_index import FileKey, SegmentEntry
from falconeye.storage.segments.segments import SegmentEnd, SegmentStart


class SegmentContents:
    """Grows on the volume's writer; its syncer cuts it and makes the entry, after the writer."""

    def __init__(self, start: SegmentStart, head_bytes: int) -> None:
        self._start = start
        self._head_bytes = head_bytes
        self.size_bytes = 0  # whole fragments
        self.growing: Growing | None = None  # None until the first fragment is written
        self._places: list[FragmentPlace] = []
        self._last_audio: bytes | None = None  # the head of the last fragment with audio
        self._audio_end_ticks: int | None = None  # as it was read back

    def __bool__(self) -> bool:
        """Whether something in it plays."""
        return bool(self._places)

    @property
    def table(self) -> FragmentTable:
        """The whole fragments in the file now, for any thread; not where their audio ends."""
        offset = self._start.audio_offset_ticks
        return FragmentTable(self._head_bytes, offset, 0, tuple(self._places))

    def place(self, fragment: RecordingFragment) -> FragmentPlace:
        """How it will be found; to be asked before it is written, since it may not be sound."""
        access = None
        if fragment.is_keyframe:
            buffers = fragment.buffers
            video, _ = parse_moof(buffers[0][: box_at(buffers[0]).end], self._movie)
            access = read_access(
                lambda offset, size: b"".join(buffers)[offset : offset + size],
                0,
                video,
                self._start.init.codecs,
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

    def head_written(self) -> None:
        self.size_bytes = self._head_bytes

    def written(self, fragment: RecordingFragment, place: FragmentPlace) -> None:
        """It is in the file, whole."""
        self.size_bytes += fragment.size_bytes
        self._places.append(place)
        media_us = (fragment.start_90k + fragment.duration_90k) * 100 // 9
        self.growing = Growing(self._start.start_us, media_us, self.size_bytes)
        if fragment.audio_tfdt_offset:
            self._last_audio = fragment.buffers[0]

    def keep(self, found: SegmentFile | None) -> None:
        """Only what was found when the file was read back (None: nothing)."""
        self._places = self._places[: len(found.fragments)] if found else []
        if found:
            self.size_bytes, self._audio_end_ticks = found.good_bytes, found.audio_end_ticks

    def entry(
        self,
        key: FileKey,
        end: SegmentEnd | None,
        failure: RunEnd | None,
        recording: RecordingEntry | None,
    ) -> SegmentEntry:
        """The row of the closed file."""
        init = self._start.init
        media_90k = sum(place.duration_90k for place in self._places)
        media_us = media_90k * 100 // 9
        wall_us = max(1, end.end_us - self._start.start_us) if end else media_us
        if failure is not None:  # the recorder's end lies behind what was kept
            wall_us = min(wall_us, media_us)
        run_end = end.run_end if end else None
        table = FragmentTable(
            head_bytes=self._head_bytes,
            audio_offset_ticks=self._start.audio_offset_ticks,
            audio_end_ticks=self._audio_end(),
            fragments=tuple(self._places),
        )
        return SegmentEntry(
            file=key,
            run_id=self._start.run_id,
            start_us=self._start.start_us,
            wall_duration_us=max(1, wall_us),
            media_offset_90k=self._start.media_offset_90k,
            media_duration_90k=media_90k,
            size_bytes=self.size_bytes,
            init=InitEntry(init.data, init.codecs, init.video.width, init.video.height),
            places=fragment_table.encode(table),
            recording=recording,
            run_end=run_end or failure,
            recording_ended=bool(end and end.recording_ended)
            or run_end in {RunEnd.STOPPED_BY_USER, RunEnd.NODE_STOPPED, RunEnd.HANDED_OVER},
        )

    def _audio_end(self) -> int:
        if self._audio_end_ticks is not None:
            return self._audio_end_ticks
        return audio_end_ticks(self._last_audio, self._movie) if self._last_audio else 0

    @cached_property
    def _movie(self) -> Movie:
        return movie_of(self._start.init.data)


def identity_of(start: SegmentStart, setting: ClockSetting | None) -> Identity:
    """What the identity box of a new file says."""
    return Identity(
        camera_id=start.camera_id,
        camera_name=start.camera_name,
        stream=start.stream,
        run_id=start.run_id,
        start_us=start.start_us,
        clock=int(start.clock),
        media_offset_90k=start.media_offset_90k,
        audio_offset_ticks=start.audio_offset_ticks,
        codecs=start.init.codecs,
        recording_id=start.recording_id,
        recording_kind=start.recording_kind if start.recording_id else None,
        boot=setting.boot if setting else None,
        utc_offset_us=setting.offset_us if setting else None,
    )
