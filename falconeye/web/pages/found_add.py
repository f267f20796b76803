"""Add a found camera: one at a USB port by one click or by a form, another by its address."""

from dataclasses import replace
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, Conflict, InvalidInput
from falconeye.discovery.candidates import Candidate
from falconeye.discovery.evidence import Way
from falconeye.web.audit import record
from falconeye.web.contexts import CameraForm, CameraFormPage, TrialPage
from falconeye.web.device_contexts import DevicePart
from falconeye.web.device_views import device_part, offers_size
from falconeye.web.found_views import name_of, port_of
from falconeye.web.i18n import gettext as _
from falconeye.web.pages import camera_input
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show, texts
from falconeye.web.pages.camera_form import TEMPLATE, TEST, by_field
from falconeye.web.pages.camera_trial import trial_page
from falconeye.web.pages.found import HERE
from falconeye.web.pages.found_network import look_into_form
from falconeye.web.peers.found import reached_by
from falconeye.web.security.access import needs

_MAX_NAME = 200


@get(f"{HERE}/{{candidate_id:str}}/add", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def add_form(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """The form with what is known of it; BadRequest for what cannot be a camera."""
    services = services_of(request)
    candidate = services.finding.candidates.get(candidate_id)
    if not candidate.usable:
        raise BadRequest(_("This one cannot be added: the list of found cameras says why."))
    if candidate.device_identity is None:
        return look_into_form(request, candidate)
    if candidate.camera_id:
        return go_to(f"/cameras/{candidate.camera_id}")
    device = await _device(request, candidate, CameraForm())
    return _device_form(request, candidate, _first_form(request, candidate, device), device)


@post(
    f"{HERE}/{{candidate_id:str}}/add-as-it-is",
    opt=needs(Action.CHANGE_CAMERA),
    include_in_schema=False,
)
async def add_as_it_is(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """One click: what stands in its form when that opens. Where this fails, the form says why."""
    candidate = services_of(request).finding.candidates.get(candidate_id)
    if candidate.camera_id:  # the button was pressed twice
        return go_to(f"/cameras/{candidate.camera_id}")
    device = await _device(request, candidate, CameraForm())
    return await _added(request, candidate, _first_form(request, candidate, device), device)


@get(
    f"{HERE}/{{candidate_id:str}}/by-address",
    opt=needs(Action.CHANGE_CAMERA),
    include_in_schema=False,
)
async def address_form(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """The ordinary form with what is known of it: for one that does not say enough by itself."""
    candidate = services_of(request).finding.candidates.get(candidate_id)
    form = CameraForm(name=_free_name(request, candidate))
    return show(request, TEMPLATE, CameraFormPage(_with_address(form, candidate)))


@post(f"{HERE}/{{candidate_id:str}}/add", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def add_found(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """Add it, or (without scripts) test it and show the form again."""
    candidate = services_of(request).finding.candidates.get(candidate_id)
    fields = await texts(request)
    form = camera_input.typed(fields)
    device = await _device(request, candidate, form)
    if fields.get("action") != TEST:
        return await _added(request, candidate, form, device)
    try:
        trial = await _try(request, candidate, form)
    except (InvalidInput, Conflict) as error:
        return _device_form(request, candidate, form, device, error=error)
    return _device_form(request, candidate, form, device, trial=trial)


@post(f"{HERE}/{{candidate_id:str}}/test", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def try_found(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """A picture of it, for a page with scripts: swapped in beside the form."""
    candidate = services_of(request).finding.candidates.get(candidate_id)
    form = camera_input.typed(await texts(request))
    try:
        trial = await _try(request, candidate, form)
    except (InvalidInput, Conflict) as error:
        return part(
            request, "partials/trial_error.html", status=error.status, words=sentence(error)
        )
    return part(request, "partials/trial.html", trial=trial)


async def _added(
    request: Asking, candidate: Candidate, form: CameraForm, device: DevicePart
) -> Response[str]:
    """On to its page; or the form, which says why not."""
    try:
        new = camera_input.new_device(form, device.identity)
        reached = None if candidate.device_identity else await reached_by(request, candidate)
        camera = await services_of(request).cameras.add(new, reached)
    except (InvalidInput, Conflict) as error:
        return _device_form(request, candidate, form, device, error=error)
    await record(request, "camera.added", "camera", camera.config.id, camera.config.name)
    return go_to(f"/cameras/{camera.config.id}", done="added")


async def _try(request: Asking, candidate: Candidate, form: CameraForm) -> TrialPage:
    services = services_of(request)
    new = camera_input.new_device(form, _identity(candidate))
    result = await services.cameras.test(new)
    await record(request, "camera.tested", "camera", "", form.name)
    return await trial_page(services, result, record=form.record)


async def _device(request: Asking, candidate: Candidate, form: CameraForm) -> DevicePart:
    """What it offers; what is chosen in the form is among that."""
    return await device_part(
        services_of(request),
        form,
        path=candidate.device_path or "",
        identity=_identity(candidate),
        port=port_of(candidate),
    )


def _first_form(request: Asking, candidate: Candidate, device: DevicePart) -> CameraForm:
    """Its own name, and what the settings say of new cameras as far as it can do that."""
    defaults = services_of(request).stored_settings.current
    is_offered = offers_size(device, defaults.default_resolution)
    return CameraForm(
        name=_free_name(request, candidate),
        framerate=str(defaults.default_framerate),
        resolution=defaults.default_resolution if is_offered else "",
    )


def _device_form(
    request: Asking,
    candidate: Candidate,
    form: CameraForm,
    device: DevicePart,
    *,
    trial: TrialPage | None = None,
    error: InvalidInput | Conflict | None = None,
) -> Response[str]:
    errors = by_field(error, has_address=False) if error else {}
    context = CameraFormPage(form, errors=errors, trial=trial, device=device, found_id=candidate.id)
    return show(request, TEMPLATE, context, status=error.status if error else 200)


def _identity(candidate: Candidate) -> str:
    if candidate.device_identity is None:
        raise BadRequest(_("This camera is not at a USB port: add it by its address."))
    return candidate.device_identity


def _free_name(request: Asking, candidate: Candidate) -> str:
    """Its name, with a number where a camera is called so already."""
    taken = {one.config.name.casefold() for one in services_of(request).cameras.list()}
    name = wanted = name_of(candidate)[:_MAX_NAME]
    number = 1
    while name.casefold() in taken:
        number += 1
        name = f"{wanted} {number}"
    return name


def _with_address(form: CameraForm, candidate: Candidate) -> CameraForm:
    """The address of its stream as far as it is known; that of an ONVIF service is none."""
    urls = [
        one.url
        for one in candidate.evidence
        if one.url and one.usable and one.way is not Way.ONVIF and one.address == candidate.address
    ]
    urls.sort(key=lambda url: not urlsplit(url).scheme.startswith("rtsp"))
    address = candidate.address or ""
    host = f"[{address}]" if ":" in address else address
    return replace(form, source_url=urls[0] if urls else f"rtsp://{host}/" if host else "")
