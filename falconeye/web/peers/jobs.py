"""Jobs of all nodes: what each works on by itself, and the exports that lie there, as page rows."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.web import i18n, own_jobs
from falconeye.web.job_contexts import ExportRow, WorkRow
from falconeye.web.job_rows import export_row, work_rows
from falconeye.web.languages import wish_of
from falconeye.web.others import federation_or_none
from falconeye.web.peers.lists import (
    MAX_PART,
    MOST_MERGED,
    ListOfAll,
    Part,
    ask_others,
    here_of,
)
from falconeye.web.peers.questions import question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

WORKS: Final = "/peer/jobs/works"
log = logging.getLogger(__name__)
_ROWS: Final = TypeAdapter(list[WorkRow])


@dataclass(frozen=True, slots=True)
class ToldExport:
    """An export as its node tells it, in the language that was asked for."""

    created_us: int
    row: ExportRow


EXPORTS: Final = ListOfAll(
    "/peer/jobs/exports",
    TypeAdapter(list[ToldExport]),
    lambda one: (-one.created_us, one.row.id),
)


@dataclass(frozen=True, slots=True)
class WorksOfAll:
    """What runs, with the last outcome of each work; and the outcomes before."""

    last: tuple[WorkRow, ...]
    earlier: tuple[WorkRow, ...]
    silent: tuple[str, ...] = ()


class Asked(BaseModel):
    """In which language, and which part of the exports."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    language: Annotated[str, Field(max_length=200)] = ""
    limit: Annotated[int, Field(ge=0, le=MAX_PART)] = 100
    offset: Annotated[int, Field(ge=0, le=MOST_MERGED)] = 0


async def gather_works(request: Asking) -> WorksOfAll:
    """Of this node first."""
    (last, earlier), answers = await asyncio.gather(
        work_rows(request), ask_others(request, WORKS, {"language": wish_of(request)})
    )
    silent = list(answers.silent_names)
    if answers.by_node or silent:
        name = here_of(request)[1]
        last, earlier = (
            tuple(replace(row, node_name=name) for row in rows) for rows in (last, earlier)
        )
    federation = federation_or_none(request.app)
    for node_id, told in answers.by_node.items():
        peer = federation.peers.get(node_id) if federation is not None else None
        name = peer.name if peer is not None else node_id
        try:
            theirs = [_ROWS.validate_python(told.get(part)) for part in ("last", "earlier")]
        except ValidationError as error:
            log.warning("the jobs of node %s cannot be read: %s", name, error)
            silent.append(name)
            continue
        mine = [
            tuple(replace(row, node=node_id, node_name=name) for row in rows) for rows in theirs
        ]
        last, earlier = (*last, *mine[0]), (*earlier, *mine[1])
    return WorksOfAll(last, earlier, tuple(silent))


async def gather_exports(
    request: Asking, *, limit: int, offset: int
) -> tuple[tuple[ExportRow, ...], int]:
    """The newest first, and how many there are."""

    async def own(limit: int, offset: int) -> Part[ToldExport]:
        return await _own_exports(request, limit, offset)

    question = {"language": wish_of(request)}
    found = await EXPORTS.gather(request, question, own, limit=limit, offset=offset)
    rows = tuple(
        replace(
            told.row.row,
            node=told.elsewhere,
            node_name=told.node_name if found.has_others else "",
        )
        for told in found.rows
    )
    return rows, found.total


@post(WORKS, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own_works(request: Asking) -> dict[str, Any]:
    """This node's, as far as who asks may see them."""
    require(principal_of(request), Action.VIEW_FOOTAGE)
    _speak(request, (await question_of(request, Asked)).language)
    last, earlier = await work_rows(request)
    return {
        "last": _ROWS.dump_python(list(last), mode="json"),
        "earlier": _ROWS.dump_python(list(earlier), mode="json"),
    }


@post(EXPORTS.path, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own_exports(request: Asking) -> dict[str, Any]:
    """This node's, as far as who asks may see them."""
    require(principal_of(request), Action.VIEW_FOOTAGE)
    asked = await question_of(request, Asked)
    _speak(request, asked.language)
    return EXPORTS.told(await _own_exports(request, asked.limit, asked.offset))


async def _own_exports(request: Asking, limit: int, offset: int) -> Part[ToldExport]:
    jobs = shell_of(request).services.jobs
    found, total = await own_jobs.own_jobs(request, limit, offset)
    return [ToldExport(one.created_us, export_row(one, jobs.progress(one))) for one in found], total


def _speak(request: Asking, language: str) -> None:
    i18n.current_language.set(i18n.choose_language(language, shell_of(request).languages))
