"""Cameras of another recorder: its files are read, what becomes of them is shown, and added."""

from litestar import Response, get, post

from falconeye.accounts.model import Action
from falconeye.base.errors import Conflict, FalconEyeError, InvalidInput, NotFound
from falconeye.base.secret import Secret
from falconeye.cameras.views import Camera
from falconeye.web.audit import record
from falconeye.web.found_imports import (
    FORM_BYTES,
    VARIABLE,
    import_page,
    read_upload,
    refused_words,
)
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import MAX_FIELD, Asking, go_to, sentence, services_of, show, texts
from falconeye.web.pages.found import HERE
from falconeye.web.security.access import needs

AT = f"{HERE}/import"


@get(AT, opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def import_form(request: Asking) -> Response[str]:
    """What was read, and what becomes of it."""
    return _show(request)


@post(
    AT,
    opt=needs(Action.CHANGE_CAMERA, csrf=False),  # within the form: `StreamedForm` looks
    include_in_schema=False,
    request_max_body_size=FORM_BYTES,
)
async def read_files(request: Asking) -> Response[str]:
    """Read files; nothing is added yet."""
    try:
        _read, refused = await read_upload(request)
    except InvalidInput as error:
        return _show(request, status=error.status, errors={error.field or "": sentence(error)})
    if refused:
        return _show(request, status=422, problems=refused_words(refused))
    return go_to(AT)


@post(f"{AT}/values", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def fill_in(request: Asking) -> Response[str]:
    """Give what a file only names, such as Frigate's password in a variable."""
    form = {
        name: value[:MAX_FIELD]
        for name, value in (await request.form()).items()
        if isinstance(value, str)
    }
    given = {
        name: Secret(value) for name, value in form.items() if name.startswith(VARIABLE) and value
    }
    if not given:
        return _show(request, status=422, problems=(_("Nothing was filled in."),))
    try:
        await services_of(request).finding.imports.fill(form.get("name", ""), given)
    except (InvalidInput, NotFound) as error:
        return _show(request, status=error.status, problems=(sentence(error),))
    return go_to(AT)


@post(f"{AT}/add", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def add_imported(request: Asking) -> Response[str]:
    """Add one of them, or all."""
    fields = await texts(request)
    imports, start = services_of(request).finding.imports, "start" in fields
    if camera_id := fields.get("camera", ""):
        try:
            camera = await imports.add(camera_id, start=start)
        except FalconEyeError as error:
            return _show(request, status=error.status, problems=(sentence(error),))
        await _note(request, camera)
        return go_to(f"/cameras/{camera.config.id}", done="added")
    added, refused = await imports.add_all(start=start)
    for camera in added:
        await _note(request, camera)
    if refused:
        return _show(request, status=Conflict.status, problems=refused_words(refused))
    return go_to(AT, done="imported" if added else "")


@post(f"{AT}/forget", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def forget_imports(request: Asking) -> Response[str]:
    """Nobody wants the rest."""
    services_of(request).finding.imports.forget()
    return go_to(HERE, done="import-forgotten")


async def _note(request: Asking, camera: Camera) -> None:
    await record(request, "camera.added", "camera", camera.config.id, camera.config.name)


def _show(request: Asking, *, status: int = 200, **more: object) -> Response[str]:
    page = import_page(services_of(request), **more)
    return show(request, "pages/found_import.html", page, status=status)
