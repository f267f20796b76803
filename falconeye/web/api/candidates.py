"""Found cameras: what may be a camera, by which evidence; and which of them nobody wants."""

from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.params import PathParameter
from pydantic import BaseModel

from falconeye.accounts.model import Action
from falconeye.base.times import rfc3339
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Evidence
from falconeye.discovery.recognition import Moved
from falconeye.web.api.documentation import documented
from falconeye.web.api.parameters import Limit, Offset, page
from falconeye.web.audit import record
from falconeye.web.found_contexts import FoundState
from falconeye.web.found_views import name_of, state_of
from falconeye.web.shell import shell_of

Asking = Request[Any, Any, Any]
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

    @classmethod
    def of(cls, candidate: Candidate) -> "CandidateAnswer":
        return cls(
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
    """What was found; `total` is of all of them."""

    candidates: list[CandidateAnswer]
    total: int


class CandidateController(Controller):
    """`/api/candidates`."""

    path = "/api/candidates"
    tags = ("Found cameras",)

    @get("/", **documented(Action.TEST_CAMERA, "What was found that may be a camera", 422))
    async def list_candidates(
        self, request: Asking, limit: Limit = 1000, offset: Offset = 0
    ) -> CandidateList:
        every = shell_of(request).services.finding.candidates.list()
        shown = page(every, limit, offset)
        return CandidateList(
            candidates=[CandidateAnswer.of(one) for one in shown], total=len(every)
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
    return CandidateAnswer.of(candidate)
