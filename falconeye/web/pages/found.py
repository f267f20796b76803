"""Found cameras: what they are, whether they are wanted, and which of them one is missing."""

from litestar import Response, get, post
from litestar.params import FromPath

from falconeye.accounts.model import Action
from falconeye.base.errors import BadRequest, Conflict
from falconeye.web import found_views
from falconeye.web.audit import record
from falconeye.web.i18n import gettext as _
from falconeye.web.pages.asking import Asking, go_to, services_of, show, texts
from falconeye.web.peers.found import gather, look_everywhere
from falconeye.web.security.access import needs, principal_of, require_camera

HERE = "/cameras/found"


@get(HERE, opt=needs(Action.TEST_CAMERA), include_in_schema=False)
async def found_page(request: Asking) -> Response[str]:
    """All of them."""
    return show(request, "pages/found.html", await gather(request))


@get(
    f"{HERE}/{{candidate_id:str}}/picture.jpg",
    opt=needs(Action.TEST_CAMERA),
    include_in_schema=False,
    media_type="image/jpeg",
)
async def found_picture(request: Asking, candidate_id: FromPath[str]) -> Response[bytes]:
    """The small picture that was taken last; nothing is asked of the camera."""
    finding = services_of(request).finding
    jpeg = finding.pictures.jpeg(finding.candidates.get(candidate_id))
    headers = {"cache-control": "private, max-age=600"}  # the address names when it was taken
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@post(f"{HERE}/look", opt=needs(Action.TEST_CAMERA), include_in_schema=False)
async def look_again(request: Asking) -> Response[str]:
    """All nodes look at their ports, and ask the network; the page shows what answers."""
    in_network = await look_everywhere(request)
    return go_to(HERE, done="looked-around" if in_network else "looked")


@post(f"{HERE}/{{candidate_id:str}}/action", opt=needs(Action.TEST_CAMERA), include_in_schema=False)
async def found_action(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """Ignore it, or show it again."""
    action = (await texts(request)).get("action", "")
    if action not in {"ignore", "show"}:
        raise BadRequest(_("There is no such action."))
    is_ignored = action == "ignore"
    candidates = services_of(request).finding.candidates
    candidate = await candidates.set_ignored(candidate_id, ignored=is_ignored)
    audited = "candidate.ignored" if is_ignored else "candidate.shown"
    await record(request, audited, "candidate", candidate.id, found_views.name_of(candidate))
    return go_to(HERE, done="found-ignored" if is_ignored else "found-shown")


@post(f"{HERE}/{{candidate_id:str}}/is", opt=needs(Action.CHANGE_CAMERA), include_in_schema=False)
async def is_camera(request: Asking, candidate_id: FromPath[str]) -> Response[str]:
    """A person says which missing camera it is: that one is at this port from now on."""
    services = services_of(request)
    camera_id = (await texts(request)).get("camera", "")
    require_camera(principal_of(request), Action.CHANGE_CAMERA, camera_id)
    candidate = services.finding.candidates.get(candidate_id)
    await services.finding.look_at_ports()  # it may have been pulled out since the page was made
    for offer in services.finding.offers():
        if (offer.camera_id, offer.device_identity) == (camera_id, candidate.device_identity):
            await services.cameras.update(camera_id, {"device_path": offer.device_path})
            await record(request, "camera.changed", "camera", camera_id, "device_path")
            return go_to(f"/cameras/{camera_id}", done="saved")
    raise Conflict(_("That has changed meanwhile: look at the found cameras again."))
