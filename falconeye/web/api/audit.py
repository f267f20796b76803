"""The audit log: who viewed, exported, changed or deleted what."""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any, Final, Literal

from litestar import Controller, Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from pydantic import BaseModel

from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.storage.stores.audit_store import AuditEntry, AuditFilter
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import DEFAULT_LIMIT, From, Limit, Offset, To, read_span
from falconeye.web.audit import record
from falconeye.web.audit_files import csv_lines, json_lines
from falconeye.web.audit_words import action_words, kind_words
from falconeye.web.peers.audit import Entries, everything, gather, heard_of
from falconeye.web.peers.lists import OfNode
from falconeye.web.range_response import StreamResponse, attachment
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
CameraIdOf = Annotated[
    str | None,
    QueryParameter(max_length=_TEXT, description="the camera, and its recordings"),
]
FileForm = Literal["jsonl", "csv"]


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
    node_name: str  # the node that did it, and noted it: ids count within it
    node_id: str

    @classmethod
    def of(cls, told: OfNode[AuditEntry]) -> "AuditAnswer":
        entry = told.row
        return cls(
            node_name=told.node_name,
            node_id=told.node_id,
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


COLUMNS: Final = tuple(AuditAnswer.model_fields)
MEANINGS: Final = {
    "action_words": lambda row: action_words(row["action"]),
    "object_kind_words": lambda row: kind_words(row["object_kind"]),
}


class AuditList(BaseModel):
    """Of all nodes, the newest first; `total` is of all that match.

    `unreachable_nodes`: the names of nodes whose entries are not among them.
    """

    entries: list[AuditAnswer]
    total: int
    unreachable_nodes: list[str]


async def audit_filter(
    request: Asking,
    action: ActionName = None,
    actor: Actor = None,
    object_kind: ObjectKind = None,
    object_id: ObjectId = None,
    camera_id: CameraIdOf = None,
    from_: From = None,
    to: To = None,
) -> AuditFilter:
    """What is asked for; an empty text is any: forms send it so. InvalidInput for a bad time."""
    span = read_span(from_ or None, to or None, shell_of(request).services.stored_settings.zone)
    texts = (text or None for text in (actor, action, object_kind, object_id, camera_id))
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
        found = await gather(request, wanted, limit=limit, offset=offset)
        return AuditList(
            entries=[AuditAnswer.of(told) for told in found.rows],
            total=found.total,
            unreachable_nodes=list(found.silent),
        )

    @get(
        "/download",
        media_type="application/jsonl",
        **documented(
            Action.READ_AUDIT,
            "All that match as a file, the newest first: one JSON object a line, as in the list, "
            "or CSV (`form=csv`), which also says what codes mean, and in which no cell begins a "
            "formula. Where nodes do not answer, the file is named by what it is without",
            422,
        ),
    )
    async def download_entries(
        self,
        request: Asking,
        wanted: NamedDependency[AuditFilter],
        form: FromQuery[FileForm] = "jsonl",
    ) -> StreamResponse:
        await record(request, "audit.downloaded", "audit", None, form)
        heard, silent = heard_of(request)
        whose = "" if heard or silent else f"-{shell_of(request).services.node_name}"
        without = "".join(f"-without-{name}" for name in silent)
        name = f"falconeye{whose}-audit{without}.{form}"
        headers = {
            "content-disposition": attachment(name, inline=False),
            "cache-control": "no-store",
        }
        rows = _rows(everything(request, wanted, heard))
        if form == "jsonl":
            chunks, media_type = json_lines(rows), "application/jsonl"
        else:
            chunks, media_type = csv_lines(rows, COLUMNS, MEANINGS), "text/csv"
        return StreamResponse(chunks, media_type=media_type, headers=headers)


async def _rows(entries: Entries) -> AsyncGenerator[Mapping[str, Any], None]:
    try:
        async for told in entries:
            yield AuditAnswer.of(told).model_dump()
    finally:
        await entries.aclose()
