"""The disks of footage: what lies on them, how it grows; added, changed, removed."""

from typing import Annotated, Any, Literal

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.storage.reading.filling import Filling
from falconeye.storage.segments.index_state import IndexState
from falconeye.storage.volumes.mount_lines import DROP_IN
from falconeye.storage.volumes.mounts import MountFacts
from falconeye.storage.volumes.volume_facts import Role
from falconeye.web import own_storage
from falconeye.web.api.documentation import documented
from falconeye.web.own_storage import CameraView, StorageView, VolumeView
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
VolumeId = FromPath[str]


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
    def of(cls, view: VolumeView, found: StorageView) -> "VolumeAnswer":
        filling = found.fillings.get(view.known.row.number, Filling(0.0, None))
        days = filling.full_in_days
        row, held, facts, moves = view.known.row, view.known.held, view.facts, view.moves
        return cls(
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
    """A camera's footage. `days_left`: until the oldest goes, by `goes_by` (a gap's reason)."""

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
    def of(cls, view: CameraView, volume_ids: dict[int, str]) -> "CameraStorage":
        use, last = view.use, view.lasting
        return cls(
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


class VolumeList(BaseModel):
    """The media directory first."""

    volumes: list[VolumeAnswer]


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


class StorageAnswer(VolumeList):
    """`days_left`: until the oldest footage makes room, as all cameras grow; null: nothing does.

    `index`: null while it has all footage.
    """

    index: IndexAnswer | None
    cameras: list[CameraStorage]
    bytes_per_day: int
    days_left: float | None


class MountAnswer(BaseModel):
    """A mounted file system fit for footage; `against`: what speaks against it."""

    path: str
    kind: str
    file_system: str
    source: str
    total_bytes: int
    free_bytes: int
    against: list[str]

    @classmethod
    def of(cls, facts: MountFacts) -> "MountAnswer":
        return cls(
            path=str(facts.mount.path),
            kind=facts.kind.value,
            file_system=facts.mount.file_system,
            source=facts.mount.source,
            total_bytes=facts.total_bytes,
            free_bytes=facts.free_bytes,
            against=[reason.value for reason in facts.against],
        )


class MountList(BaseModel):
    """The best first."""

    mounts: list[MountAnswer]


class NewVolume(BaseModel):
    """A directory of a mounted disk."""

    model_config = ConfigDict(extra="forbid")

    path: Annotated[str, Field(min_length=1, max_length=1024)]
    role: Literal["record", "archive"] = "archive"


class VolumePatch(BaseModel):
    """What it is for from now on; leaving: its footage is moved to the others."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["record", "archive", "leaving"]


class VolumeAdded(BaseModel):
    """A new volume, what should be known of it, and how its disk is mounted at each start."""

    volume: VolumeAnswer
    cautions: list[str]
    fstab: str
    mount_unit_name: str
    mount_unit: str
    drop_in_path: str
    drop_in: str
    note: str


class VolumeRemoved(BaseModel):
    """`forgotten`: how many files of footage were taken out of the index."""

    message: str
    id: str
    forgotten: int


class StorageController(Controller):
    """`/api/storage`."""

    path = "/api/storage"
    tags = ("Storage",)

    @get(
        "/",
        **documented(
            Action.VIEW_FOOTAGE,
            "The disks, and of each camera what its footage takes, how it grows and when the "
            "oldest goes",
        ),
    )
    async def get_storage(self, request: Asking) -> StorageAnswer:
        found = await own_storage.overview(request)
        ids = {one.known.row.number: one.known.row.volume_id for one in found.volumes}
        return StorageAnswer(
            volumes=[VolumeAnswer.of(one, found) for one in found.volumes],
            index=IndexAnswer.of(shell_of(request).services.storage.index),
            cameras=[CameraStorage.of(one, ids) for one in found.cameras],
            bytes_per_day=round(found.bytes_per_day),
            days_left=None if found.days_left is None else round(found.days_left, 2),
        )

    @get("/volumes", **documented(Action.VIEW_FOOTAGE, "The disks"))
    async def list_volumes(self, request: Asking) -> VolumeList:
        found = await own_storage.overview(request)
        return VolumeList(volumes=[VolumeAnswer.of(one, found) for one in found.volumes])

    @get(
        "/mounts",
        **documented(
            Action.MANAGE_SETTINGS, "The mounted file systems, and what speaks against each"
        ),
    )
    async def list_mounts(self, request: Asking) -> MountList:
        found = await shell_of(request).services.storage.mounts.found()
        return MountList(mounts=[MountAnswer.of(one) for one in found])

    @post(
        "/volumes",
        status_code=201,
        **documented(
            Action.MANAGE_SETTINGS,
            "Use a directory of a mounted disk for footage. Nothing is formatted",
            400,
            409,
            422,
            503,
        ),
    )
    async def add_volume(self, request: Asking, data: JSONBody[NewVolume]) -> VolumeAdded:
        added = await own_storage.add(request, data.path, Role(data.role))
        view, found = await _view(request, added.row.volume_id)
        return VolumeAdded(
            volume=VolumeAnswer.of(view, found),
            cautions=[caution.value for caution in added.place.cautions],
            fstab=view.lines.fstab,
            mount_unit_name=view.lines.unit_name,
            mount_unit=view.lines.unit,
            drop_in_path=DROP_IN,
            drop_in=view.lines.drop_in,
            note=view.lines.note,
        )

    @patch(
        "/volumes/{volume_id:str}",
        **documented(Action.MANAGE_SETTINGS, "Change what a disk is for", 400, 404, 409, 422),
    )
    async def change_volume(
        self, request: Asking, volume_id: VolumeId, data: JSONBody[VolumePatch]
    ) -> VolumeAnswer:
        await own_storage.change_role(request, volume_id, Role(data.role))
        return VolumeAnswer.of(*await _view(request, volume_id))

    @delete(
        "/volumes/{volume_id:str}",
        status_code=200,
        **documented(
            Action.MANAGE_SETTINGS,
            "Use a disk no more: refused while footage lies on it. `forget`: the disk is gone for "
            "good; its footage goes out of the index, and the timeline says who removed the disk",
            404,
            409,
            422,
        ),
    )
    async def remove_volume(
        self,
        request: Asking,
        volume_id: VolumeId,
        *,
        forget: Annotated[
            bool, QueryParameter(description="take its footage out of the index")
        ] = False,
    ) -> VolumeRemoved:
        known, forgotten = await own_storage.remove(request, volume_id, forget=forget)
        return VolumeRemoved(message="volume removed", id=known.row.volume_id, forgotten=forgotten)


async def _view(request: Asking, volume_id: str) -> tuple[VolumeView, StorageView]:
    found = await own_storage.overview(request)
    return next(one for one in found.volumes if one.known.row.volume_id == volume_id), found
