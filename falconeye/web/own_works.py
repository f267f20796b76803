"""What the node works on by itself, as somebody may see and change it; for the API and the pages.

It concerns the footage of all cameras: who sees all of that sees it, admins act on it. To others
there is none.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from litestar import Request

from falconeye.accounts.model import Action, Principal, may, require
from falconeye.base.errors import NotFound
from falconeye.jobs.system_work import Act, SystemWork, WorkKind
from falconeye.web.audit import record
from falconeye.web.frame import sees_works
from falconeye.web.security.access import principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
_DID: Final = {
    Act.CANCEL: "stopped",
    Act.PAUSE: "paused",
    Act.RESUME: "resumed",
    Act.RETRY: "retried",
}


async def own_works(request: Asking) -> Sequence[SystemWork]:
    """What runs, waits or is paused first; then the last outcomes."""
    who = principal_of(request)
    if not sees_works(who):
        return ()
    return [_told(work, who) for work in await shell_of(request).services.works.list()]


async def own_work(request: Asking, work_id: str) -> SystemWork | None:
    """The one with that id; None where there is none, or it may not be seen."""
    who = principal_of(request)
    if not sees_works(who):
        return None
    work = await shell_of(request).services.works.find(work_id)
    return None if work is None else _told(work, who)


async def act(request: Asking, work_id: str, wanted: Act) -> SystemWork:
    """Do it, and note who did. NotFound; NotAllowed; Conflict where it cannot be done now."""
    who = principal_of(request)
    before = await own_work(request, work_id)
    if before is None:
        raise NotFound("there is no such job")
    require(who, Action.MANAGE_SETTINGS)
    after = await shell_of(request).services.works.act(work_id, wanted, who.name)
    object_kind, object_id = _object(before)
    detail = f"{before.subject}, " if before.subject else ""
    words = f"{detail}{before.state.value}, then {after.state.value}"
    await record(request, f"{before.kind.value}.{_DID[wanted]}", object_kind, object_id, words)
    return after


def camera_names(request: Asking) -> Callable[[str], str]:
    """The name of a camera by its id; the id itself of one that is gone."""
    cameras = shell_of(request).services.cameras

    def name_of(camera_id: str) -> str:
        try:
            return cameras.get(camera_id).config.name
        except NotFound:
            return camera_id

    return name_of


def _told(work: SystemWork, who: Principal) -> SystemWork:
    """Where backups lie and why there is none names files of the machine: admins are told that."""
    if work.kind is not WorkKind.BACKUP or may(who, Action.MANAGE_SETTINGS):
        return work
    return replace(work, subject="", trouble="admins are told why" if work.trouble else "")


def _object(work: SystemWork) -> tuple[str, str | None]:
    match work.kind:
        case WorkKind.MOVE:
            return "volume", work.id.partition("-")[2]
        case WorkKind.DELETION:
            return "camera", work.subject
    return "database", None
