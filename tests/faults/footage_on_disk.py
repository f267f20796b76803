"""Judges what a fault left: does each indexed file play, and do index and files agree?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import av

from falconeye.media.samples import StreamKind
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.segments.layout import SegmentName, segment_path

_ROWS = """SELECT camera_id, kind, start_us + named_offset_us, media_duration_90k
FROM segments JOIN streams ON streams.id = stream_id"""


def unplayable(data_dir: Path, media_dir: Path) -> int:
    """Indexed files that a decoder does not take whole, or as another size than they say.

    Or that are shorter than their row says.
    """
    with closing(sqlite3.connect(data_dir / DATABASE_NAME)) as connection:
        rows = connection.execute(_ROWS).fetchall()
    return sum(
        not _plays(media_dir / segment_path(SegmentName(camera, StreamKind(kind), named)), length)
        for camera, kind, named, length in rows
    )


def _plays(path: Path, length_90k: int) -> bool:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            told = {(stream.width, stream.height)}
            frames, sizes = [], set()
            for frame in container.decode(stream):
                sizes.add((frame.width, frame.height))
                if frame.pts is not None:
                    frames.append(frame.pts)
            if not frames or stream.time_base is None or sizes != told:
                return False
            step = (frames[-1] - frames[0]) / max(1, len(frames) - 1)
            found = float((frames[-1] - frames[0] + step) * stream.time_base)
            return abs(found - length_90k / 90_000) < 0.2
    except (av.FFmpegError, IndexError, OSError):
        return False
