"""Notices of all nodes: each makes its own, of the cameras that it is to record and its disks."""

from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from falconeye.accounts.model import Action, require
from falconeye.storage.stores.notice_store import Notice
from falconeye.web.peers.lists import MAX_PART, MOST_MERGED, Gathered, ListOfAll, Part
from falconeye.web.peers.questions import question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

NOTICES: Final = ListOfAll(
    "/peer/notices", TypeAdapter(list[Notice]), lambda one: (-one.since_us, one.id)
)


class Asked(BaseModel):
    """Which of them, on the way to a peer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    active: bool | None = None
    limit: Annotated[int, Field(ge=0, le=MAX_PART)] = 100
    offset: Annotated[int, Field(ge=0, le=MOST_MERGED)] = 0


async def gather(
    request: Asking, *, active: bool | None, limit: int, offset: int
) -> Gathered[Notice]:
    """The newest first, as far as who asks may see them."""

    async def own(limit: int, offset: int) -> Part[Notice]:
        return await _own(request, active=active, limit=limit, offset=offset)

    return await NOTICES.gather(request, {"active": active}, own, limit=limit, offset=offset)


@post(NOTICES.path, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own(request: Asking) -> dict[str, Any]:
    """This node's, for a person whom another node asks for; their rights are looked at again."""
    require(principal_of(request), Action.VIEW_FOOTAGE)
    asked = await question_of(request, Asked)
    return NOTICES.told(await _own(request, **asked.model_dump()))


async def _own(request: Asking, *, active: bool | None, limit: int, offset: int) -> Part[Notice]:
    return await shell_of(request).services.alerts.history(
        active=active, cameras=principal_of(request).cameras, limit=limit, offset=offset
    )
