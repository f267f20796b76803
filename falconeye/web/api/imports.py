"""Files of other recorders: read, told, added. No answer holds a login."""

from typing import Annotated, Any

from litestar import Controller, Request, delete, get, post
from litestar.params import JSONBody
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.cameras.found.imports import PlannedCamera, PlannedFile, Refused
from falconeye.cameras.views import Camera
from falconeye.web.api.documentation import documented
from falconeye.web.audit import record
from falconeye.web.found_imports import FORM_BYTES, read_upload, refused_words
from falconeye.web.security.access import needs
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

_READ: Any = documented(
    Action.CHANGE_CAMERA,
    "Read files of other recorders: camera-*.conf or the backup of motionEye, config.yml of "
    "Frigate, CSV. A form (multipart/form-data) with `file`, up to eight times, 1 MB each; a field "
    "such as `FRIGATE_RTSP_PASSWORD` gives a value that a file only names. Nothing is added: what "
    "is new shows up among the found cameras, for an hour. 422 where no file could be read",
    400,
    413,
    422,
    503,
)


class ImportedCameraAnswer(BaseModel):
    """A camera of a file; addresses without logins."""

    id: str  # for `add`
    name: str
    protocol: str
    address: str | None
    sub_address: str | None
    has_login: bool
    record: str
    enabled: bool  # it ran there
    action: str  # add | there | left out
    detail: str  # as which camera it is there, or why it is left out
    notes: list[str]  # what of it is not taken over
    variables: list[str]  # values that the file only names

    @classmethod
    def of(cls, one: PlannedCamera) -> "ImportedCameraAnswer":
        camera = one.planned.camera
        return cls(
            id=one.id,
            name=camera.name,
            protocol=camera.protocol.value,
            address=camera.address,
            sub_address=camera.sub_address,
            has_login=bool(camera.username or camera.password),
            record=camera.record.value,
            enabled=camera.enabled,
            action=one.planned.action,
            detail="" if one.is_new else one.planned.detail,
            notes=list(camera.notes),
            variables=list(camera.variables),
        )


class LeftOutAnswer(BaseModel):
    """Something of a file that is not taken over."""

    key: str
    reason: str
    line: int | None


class ImportedFileAnswer(BaseModel):
    """A file that was read."""

    name: str
    kind: str  # motioneye | frigate | csv
    cameras: list[ImportedCameraAnswer]
    left_out: list[LeftOutAnswer]

    @classmethod
    def of(cls, file: PlannedFile) -> "ImportedFileAnswer":
        return cls(
            name=file.name,
            kind=file.kind,
            cameras=[ImportedCameraAnswer.of(one) for one in file.cameras],
            left_out=[
                LeftOutAnswer(key=one.key, reason=one.reason, line=one.line)
                for one in file.left_out
            ],
        )


class RefusedAnswer(BaseModel):
    """A file that could not be read, or a camera that could not be added."""

    name: str
    reason: str

    @classmethod
    def of(cls, refused: Refused) -> "RefusedAnswer":
        return cls(name=refused.name, reason=refused.words)


class ImportAnswer(BaseModel):
    """All files that were read and not yet forgotten."""

    files: list[ImportedFileAnswer]
    refused: list[RefusedAnswer]  # of those that were sent now


class AddInput(BaseModel):
    """Which cameras; null: all that are new and need not be asked for their streams."""

    model_config = ConfigDict(strict=True, extra="forbid")

    ids: Annotated[list[str], Field(min_length=1, max_length=256)] | None = None
    start: bool = Field(default=False, description="those that ran there are started")


class AddedAnswer(BaseModel):
    """A camera that was added."""

    camera_id: str
    name: str


class AddAnswer(BaseModel):
    """What came of it."""

    added: list[AddedAnswer]
    refused: list[RefusedAnswer]


class ImportController(Controller):
    """`/api/imports`."""

    path = "/api/imports"
    tags = ("Found cameras",)

    @post(
        "/",
        status_code=200,
        request_max_body_size=FORM_BYTES,
        **{**_READ, "opt": needs(Action.CHANGE_CAMERA, csrf=False)},  # `StreamedForm` looks
    )
    async def read_files(self, request: Asking) -> ImportAnswer:
        read, refused = await read_upload(request)
        if not read:
            raise InvalidInput("; ".join(refused_words(refused)))
        return _answer(request, refused)

    @get("/", **documented(Action.CHANGE_CAMERA, "What was read, and what becomes of it now"))
    async def list_imports(self, request: Asking) -> ImportAnswer:
        return _answer(request, [])

    @post(
        "/add",
        status_code=200,
        **documented(
            Action.CHANGE_CAMERA,
            "Add imported cameras, one after the other. Those that have to be asked for their "
            "streams (`onvif://…`) are added by their ids only",
            422,
            503,
        ),
    )
    async def add_imported(self, request: Asking, data: JSONBody[AddInput]) -> AddAnswer:
        imports = shell_of(request).services.finding.imports
        added, refused = await imports.add_all(start=data.start, ids=data.ids)
        for camera in added:
            await _note(request, camera)
        return AddAnswer(
            added=[AddedAnswer(camera_id=one.config.id, name=one.config.name) for one in added],
            refused=[RefusedAnswer.of(one) for one in refused],
        )

    @delete(
        "/",
        status_code=204,
        **documented(Action.CHANGE_CAMERA, "Forget the files, and the logins that are in them"),
    )
    async def forget_imports(self, request: Asking) -> None:
        shell_of(request).services.finding.imports.forget()


def _answer(request: Asking, refused: list[Refused]) -> ImportAnswer:
    plan = shell_of(request).services.finding.imports.plan()
    return ImportAnswer(
        files=[ImportedFileAnswer.of(file) for file in plan],
        refused=[RefusedAnswer.of(one) for one in refused],
    )


async def _note(request: Asking, camera: Camera) -> None:
    await record(request, "camera.added", "camera", camera.config.id, camera.config.name)
