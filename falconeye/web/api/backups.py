"""Backups: the nightly copies, and bringing one back (making one to take away is the page's)."""

from typing import Annotated, Any, Final

from litestar import Controller, Request, delete, get, post
from litestar.background_tasks import BackgroundTask
from litestar.params import JSONBody
from litestar.response import Response
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.storage.backups.restoring import Look
from falconeye.web import restoring
from falconeye.web.api.documentation import documented
from falconeye.web.security.access import needs
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

_LOOK: Final = documented(
    Action.MANAGE_SETTINGS,
    "Look at a backup before it is restored: what is in it, and who and what would be gone. A form "
    "(multipart/form-data): `password`, your own, before the file; `passphrase`, which a nightly "
    "copy of the database does not need; `file`, or `kept`, the name of a nightly copy. Only for "
    "people, not for tokens",
    400,
    404,
    413,
    422,
    429,
    503,
)


class KeptBackupAnswer(BaseModel):
    """A nightly copy."""

    name: str
    made_at: str
    size_bytes: int


class BackupList(BaseModel):
    """The newest first. `restore_waits`: the next start begins with a backup's data."""

    backups: list[KeptBackupAnswer]
    restore_waits: bool


class LookAnswer(BaseModel):
    """What is in a backup. A copy of the database alone does not tell null values."""

    id: str  # for `restore`, within a quarter of an hour
    name: str
    node_name: str | None
    made_at: str | None
    falconeye: str | None  # the version that made it
    revision: str  # of the schema
    cameras: list[str]
    users: list[str]
    admins: list[str]
    tokens: list[str]
    cameras_gone: list[str]  # here now and not in it: their footage stays on the disks
    users_gone: list[str]
    tokens_gone: list[str]

    @classmethod
    def of(cls, look: Look, gone: restoring.Differences) -> "LookAnswer":
        manifest, contents = look.checked.manifest, look.checked.contents
        return cls(
            id=look.id,
            name=look.name,
            node_name=manifest.node_name if manifest else None,
            made_at=manifest.made_at if manifest else None,
            falconeye=manifest.falconeye if manifest else None,
            revision=look.checked.revision,
            cameras=list(contents.cameras),
            users=list(contents.users),
            admins=list(contents.admins),
            tokens=list(contents.tokens),
            cameras_gone=list(gone.cameras),
            users_gone=list(gone.users),
            tokens_gone=list(gone.tokens),
        )


class RestoreInput(BaseModel):
    """Which look."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=100)]


class RestoreAnswer(BaseModel):
    """It is checked and laid ready; `restarts`: the node ends now and is started again.

    Else somebody has to start it again, and until then it goes on with the present data.
    """

    name: str
    restarts: bool


class ForgetAnswer(BaseModel):
    """Whether a restore waited for the next start."""

    waited: bool


class BackupController(Controller):
    """`/api/backups`."""

    path = "/api/backups"
    tags = ("Backups",)

    @get("/", **documented(Action.MANAGE_SETTINGS, "The nightly copies, the newest first", 503))
    async def list_backups(self, request: Asking) -> BackupList:
        services = shell_of(request).services
        found = [
            KeptBackupAnswer(
                name=kept.path.name, made_at=rfc3339(kept.made_us), size_bytes=kept.size_bytes
            )
            for kept in await services.backups.kept()
        ]
        return BackupList(backups=found, restore_waits=await services.restores.is_waiting())

    @post(
        "/look",
        status_code=200,
        request_max_body_size=restoring.FORM_BYTES,
        **{**_LOOK, "opt": needs(Action.MANAGE_SETTINGS, csrf=False)},  # `StreamedForm` looks
    )
    async def look_at_backup(self, request: Asking) -> LookAnswer:
        found = await restoring.look(request)
        return LookAnswer.of(found, restoring.differences(request, found))

    @post(
        "/restore",
        status_code=202,
        **documented(
            Action.MANAGE_SETTINGS,
            "Restore what the same session has looked at: cameras, people, settings and keys are "
            "those of the backup, everybody is signed out. The next start puts it in place",
            404,
            422,
            503,
        ),
    )
    async def restore(
        self, request: Asking, data: JSONBody[RestoreInput]
    ) -> Response[RestoreAnswer]:
        found = await restoring.begin(request, data.id)
        restarts = shell_of(request).services.restart is not None
        answer = RestoreAnswer(name=found.name, restarts=restarts)
        return Response(answer, background=BackgroundTask(restoring.restart, request))

    @delete(
        "/restore",
        status_code=200,
        **documented(
            Action.MANAGE_SETTINGS, "Drop a restore that waits for the next start of the node", 503
        ),
    )
    async def forget_restore(self, request: Asking) -> ForgetAnswer:
        return ForgetAnswer(waited=await restoring.forget(request))
