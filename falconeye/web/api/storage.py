"""The disks of footage: what lies on them, how it grows; added, changed, removed."""

from typing import Annotated, Any, Literal

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.storage.volumes.mount_lines import drop_in_path
from falconeye.storage.volumes.mounts import MountFacts
from falconeye.storage.volumes.volume_facts import Role
from falconeye.web import gathered_storage, own_storage
from falconeye.web.api.documentation import documented
from falconeye.web.own_storage import StorageView, VolumeView
from falconeye.web.peers.lists import here_of
from falconeye.web.shell import shell_of
from falconeye.web.storage_answers import Node, StorageAnswer, VolumeAnswer, VolumeList

Asking = Request[Any, Any, Any]
VolumeId = FromPath[str]


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
            "The disks of all nodes, and of each camera what its footage takes, how it grows and "
            "when the oldest goes",
        ),
    )
    async def get_storage(self, request: Asking) -> StorageAnswer:
        return (
            await gathered_storage.gather(request, await own_storage.overview(request))
        ).together()

    @get("/volumes", **documented(Action.VIEW_FOOTAGE, "The disks of all nodes"))
    async def list_volumes(self, request: Asking) -> VolumeList:
        found = (
            await gathered_storage.gather(request, await own_storage.overview(request))
        ).together()
        return VolumeList(volumes=found.volumes, unreachable_nodes=found.unreachable_nodes)

    @get(
        "/mounts",
        **documented(
            Action.MANAGE_SETTINGS,
            "The mounted file systems, and what speaks against each; `?node=`: of that node",
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
            "Use a directory of a mounted disk for footage; `?node=` (name or id): of that node. "
            "Nothing is formatted",
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
            volume=VolumeAnswer.of(view, found, Node(*here_of(request))),
            cautions=[caution.value for caution in added.place.cautions],
            fstab=view.lines.fstab,
            mount_unit_name=view.lines.unit_name,
            mount_unit=view.lines.unit,
            drop_in_path=str(drop_in_path(view.known.path)),
            drop_in=view.lines.drop_in,
            note=view.lines.note,
        )

    @patch(
        "/volumes/{volume_id:str}",
        **documented(
            Action.MANAGE_SETTINGS,
            "Change what a disk is for; `?node=`: of that node",
            400,
            404,
            409,
            422,
        ),
    )
    async def change_volume(
        self, request: Asking, volume_id: VolumeId, data: JSONBody[VolumePatch]
    ) -> VolumeAnswer:
        await own_storage.change_role(request, volume_id, Role(data.role))
        view, found = await _view(request, volume_id)
        return VolumeAnswer.of(view, found, Node(*here_of(request)))

    @delete(
        "/volumes/{volume_id:str}",
        status_code=200,
        **documented(
            Action.MANAGE_SETTINGS,
            "Use a disk no more (`?node=`: of that node): refused while footage lies on it. "
            "`forget`: the disk is gone for good; its footage goes out of the index, and the "
            "timeline says who removed the disk",
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
