"""The controls of a USB camera: brightness, focus, exposure; changed at once."""

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, Conflict, FalconEyeError, Unavailable
from falconeye.web.device_contexts import ControlsPage
from falconeye.web.htmx import is_htmx
from falconeye.web.i18n import gettext as _
from falconeye.web.own_controls import controls_of, set_control
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show, texts
from falconeye.web.security.access import needs

_MAX_DIGITS = 11  # of a 32-bit number with its sign


@get("/cameras/{camera_id:str}/controls", opt=needs(Action.CONTROL), include_in_schema=False)
async def controls_page(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """As a page of its own, or as a part of the camera's."""
    return await _show(request, camera_id)


@post(
    "/cameras/{camera_id:str}/controls/{key:str}",
    opt=needs(Action.CONTROL),
    include_in_schema=False,
)
async def change_control(
    request: Asking, camera_id: FromPath[str], key: FromPath[str]
) -> Response[str]:
    """Set one. A control may govern others: all are shown anew."""
    given = await texts(request)
    try:
        value = None if "default" in given else _number(given.get("value", ""))
        await set_control(request, camera_id, key, value)
    except (BadRequest, Conflict, Unavailable) as error:
        return await _show(request, camera_id, error)
    if is_htmx(request):
        return await _show(request, camera_id)
    return go_to(f"/cameras/{camera_id}/controls", done="saved")


async def _show(
    request: Asking, camera_id: str, error: FalconEyeError | None = None
) -> Response[str]:
    services = services_of(request)
    name = services.cameras.get(camera_id).config.name
    status = error.status if error else 200
    try:
        controls = await controls_of(services, camera_id)
        page = ControlsPage(camera_id, name, controls, sentence(error) if error else "")
    except Unavailable as away:
        page = ControlsPage(camera_id, name, trouble=sentence(away))
    if is_htmx(request):
        return part(request, "partials/camera_controls.html", status=status, page=page)
    return show(request, "pages/controls.html", page, status=status)


def _number(text: str) -> int:
    try:
        return int(text[:_MAX_DIGITS])
    except ValueError:
        raise BadRequest(_("A whole number is needed here.")) from None
