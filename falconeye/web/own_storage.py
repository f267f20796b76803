"""The disks and what lies on them, as the API and the pages read and change them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from litestar import Request

from falconeye.accounts.model import Action, Principal
from falconeye.base.errors import InvalidInput
from falconeye.base.times import rfc3339
from falconeye.storage.reading.filling import Filling, Room, fillings, rooms_of
from falconeye.storage.reading.storage_use import CameraUse, Lasting, lasting, room_days
from falconeye.storage.segments.deletion import Cancelled
from falconeye.storage.segments.move_state import MoveState
from falconeye.storage.segments.retention import Keep
from falconeye.storage.segments.volume_changes import Added, Known, held_words
from falconeye.storage.volumes.mount_lines import MountLines, mount_lines
from falconeye.storage.volumes.mounts import MOUNTINFO, is_fit, mount_of, read_mounts, uuid_of
from falconeye.storage.volumes.volume_facts import Role, VolumeFacts
from falconeye.web.audit import record
from falconeye.web.own_jobs import ExportsOfTime, exports_of_time
from falconeye.web.security.access import may_on, principal_of
from falconeye.web.services import Services
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
MAX_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class VolumeView:
    """One volume now. `facts` None: it is not used, the index only knows footage on it."""

    known: Known
    facts: VolumeFacts | None
    missing: str  # why it cannot be used, in words
    is_full: bool
    records: bool  # new footage goes there now
    moves: MoveState
    lines: MountLines


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera's footage, and when the oldest of it goes."""

    use: CameraUse
    lasting: Lasting | None


@dataclass(frozen=True, slots=True)
class StorageView:
    """All of it; cameras as far as the asking one may see them."""

    volumes: tuple[VolumeView, ...]
    cameras: tuple[CameraView, ...]  # that have footage on this node, or are this node's
    bytes_per_day: float  # of all cameras
    days_left: float | None  # until the oldest footage makes room; None: nothing grows
    fillings: Mapping[int, Filling]  # by the volume's number; of those that take footage


@dataclass(frozen=True, slots=True)
class SpanDeleted:
    """What came of it: the files that went, the protected ones that stay, and the exports."""

    files: int
    kept: int
    left: ExportsOfTime


async def volumes(request: Asking) -> tuple[VolumeView, ...]:
    """The volumes, the media directory first."""
    services = shell_of(request).services
    facts = {one.id: one for one in await services.volumes.facts()}
    known = await services.storage.changes.known()
    lines = await asyncio.to_thread(_lines, [one.path for one in known])
    return tuple(
        _volume(services, one, facts.get(one.row.volume_id), text)
        for one, text in zip(known, lines, strict=True)
    )


async def overview(request: Asking) -> StorageView:
    """Volumes, cameras and how long the room lasts."""
    services, who = shell_of(request).services, principal_of(request)
    found = await volumes(request)
    uses = await services.storage.use.cameras(services.stored_settings.zone)
    stored = services.stored_settings.current
    keep = Keep(stored.keep_days, stored.keep_bytes)
    rooms = _rooms(found)
    days = room_days(sum(max(0, room.size_bytes) for room in rooms), uses)
    fill = {room.number for room in rooms} | _leaving(found)
    now_us = services.clock.utc_us()
    bytes_per_day = sum(use.bytes_per_day or 0.0 for use in uses)
    others = _of_others(services)
    return StorageView(
        volumes=found,
        cameras=tuple(
            CameraView(use, lasting(use, keep, days if _goes_for_room(use, fill) else None, now_us))
            for use in uses
            if _sees(who, use) and (use.segments or use.camera_id not in others)
        ),
        bytes_per_day=bytes_per_day,
        days_left=days,
        fillings=fillings(rooms, bytes_per_day),
    )


async def add(request: Asking, path: str, role: Role) -> Added:
    """Make a directory of a mounted disk a volume. InvalidInput, Conflict, Unavailable.

    Only of a mounted file system for data, never the system's own: who may change settings may not
    for that write anywhere. The command line, whose user has the machine anyway, takes the root
    file system as well.
    """
    services = shell_of(request).services
    changes = services.storage.changes
    place = await changes.inspect(path, on_root=False)
    if place.mount is None or not is_fit(place.mount):
        msg = "no disk for data is mounted there"
        raise InvalidInput(msg, field="path")
    added = await changes.add(str(place.path), role)
    await services.volumes.reload()
    words = f"{added.row.path}, {role.value}"
    await record(request, "volume.added", "volume", added.row.volume_id, words)
    return added


async def change_role(request: Asking, volume_id: str, role: Role) -> None:
    """What it is for from now on. NotFound, Conflict."""
    services = shell_of(request).services
    known = await services.storage.changes.change_role(volume_id, role)
    await services.volumes.reload()
    words = f"{known.row.path}, {role.value}"
    await record(request, "volume.changed", "volume", known.row.volume_id, words)


async def remove(request: Asking, volume_id: str, *, forget: bool) -> tuple[Known, int]:
    """Use it no more; how many files of footage were forgotten. NotFound, Conflict."""
    services, who = shell_of(request).services, principal_of(request).name
    forgotten = 0
    if forget:
        known, forgotten = await services.storage.changes.forget(volume_id, who)
    else:
        known = await services.storage.changes.remove(volume_id)
    await services.volumes.reload()
    action = "volume.forgotten" if forget else "volume.removed"
    words = f"{known.row.path}, {held_words(known.held)}"
    await record(request, action, "volume", known.row.volume_id, words)
    return known, forgotten


async def delete_span(
    request: Asking, camera_id: str, from_us: int | None, to_us: int | None, reason: str
) -> SpanDeleted:
    """Delete a camera's footage of a time; what went, and what stays.

    InvalidInput, NotFound; Conflict while the time is still being written, or when it was
    cancelled: what went by then is in the audit log, too.
    """
    services = shell_of(request).services
    span = await checked_span(request, camera_id, from_us, to_us, reason)
    why = f"{principal_of(request).name}: {reason.strip()}"
    words = f"{rfc3339(span[0])} to {rfc3339(span[1])}, {reason.strip()}"
    try:
        gone, kept = await services.recordings.delete_time(camera_id, *span, who=why)
    except Cancelled as error:
        await record(request, "footage.deleted", "camera", camera_id, f"{words}; {error}")
        raise
    await record(request, "footage.deleted", "camera", camera_id, words)
    return SpanDeleted(gone, kept, await exports_of_time(request, camera_id, *span))


async def checked_span(
    request: Asking, camera_id: str, from_us: int | None, to_us: int | None, reason: str
) -> tuple[int, int]:
    """The span, when all that is needed to delete it is there and right."""
    _ = shell_of(request).services.cameras.get(camera_id)
    if from_us is None or to_us is None or from_us == to_us:
        raise InvalidInput("from, to: which time is to be deleted?", field="from")
    if to_us < from_us:
        raise InvalidInput("to: lies before from", field="to")
    if not reason.isprintable() or not reason.strip() or len(reason) > MAX_REASON:
        raise InvalidInput("reason: say why, in one line", field="reason")
    return from_us, to_us


def _volume(
    services: Services, known: Known, facts: VolumeFacts | None, lines: MountLines
) -> VolumeView:
    volume = services.volumes.get(known.row.number)
    missing = "" if volume is None else volume.missing or ""
    if facts is not None and not facts.present and not missing:
        missing = "the disk does not answer"
    return VolumeView(
        known=known,
        facts=facts,
        missing=missing,
        is_full=volume is not None and volume.is_full,
        records=volume is not None and volume is services.volumes.for_recording() and not missing,
        moves=MoveState() if volume is None else services.storage.mover.state(volume),
        lines=lines,
    )


def _lines(paths: Sequence[Path]) -> list[MountLines]:
    """For each volume. Reads /proc and /dev only, no disk."""
    mounts = read_mounts(MOUNTINFO.read_bytes())
    found = []
    for path in paths:
        mount = mount_of(path, mounts)
        found.append(mount_lines(path, mount, None if mount is None else uuid_of(mount)))
    return found


def _leaving(found: Sequence[VolumeView]) -> set[int]:
    """The numbers of the disks whose footage moves to those that fill."""
    return {
        one.known.row.number
        for one in found
        if one.facts is not None and one.facts.role is Role.LEAVING
    }


def _goes_for_room(use: CameraUse, fill: Collection[int]) -> bool:
    """Whether footage of it lies, or will lie, on a disk that fills: elsewhere none goes."""
    return bool(use.bytes_per_day) or any(
        number in fill for number, size_bytes in use.on_volumes.items() if size_bytes
    )


def _rooms(found: Sequence[VolumeView]) -> list[Room]:
    numbers = {one.facts.id: one.known.row.number for one in found if one.facts is not None}
    first = next((one.facts.id for one in found if one.facts is not None and one.records), "")
    return rooms_of([one.facts for one in found if one.facts is not None], numbers, first)


def _of_others(services: Services) -> set[str]:
    """The cameras of other nodes: each node would tell of all of them, mostly of nothing."""
    return {
        camera.config.id
        for camera in services.cameras.list()
        if camera.config.owner_id not in {None, services.node_id}
    }


def _sees(who: Principal, use: CameraUse) -> bool:
    return may_on(who, Action.VIEW_FOOTAGE, use.camera_id)
