"""The audit log: who viewed, exported, changed or deleted what."""

import json
from typing import Annotated, Any, Final

from litestar import Controller, Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from pydantic import BaseModel

from falconeye.accounts.audit import AuditLog
from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.storage.stores.audit_store import AuditEntry, AuditFilter
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import DEFAULT_LIMIT, From, Limit, Offset, To, read_span
from falconeye.web.audit import record
from falconeye.web.range_response import Chunks, StreamResponse, attachment
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

_TEXT: Final = 200
ActionName = Annotated[
    str | None, QueryParameter(max_length=_TEXT, description="exactly this, such as camera.deleted")
]
Actor = Annotated[
    str | None,
    QueryParameter(
        max_length=_TEXT,
        description="the name of a user or token; `system`: the node and its command line; "
        "`nobody`: who had not signed in",
    ),
]
ObjectKind = Annotated[
    str | None, QueryParameter(max_length=_TEXT, description="camera, recording, user, volume, …")
]
ObjectId = Annotated[str | None, QueryParameter(max_length=_TEXT)]


class AuditAnswer(BaseModel):
    """One thing that somebody did; holds no credential."""

    id: int
    at: str
    actor_kind: str  # user, token, system or nobody
    actor_id: str | None
    actor: str
    action: str
    object_kind: str
    object_id: str | None
    detail: str
    address: str  # where the request came from; empty for the command line

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditAnswer":
        return cls(
            id=entry.id or 0,
            at=rfc3339(entry.at_us),
            actor_kind=entry.who_kind,
            actor_id=entry.who_id,
            actor=entry.who_name,
            action=entry.action,
            object_kind=entry.object_kind,
            object_id=entry.object_id,
            detail=entry.detail,
            address=entry.address,
        )


class AuditList(BaseModel):
    """The newest first; `total` is of all that match."""

    entries: list[AuditAnswer]
    total: int


async def audit_filter(
    request: Asking,
    action: ActionName = None,
    actor: Actor = None,
    object_kind: ObjectKind = None,
    object_id: ObjectId = None,
    from_: From = None,
    to: To = None,
) -> AuditFilter:
    """What is asked for; an empty text is any: forms send it so. InvalidInput for a bad time."""
    span = read_span(from_ or None, to or None, shell_of(request).services.stored_settings.zone)
    texts = (text or None for text in (actor, action, object_kind, object_id))
    return AuditFilter(span.from_us, span.to_us, *texts)


class AuditController(Controller):
    """`/api/audit`."""

    path = "/api/audit"
    tags = ("Audit",)
    dependencies = {"wanted": Provide(audit_filter)}  # noqa: RUF012 - Litestar's own form

    @get("/", **documented(Action.READ_AUDIT, "Who did what, the newest first", 422))
    async def list_entries(
        self,
        request: Asking,
        wanted: NamedDependency[AuditFilter],
        limit: Limit = DEFAULT_LIMIT,
        offset: Offset = 0,
    ) -> AuditList:
        found, total = await _log(request).list(wanted, limit=limit, offset=offset)
        return AuditList(entries=[AuditAnswer.of(entry) for entry in found], total=total)

    @get(
        "/download",
        media_type="application/jsonl",
        **documented(
            Action.READ_AUDIT,
            "All that match as a file, the newest first: one JSON object a line, as in the list",
            422,
        ),
    )
    async def download_entries(
        self, request: Asking, wanted: NamedDependency[AuditFilter]
    ) -> StreamResponse:
        await record(request, "audit.downloaded", "audit", None)
        node_name = shell_of(request).services.node_name
        headers = {
            "content-disposition": attachment(f"falconeye-{node_name}-audit.jsonl", inline=False),
            "cache-control": "no-store",
        }
        chunks = _lines(_log(request), wanted)
        return StreamResponse(chunks, media_type="application/jsonl", headers=headers)


async def _lines(log: AuditLog, wanted: AuditFilter) -> Chunks:
    async for entries in log.batches(wanted):
        lines = [
            json.dumps(AuditAnswer.of(one).model_dump(), ensure_ascii=False) for one in entries
        ]
        yield "".join(f"{line}\n" for line in lines).encode()


def _log(request: Asking) -> AuditLog:
    return shell_of(request).services.accounts.audit
