"""Disks, and what lies on them, as nodes tell it to programs and to each other."""

from dataclasses import dataclass

from pydantic import BaseModel

from falconeye.base.times import rfc3339
from falconeye.storage.reading.filling import Filling
from falconeye.storage.segments.index_state import IndexState
from falconeye.storage.volumes.volume_facts import Role
from falconeye.web.own_storage import CameraView, StorageView, VolumeView


@dataclass(frozen=True, slots=True)
class Node:
    """Whose it is."""

    id: str
    name: str


class MoveAnswer(BaseModel):
    """What is moved off a volume. `trouble`: what holds it up, empty when nothing does.

    `paused_by`: who wants nothing moved off it, across starts; null when nobody does.
    """

    moving: bool
    paused_by: str | None
    moved_bytes: int
    moved_files: int
    unreadable_files: int
    trouble: str


class VolumeAnswer(BaseModel):
    """A volume. Sizes are 0 while it is not there; `problem` says why, empty when all is well.

    `bytes_per_day`: how it grows now, 0 where footage goes elsewhere; `full_in_days`: until its
    oldest footage makes room or is moved on, 0 when it does, null where that is not in sight.
    """

    node_name: str
    node_id: str
    id: str
    path: str
    role: str
    is_media_dir: bool
    present: bool
    records: bool
    problem: str
    file_system: str
    total_bytes: int
    free_bytes: int
    floor_bytes: int
    footage_bytes: int
    footage_files: int
    exports: int
    export_bytes: int
    bytes_per_day: int
    full_in_days: float | None
    moves: MoveAnswer

    @classmethod
    def of(cls, view: VolumeView, found: StorageView, node: Node) -> "VolumeAnswer":
        filling = found.fillings.get(view.known.row.number, Filling(0.0, None))
        days = filling.full_in_days
        row, held, facts, moves = view.known.row, view.known.held, view.facts, view.moves
        return cls(
            node_name=node.name,
            node_id=node.id,
            id=row.volume_id,
            path=row.path,
            role=(Role.RECORD if view.known.is_media_dir else row.role).value or "none",
            is_media_dir=view.known.is_media_dir,
            present=facts is not None and facts.present,
            records=view.records,
            problem=view.missing or ("the disk is full" if view.is_full else ""),
            file_system=facts.file_system if facts else "",
            total_bytes=facts.total_bytes if facts else 0,
            free_bytes=facts.free_bytes if facts else 0,
            floor_bytes=facts.floor_bytes if facts else 0,
            footage_bytes=held.size_bytes,
            footage_files=held.segments,
            exports=held.exports,
            export_bytes=held.export_bytes,
            bytes_per_day=round(filling.bytes_per_day),
            full_in_days=None if days is None else round(days, 2),
            moves=MoveAnswer(
                moving=moves.moving,
                paused_by=moves.pause.by if moves.pause else None,
                moved_bytes=moves.moved_bytes,
                moved_files=moves.moved_files,
                unreadable_files=moves.unreadable,
                trouble=moves.trouble,
            ),
        )


class DayAnswer(BaseModel):
    """What is there of a day of the site's zone."""

    day: str
    bytes: int


class CameraStorage(BaseModel):
    """A camera's footage on a node. `days_left`: until the oldest goes, by `goes_by` (a reason)."""

    node_name: str
    node_id: str
    camera_id: str
    name: str
    camera_deleted: bool
    bytes: int
    by_volume: dict[str, int]
    oldest: str | None
    bytes_per_day: int | None
    days_left: float | None
    goes_by: str | None
    days: list[DayAnswer]

    @classmethod
    def of(cls, view: CameraView, volume_ids: dict[int, str], node: Node) -> "CameraStorage":
        use, last = view.use, view.lasting
        return cls(
            node_name=node.name,
            node_id=node.id,
            camera_id=use.camera_id,
            name=use.name,
            camera_deleted=use.camera_deleted,
            bytes=use.size_bytes,
            by_volume={
                volume_ids.get(number, str(number)): size for number, size in use.on_volumes.items()
            },
            oldest=None if use.oldest_us is None else rfc3339(use.oldest_us),
            bytes_per_day=None if use.bytes_per_day is None else round(use.bytes_per_day),
            days_left=None if last is None else round(last.days, 2),
            goes_by=None if last is None else last.reason.value,
            days=[DayAnswer(day=one.day.isoformat(), bytes=one.size_bytes) for one in use.days],
        )


class IndexAnswer(BaseModel):
    """An index of the footage that is made anew, after a restore.

    What is not in it yet plays nowhere and cannot be deleted or exported.
    """

    is_building: bool  # false: it waits for the disks that are missing, or was cancelled
    is_cancelled: bool
    files: int  # on the disks that are there
    files_done: int
    complete_until: str | None  # what began before is in it
    missing_disks: list[str]

    @classmethod
    def of(cls, state: IndexState) -> "IndexAnswer | None":
        if not state.is_partial and not state.away:
            return None
        until = rfc3339(state.until_us) if state.until_us else None
        return cls(
            is_building=state.is_building,
            is_cancelled=state.is_cancelled,
            files=state.files,
            files_done=state.done,
            complete_until=until,
            missing_disks=list(state.away),
        )


class VolumeList(BaseModel):
    """Of all nodes, this one first, each with its media directory first.

    `unreachable_nodes`: the names of nodes whose disks are not among them.
    """

    volumes: list[VolumeAnswer]
    unreachable_nodes: list[str] = []


class NodeStorage(BaseModel):
    """How a node's room lasts. `index`: null while it has all footage.

    `days_left`: until the oldest footage makes room, as all cameras grow; null: nothing does.
    """

    node_name: str
    node_id: str
    index: IndexAnswer | None
    bytes_per_day: int
    days_left: float | None


class StorageAnswer(VolumeList):
    """Of all nodes; a camera has a row for each node that has footage of it, or records it.

    `bytes_per_day`: of all of them. `days_left`: the fewest of any. `index`: of the node that was
    asked.
    """

    index: IndexAnswer | None
    cameras: list[CameraStorage]
    bytes_per_day: int
    days_left: float | None
    nodes: list[NodeStorage]
