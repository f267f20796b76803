"""What the nodes have on their disks once they have ended: files, ledger, configuration."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from falconeye.base.clock import SystemClock
from falconeye.storage.index.data_directory import DATABASE_NAME
from falconeye.storage.ledger.told_coverage import NodeTold, Told
from falconeye.storage.reading.timeline import make_timeline
from falconeye.storage.reading.timeline_rows import read_both
from falconeye.storage.tables.replicated import KINDS
from tests.chaos.judging import Time
from tests.databases import closed_database

_FILES = """SELECT start_us, start_us + wall_duration_us FROM segments
JOIN streams ON streams.id = stream_id WHERE camera_id = ? ORDER BY start_us"""


def files(data_dir: Path, camera_id: str) -> list[Time]:
    """When each file of a camera begins and ends; `footage_on_disk` proves that they play."""
    with closing(sqlite3.connect(data_dir / DATABASE_NAME)) as connection:
        return list(connection.execute(_FILES, (camera_id,)))


async def ledger(
    data_dir: Path, node_id: str, camera_ids: Sequence[str], span: Time
) -> Mapping[str, NodeTold]:
    """What the node would tell of each camera in that time."""
    database = closed_database(data_dir, SystemClock())
    await database.open()
    try:
        found = {}
        for camera_id in camera_ids:
            read = partial(read_both, camera_id, span, (span[1], span[1]), None)
            rows, _, _ = await database.read(read)
            if rows is not None:
                line = make_timeline(rows, *span)
                spans = [one.span for one in line.spans]
                told = Told(camera_id, line.from_us, line.to_us, spans, line.gaps)
                found[camera_id] = NodeTold(node_id, told)
        return found
    finally:
        await database.close()


def configuration(data_dir: Path) -> dict[str, str]:
    """Each field that nodes share, with its version: by "kind id field"."""
    with closing(sqlite3.connect(data_dir / DATABASE_NAME)) as connection:
        found = {
            f"{kind} {id_} {field}": f"version {counter} of {node}"
            for kind, id_, field, counter, node in connection.execute(
                "SELECT kind, id, field, counter, node FROM replica_fields"
            )
        }
        connection.row_factory = sqlite3.Row
        for kind in KINDS.values():
            for row in connection.execute(f"SELECT * FROM {kind.name}"):  # noqa: S608 - our table
                if row[kind.id_column] in kind.local_ids:
                    continue
                for field in set(row.keys()) - kind.local:
                    found[f"{kind.name} {row[kind.id_column]} = {field}"] = repr(row[field])
    return found


def differences(configurations: Sequence[Mapping[str, str]]) -> list[str]:
    """What is not the same in all of them."""
    keys = sorted({key for one in configurations for key in one})
    found = []
    for key in keys:
        values = [one.get(key, "nothing") for one in configurations]
        if len(set(values)) > 1:
            found.append(f"{key}: {' | '.join(values)}")
    return found
