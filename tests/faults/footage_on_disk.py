"""Judges what a fault left: does each indexed file play, and what does nobody clear away?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import av

from falconeye.federation.node_keys import CERTIFICATE_NAME
from falconeye.federation.node_keys import KEY_NAME as NODE_KEY_NAME
from falconeye.media.samples import StreamKind
from falconeye.storage.index.ballast import BALLAST_NAME
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.index.instance_lock import LOCK_NAME
from falconeye.storage.segments.layout import SegmentName, segment_path
from falconeye.storage.stores.credentials import KEY_NAME
from falconeye.storage.volumes.id_file import ID_FILE
from falconeye.storage.volumes.volume import JOURNAL_FILE

_ROWS = """SELECT camera_id, kind, start_us + named_offset_us, media_duration_90k
FROM segments JOIN streams ON streams.id = stream_id"""
_OWN = frozenset({
    DATABASE_NAME, BALLAST_NAME, LOCK_NAME, ID_FILE, JOURNAL_FILE, KEY_NAME, NODE_KEY_NAME,
    CERTIFICATE_NAME,
})  # fmt: skip


def left_behind(data_dir: Path, media_dir: Path) -> list[str]:
    """What a node that has recovered, emptied its garbage and ended leaves beside its footage.

    Footage without a row, rows of open files, garbage and moves, and files that no node has.
    """
    with closing(sqlite3.connect(data_dir / DATABASE_NAME)) as connection:
        known = {
            segment_path(SegmentName(camera, StreamKind(kind), named))
            for camera, kind, named, _length in connection.execute(_ROWS)
        }
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("open_files", "garbage", "moves")
        }
    left = [f"{count} rows of {table}" for table, count in counts.items() if count]
    for directory in (data_dir, media_dir):
        files = (path for path in directory.rglob("*") if not path.is_dir())
        names = {path.relative_to(directory).as_posix() for path in files}
        left += sorted(names - known - _OWN)
    return left


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
