"""Index rows and open files as what a playlist lists."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from falconeye.storage.reading.playback_list import (
    ListedSegment,
    entries_of,
    run_zero_s,
    stored_entries,
)
from falconeye.storage.segments.segment_writer import OpenSegment

log = logging.getLogger(__name__)

Opened = tuple[OpenSegment, int]  # and the start of its run, UTC


def digest_of(init: bytes) -> str:
    """How an init segment is named."""
    return hashlib.sha256(init).hexdigest()


def listed(rows: Sequence[Row[Any]], opened: Sequence[Opened]) -> list[ListedSegment]:
    """In the order in which they are played. Not for the loop: ms.

    Of a file that is among the rows and open, too, the row counts.
    """
    stored = list(_stored(rows))
    known = {(segment.run_id, segment.media_offset_90k) for segment in stored}
    growing = [
        _listed(segment, started_us)
        for segment, started_us in opened
        if (segment.start.run_id, segment.start.media_offset_90k) not in known
    ]
    return sorted(stored + growing, key=lambda segment: (segment.run_id, segment.start_us))


def _stored(rows: Sequence[Row[Any]]) -> Iterator[ListedSegment]:
    for row in rows:
        try:
            entries = stored_entries(row.places)
        except (ValueError, TypeError):  # a bad row never breaks a list: it is a hole in it
            log.warning("the fragments of stream %d, %d cannot be read", *row[:2])
            continue
        yield ListedSegment(
            row.run_id,
            run_zero_s(row.run_started_us),
            row.start_us,
            row.media_offset_90k,
            row.sha256,
            row.init_bytes,
            entries,
            is_growing=False,
        )


def _listed(segment: OpenSegment, run_started_us: int) -> ListedSegment:
    start = segment.start
    return ListedSegment(
        start.run_id,
        run_zero_s(run_started_us),
        start.start_us,
        start.media_offset_90k,
        digest_of(start.init.data),
        len(start.init.data),
        entries_of(segment.written),
        is_growing=True,
    )
