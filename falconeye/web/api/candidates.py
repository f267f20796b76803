"""Found cameras: what may be a camera, by which evidence; and which of them nobody wants."""

import logging
from typing import Annotated, Any, Final

from litestar import Controller, Request, get, post
from litestar.params import PathParameter
from pydantic import BaseModel, ValidationError

from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Evidence
from falconeye.discovery.recognition import Moved
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import MAX_LIMIT, Limit, Offset, page
from falconeye.web.audit import record
from falconeye.web.found_contexts import FoundState
from falconeye.web.found_devices import together
from falconeye.web.found_views import name_of, state_of
from falconeye.web.peers.lists import ask_others, here_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
log: Final = logging.getLogger(__name__)
CandidateId = Annotated[str, PathParameter(max_length=64)]


class EvidenceAnswer(BaseModel):
    """One finding. Texts are what the device told, cut and freed of control characters."""

    way: str  # usb | csi | onvif | mdns | scan | import
    seen_at: str
    name: str
    address: str | None
    port: int | None
    url: str | None  # without a login
    device_path: str | None
    usable: bool
    note: str  # "csi", "homekit": why it is not usable
    details: dict[str, str]

    @classmethod
    def of(cls, evidence: Evidence) -> "EvidenceAnswer":
        return cls(
            way=evidence.way.value,
            seen_at=rfc3339(evidence.seen_us),
            name=evidence.name,
            address=evidence.address,
            port=evidence.port,
            url=evidence.url,
            device_path=evidence.device_path,
            usable=evidence.usable,
            note=evidence.note,
            details=dict(evidence.details),
        )


class MovedAnswer(BaseModel):
    """A camera of this system that is at another address than the configured one."""

    camera_id: str
    from_address: str | None
    from_port: int | None
    to_address: str | None
    to_port: int | None

    @classmethod
    def of(cls, moved: Moved) -> "MovedAnswer":
        return cls(
            camera_id=moved.camera_id,
            from_address=moved.from_address,
            from_port=moved.from_port,
            to_address=moved.to_address,
            to_port=moved.to_port,
        )


class CandidateAnswer(BaseModel):
    """Something that may be a camera; facts are those of the way that knows most."""

    id: str  # the same after a restart
    state: FoundState
    name: str
    make: str
    model: str
    serial: str
    address: str | None
    port: int | None
    mac: str | None
    url: str | None
    device_path: str | None
    device_identity: str | None
    usable: bool
    note: str
    seen_at: str
    ignored: bool
    camera_ids: list[str]  # the cameras of this system that it is; a recorder is several
    moved: list[MovedAnswer]
    shares: list[str]  # kinds of identity that another one claims, too
    evidence: list[EvidenceAnswer]
    aliases: list[str]  # ids by which other nodes may know it
    node_id: str  # the node that tells of it; `?node=` leads what is done to it there
    nodes: list[str]  # the names of all that see it

    @classmethod
    def of(cls, candidate: Candidate, node: tuple[str, str]) -> "CandidateAnswer":
        return cls(
            aliases=sorted(candidate.aliases),
            node_id=node[0],
            nodes=[node[1]],
            id=candidate.id,
            state=state_of(candidate),
            name=candidate.name,
            make=candidate.make,
            model=candidate.model,
            serial=candidate.serial,
            address=candidate.address,
            port=candidate.port,
            mac=candidate.mac,
            url=candidate.url,
            device_path=candidate.device_path,
            device_identity=candidate.device_identity,
            usable=candidate.usable,
            note=candidate.note,
            seen_at=rfc3339(candidate.seen_us),
            ignored=candidate.ignored,
            camera_ids=list(candidate.camera_ids),
            moved=[MovedAnswer.of(one) for one in candidate.moved],
            shares=sorted({identity.kind.value for identity in candidate.shares}),
            evidence=[EvidenceAnswer.of(one) for one in candidate.evidence],
        )


class CandidateList(BaseModel):
    """What was found by all nodes, each device once; `total` is of all of them.

    `unreachable_nodes`: the names of nodes whose found cameras are not among them.
    """

    candidates: list[CandidateAnswer]
    total: int
    unreachable_nodes: list[str] = []


class CandidateController(Controller):
    """`/api/candidates`."""

    path = "/api/candidates"
    tags = ("Found cameras",)

    @get("/", **documented(Action.TEST_CAMERA, "What the nodes found that may be a camera", 422))
    async def list_candidates(
        self, request: Asking, limit: Limit = 1000, offset: Offset = 0
    ) -> CandidateList:
        every, silent = await _of_all(request)
        return CandidateList(
            candidates=list(page(every, limit, offset)),
            total=len(every),
            unreachable_nodes=silent,
        )

    @post(
        "/{candidate_id:str}/ignore",
        status_code=200,
        **documented(
            Action.TEST_CAMERA, "Hide it from those who look for new cameras; remembered", 404
        ),
    )
    async def ignore(self, request: Asking, candidate_id: CandidateId) -> CandidateAnswer:
        return await _set_ignored(request, candidate_id, ignored=True)

    @post(
        "/{candidate_id:str}/show",
        status_code=200,
        **documented(Action.TEST_CAMERA, "Show it again; harmless when it is shown", 404),
    )
    async def show(self, request: Asking, candidate_id: CandidateId) -> CandidateAnswer:
        return await _set_ignored(request, candidate_id, ignored=False)


async def _set_ignored(request: Asking, candidate_id: str, *, ignored: bool) -> CandidateAnswer:
    candidates = shell_of(request).services.finding.candidates
    candidate = await candidates.set_ignored(candidate_id, ignored=ignored)
    action = "candidate.ignored" if ignored else "candidate.shown"
    await record(request, action, "candidate", candidate.id, name_of(candidate))
    return CandidateAnswer.of(candidate, here_of(request))


async def _of_all(request: Asking) -> tuple[list[CandidateAnswer], list[str]]:
    """What all nodes tell, by name; and the names of those that do not."""
    here = here_of(request)
    own = shell_of(request).services.finding.candidates.list()
    parts = [(here, [CandidateAnswer.of(one, here) for one in own])]
    answers = await ask_others(request, f"/api/candidates/?limit={MAX_LIMIT}")
    silent = list(answers.silent_names)
    for node_id, told in answers.by_node.items():
        try:
            rows = CandidateList.model_validate(told).candidates
        except ValidationError as error:
            log.warning("what node %s has found cannot be read: %s", node_id, error)
            silent.append(node_id)
            continue
        parts.append(((node_id, rows[0].nodes[0] if rows else ""), rows))
    seen = together(
        parts, lambda row: frozenset({row.id, *row.aliases}), lambda row: bool(row.device_identity)
    )
    rows = [one.row.model_copy(update={"nodes": [name for _, name in one.nodes]}) for one in seen]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.id)), silent
