"""Recordings of all nodes as one list: each tells its own, newest first, and they are merged.

A node that is not heard, or does not answer within half a second, is named instead of waited for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.base.errors import InvalidInput
from falconeye.federation.federation import Federation
from falconeye.federation.peers import Peer
from falconeye.storage.reading.recordings import MAX_LIMIT
from falconeye.storage.segments.recording_rows import Query, Recording, RecordingStatus
from falconeye.web.peers.gathering import ask_one
from falconeye.web.peers.proxy_upstream import Asking as For
from falconeye.web.peers.questions import question_of
from falconeye.web.peers.state import federation_or_none
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.security.peer import came_from_peer
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/recordings"
log = logging.getLogger(__name__)
_ROWS: Final = TypeAdapter(list[Recording])
_Part = tuple[Sequence[Recording], int]
_List = Callable[[Query], Awaitable[_Part | None]]
MOST_MERGED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Gathered:
    """A page of the recordings of all nodes that answered."""

    rows: Sequence[Recording]
    total: int
    silent: tuple[str, ...] = ()  # names of nodes whose recordings are not among them


class Asked(BaseModel):
    """`Query` on its way to a peer, which knows itself what who asks may see."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: Annotated[str, Field(max_length=64)] | None = None
    status: RecordingStatus | None = None
    from_us: int | None = None
    to_us: int | None = None
    limit: Annotated[int, Field(ge=0, le=MAX_LIMIT)] = 100
    offset: Annotated[int, Field(ge=0, le=MOST_MERGED)] = 0


async def gather(request: Asking, query: Query) -> Gathered:
    """A page as of one node; each node looks again at what who asks may see.

    InvalidInput beyond what is merged.
    """
    services = shell_of(request).services
    federation = None if came_from_peer(request) else federation_or_none(request.app)
    peers = list(federation.peers) if federation is not None else []
    if federation is None or not peers:
        rows, total = await services.recordings.list(**_parameters(query))
        return Gathered(rows, total)
    wanted = query.offset + query.limit
    if wanted > MOST_MERGED:
        msg = f"of several nodes the first {MOST_MERGED} are listed: choose a time"
        raise InvalidInput(msg, field="offset")
    acting = For.of(principal_of(request), None).acting

    async def own(part: Query) -> _Part:
        return await services.recordings.list(**_parameters(part))

    def of_peer(peer: Peer) -> _List:
        return lambda part: _ask(federation, peer.node_id, part, acting)

    mine, *others = await asyncio.gather(
        first_of(own, query, wanted), *(first_of(of_peer(peer), query, wanted) for peer in peers)
    )
    parts = [part for part in (mine, *others) if part is not None]
    silent = [peer.name for peer, part in zip(peers, others, strict=True) if part is None]
    return merged(parts, query, tuple(silent))


def merged(parts: Sequence[_Part], query: Query, silent: tuple[str, ...] = ()) -> Gathered:
    """A page of what nodes gave from their first on; this node's part comes first.

    Two that tell of one and the same recording were one before a disk was copied.
    """
    rows_by_id = {row.id: row for rows, _ in reversed(parts) for row in rows}
    in_order = sorted(rows_by_id.values(), key=lambda row: (-row.start_us, row.id))
    page = in_order[query.offset : query.offset + query.limit]
    return Gathered(page, sum(total for _, total in parts), silent)


async def first_of(ask: _List, query: Query, wanted: int) -> _Part | None:
    """The first `wanted` of a node; None where it does not say."""
    rows: list[Recording] = []
    while True:
        limit = min(MAX_LIMIT, wanted - len(rows))
        part = await ask(replace(query, limit=limit, offset=len(rows)))
        if part is None:
            return None
        rows += part[0]
        if len(part[0]) < limit or len(rows) >= wanted:
            return rows, part[1]


async def _ask(federation: Federation, node_id: str, query: Query, acting: str | None) -> (
    _Part | None
):  # fmt: skip
    body = Asked.model_validate(query, from_attributes=True).model_dump(mode="json")
    told = await ask_one(federation, node_id, PATH, body, acting)
    if told is None:
        return None
    try:
        return _ROWS.validate_python(told["recordings"]), int(told["count"])
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        log.warning("node %s does not list its recordings: %s", node_id, error)
        return None


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own(request: Asking) -> dict[str, Any]:
    """This node's, for a person whom another node asks for; their rights are looked at again."""
    who = principal_of(request)
    require(who, Action.VIEW_FOOTAGE)
    asked = await question_of(request, Asked)
    query = Query(**asked.model_dump(), cameras=who.cameras)
    rows, count = await shell_of(request).services.recordings.list(**_parameters(query))
    return {"recordings": [asdict(row) for row in rows], "count": count}


def _parameters(query: Query) -> dict[str, Any]:
    return {name: getattr(query, name) for name in Query.__dataclass_fields__}
