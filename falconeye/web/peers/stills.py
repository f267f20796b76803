"""Pictures of recorded footage that another node has: who has the moment is asked, then it draws.

This node's own footage comes first and costs no question.
"""

import asyncio
import logging
from typing import Annotated, Any, Final

from litestar import Request, Response, post
from pydantic import BaseModel, ConfigDict, Field

from falconeye.accounts.model import Action, require
from falconeye.base.errors import FalconEyeError, NotFound, Unavailable
from falconeye.base.times import LATEST_US
from falconeye.media.samples import StreamKind
from falconeye.storage.reading.playback import Beside, Playback
from falconeye.web.peers.gathering import ask_all
from falconeye.web.peers.proxy_headers import downward, upward
from falconeye.web.peers.proxy_http import target_of
from falconeye.web.peers.proxy_upstream import Asking as For
from falconeye.web.peers.questions import question_of
from falconeye.web.peers.state import federation_of, federation_or_none
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.security.peer import came_from_peer
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/keyframe"
STILL_S: Final = 5.0  # it is read from a disk and decoded
MAX_STILL_BYTES: Final = 16 << 20
log = logging.getLogger(__name__)


class Wanted(BaseModel):
    """The moment of a stream, as a peer is asked for it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: Annotated[str, Field(max_length=64)]
    stream: StreamKind
    at_us: Annotated[int, Field(ge=0, le=LATEST_US)]
    beside: Beside | None = None


async def holder_of(request: Asking, wanted: Wanted) -> str | None:
    """The node that has the picture; None for this one, or where no node has it.

    Unavailable where none of those that answer has it, and others do not.
    """
    federation = None if came_from_peer(request) else federation_or_none(request.app)
    if federation is None or not list(federation.peers):
        return None
    own_us = await _own(shell_of(request).services.playback, wanted)
    if own_us is not None and wanted.beside is None:
        return None
    acting = For.of(principal_of(request), None).acting
    answers = await ask_all(federation, PATH, wanted.model_dump(mode="json"), acting)
    found: list[tuple[int, str | None]] = [] if own_us is None else [(own_us, None)]
    for node_id, answer in answers.by_node.items():
        at_us = answer.get("at_us")
        if isinstance(at_us, int) and _fits(at_us, wanted):
            found.append((at_us, node_id))
    if not found and answers.silent:
        names = ", ".join(answers.silent_names)
        msg = f"no node that answers has a picture of then, and there is no answer from {names}"
        raise Unavailable(msg)
    nearest = min(found, key=lambda one: abs(one[0] - wanted.at_us), default=None)
    return None if nearest is None else nearest[1]


async def fetch(request: Asking, node_id: str) -> Response[bytes]:
    """The answer of that node to the same request; Unavailable within `STILL_S`."""
    import httpx  # noqa: PLC0415 - loaded with the first peer

    federation = federation_of(request.app)
    name = federation.who.name_of(node_id)
    asking = For.of(principal_of(request), request.client.host if request.client else None)
    body = bytearray()
    try:
        async with (
            asyncio.timeout(STILL_S),
            federation.clients.get(node_id).stream(
                "GET",
                target_of(request.scope),
                headers=upward(request.scope["headers"]),
                acting=asking.acting,
                client=asking.client,
                limit_s=STILL_S,
            ) as answer,
        ):
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MAX_STILL_BYTES:
                    msg = f"{name} answers with more than a picture"
                    raise Unavailable(msg)
    except (httpx.HTTPError, TimeoutError, FalconEyeError) as error:
        msg = f"{name} does not answer: the picture lies there"
        raise Unavailable(msg) from error
    headers = {name.decode("latin-1"): value.decode("latin-1")
               for name, value in downward(answer.headers.raw)}  # fmt: skip
    media_type = headers.pop("content-type", "application/octet-stream")
    headers.pop("content-length", None)
    return Response(
        bytes(body), status_code=answer.status_code, headers=headers, media_type=media_type
    )


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def tell_own(request: Asking) -> dict[str, Any]:
    """When this node's picture of that moment was taken; null without one."""
    wanted = await question_of(request, Wanted)
    require(principal_of(request), Action.VIEW_FOOTAGE, wanted.camera_id)
    return {"at_us": await _own(shell_of(request).services.playback, wanted)}


async def _own(playback: Playback, wanted: Wanted) -> int | None:
    moment = (wanted.camera_id, wanted.stream, wanted.at_us)
    try:
        if wanted.beside is None:
            return (await playback.keyframe(*moment)).at_us
        return (await playback.keyframe_beside(*moment, wanted.beside)).at_us
    except NotFound:
        return None


def _fits(at_us: int, wanted: Wanted) -> bool:
    if wanted.beside is Beside.NEXT:
        return at_us > wanted.at_us
    return at_us < wanted.at_us if wanted.beside is Beside.PREVIOUS else at_us <= wanted.at_us
