"""Add a found camera of the network: ask it with a login, see its picture, give it a name."""

from dataclasses import replace

from litestar import Response, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from falconeye.base.secret import Secret
from falconeye.cameras.found.adding import Adding, Proposal, ProposalState
from falconeye.config.camera import RecordMode
from falconeye.discovery.candidates import Candidate
from falconeye.web.audit import record
from falconeye.web.found_contexts import LookIntoForm, LookIntoPage, LookState
from falconeye.web.found_views import name_of, place_of
from falconeye.web.htmx import is_htmx
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show, texts
from falconeye.web.pages.camera_trial import trial_page
from falconeye.web.pages.found import HERE
from falconeye.web.peers.found import reached_by
from falconeye.web.security.access import needs, principal_of

_RECORDS = {mode.value for mode in RecordMode}


def look_into_form(request: Asking, candidate: Candidate) -> Response[str]:
    """What is missing: user and password, where it wants any."""
    return _show(request, LookIntoPage(candidate.id, name_of(candidate), place_of(candidate)))


@post(
    f"{HERE}/{{candidate_id:str}}/look-into",
    opt=needs(Action.CHANGE_CAMERA),
    include_in_schema=False,
)
async def look_into(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """Ask it; up to 50 s, mostly a few. The picture, or what keeps it from being added."""
    services = services_of(request)
    candidate = services.finding.candidates.get(candidate_id)
    fields = await texts(request)
    form = LookIntoForm(fields.get("username", ""), allow_local="allow_local" in fields)
    password = fields.get("password", "")
    proposal = await Adding(services.finding, services.cameras).look_into(
        candidate.id,
        username=form.username or None,
        password=Secret(password) if password else None,
        allow_local=form.allow_local,
    )
    await record(request, "camera.tested", "candidate", candidate.id, name_of(candidate))
    return _show(request, await _answered(request, candidate, form, proposal))


@post(
    f"{HERE}/{{candidate_id:str}}/add-looked-into",
    opt=needs(Action.CHANGE_CAMERA),
    include_in_schema=False,
)
async def add_looked_into(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """Add what was seen, by the name that was given."""
    services = services_of(request)
    fields = await texts(request)
    word, owner = fields.get("proposal", ""), principal_of(request).id
    page = LookIntoPage(candidate_id, fields.get("name", ""), "")
    try:
        new = services.proposals.get(word, owner, services.clock)
        mode = fields.get("record", "")
        new = replace(
            new,
            name=fields.get("name", ""),
            record=RecordMode(mode) if mode in _RECORDS else RecordMode.CONTINUOUS,
            audio="audio" in fields,
        )
        camera = await services.cameras.add(new, await _reached(request, candidate_id))
    except (NotFound, InvalidInput, Conflict) as error:
        page = replace(page, state=LookState.FAILED, words=sentence(error))
        return _show(request, page, status=error.status)
    services.proposals.forget(word)
    await record(request, "camera.added", "camera", camera.config.id, camera.config.name)
    return go_to(f"/cameras/{camera.config.id}", done="added")


async def _reached(request: Asking, candidate_id: str) -> frozenset[str] | None:
    """The nodes that see it; nobody knows where it went off the list while the page was open."""
    try:
        candidate = services_of(request).finding.candidates.get(candidate_id)
    except NotFound:
        return None
    return await reached_by(request, candidate)


async def _answered(
    request: Asking, candidate: Candidate, form: LookIntoForm, proposal: Proposal
) -> LookIntoPage:
    services = services_of(request)
    page = LookIntoPage(candidate.id, name_of(candidate), place_of(candidate), form=form)
    words = sentence(Unavailable(proposal.words)) if proposal.words else ""
    if proposal.state in (ProposalState.LOGIN_NEEDED, ProposalState.LOGIN_REFUSED):
        return replace(page, state=LookState.LOGIN, words=words)
    if proposal.state is not ProposalState.READY or not proposal.new or not proposal.main:
        return replace(page, state=LookState.FAILED, words=words)
    owner = principal_of(request).id
    trial = await trial_page(services, proposal.main, record=RecordMode.CONTINUOUS.value)
    return replace(
        page,
        state=LookState.READY,
        name=proposal.new.name,
        proposal=services.proposals.keep(proposal.new, owner, services.clock),
        trial=trial,
        sub=proposal.sub,
    )


def _show(request: Asking, page: LookIntoPage, *, status: int = 200) -> Response[str]:
    if is_htmx(request):
        return part(request, "partials/look_into.html", status=status, page=page)
    return show(request, "pages/look_into.html", page, status=status)
