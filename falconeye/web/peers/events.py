"""What happened at a camera: the node that recorded it then noted it, so all are asked."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.storage.stores.event_store import CameraEvent
from falconeye.web.others import federation_or_none
from falconeye.web.peers import protections
from falconeye.web.peers.gathering import Answers
from falconeye.web.peers.lists import Gathered, OfNode, ask_others, here_of
from falconeye.web.peers.questions import OfTime, question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/events"
log = logging.getLogger(__name__)
_ROWS: Final = TypeAdapter(list[CameraEvent])


class Asked(OfTime):
    """`newest`: at most so many, the newest; 0: all. `with_kept`: and what is protected then.

    A node of an older release does not know of that, and answers without it.
    """

    newest: Annotated[int, Field(ge=0, le=1000)] = 0
    with_kept: bool = False


async def gather(
    request: Asking, camera_id: str, from_us: int, to_us: int, *, newest: int = 0
) -> Gathered[CameraEvent]:
    """In the order of time, or the `newest` first; InvalidInput where one node has too many."""
    asked = Asked(camera_id=camera_id, from_us=from_us, to_us=to_us, newest=newest)
    own, answers = await asyncio.gather(
        own_events(request, asked),
        ask_others(request, PATH, asked.model_dump()),
    )
    return together(request, own, answers, newest=newest)


def together(
    request: Asking, own: Sequence[CameraEvent], answers: Answers, *, newest: int = 0
) -> Gathered[CameraEvent]:
    """This node's, and what the others answered."""
    here = here_of(request)
    rows = [OfNode(*here, event) for event in own]
    silent = list(answers.silent_names)
    federation = federation_or_none(request.app)
    for node_id, told in answers.by_node.items():
        peer = federation.peers.get(node_id) if federation is not None else None
        name = peer.name if peer is not None else node_id
        try:
            events = _ROWS.validate_python(told.get("events"))
        except ValidationError as error:
            log.warning("the events of node %s cannot be read: %s", name, error)
            silent.append(name)
            continue
        rows += [OfNode(node_id, name, event, is_here=False) for event in events]
    rows.sort(key=lambda each: (each.row.at_us, each.node_id), reverse=newest > 0)
    rows = rows[:newest] if newest else rows
    return Gathered(rows, len(rows), tuple(silent), has_others=bool(answers.by_node or silent))


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own(request: Asking) -> dict[str, Any]:
    """This node's, for a person whom another node asks for; their rights are looked at again."""
    asked = await question_of(request, Asked)
    require(principal_of(request), Action.VIEW_FOOTAGE, asked.camera_id)
    found = await own_events(request, asked)
    told = {"events": await asyncio.to_thread(_ROWS.dump_python, list(found), mode="json")}
    if asked.with_kept:
        told["kept"] = await protections.told_of(request, asked)
    return told


async def own_events(request: Asking, asked: Asked) -> Sequence[CameraEvent]:
    events, of_time = shell_of(request).services.events, (asked.from_us, asked.to_us)
    if asked.newest:
        return await events.newest(asked.camera_id, *of_time, asked.newest)
    return await events.between(asked.camera_id, *of_time)
