"""What a camera's files cover of the time, told by the index and the wall clock alone.

Not by the node's own ledger, which is what is judged. Times are seconds of the epoch.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from falconeye.storage.index.data_directory import DATABASE_NAME

_SEGMENTS = """SELECT start_us, media_duration_90k, width FROM segments
JOIN streams ON streams.id = stream_id JOIN inits ON inits.id = init_id
WHERE camera_id = ? AND kind = 'main' ORDER BY start_us"""
Footage = Sequence[tuple[float, float, int]]  # begin, end, width of the pictures


def footage(data_dir: Path, camera_id: str) -> Footage:
    """The closed files of a camera, in order."""
    with closing(sqlite3.connect(data_dir / DATABASE_NAME)) as connection:
        rows = connection.execute(_SEGMENTS, (camera_id,)).fetchall()
    return [(start / 1e6, start / 1e6 + length / 90_000, width) for start, length, width in rows]


def lost_s(found: Footage, spells: Sequence[tuple[float, float]], ended: float) -> list[float]:
    """Of each spell: the time without footage up to the next, less what the camera kept back.

    A spell is (begin, when the camera sent pictures again).
    """
    ends = [begun for begun, _well in spells[1:]] + [ended]
    return [
        max(0.0, without(found, begun, end) - (well - begun))
        for (begun, well), end in zip(spells, ends, strict=True)
    ]


def without(found: Footage, begun: float, end: float) -> float:
    """Seconds from `begun` to `end` that no file has."""
    missing, covered_to = 0.0, begun
    for one, other, _width in found:
        if other > covered_to and one < end:
            missing += max(0.0, one - covered_to)
            covered_to = other
    return missing + max(0.0, end - covered_to)
