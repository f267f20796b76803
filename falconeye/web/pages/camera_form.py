"""Add, edit and test a camera."""

from dataclasses import replace
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict, InvalidInput, Unavailable
from falconeye.cameras.views import TestResult
from falconeye.config.camera import CameraConfig, Protocol
from falconeye.web.audit import record
from falconeye.web.contexts import CameraForm, CameraFormPage, TrialPage
from falconeye.web.device_views import device_of
from falconeye.web.pages import camera_input
from falconeye.web.pages.asking import (
    Asking,
    go_to,
    part,
    sentence,
    services_of,
    show,
    texts,
)
from falconeye.web.pages.camera_trial import trial_page
from falconeye.web.security.access import may_on, needs, principal_of, require_camera

TEMPLATE = "pages/camera_form.html"
TEST = "test"


@get("/cameras/add", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def add_form(request: Asking) -> Response[str]:
    """The empty form."""
    return show(request, TEMPLATE, CameraFormPage(CameraForm()))


@post("/cameras/add", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def add_camera(request: Asking) -> Response[str]:
    """Add it, or (without scripts) test it and show the form again."""
    fields = await texts(request)
    form = camera_input.typed(fields)
    try:
        if fields.get("action") == TEST:
            trial = await _try(request, form, fields.get("password", ""), None)
            return show(request, TEMPLATE, CameraFormPage(form, trial=trial))
        new = camera_input.new_camera(form, fields.get("password", ""), may_be_local=True)
        camera = await services_of(request).cameras.add(new)
    except (InvalidInput, Conflict, Unavailable) as error:
        context = CameraFormPage(form, errors=by_field(error))
        return show(request, TEMPLATE, context, status=error.status)
    await record(request, "camera.added", "camera", camera.config.id, camera.config.name)
    return go_to(f"/cameras/{camera.config.id}", done="added")


@get("/cameras/{camera_id:str}/edit", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def edit_form(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """The form with what is stored; the password is not shown."""
    config = services_of(request).cameras.get(camera_id).config
    return await _edit_page(request, config, camera_input.stored(config))


@post("/cameras/{camera_id:str}/edit", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def edit_camera(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Save the changes; another address or login reconnects."""
    cameras = services_of(request).cameras
    config = cameras.get(camera_id).config
    fields = await texts(request)
    form = camera_input.typed(fields, password_stored=config.password is not None)
    password = fields.get("password", "")
    try:
        if fields.get("action") == TEST:
            trial = await _try(request, form, password, config)
            return await _edit_page(request, config, form, trial=trial)
        changes = _changes(form, password, config)
        await cameras.update(camera_id, changes)
    except (InvalidInput, Conflict, Unavailable) as error:
        return await _edit_page(request, config, form, error=error)
    await record(request, "camera.changed", "camera", camera_id, ", ".join(sorted(changes)))
    return go_to(f"/cameras/{camera_id}", done="saved")


@post("/cameras/test", opt=needs(Action.TEST_CAMERA), include_in_schema=False)
async def try_camera(
    request: Asking, camera: Annotated[str | None, QueryParameter(max_length=64)] = None
) -> Response[str]:
    """The same test for a page with scripts: the answer is swapped in beside the form."""
    config: CameraConfig | None = None
    if camera:
        require_camera(principal_of(request), Action.CHANGE_CAMERA, camera)
        config = services_of(request).cameras.get(camera).config
    fields = await texts(request)
    try:
        trial = await _try(request, camera_input.typed(fields), fields.get("password", ""), config)
    except (InvalidInput, Unavailable) as error:
        words = sentence(error)
        return part(request, "partials/trial_error.html", status=error.status, words=words)
    return part(request, "partials/trial.html", trial=trial)


async def _try(
    request: Asking, form: CameraForm, password: str, config: CameraConfig | None
) -> TrialPage:
    services = services_of(request)
    result: TestResult
    if config:
        changes = _changes(form, password, config)
        result = await services.cameras.test_stored(config.id, changes)
    else:
        local = may_on(principal_of(request), Action.CHANGE_CAMERA)
        new = camera_input.new_camera(form, password, may_be_local=local)
        result = await services.cameras.test(new)
    await record(request, "camera.tested", "camera", config.id if config else "", form.name)
    return await trial_page(
        services, result, record=form.record, camera_id=config.id if config else None
    )


def _changes(form: CameraForm, password: str, config: CameraConfig) -> dict[str, Any]:
    if config.protocol is Protocol.USB:
        return camera_input.device_changes(form, config)
    return camera_input.changes(form, password, config)


async def _edit_page(
    request: Asking,
    config: CameraConfig,
    form: CameraForm,
    *,
    trial: TrialPage | None = None,
    error: InvalidInput | Conflict | Unavailable | None = None,
) -> Response[str]:
    device = None
    form = replace(form, known_by=camera_input.known_by(config))
    if config.protocol is Protocol.USB:
        device = await device_of(services_of(request), config, form)
    errors = by_field(error, has_address=device is None) if error else {}
    context = CameraFormPage(
        form, config.id, config.name, errors=errors, trial=trial, device=device
    )
    return show(request, TEMPLATE, context, status=error.status if error else 200)


def by_field(
    error: InvalidInput | Conflict | Unavailable, *, has_address: bool = True
) -> dict[str, str]:
    """An error where it belongs: at a field of the form, or over all of it."""
    clash = "source_url" if has_address else ""
    field = error.field if isinstance(error, InvalidInput) else clash
    known = field in CameraForm.__dataclass_fields__ or field == "password"
    return {field if field and known else "": sentence(error)}
