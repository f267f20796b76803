"""Found cameras of all nodes: what several of them see is one row, which names them.

What is at a node's own port stays that node's. Rows of the network are one where nodes know the
device by the same strong identity; two rows that one node keeps apart are never made one.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from litestar import Request, post
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from falconeye.accounts.model import Action, require
from falconeye.discovery.candidates import Candidate
from falconeye.web import found_views, i18n
from falconeye.web.found_contexts import FoundPage, FoundRow, FoundState, ScanView
from falconeye.web.found_devices import together
from falconeye.web.languages import wish_of
from falconeye.web.others import federation_or_none
from falconeye.web.peers.gathering import ask_all
from falconeye.web.peers.lists import acting_of, ask_others, here_of, others_of
from falconeye.web.peers.questions import question_of
from falconeye.web.security.access import for_peers, principal_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]

PATH: Final = "/peer/found"
SEES: Final = "/peer/found/sees"
LOOK: Final = "/peer/found/look"
log = logging.getLogger(__name__)
_PAGE: Final = TypeAdapter(FoundPage)


class InLanguage(BaseModel):
    """In which language the words are wanted: that of who looks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    language: Annotated[str, Field(max_length=200)] = ""


class Device(BaseModel):
    """Ids by which nodes may know a device."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=64)]


async def gather(request: Asking) -> FoundPage:
    """The page of all nodes; what is to be done to a row is done where it is seen."""
    own = found_views.found_page(shell_of(request).services)
    if others_of(request) is None:
        return own
    here = here_of(request)
    question = {"language": wish_of(request)}
    answers = await ask_others(request, PATH, question)
    names = {peer.node_id: peer.name for peer in _peers(request)}
    parts, scans = [(here, (*own.rows, *own.ignored))], []
    silent = list(answers.silent_names)
    for node_id, told in answers.by_node.items():
        name = names.get(node_id, node_id)
        try:
            page = _PAGE.validate_python(told)
        except ValidationError as error:
            log.warning("what node %s has found cannot be read: %s", name, error)
            silent.append(name)
            continue
        rows = [_of_other(row, node_id) for row in (*page.rows, *page.ignored)]
        parts.append(((node_id, name), tuple(rows)))
        if page.scan is not None:
            scans.append((node_id, name, page.scan))
    return _page(own, parts, tuple(silent), tuple(scans), [(n, names[n]) for n in answers.by_node])


def _page(
    own: FoundPage,
    parts: Sequence[tuple[tuple[str, str], Sequence[FoundRow]]],
    silent: tuple[str, ...],
    scans: tuple[tuple[str, str, ScanView], ...],
    others: Sequence[tuple[str, str]],
) -> FoundPage:
    seen = together(parts, lambda row: frozenset(row.ids), lambda row: row.needs_nothing)
    rows = [replace(one.row, seen_by=tuple(name for _, name in one.nodes)) for one in seen]
    rows.sort(key=lambda row: found_views.ORDER[row.state])
    return replace(
        own,
        rows=tuple(row for row in rows if row.state is not FoundState.IGNORED),
        ignored=tuple(row for row in rows if row.state is FoundState.IGNORED),
        silent_nodes=silent,
        other_scans=scans,
        other_nodes=tuple(others),
    )


def _of_other(row: FoundRow, node_id: str) -> FoundRow:
    """What a file of that node says is added there; its page is reached by the node's name."""
    return replace(row, node=node_id)


async def reached_by(request: Asking, candidate: Candidate) -> frozenset[str] | None:
    """The nodes that see a found camera, or do not say; None where there is no other node.

    Asked once, when the camera is added: its owner has to be one of these.
    """
    federation = federation_or_none(request.app)
    if federation is None or not len(federation.peers):
        return None
    body = {"ids": sorted(candidate.aliases | {candidate.id})[:64]}
    answers = await ask_all(federation, SEES, body, acting_of(request))
    yes = {node_id for node_id, told in answers.by_node.items() if told.get("sees") is True}
    return frozenset({federation.own_id, *yes, *(peer.node_id for peer in answers.silent)})


@post(PATH, status_code=200, opt=for_peers(), include_in_schema=False)
async def list_own(request: Asking) -> dict[str, Any]:
    """What this node has found, for a person whom another node asks for."""
    require(principal_of(request), Action.TEST_CAMERA)
    asked = await question_of(request, InLanguage)
    shell = shell_of(request)
    i18n.current_language.set(i18n.choose_language(asked.language, shell.languages))
    page: dict[str, Any] = _PAGE.dump_python(found_views.found_page(shell.services), mode="json")
    return page


@post(SEES, status_code=200, opt=for_peers(), include_in_schema=False)
async def sees(request: Asking) -> dict[str, bool]:
    """Whether this node sees the device in the network."""
    require(principal_of(request), Action.TEST_CAMERA)
    asked = frozenset((await question_of(request, Device)).ids)
    rows = shell_of(request).services.finding.candidates.list()
    return {
        "sees": any(
            one.device_identity is None and not asked.isdisjoint(one.aliases | {one.id})
            for one in rows
        )
    }


@post(LOOK, status_code=200, opt=for_peers(), include_in_schema=False)
async def look_here(request: Asking) -> dict[str, bool]:
    """Look at the ports now, and ask the network."""
    require(principal_of(request), Action.TEST_CAMERA)
    return {"network": await look_own(request)}


async def look_own(request: Asking) -> bool:
    """Look at this node's ports, and ask its network; whether it asks a network."""
    finding = shell_of(request).services.finding
    await finding.look_at_ports()
    if finding.looks_in_network:
        finding.discovery.look_now()
    return finding.looks_in_network


async def look_everywhere(request: Asking) -> bool:
    """Each node by itself; whether any asks its network."""
    mine, answers = await asyncio.gather(look_own(request), ask_others(request, LOOK, {}))
    return mine or any(told.get("network") is True for told in answers.by_node.values())


def _peers(request: Asking) -> Sequence[Any]:
    federation = federation_or_none(request.app)
    return [] if federation is None else list(federation.peers)
