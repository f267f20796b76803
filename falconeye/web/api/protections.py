"""Times of a camera that are protected: no rule and nobody deletes what has any of them."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Request, delete, get, post
from litestar.params import FromPath, JSONBody
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from falconeye.accounts.model import Action
from falconeye.base.errors import InvalidInput
from falconeye.base.times import LATEST_US, rfc3339
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import CameraId, From, To, read_span
from falconeye.web.own_protections import Kept, kept_time
from falconeye.web.peers.protections import kept_everywhere, let_go, protect
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


class ProtectionInput(BaseModel):
    """A time that has passed; RFC 3339, without an offset read in the site's time zone."""

    model_config = ConfigDict(strict=True, extra="forbid", populate_by_name=True)

    from_time: Annotated[str, Field(alias="from", max_length=64)]
    to_time: Annotated[str, Field(alias="to", max_length=64)]
    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


ProtectionAnswer = TypedDict(
    "ProtectionAnswer",
    {
        "id": int,
        "camera_id": str,
        "from": str,
        "to": str,
        "by": str,
        "reason": str,
        # of the node that alone has it: `?node=` leads its deletion there; else empty
        "node_id": str,
        # of one that was made or let go of: names of nodes that may not have done so
        "unreachable_nodes": list[str],
    },
)


class ProtectionList(TypedDict):
    """Of all nodes, in the order of time, each once.

    `unreachable_nodes`: the names of nodes whose own are not among them.
    """

    protections: list[ProtectionAnswer]
    unreachable_nodes: list[str]


class ProtectionController(Controller):
    """`/api/cameras/{id}/protections`; also of a camera that was deleted."""

    path = "/api/cameras/{camera_id:str}/protections"
    tags = ("Recordings",)

    @get(
        "/",
        **documented(
            Action.VIEW_FOOTAGE, "The protected times that have something of [from, to)", 404, 422
        ),
    )
    async def list_protections(
        self, request: Asking, camera_id: CameraId, from_time: From = None, to_time: To = None
    ) -> ProtectionList:
        services = shell_of(request).services
        span = read_span(from_time, to_time, services.stored_settings.zone)
        from_us = 0 if span.from_us is None else span.from_us
        to_us = LATEST_US if span.to_us is None else span.to_us
        found, silent = await kept_everywhere(request, camera_id, from_us, to_us)
        times = [one for one in found if one.protection_id is not None]
        if not times:
            _ = services.cameras.get(camera_id)  # there may be some of one that was deleted
        return {
            "protections": [_kept_answer(camera_id, one, ()) for one in times],
            "unreachable_nodes": list(silent),
        }

    @post(
        "/",
        status_code=201,
        **documented(
            Action.CONTROL,
            "Protect a time: files with any of it stay, both streams, until it is taken away",
            404,
            409,
            422,
        ),
    )
    async def protect(
        self, request: Asking, camera_id: CameraId, data: JSONBody[ProtectionInput]
    ) -> ProtectionAnswer:
        zone = shell_of(request).services.stored_settings.zone
        span = read_span(data.from_time, data.to_time, zone)
        if span.from_us is None or span.to_us is None:
            raise InvalidInput("from, to: which time is to be protected?", field="from")
        made, silent = await protect(request, camera_id, span.from_us, span.to_us, data.reason)
        return _kept_answer(camera_id, kept_time(made), silent)

    @delete(
        "/{protection_id:int}",
        status_code=200,
        **documented(Action.CONTROL, "Rules and people may delete it from now on", 404),
    )
    async def let_go(
        self, request: Asking, camera_id: CameraId, protection_id: FromPath[int]
    ) -> ProtectionAnswer:
        gone, silent = await let_go(request, camera_id, protection_id)
        return _kept_answer(camera_id, kept_time(gone), silent)


def _kept_answer(camera_id: str, one: Kept, silent: Sequence[str]) -> ProtectionAnswer:
    return {
        "id": one.protection_id or 0,
        "camera_id": camera_id,
        "from": rfc3339(one.from_us),
        "to": rfc3339(one.to_us),
        "by": one.by or "",
        "reason": one.reason,
        "node_id": one.node,
        "unreachable_nodes": list(silent),
    }
