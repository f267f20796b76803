"""Playback of recorded footage: the list of a window, its media, and keyframes of it.

What is being written counts up to its last fragment on the disk. Open files are looked at before
rows: one that is closed meanwhile is then seen twice, never missed.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import Row

from falconeye.base.clock import Clock
from falconeye.base.errors import NotFound, Unavailable
from falconeye.base.times import SECOND_US
from falconeye.media.boxes import BadBox
from falconeye.media.movie import movie_of
from falconeye.media.samples import VIDEO_TIMESCALE, StreamKind
from falconeye.storage.index.database import Database
from falconeye.storage.reading import playback_rows
from falconeye.storage.reading.download import DownloadPlan, SourceFile, identity_of, read_layout
from falconeye.storage.reading.download_layout import Layout, PlacedSegment, SegmentRows
from falconeye.storage.reading.listed_segments import Opened, digest_of, listed
from falconeye.storage.reading.playback_list import ListedSegment, make_playlist, run_zero_s
from falconeye.storage.reading.timeline import UNWRITTEN_US
from falconeye.storage.segments import fragment_table
from falconeye.storage.segments.fragment_table import FragmentTable
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.segments.segment_store import FootageStore
from falconeye.storage.segments.segment_writer import OpenSegment
from falconeye.storage.volumes.volumes import Volumes

TAIL_US = 2 * SECOND_US  # the last picture of a stretch stands for so long after its end
_DAMAGED = "the index of this footage is damaged: run `falconeye check`"
_FORMAT = b"playback 1"  # raise it when the same rows would give other bytes
_NAME = re.compile(r"(main|sub)-([1-9]\d{0,17})-(0|[1-9]\d{0,17})\.m4s")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FootageFile:
    """A segment's file and what lies where in it; closed, or as far as it is written."""

    kind: StreamKind
    run_id: int
    start_us: int
    media_offset_90k: int
    size_bytes: int  # with its head
    table: FragmentTable
    source: SourceFile

    @property
    def duration_us(self) -> int:
        return sum(place.duration_90k for place in self.table.fragments) * 100 // 9


@dataclass(frozen=True, slots=True)
class StoredKeyframe:
    """Where a keyframe lies; with its init segment it can be decoded."""

    at_us: int
    file: FootageFile
    offset: int  # of its fragment in the file
    size_bytes: int  # of the fragment
    init: bytes

    @property
    def key(self) -> str:
        """The same for the same picture, for ever."""
        return f"{self.file.kind.value}-{self.file.run_id}-{self.file.start_us}-{self.offset}"


class Beside(StrEnum):
    """Which keyframe beside a moment, over holes."""

    PREVIOUS = "previous"
    NEXT = "next"


class Playback:
    """Recorded footage of this node's cameras for players; lives on the loop."""

    def __init__(
        self, database: Database, volumes: Volumes, store: FootageStore, clock: Clock
    ) -> None:
        self._database = database
        self._volumes = volumes
        self._store = store
        self._clock = clock

    async def playlist(
        self, camera_id: str, kind: StreamKind, from_us: int, to_us: int, *, grows: bool = True
    ) -> str:
        """The HLS playlist of [from, to); NotFound where nothing was recorded.

        One whose end has not come, or whose last pictures may be on their way to the disk, grows
        while it is asked for again; `grows=False`: it is what there is now.
        """
        rows, opened = await self._window(camera_id, kind, from_us, to_us)
        is_over = self.is_over(from_us, to_us, grows=grows, has_growing=bool(opened))

        def make() -> str | None:
            return make_playlist(listed(rows, opened), kind, from_us, to_us, is_over=is_over)

        # Not on a volume's threads: no disk is touched, and one that hangs must not delay it.
        text = await asyncio.to_thread(make)
        if text is None:
            if rows:
                raise Unavailable(_DAMAGED)
            msg = "nothing was recorded in this time"
            raise NotFound(msg)
        return text

    async def segments(
        self, camera_id: str, kind: StreamKind, from_us: int, to_us: int
    ) -> list[ListedSegment]:
        """What a playlist of [from, to) lists; what is damaged in the index is left out."""
        rows, opened = await self._window(camera_id, kind, from_us, to_us)
        return await asyncio.to_thread(listed, rows, opened)

    def is_over(self, from_us: int, to_us: int, *, grows: bool, has_growing: bool) -> bool:
        """Whether nothing comes to the playlist of [from, to) any more; see `playlist`."""
        now_us = self._clock.utc_us()
        is_past = to_us + UNWRITTEN_US <= now_us
        is_ahead = from_us > now_us and not has_growing  # a clock was ahead: nothing comes to it
        return not grows or is_past or is_ahead

    async def _window(
        self, camera_id: str, kind: StreamKind, from_us: int, to_us: int
    ) -> tuple[Sequence[Row[Any]], Sequence[Opened]]:
        growing = self._growing(camera_id, kind)
        rows = await self._database.read(
            partial(playback_rows.read_window, camera_id, kind, from_us, to_us)
        )
        return rows, await self._with_starts(growing)

    async def media(self, camera_id: str, name: str) -> DownloadPlan:
        """A segment's media by the name it has in a playlist; NotFound when it is gone."""
        match = _NAME.fullmatch(name)
        if match is None:
            msg = "there is no such footage"
            raise NotFound(msg)
        kind, run_id, start_us = StreamKind(match[1]), int(match[2]), int(match[3])
        try:
            return await self._media(camera_id, name, kind, run_id, start_us)
        except BadBox as error:  # of the init segment
            raise Unavailable(_DAMAGED) from error

    async def file(
        self, camera_id: str, kind: StreamKind, run_id: int, start_us: int
    ) -> SourceFile:
        """A segment's file as it lies there; NotFound when it is gone."""
        file, *_ = await self._find(camera_id, kind, run_id, start_us)
        return file.source

    async def _media(
        self, camera_id: str, name: str, kind: StreamKind, run_id: int, start_us: int
    ) -> DownloadPlan:
        file, init, run_started_us, identity = await self._find(camera_id, kind, run_id, start_us)
        return _plan(
            file, init, run_started_us, identity or f"{camera_id} {name} {file.size_bytes}"
        )

    async def _find(
        self, camera_id: str, kind: StreamKind, run_id: int, start_us: int
    ) -> tuple[FootageFile, bytes, int, str]:
        """With its init segment, when its run began (UTC), and, once closed, its identity."""
        growing = self._growing(camera_id, kind)
        row = await self._database.read(
            partial(playback_rows.read_segment, camera_id, kind, run_id, start_us)
        )
        if row is not None:
            file = self._closed(camera_id, kind, row)
            return file, row.data, row.run_started_us, identity_of(row)
        for segment, started_us in await self._with_starts(growing):
            if (segment.start.run_id, segment.start.start_us) == (run_id, start_us):
                return self._open(segment), segment.start.init.data, started_us, ""
        msg = "this footage is not there any more"
        raise NotFound(msg)

    async def init(self, camera_id: str, digest: str) -> bytes:
        """An init segment of the camera's footage by its SHA-256."""
        for segment in self._store.open_segments(camera_id):
            data = segment.start.init.data
            if digest_of(data) == digest:
                return data
        found = None
        if _DIGEST.fullmatch(digest):
            found = await self._database.read(partial(playback_rows.read_init, camera_id, digest))
        if found is None:
            msg = "this footage is not there any more"
            raise NotFound(msg)
        return found

    async def keyframe(self, camera_id: str, kind: StreamKind, at_us: int) -> StoredKeyframe:
        """The keyframe at or before `at_us`, of the same GOP; NotFound in a hole.

        Of a time that was recorded twice, because the clock was set back, that of the first run.
        """
        growing = [s for s in self._growing(camera_id, kind) if s.start.start_us <= at_us]
        row = await self._database.read(partial(playback_rows.read_latest, camera_id, kind, at_us))
        latest = max(growing, key=lambda segment: segment.start.start_us, default=None)
        if latest is not None and (row is None or _comes_before(row, latest, at_us)):
            file, init = self._open(latest), latest.start.init
            end_us = file.start_us + file.duration_us + UNWRITTEN_US
            return _keyframe(file, init.data, at_us, end_us)
        if row is None:
            raise _nothing()
        file = self._closed(camera_id, kind, row)
        end_us = row.start_us + row.wall_duration_us + TAIL_US
        return _keyframe(file, row.data, at_us, end_us)

    async def keyframe_beside(
        self, camera_id: str, kind: StreamKind, at_us: int, which: Beside
    ) -> StoredKeyframe:
        """The last keyframe before `at_us`, or the next one after it; NotFound where none is."""
        later = which is Beside.NEXT
        growing = self._growing(camera_id, kind)
        rows = await self._database.read(
            lambda connection: playback_rows.read_beside(
                camera_id, kind, at_us, later=later, connection=connection
            )
        )
        files = [(self._closed(camera_id, kind, row), row.data) for row in rows]
        files += [(self._open(segment), segment.start.init.data) for segment in growing]
        found = [
            one
            for file, init in files
            for one in _keyframes(file, init)
            if (one.at_us > at_us if later else one.at_us < at_us)
        ]
        if not found:
            raise _nothing()
        return min(found, key=lambda one: abs(one.at_us - at_us))

    def _growing(self, camera_id: str, kind: StreamKind) -> list[OpenSegment]:
        """Files with something in them, in the order in which they are played."""
        found = [
            segment
            for segment in self._store.open_segments(camera_id)
            if segment.start.stream is kind and segment.growing is not None
        ]
        return sorted(found, key=lambda segment: (segment.start.run_id, segment.start.start_us))

    async def _with_starts(self, growing: Sequence[OpenSegment]) -> list[Opened]:
        """With the starts of their runs: those rows were committed before the files were made."""
        if not growing:
            return []
        ids = {segment.start.run_id for segment in growing}
        starts = await self._database.read(partial(playback_rows.read_run_starts, ids))
        return [
            (segment, starts[segment.start.run_id])
            for segment in growing
            if segment.start.run_id in starts  # gone: the file came to nothing
        ]

    def _closed(self, camera_id: str, kind: StreamKind, row: Row[Any]) -> FootageFile:
        try:
            table = _table(row.places)
        except (ValueError, TypeError) as error:  # TypeError: there is none
            raise Unavailable(_DAMAGED) from error
        name = SegmentName(camera_id, kind, row.start_us + row.named_offset_us)
        source = self._source(row.volume_id, segment_path(name), row.size_bytes)
        return FootageFile(
            kind, row.run_id, row.start_us, row.media_offset_90k, row.size_bytes, table, source
        )

    def _open(self, segment: OpenSegment) -> FootageFile:
        table = segment.written
        size = table.head_bytes + sum(place.size_bytes for place in table.fragments)
        source = self._source(segment.key.volume, segment.path, size)
        start = segment.start
        return FootageFile(
            start.stream, start.run_id, start.start_us, start.media_offset_90k, size, table, source
        )

    def _source(self, volume_number: int, path: str, size_bytes: int) -> SourceFile:
        volume = self._volumes.get(volume_number)
        if volume is None:
            msg = "the disk of this footage is not configured any more"
            raise Unavailable(msg)
        return SourceFile(self._volumes.opener(volume, path), volume.readers, size_bytes)


@lru_cache(maxsize=16)
def _table(blob: bytes) -> FragmentTable:
    """A player asks for many ranges of one file."""
    return fragment_table.decode(blob)


@lru_cache(maxsize=16)
def _audio_rate(init: bytes) -> int:
    """The audio track's timescale; 0 without one, BadBox for an init that cannot be read."""
    audio = movie_of(init).audio
    return audio.timescale if audio else 0


def _comes_before(row: Row[Any], opened: OpenSegment, at_us: int) -> bool:
    """Whether an open file has the moment rather than the closed one."""
    is_earlier_run = row.run_id < opened.start.run_id
    if is_earlier_run and at_us < row.start_us + row.wall_duration_us:
        return False
    return bool(row.start_us < opened.start.start_us)


def _nothing() -> NotFound:
    return NotFound("nothing was recorded at this time")


def _plan(file: FootageFile, init: bytes, run_started_us: int, identity: str) -> DownloadPlan:
    """The media behind the file's head, its times those of the run in playback.

    `identity` changes with all that the bytes depend on.
    """
    digest = hashlib.sha256(_FORMAT + identity.encode()).hexdigest()
    table = file.table
    zero_s = run_zero_s(run_started_us)
    duration = sum(place.duration_90k for place in table.fragments)
    rows = SegmentRows(file.run_id, file.media_offset_90k, duration, table)
    placed = PlacedSegment(
        rows,
        offset=0,
        size_bytes=rows.body_bytes,
        video_base_90k=zero_s * VIDEO_TIMESCALE + file.media_offset_90k,
        audio_base_ticks=zero_s * _audio_rate(init) + table.audio_offset_ticks,
        first_sequence=1,
    )
    layout = Layout(b"", (placed,), rows.body_bytes, duration)
    return DownloadPlan(
        length=layout.length,
        etag=f'"{digest[:32]}"',
        file_name=f"{file.kind.value}-{file.start_us}.m4s",
        mime_type="video/mp4",
        last_modified_us=file.start_us + file.duration_us,
        read=read_layout(layout, [file.source]),
    )


def _keyframe(file: FootageFile, init: bytes, at_us: int, end_us: int) -> StoredKeyframe:
    if at_us >= end_us:
        raise _nothing()
    found: StoredKeyframe | None = None
    for one in _keyframes(file, init):
        if one.at_us > at_us and found is not None:
            break
        found = one
    if found is None:
        raise _nothing()
    return found


def _keyframes(file: FootageFile, init: bytes) -> Iterator[StoredKeyframe]:
    """Those of a file, in order."""
    offset = file.table.head_bytes
    for place in file.table.fragments:
        if place.is_keyframe:
            place_us = file.start_us + place.start_90k * 100 // 9
            yield StoredKeyframe(place_us, file, offset, place.size_bytes, init)
        offset += place.size_bytes
