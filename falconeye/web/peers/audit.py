"""The audit log of all nodes: what is done is noted by the node that does it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from falconeye.accounts.model import Action, require
from falconeye.base.errors import Unavailable
from falconeye.federation.peers import Peer
from falconeye.storage.stores.audit_store import AuditEntry, AuditFilter
from falconeye.web.peers.lists import (
    MAX_PART,
    Gathered,
    ListOfAll,
    OfNode,
    Part,
    here_of,
    others_of,
)
from falconeye.web.peers.questions import question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
Entries = AsyncGenerator[OfNode[AuditEntry], None]

PART_S: Final = 15.0  # for a part of a download: a busy node with a slow card reads that long
MAX_DOWNLOAD: Final = 10_000_000  # rows of a peer that a download goes through
AUDIT: Final = ListOfAll(
    "/peer/audit", TypeAdapter(list[AuditEntry]), lambda one: (-one.at_us, -(one.id or 0))
)
_Word = Annotated[str, Field(max_length=200)] | None


class Asked(BaseModel):
    """`AuditFilter` on its way to a peer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    from_us: int | None = None
    to_us: int | None = None
    who_name: _Word = None
    action: _Word = None
    object_kind: _Word = None
    object_id: _Word = None
    camera_id: _Word = None
    limit: Annotated[int, Field(ge=0, le=MAX_PART)] = 100
    offset: Annotated[int, Field(ge=0, le=MAX_DOWNLOAD)] = 0


async def gather(
    request: Asking, wanted: AuditFilter, *, limit: int, offset: int
) -> Gathered[AuditEntry]:
    """The last noted first; of several nodes the last dated."""
    log = shell_of(request).services.accounts.audit
    by_time = others_of(request) is not None

    async def own(limit: int, offset: int) -> Part[AuditEntry]:
        return await log.list(wanted, limit=limit, offset=offset, by_time=by_time)

    return await AUDIT.gather(request, asdict(wanted), own, limit=limit, offset=offset)


def heard_of(request: Asking) -> tuple[list[Peer], list[str]]:
    """The other nodes that are heard now, and the names of those that are not."""
    federation = others_of(request)
    if federation is None:
        return [], []
    heard = list(federation.peers.heard())
    return heard, [peer.name for peer in federation.peers if peer not in heard]


async def everything(request: Asking, wanted: AuditFilter, peers: Sequence[Peer]) -> Entries:
    """All entries of this node and these, in the order of `gather`, however many there are.

    Unavailable when one of them falls silent in between: what follows would be taken for whole.
    """
    sources: list[Entries] = [
        _own(request, wanted),
        *(_of_peer(request, wanted, peer) for peer in peers),
    ]
    heads = [await anext(source, None) for source in sources]
    try:
        while True:
            present = [number for number, head in enumerate(heads) if head is not None]
            if not present:
                return
            first = min(present, key=lambda number: _order(heads[number]))
            head = heads[first]
            if head is not None:
                yield head
            heads[first] = await anext(sources[first], None)
    finally:
        for source in sources:
            await source.aclose()


def _order(told: OfNode[AuditEntry] | None) -> Any:
    return () if told is None else (AUDIT.order(told.row), told.node_id)


async def _own(request: Asking, wanted: AuditFilter) -> Entries:
    here, by_time = here_of(request), others_of(request) is not None
    async for entries in shell_of(request).services.accounts.audit.batches(wanted, by_time=by_time):
        for entry in entries:
            yield OfNode(*here, entry)


async def _of_peer(request: Asking, wanted: AuditFilter, peer: Peer) -> Entries:
    offset, told = 0, set[int | None]()
    while True:
        part = await AUDIT.part_of(request, peer, asdict(wanted), MAX_PART, offset, limit_s=PART_S)
        if part is None:
            msg = f"the node {peer.name} does not answer any more"
            raise Unavailable(msg)
        for entry in part[0]:
            # What was added meanwhile moved the others on: those were told already.
            if entry.id not in told:
                yield OfNode(peer.node_id, peer.name, entry, is_here=False)
        told = {entry.id for entry in part[0]}
        offset += len(part[0])
        if len(part[0]) < MAX_PART:
            return


@post(AUDIT.path, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own(request: Asking) -> dict[str, Any]:
    """This node's, for a person whom another node asks for; their rights are looked at again."""
    require(principal_of(request), Action.READ_AUDIT)
    asked = (await question_of(request, Asked)).model_dump()
    limit, offset = asked.pop("limit"), asked.pop("offset")
    log = shell_of(request).services.accounts.audit
    found = await log.list(AuditFilter(**asked), limit=limit, offset=offset, by_time=True)
    return AUDIT.told(found)
