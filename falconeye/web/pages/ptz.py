"""The pad that moves a camera, and its presets: a part of the camera's page, or one of its own.

Scripts move by the API, for as long as something is held. These forms are the way without: each
press is a step.
"""

from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar import MediaType, Response, get, post
from litestar.params import FromPath, QueryParameter

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, FalconEyeError, InvalidInput, NotFound
from falconeye.web import own_ptz
from falconeye.web.htmx import is_htmx
from falconeye.web.i18n import gettext as _
from falconeye.web.live_audit import note_moved
from falconeye.web.pages.asking import Asking, go_to, part, sentence, services_of, show, texts
from falconeye.web.ptz_contexts import SPEEDS, USUAL_SPEED, PtzPage
from falconeye.web.security.access import needs

STEP_S: Final = 0.5
MAX_NAME: Final = 64
MAX_TOKEN: Final = 64  # ONVIF's ReferenceToken
# What a button is called → to the right, up, in.
_WAYS: Final = {
    "up-left": (-1, 1, 0),
    "up": (0, 1, 0),
    "up-right": (1, 1, 0),
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "down-left": (-1, -1, 0),
    "down": (0, -1, 0),
    "down-right": (1, -1, 0),
    "zoom-in": (0, 0, 1),
    "zoom-out": (0, 0, -1),
}
Speed = Annotated[int, QueryParameter(ge=1, le=SPEEDS)]


@get("/cameras/{camera_id:str}/ptz", opt=needs(Action.CONTROL), include_in_schema=False)
async def ptz_page(
    request: Asking, camera_id: FromPath[str], speed: Speed = USUAL_SPEED
) -> Response[str]:
    """The camera is asked what it can; as a part, nothing comes for one that cannot be moved."""
    page = await _look(request, camera_id, speed)
    if page is None:
        if is_htmx(request):
            return Response("", media_type=MediaType.HTML)
        raise NotFound(_("This camera cannot be moved."))
    if is_htmx(request):
        return part(request, "partials/ptz.html", page=page)
    return show(request, "pages/ptz.html", page, status=200 if page.state else 503)


@post("/cameras/{camera_id:str}/ptz", opt=needs(Action.CONTROL), include_in_schema=False)
async def move_camera(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """One step, stop, home, or a preset."""
    given = await texts(request)
    speed = _speed(given.get("speed", ""))
    try:
        await _move(request, camera_id, given, speed)
        await note_moved(request, camera_id)
    except FalconEyeError as error:
        page = await _look(request, camera_id, speed)
        if page is None:
            raise
        page = replace(page, trouble=sentence(error))
        return show(request, "pages/ptz.html", page, status=error.status)
    return go_to(f"/cameras/{camera_id}/ptz?{urlencode({'speed': speed, 'done': 'moved'})}")


@post("/cameras/{camera_id:str}/ptz/presets", opt=needs(Action.CONTROL), include_in_schema=False)
async def change_presets(request: Asking, camera_id: FromPath[str]) -> Response[str]:
    """Where it looks now becomes a preset, new or in place of one; or one is deleted."""
    given = await texts(request)
    try:
        done = await _change(request, camera_id, given)
    except FalconEyeError as error:
        page = await _look(request, camera_id, USUAL_SPEED)
        if page is None:
            raise
        typed = given.get("name", "")
        page = replace(page, preset_trouble=sentence(error), typed_name=typed)
        if is_htmx(request):
            return part(request, "partials/ptz_presets.html", status=error.status, page=page)
        return show(request, "pages/ptz.html", page, status=error.status)
    if not is_htmx(request):
        return go_to(f"/cameras/{camera_id}/ptz", done=done)
    page = await _look(request, camera_id, USUAL_SPEED)
    if page is None:
        raise NotFound(_("This camera cannot be moved."))
    note = _("Deleted.") if done == "preset-removed" else _("Saved.")
    return part(request, "partials/ptz_presets.html", page=replace(page, note=note))


async def _move(request: Asking, camera_id: str, given: dict[str, str], speed: int) -> None:
    ptz = services_of(request).onvif.ptz
    act, preset = given.get("act", ""), given.get("preset", "")
    if preset:
        await ptz.go_to(camera_id, preset[:MAX_TOKEN])
    elif act == "stop":
        await ptz.halt(camera_id)
    elif act == "home":
        await ptz.go_home(camera_id)
    elif act in _WAYS:
        pan, tilt, zoom = (way * speed / SPEEDS for way in _WAYS[act])
        await ptz.move(camera_id, pan, tilt, zoom, timeout_s=STEP_S)
    else:
        raise BadRequest(_("There is no such action."))


async def _change(request: Asking, camera_id: str, given: dict[str, str]) -> str:
    """The key of the notice that says what was done."""
    act, token = given.get("act", ""), given.get("token", "")[:MAX_TOKEN]
    if not token and act in {"delete", "replace"}:
        raise InvalidInput(_("Choose a preset."))
    match act:
        case "delete":
            await own_ptz.remove_preset(request, camera_id, token)
            return "preset-removed"
        case "replace":
            state = await services_of(request).onvif.ptz.look(camera_id)
            names = {each.token: each.name for each in state.presets}
            if token not in names:
                raise NotFound(_("The camera has no such preset."))
            _made = await own_ptz.set_preset(request, camera_id, names[token], token)
        case "save":
            name = given.get("name", "")
            if not name.isprintable() or not 1 <= len(name) <= MAX_NAME:
                raise InvalidInput(_("Give the preset a name, of 64 characters at most."))
            _made = await own_ptz.set_preset(request, camera_id, name)
        case _:
            raise BadRequest(_("There is no such action."))
    return "preset-saved"


async def _look(request: Asking, camera_id: str, speed: int) -> PtzPage | None:
    """None for a camera that cannot be moved; NotFound where there is none."""
    services = services_of(request)
    camera = services.cameras.get(camera_id)
    page = PtzPage(camera_id, camera.config.name, camera.state.online, speed=speed)
    try:
        return replace(page, state=await services.onvif.ptz.look(camera_id))
    except NotFound:
        return None
    except FalconEyeError as error:
        return replace(page, trouble=sentence(error))


def _speed(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) < 4
    return min(max(int(text), 1), SPEEDS) if is_number else USUAL_SPEED
