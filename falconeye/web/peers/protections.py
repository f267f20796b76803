"""Protected times of all nodes: footage of one time may lie on several, and each keeps it."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.storage.segments.protections import Protection
from falconeye.web import own_protections
from falconeye.web.own_protections import Kept
from falconeye.web.peers.gathering import Answers
from falconeye.web.peers.lists import ask_others
from falconeye.web.peers.questions import OfTime, question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

LIST: Final = "/peer/protections"
ADD: Final = "/peer/protections/add"
LET_GO: Final = "/peer/protections/let-go"
CHANGE_S: Final = 10.0  # it waits for a deletion of that node
log = logging.getLogger(__name__)
_KEPT: Final = TypeAdapter(list[Kept])


class Wanted(OfTime):
    """A time to be protected, and why."""

    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class Gone(Wanted):
    """One that is protected no more, as who protected it said."""

    by: Annotated[str, Field(max_length=255)]


async def kept_everywhere(
    request: Asking, camera_id: str, from_us: int, to_us: int
) -> tuple[list[Kept], tuple[str, ...]]:
    """All that has something of [from, to), each once; and the names of nodes that do not say.

    What only another node keeps says its id (`Kept.node`).
    """
    services = shell_of(request).services
    found = await own_protections.kept_of(services, camera_id, from_us, to_us)
    asked = OfTime(camera_id=camera_id, from_us=from_us, to_us=to_us)
    return kept_together(found, await ask_others(request, LIST, asked.model_dump()))


def kept_together(own: Sequence[Kept], answers: Answers) -> tuple[list[Kept], tuple[str, ...]]:
    """This node's, and what the others answered."""
    found = list(own)
    known = {_words(one) for one in found}
    silent = list(answers.silent_names)
    for node_id, told in answers.by_node.items():
        try:
            theirs = _KEPT.validate_python(told.get("kept"))
        except ValidationError as error:
            log.warning("what node %s keeps cannot be read: %s", node_id, error)
            silent.append(answers.name_of(node_id))
            continue
        found += [replace(one, node=node_id) for one in theirs if _words(one) not in known]
        known |= {_words(one) for one in theirs}
    return sorted(found, key=lambda kept: (kept.from_us, kept.to_us)), tuple(silent)


async def protect(
    request: Asking, camera_id: str, from_us: int, to_us: int, reason: str
) -> tuple[Protection, tuple[str, ...]]:
    """On this node, then on all others; the names of those that did not take it.

    NotFound, InvalidInput, Conflict.
    """
    made = await own_protections.protect(request, camera_id, from_us, to_us, reason)
    asked = Wanted(camera_id=camera_id, from_us=from_us, to_us=to_us, reason=reason)
    answers = await ask_others(request, ADD, asked.model_dump(), CHANGE_S)
    return made, answers.silent_names


async def let_go(
    request: Asking, camera_id: str, protection_id: int
) -> tuple[Protection, tuple[str, ...]]:
    """As `protect`, the other way round: equal ones of other nodes go, too. NotFound."""
    gone = await own_protections.let_go(request, camera_id, protection_id)
    asked = Gone(
        camera_id=camera_id, from_us=gone.from_us, to_us=gone.to_us, reason=gone.reason, by=gone.by
    )
    answers = await ask_others(request, LET_GO, asked.model_dump(), CHANGE_S)
    return gone, answers.silent_names


@post(LIST, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own(request: Asking) -> dict[str, Any]:
    """What this node keeps of a time."""
    asked = await question_of(request, OfTime)
    require(principal_of(request), Action.VIEW_FOOTAGE, asked.camera_id)
    return {"kept": await told_of(request, asked)}


async def told_of(request: Asking, asked: OfTime) -> list[dict[str, Any]]:
    """What this node keeps of a time, as it tells another."""
    services = shell_of(request).services
    span = asked.camera_id, asked.from_us, asked.to_us
    kept = await own_protections.kept_of(services, *span)
    told: list[dict[str, Any]] = _KEPT.dump_python(kept, mode="json")
    return told


@post(ADD, status_code=200, opt=for_peers(), include_in_schema=False)
async def add_here(request: Asking) -> dict[str, int]:
    """Protect a time here, too."""
    asked = await question_of(request, Wanted)
    require(principal_of(request), Action.CONTROL, asked.camera_id)
    made = await own_protections.protect(request, **asked.model_dump())
    return {"id": made.id}


@post(LET_GO, status_code=200, opt=for_peers(), include_in_schema=False)
async def let_go_here(request: Asking) -> dict[str, int]:
    """Let go here of what another node let go of."""
    asked = await question_of(request, Gone)
    require(principal_of(request), Action.CONTROL, asked.camera_id)
    protections = shell_of(request).services.storage.protections
    same = _same(await protections.of_camera(asked.camera_id, asked.from_us, asked.to_us), asked)
    for one in same:
        await own_protections.let_go(request, asked.camera_id, one.id)
    return {"gone": len(same)}


def _same(found: Sequence[Protection], asked: Gone) -> list[Protection]:
    wanted = (asked.from_us, asked.to_us, asked.by, asked.reason)
    return [one for one in found if (one.from_us, one.to_us, one.by, one.reason) == wanted]


def _words(kept: Kept) -> tuple[Any, ...]:
    return kept.from_us, kept.to_us, kept.by, kept.reason, kept.recording_id
