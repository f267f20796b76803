"""An export known again by what lies beside it, where no row tells of it any more.

A kill between the last file and the row of its job leaves one, and so does a restored database that
is older. What somebody has exported may be evidence: it is taken over when its file has the SHA-256
that its sidecar says, and never made again over it.
"""

import asyncio
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from falconeye.base.times import SECOND_US, parse_rfc3339
from falconeye.storage.export.export_files import DIRECTORY, PART, ExportFiles
from falconeye.storage.export.export_result import Export, ExportedFile
from falconeye.storage.export.export_writer import PIECE_BYTES, Cancelled
from falconeye.storage.index.database import Database
from falconeye.storage.stores.job_store import JobState
from falconeye.storage.tables.jobs import jobs
from falconeye.storage.tables.node import TOKENS, USERS
from falconeye.storage.volumes.volume import ANSWER_S, Volume
from falconeye.storage.volumes.volumes import Volumes

log = logging.getLogger(__name__)

_MAX_SIDECAR_BYTES = 16 << 20
_UTC = ZoneInfo("UTC")
_TOKEN = "token "  # noqa: S105 - before the name of a token that asked for it
# What a sidecar raises that somebody else wrote: lists without an entry, sizes without an end.
UNREADABLE = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip


OnThread = Callable[
    [Callable[[], "FoundExport | None"], threading.Event], Awaitable["FoundExport | None"]
]


@dataclass(frozen=True, slots=True)
class FoundExport:
    """One that is whole, and what its sidecar says of who asked for what."""

    job_id: str
    made: Export
    asked_by: str
    asked_us: int
    cameras: Sequence[tuple[str, str]]  # (id, name)
    from_us: int  # that was asked for
    to_us: int

    @property
    def is_copy(self) -> bool:
        """Of another export, in H.264."""
        return any(file.copy_of for file in self.made.files)


def exports_on(volume: Volume) -> list[str]:
    """The jobs' ids of what lies there as exports, whole or begun. OSError. Reader threads."""
    try:
        return sorted(_listed(volume, DIRECTORY))
    except FileNotFoundError:
        return []


def list_export(volume: Volume, job_id: str) -> list[str] | None:
    try:
        return _listed(volume, f"{DIRECTORY}/{job_id}")
    except (FileNotFoundError, NotADirectoryError):
        return None


def find_export(
    volume: Volume,
    job_id: str,
    stop: threading.Event | None = None,
    *,
    is_beside: bool = False,
) -> FoundExport | None:
    """The whole export of a job on a volume, of which all is read; None when it is not whole.

    OSError of the disk; Cancelled once `stop` is set. Blocks for long; `is_beside` recorders, it
    leaves them half of the disk's time.
    """
    names = list_export(volume, job_id) or []
    for sidecar_name in sorted(name for name in names if name.endswith(".json")):
        sheet_name = sidecar_name.removesuffix(".json") + ".txt"
        if sheet_name not in names:  # it is the last that is written
            continue
        path = f"{DIRECTORY}/{job_id}/"
        text = _read(volume, path + sidecar_name)
        # Whatever it says: another node's disk may be here.
        with suppress(*UNREADABLE):
            found = _parse(volume, job_id, json.loads(text))
            made = found.made
            sizes = {
                "sidecar_name": sidecar_name,
                "sidecar_bytes": len(text),
                "sheet_name": sheet_name,
                "sheet_bytes": volume.size_of(path + sheet_name) or 0,
            }
            is_whole = made.file_name in names and _is_unchanged(
                volume, path + made.file_name, made, stop, is_beside=is_beside
            )
            if is_whole:
                return replace(found, made=Export.of(asdict(made) | sizes))
    return None


def is_begun(names: Sequence[str]) -> bool:
    """Whether nothing of it was finished, by the names of its files."""
    return all(name.endswith(PART) for name in names)


async def made_before(volumes: Volumes, job_id: str, on_thread: OnThread) -> Export | None:
    """What an attempt before made of a job, where it is whole: a kill came before its row did.

    What was only begun is removed, since the next attempt may be on another disk. `on_thread` runs
    what reads all of the file.
    """
    for volume in volumes.all:
        if volume.missing is not None:
            continue
        try:
            async with asyncio.timeout(ANSWER_S):
                names = await volume.readers.run(partial(list_export, volume, job_id))
                if names is not None and is_begun(names):
                    await volume.readers.run(ExportFiles(volume, job_id).remove)
            stop = threading.Event()
            if names and not is_begun(names):
                found = await on_thread(partial(find_export, volume, job_id, stop), stop)
                if found is not None:
                    log.info("the export %s was made before: it is taken over", job_id)
                    return found.made
        except OSError as error:  # one that does not answer, too
            log.warning("%s may hold a part of an export: %s", volume.path, error)
    return None


async def take_over_export(database: Database, found: FoundExport) -> bool:
    """Give it a job that is done, for whom it was made; False when there is one of that id."""
    return await database.write(partial(_take_over, found))


async def _take_over(found: FoundExport, connection: AsyncConnection) -> bool:
    mine = select(jobs.c.id).where(jobs.c.id == found.job_id)
    if (await connection.execute(mine)).first() is not None:
        return False
    is_token = found.asked_by.startswith(_TOKEN)
    name = found.asked_by.removeprefix(_TOKEN) if is_token else found.asked_by
    owner: Table = TOKENS if is_token else USERS
    owner_id = await connection.scalar(select(owner.c.id).where(owner.c.name == name))
    camera_id, camera_name = found.cameras[0]
    await connection.execute(
        insert(jobs).values(
            id=found.job_id,
            kind="copy" if found.is_copy else "export",
            state=JobState.COMPLETE.value,
            camera_id=camera_id,
            owner_kind="token" if is_token else "user",
            owner_id=owner_id or "",  # nobody's, but administrators see it
            owner_name=name,
            created_us=found.asked_us,
            started_us=found.asked_us,
            ended_us=found.made.made_us,
            attempts=1,
            request={
                "camera_name": camera_name,
                "cameras": [{"id": one, "name": called} for one, called in found.cameras],
                "from_us": found.from_us,
                "to_us": found.to_us,
            },
            result=found.made.values(),
        )
    )
    return True


def _listed(volume: Volume, directory: str) -> list[str]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(directory, flags, dir_fd=volume.root_fd)
    try:
        return os.listdir(fd)  # noqa: PTH208 - a descriptor, not a path
    finally:
        os.close(fd)


def _read(volume: Volume, path: str) -> bytes:
    with os.fdopen(volume.open_file(path), "rb") as file:
        return file.read(_MAX_SIDECAR_BYTES)


def _is_unchanged(
    volume: Volume, path: str, made: Export, stop: threading.Event | None, *, is_beside: bool
) -> bool:
    found, size = hashlib.sha256(), 0
    with os.fdopen(volume.open_file(path), "rb") as file:
        while True:
            begun_s = time.monotonic()
            piece = file.read(PIECE_BYTES)
            if not piece:
                break
            if stop is not None and stop.is_set():
                raise Cancelled
            found.update(piece)
            size += len(piece)
            if is_beside:
                time.sleep(min(1.0, time.monotonic() - begun_s))
    return (size, found.hexdigest()) == (made.size_bytes, made.sha256)


def _parse(volume: Volume, job_id: str, told: Mapping[str, Any]) -> FoundExport:
    """What `export_papers.sidecar` wrote; one of `UNREADABLE` for anything else."""
    cameras = told.get("cameras", [told])
    files = [
        _file(one, camera["camera_id"], camera["camera_name"])
        for camera in cameras
        for one in camera["parts"]
    ]
    asked = cameras[0]["asked"]
    name = str(told["file"])
    made = Export(
        volume=volume.number,
        file_name=name,
        size_bytes=int(told["size_bytes"]),
        sha256=str(told["sha256"]),
        sidecar_name="",
        sidecar_bytes=0,
        from_us=min(file.from_us for file in files),
        to_us=max(file.to_us for file in files),
        parts=len(files),
        gaps=sum(len(camera["gaps"]) for camera in cameras),
        made_us=parse_rfc3339(told["made_at"], _UTC),
        files=tuple(files),
        silent=_silent(cameras),
    )
    return FoundExport(
        job_id=job_id,
        made=made,
        asked_by=str(told["asked_by"]),
        asked_us=parse_rfc3339(told["asked_at"], _UTC),
        cameras=[(str(one["camera_id"]), str(one["camera_name"])) for one in cameras],
        from_us=parse_rfc3339(asked["from"], _UTC),
        to_us=parse_rfc3339(asked["to"], _UTC),
    )


def _silent(cameras: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Releases without this list told of nobody."""
    names = {str(name) for camera in cameras for name in camera.get("unreachable_nodes", ())}
    return tuple(sorted(names))


def _file(told: Mapping[str, Any], camera_id: str, camera_name: str) -> ExportedFile:
    return ExportedFile(
        name=str(told["name"]),
        camera_id=str(camera_id),
        camera_name=str(camera_name),
        from_us=parse_rfc3339(told["from"], _UTC),
        to_us=parse_rfc3339(told["to"], _UTC),
        duration_us=round(float(told["duration_seconds"]) * SECOND_US),
        size_bytes=int(told["size_bytes"]),
        sha256=str(told["sha256"]),
        codec=str(told["codec"]),
        copy_of=str(told["reencoded_from_sha256"] or ""),
    )
