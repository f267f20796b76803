"""What nodes know of a camera's time beside its footage: one question to each of them.

A time line is asked for often, and each question to each node costs both of them: a signature made
and checked, and a way through the whole of the web application.
"""

import asyncio
from typing import Any

from litestar import Request

from falconeye.storage.stores.event_store import CameraEvent
from falconeye.web import own_protections
from falconeye.web.own_protections import Kept
from falconeye.web.peers import events, protections
from falconeye.web.peers.gathering import Answers, ask_one
from falconeye.web.peers.lists import acting_of, ask_others, others_of
from falconeye.web.peers.questions import OfTime
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]


async def noted(
    request: Asking, camera_id: str, from_us: int, to_us: int
) -> tuple[list[CameraEvent], list[Kept]]:
    """Events in the order of time, and what is protected, of [from, to) on all nodes that answer.

    InvalidInput where one node has too many events.
    """
    asked = events.Asked(camera_id=camera_id, from_us=from_us, to_us=to_us, with_kept=True)
    services = shell_of(request).services
    own, kept, answers = await asyncio.gather(
        events.own_events(request, asked),
        own_protections.kept_of(services, camera_id, from_us, to_us),
        ask_others(request, events.PATH, asked.model_dump()),
    )
    happened = events.together(request, own, answers)
    older = [node_id for node_id, told in answers.by_node.items() if "kept" not in told]
    told = {**answers.by_node, **await _asked_apart(request, older, asked)}
    found, _silent = protections.kept_together(kept, Answers(told))
    return [each.row for each in happened.rows], found


async def _asked_apart(request: Asking, node_ids: list[str], asked: OfTime) -> dict[str, Any]:
    """What nodes of an older release keep, which did not take both questions for one."""
    federation = others_of(request)
    if federation is None or not node_ids:
        return {}
    body = OfTime(camera_id=asked.camera_id, from_us=asked.from_us, to_us=asked.to_us).model_dump()
    acting = acting_of(request)
    answers = await asyncio.gather(
        *(ask_one(federation, each, protections.LIST, body, acting) for each in node_ids)
    )
    return {
        each: {"kept": []} if told is None else told
        for each, told in zip(node_ids, answers, strict=True)
    }
