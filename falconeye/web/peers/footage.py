"""Footage of a time on all nodes: how much there is, and deleted, each part by the node with it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.base.errors import FalconEyeError
from falconeye.base.times import LATEST_US
from falconeye.federation.federation import Federation
from falconeye.federation.peers import Peer
from falconeye.jobs.exporting import request_of
from falconeye.storage.stores.job_store import Job
from falconeye.web import own_jobs, own_storage
from falconeye.web.own_storage import SpanDeleted
from falconeye.web.peers.lists import acting_of, ask_others, others_of
from falconeye.web.peers.questions import OfTime, question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of
from falconeye.web.storage_contexts import SpanExport

Asking = Request[Any, Any, Any]

TOTAL: Final = "/peer/footage/total"
DELETE: Final = "/peer/footage/delete"
DELETE_S: Final = 120.0  # a node with a slow disk deletes a month in that time
log = logging.getLogger(__name__)
_EXPORTS: Final = TypeAdapter(list[SpanExport])


class ToDelete(OfTime):
    """The same, and why it is deleted."""

    reason: Annotated[str, Field(max_length=own_storage.MAX_REASON)]


@dataclass(frozen=True, slots=True)
class Totals:
    """What lies on the other nodes. `silent`: the names of those that do not say."""

    files: int = 0
    size_bytes: int = 0
    protected: int = 0  # of the files: they stay
    exports: tuple[SpanExport, ...] = ()  # of the time: they stay
    unseen_exports: int = 0  # that the asking one may not see
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeletedElsewhere:
    """What went at another node, or why nothing is known to have gone there."""

    node_name: str
    files: int = 0
    kept: int = 0
    problem: str = ""


async def total_elsewhere(request: Asking, camera_id: str, from_us: int, to_us: int) -> Totals:
    """What the other nodes have of a time."""
    asked = OfTime(camera_id=camera_id, from_us=from_us, to_us=to_us)
    answers = await ask_others(request, TOTAL, asked.model_dump())
    told = answers.by_node.values()
    return Totals(
        files=sum(_count(one, "files") for one in told),
        size_bytes=sum(_count(one, "size_bytes") for one in told),
        protected=sum(_count(one, "protected") for one in told),
        exports=tuple(
            replace(export, node_name=answers.name_of(node_id))
            for node_id, one in answers.by_node.items()
            for export in _exports_told(answers.name_of(node_id), one)
        ),
        unseen_exports=sum(_count(one, "unseen_exports") for one in told),
        silent=answers.silent_names,
    )


async def exports_here(
    request: Asking, camera_id: str, from_us: int, to_us: int
) -> tuple[list[SpanExport], int]:
    """This node's exports of a time, unmade ones first; and how many more there are, unseen."""
    left = await own_jobs.exports_of_time(request, camera_id, from_us, to_us)
    return [_span_export(job) for job in (*left.unmade, *left.made)], left.unseen


async def delete_everywhere(
    request: Asking, camera_id: str, from_us: int | None, to_us: int | None, reason: str
) -> tuple[SpanDeleted, tuple[DeletedElsewhere, ...]]:
    """This node first: what it refuses is asked of nobody. Then all others at once.

    Errors as of `own_storage.delete_span`; those of other nodes stand with what they did.
    """
    done = await own_storage.delete_span(request, camera_id, from_us, to_us, reason)
    federation = others_of(request)
    if federation is None or from_us is None or to_us is None:
        return done, ()
    asked = ToDelete(camera_id=camera_id, from_us=from_us, to_us=to_us, reason=reason)
    acting = acting_of(request)
    others = await asyncio.gather(
        *(_delete_at(federation, peer, asked, acting) for peer in federation.peers)
    )
    return done, tuple(others)


async def _delete_at(
    federation: Federation, peer: Peer, asked: ToDelete, acting: str | None
) -> DeletedElsewhere:
    if not federation.is_heard(peer):
        return DeletedElsewhere(peer.name, problem="it does not answer")
    try:
        told = await federation.ways.of(peer.node_id).request_json(
            "POST", DELETE, asked.model_dump(), limit_s=DELETE_S, acting=acting
        )
    except FalconEyeError as error:
        log.warning("footage on node %s was not deleted: %s", peer.name, error)
        return DeletedElsewhere(peer.name, problem=str(error).replace(peer.node_id, peer.name))
    if not isinstance(told, dict):
        return DeletedElsewhere(peer.name, problem="its answer cannot be read")
    return DeletedElsewhere(peer.name, _count(told, "files"), _count(told, "kept"))


@post(TOTAL, status_code=200, opt=for_peers(), include_in_schema=False)
async def total_here(request: Asking) -> dict[str, Any]:
    """What this node has of a time."""
    asked = await question_of(request, OfTime)
    require(principal_of(request), Action.DELETE_FOOTAGE, asked.camera_id)
    found = await shell_of(request).services.recordings.total_of(**asked.model_dump())
    exports, unseen = await exports_here(request, **asked.model_dump())
    return {
        "files": found.files,
        "size_bytes": found.size_bytes,
        "protected": found.protected,
        "exports": _EXPORTS.dump_python(exports, mode="json"),
        "unseen_exports": unseen,
    }


@post(DELETE, status_code=200, opt=for_peers(), include_in_schema=False)
async def delete_here(request: Asking) -> dict[str, int]:
    """Delete this node's part, in the name of the person whom another node asks for."""
    asked = await question_of(request, ToDelete)
    require(principal_of(request), Action.DELETE_FOOTAGE, asked.camera_id)
    done = await own_storage.delete_span(request, **asked.model_dump())
    return {"files": done.files, "kept": done.kept}


def _span_export(job: Job) -> SpanExport:
    asked = request_of(job)
    names = tuple(order.camera_name for order in asked.orders)
    return SpanExport(job.id, names, asked.from_us, asked.to_us, job.state.is_over, job.owner_name)


def _exports_told(name: str, told: Mapping[str, Any]) -> list[SpanExport]:
    """None of a node that does not know the question yet."""
    try:
        found = _EXPORTS.validate_python(told.get("exports", []))
    except ValidationError as error:
        log.warning("the exports of a time of node %s cannot be read: %s", name, error)
        return []
    return [one for one in found if 0 <= one.from_us <= one.to_us <= LATEST_US]


def _count(told: Mapping[str, Any], name: str) -> int:
    found = told.get(name)
    return found if isinstance(found, int) and found >= 0 else 0
