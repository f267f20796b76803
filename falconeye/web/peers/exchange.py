"""What members ask each other: beats, configuration, data keys; and how a node becomes a member."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.params import QueryParameter

from falconeye.base.errors import NotAllowed
from falconeye.federation.beat import MAX_BEAT_BYTES, Beat
from falconeye.federation.data_keys import GivenKeys
from falconeye.federation.exchange import Page
from falconeye.federation.join_words import (
    MAX_JOIN_BYTES,
    JoinAnswer,
    JoinPlan,
    JoinRequest,
    parse,
)
from falconeye.web.peers.state import federation_of
from falconeye.web.security.access import for_peers
from falconeye.web.security.peer import peer_of

Asking = Request[Any, Any, Any]


@post(
    "/peer/beat",
    status_code=200,
    opt=for_peers(),
    include_in_schema=False,
    request_max_body_size=MAX_BEAT_BYTES,
)
async def beat(request: Asking) -> dict[str, Any]:
    """A peer tells of itself; the same of this node is the answer."""
    told = Beat.parse(await request.json())
    if told.node_id != peer_of(request):
        raise NotAllowed("a node tells of itself only")
    return (await federation_of(request.app).answer(told)).model_dump(mode="json")


@get("/peer/changes", opt=for_peers(), include_in_schema=False)
async def changes(
    request: Asking,
    incarnation: Annotated[str, QueryParameter(max_length=64)] = "",
    after: Annotated[int, QueryParameter(ge=0, le=2**53)] = 0,
) -> Page:
    """What is configured here, from one place on."""
    return await federation_of(request.app).exchange.give(incarnation, after)


@get("/peer/keys", opt=for_peers(), include_in_schema=False)
async def keys(request: Asking) -> dict[str, Any]:
    """The data keys; to members alone, over TLS to this node's certificate."""
    given: GivenKeys = federation_of(request.app).data_keys.give()
    return given.model_dump(mode="json")


@post(
    "/peer/join/look",
    status_code=200,
    opt=for_peers(),
    include_in_schema=False,
    request_max_body_size=MAX_JOIN_BYTES,
)
async def look_at_join(request: Asking) -> JoinPlan:
    """What joining would do, for who has a code."""
    said = parse(JoinRequest, await request.json())
    return await federation_of(request.app).joining.look(said)


@post(
    "/peer/join",
    status_code=201,
    opt=for_peers(),
    include_in_schema=False,
    request_max_body_size=MAX_JOIN_BYTES,
)
async def join(request: Asking) -> JoinAnswer:
    """A node becomes a member."""
    said = parse(JoinRequest, await request.json())
    return await federation_of(request.app).admit(said)
